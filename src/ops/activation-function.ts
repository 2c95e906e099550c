/** What activations share: a function of every element for itself, on floats. */
import type { Node } from '../ir/graph.ts';
import type {
  AttrSpec,
  Attrs,
  Check,
  InferContext,
  OnnxAttr,
  OnnxBuilder,
  OnnxForm,
  Operator,
  SampleSource,
} from '../ir/operator.ts';
import type { TensorType } from '../ir/types.ts';
import { given, numberAttr } from './attrs.ts';
import { checkFloat, map1, xOnly } from './common.ts';
import { defineOperator } from './define.ts';
import { type FunctionFacts, functionTraits } from './traits.ts';

interface ActivationSpec {
  readonly name: string;
  readonly summary: string;
  readonly attrs?: Readonly<Record<string, AttrSpec>>;
  readonly traits: Omit<FunctionFacts, 'dims'>;
  /** The function, given the attributes. */
  readonly f: (attrs: Attrs) => (x: number) => number;
  /** The ONNX operator that says it; one without `lower` is written so. */
  readonly form?: OnnxForm;
  /** ONNX operators that `lower` writes. */
  readonly onnx?: readonly string[];
  readonly lower?: (builder: OnnxBuilder, x: string, type: TensorType, attrs: Attrs) => string;
  /** Lowest sample: where the float32 form cancels, a tensor of nothing but such numbers has no accurate digits. */
  readonly low?: number;
  readonly sampleAttrs?: (source: SampleSource) => Readonly<Record<string, number | string>>;
}

type ActivationDefinition = ActivationSpec &
  (
    | { readonly form: OnnxForm; readonly lower?: undefined }
    | { readonly onnx: readonly string[]; readonly lower: NonNullable<ActivationSpec['lower']> }
  );

/** The one node of its ONNX form. */
const asForm =
  ({ op, attrs: names = {} }: OnnxForm): NonNullable<ActivationSpec['lower']> =>
  (builder, x, type, attrs) =>
    builder.node(
      op,
      [x],
      Object.fromEntries(Object.entries(names).map(([own, { name }]) => [name, onnxFloat(numberAttr(attrs, own))])),
      type,
    );

export function activation(spec: ActivationDefinition): Operator {
  const lower = spec.lower ?? asForm(spec.form);
  return defineOperator({
    name: spec.name,
    summary: spec.summary,
    onnx: spec.onnx ?? (spec.lower ? [] : [spec.form.op]),
    operands: xOnly,
    attrs: spec.attrs ?? {},
    // Of floats alone, which are no dimensions.
    traits: functionTraits({ ...spec.traits, dims: 'unknown' }),
    ...(spec.form && { form: spec.form }),
    infer(context: InferContext) {
      const { operands } = context;
      const check: Check = context.check;
      const x = given(operands, 0);
      checkFloat(check, 'c1', x);
      return [x];
    },
    evaluate(operands, attrs) {
      const x = given(operands, 0);
      return [{ elem: x.elem, dims: x.dims, data: map1(x.data, spec.f(attrs)) }];
    },
    lower: (builder: OnnxBuilder, node: Node, operands) => [lower(builder, given(operands, 0), node.y.type, node.attrs)],
    sample(source) {
      const dims = Array.from({ length: source.int(0, 4) }, () => source.int(1, 5));
      return { operands: [source.tensor(dims, { low: spec.low ?? -6, high: 6 })], attrs: spec.sampleAttrs?.(source) ?? {} };
    },
  });
}

/** Without attributes. */
export const always =
  (f: (x: number) => number) =>
  (_attrs: Attrs): ((x: number) => number) =>
    f;

export const onnxFloat = (value: number): OnnxAttr => ({ kind: 'float', value });
