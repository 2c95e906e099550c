/** All lifts, by ONNX operator of the default domain. */
import type { OnnxForm, Operator } from '../../ir/operator.ts';
import { operators } from '../../ops/registry.ts';
import type { Lift } from '../lift.ts';
import { elementwiseLifts } from './elementwise.ts';
import { nnLifts } from './nn.ts';
import { poolLifts } from './pool.ts';
import { recurrentLifts } from './recurrent.ts';
import { reduceLifts } from './reduce.ts';
import { resizeLifts } from './resize.ts';
import { sequenceLifts } from './sequence.ts';
import { shapeLifts } from './shape.ts';

/** The operator on the operands as they are, its float attributes by their names in ONNX. */
const byForm =
  (operator: Operator, { attrs = {} }: OnnxForm): Lift =>
  (node, b) => {
    const own = Object.entries(attrs).map(([name, onnx]) => [name, node.float(onnx.name, Math.fround(onnx.default))]);
    return [
      b.op(
        operator,
        operator.operands.map((_, i) => node.need(i)),
        Object.fromEntries(own),
      ),
    ];
  };

export const lifts: ReadonlyMap<string, Lift> = new Map<string, Lift>([
  ...operators.flatMap((operator) => (operator.form ? [[operator.form.op, byForm(operator, operator.form)] as const] : [])),
  ...[nnLifts, poolLifts, elementwiseLifts, shapeLifts, reduceLifts, resizeLifts, recurrentLifts, sequenceLifts].flatMap(
    (table) => Object.entries(table),
  ),
]);
