/** Types of recurrent layers: LSTM, GRU and RNN-14 (-22). */
import type { Rule, RuleTable } from './context.ts';

/** X [sequence, batch, input]; with layout 1 the batch is first. R [directions, gates·hidden, hidden]. */
const recurrent =
  (states: number): Rule =>
  (c) => {
    const [x, r] = [c.operand(0), c.operand(2)];
    const batchFirst = c.attributes.flag('layout', false);
    const [first, second] = [x.dims?.[0], x.dims?.[1]];
    const [sequence, batch] = batchFirst ? [second, first] : [first, second];
    const [directions, hidden] = [r.dims?.[0], r.dims?.[2]];
    const state = { elem: x.elem, dims: batchFirst ? [batch, directions, hidden] : [directions, batch, hidden] };
    const all = batchFirst ? [batch, sequence, directions, hidden] : [sequence, directions, batch, hidden];
    return [{ elem: x.elem, dims: all }, ...Array.from({ length: states }, () => state)];
  };

export const recurrentRules: RuleTable = { LSTM: recurrent(2), GRU: recurrent(1), RNN: recurrent(1) };
