/** Lifts of recurrent layers: LSTM, GRU and RNN-14 (-22). */
import type { AttrValue, Operator } from '../../ir/operator.ts';
import { gru, lstm, rnn } from '../../ops/recurrent.ts';
import type { Lift, LiftNode, LiftTable } from '../lift.ts';
import { leave, require } from './common.ts';

/**
 * The functions of gates and states, of one direction where all have the same. Those with numbers of their own (`LeakyRelu`, …)
 * are none of the operator's, and a `HardSigmoid` has ONNX's default numbers.
 */
function functionsOf(node: LiftNode, each: number): string | undefined {
  for (const numbers of ['activation_alpha', 'activation_beta']) require(!node.has(numbers), `${numbers} of functions`);
  const names = node.strings('activations');
  if (!names) return undefined;
  const half = names.slice(0, each);
  const twice = names.length === 2 * each && names.every((name, i) => name === half[i % each]);
  return (twice ? half : names).join(' ');
}

const recurrent =
  (
    operator: Operator,
    operands: number,
    functions: number,
    own: (node: LiftNode) => Readonly<Record<string, AttrValue>> = () => ({}),
  ): Lift =>
  (node, b) => {
    require(node.int('layout', 0) === 0, 'the batch before the sequence');
    for (const index of [0, 1, 2]) b.constrainRank(index, 3);
    const [x, w, r] = [node.need(0), node.need(1), node.need(2)];
    const hidden = r.type.dims[2];
    const features = w.type.dims[2];
    if (features) b.constrainSize(x, 2, features);
    if (node.has('hidden_size')) require(hidden?.constant === node.int('hidden_size'), `hidden_size beside ${hidden}`);
    const direction = node.string('direction', 'forward');
    require(['forward', 'reverse', 'bidirectional'].includes(direction), `direction ${direction}`);
    if (node.has('clip')) require(node.float('clip') > 0, 'a clip that is not above 0');
    const names = functionsOf(node, functions);
    const rest = Array.from({ length: operands - 3 }, (_, i) => node.input(i + 3));
    for (const [i, operand] of rest.entries())
      if (operand && i !== 1 && operand.type.elem !== x.type.elem) leave(`operand ${i + 3} of another type`);
    return b.ops(operator, [x, w, r, ...rest], {
      direction,
      ...(names !== undefined && { functions: names }),
      clip: node.float('clip', 0),
      ...own(node),
    });
  };

export const recurrentLifts: LiftTable = {
  LSTM: recurrent(lstm, 8, 3, (node) => ({ coupled: node.flag('input_forget', false) })),
  GRU: recurrent(gru, 6, 2, (node) => ({ linear_before_reset: node.flag('linear_before_reset', false) })),
  RNN: recurrent(rnn, 6, 1),
};
