/** Types of Resize-13 (-18, -19) and Upsample-9. */
import { scaledSize } from '../../ops/resize.ts';
import { axisFrom, type Rule, type RuleTable } from './context.ts';
import { ranked, rankOf } from './partial-type.ts';

/** The sizes asked for, or ⌊L·s⌋ by the registry's rule. */
const resized: Rule = (c) => {
  const { elem, dims } = c.operand(0);
  if (!dims) return [{ elem }];
  const axes = c.attributes.ints('axes')?.map((axis) => axisFrom(axis, dims.length)) ?? dims.map((_, i) => i);
  const sizes = c.elements(3);
  const scales = c.numbers(2);
  const stretches = c.attributes.string('keep_aspect_ratio_policy', 'stretch') === 'stretch';
  return [
    {
      elem,
      dims: dims.map((d, axis) => {
        const at = axes.indexOf(axis);
        if (at < 0) return d;
        if (sizes?.length === axes.length) return stretches ? sizes[at] : undefined;
        const scale = scales?.[at];
        if (!d || scale === undefined || scales?.length !== axes.length) return undefined;
        return scaledSize(d, scale);
      }),
    },
  ];
};

export const resizeRules: RuleTable = {
  Resize: resized,
  Upsample: (c) => [{ elem: c.operand(0).elem, dims: ranked(rankOf(c.operand(0))) }],
};
