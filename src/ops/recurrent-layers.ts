/**
 * torch.nn.LSTM, GRU and RNN with `batch_first=True`: several layers, each in one or both directions, parameters and gates named
 * and ordered as torch has them, so that its checkpoints load as they are. In the graph they are operators of ONNX's layout, one
 * a layer, between transposes.
 */
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { AttrValue, Operator } from '../ir/operator.ts';
import { typeText } from '../ir/types.ts';
import { given } from './attrs.ts';
import { sameDim } from './common.ts';
import { concat, split } from './concat.ts';
import { defineLayer, type Layer, type LayerBuilder } from './define.ts';
import { packGates } from './pack-gates.ts';
import { bool, choice, int, optional, type ParamSpec, type ParamsOf, tensor } from './params.ts';
import { gru, lstm, rnn } from './recurrent.ts';
import { reshape, squeeze } from './reshape.ts';
import { transpose } from './transpose.ts';

/** What differs between the three layers. */
interface Cell {
  readonly operator: Operator;
  /** Which of torch's gates ONNX has first, second, … */
  readonly order: readonly number[];
  readonly attrs: Readonly<Record<string, AttrValue>>;
}

const params = {
  hidden: int({ positional: true, min: 1, doc: 'features of the state, and of the result in each direction' }),
  layers: int({ positional: true, min: 1, max: 1000, default: 1, doc: 'how many layers, each reading the one before' }),
  bidirectional: bool({ default: false, doc: 'whether the sequence is read from behind as well' }),
  bias: bool({ default: true, doc: 'whether there are biases, two for each matrix as torch has them' }),
  lengths: optional(tensor({ doc: 'i32[N]: how much of each sequence is read; behind it the result is 0' })),
  h: optional(tensor({ doc: 'the first states [layers · directions, N, hidden]' }), 'zeros'),
};
const cellState: ParamSpec<Value | undefined> = optional(
  tensor({ doc: 'the first cells [layers · directions, N, hidden]' }),
  'zeros',
);

/** Own states last, where there are any. */
function checkStates(b: LayerBuilder, name: string, state: Value | undefined, dims: readonly Dim[]): void {
  if (!state) return;
  const fits = state.type.dims.length === 3 && state.type.dims.every((d, i) => sameDim(d, given(dims, i)));
  b.check('l2', fits, `${name}= of type ${typeText(state.type)}`, typeText({ elem: state.type.elem, dims }));
}

/** [time, directions, batch, hidden] with the directions beside each other, as the next layer reads it or as the result is. */
function joined(b: LayerBuilder, y: Value, batchFirst: boolean): Value {
  const [times, directions, batch, hidden] = [0, 1, 2, 3].map((axis) => given(y.type.dims, axis));
  if (directions?.constant === 1) {
    const flat = b.op(squeeze, [y], { axes: [1] });
    return batchFirst ? b.op(transpose, [flat], { perm: [1, 0, 2] }) : flat;
  }
  const turned = b.op(transpose, [y], { perm: batchFirst ? [2, 0, 1, 3] : [0, 2, 1, 3] });
  const lead = batchFirst ? [batch, times] : [times, batch];
  const features = (hidden ?? Dim.one).times(directions ?? Dim.one);
  return b.op(reshape, [turned], { shape: [...lead.map((d) => d ?? Dim.one), features] });
}

function build(
  b: LayerBuilder,
  x: Value,
  { operator, order, attrs }: Cell,
  p: ParamsOf<typeof params>,
  first: readonly (Value | undefined)[],
): readonly Value[] {
  const { hidden, layers } = p;
  b.check('l1', x.type.dims.length === 3, typeText(x.type), 'a sequence [N, T, features]');
  const batch = given(x.type.dims, 0);
  const directions = p.bidirectional ? ['', '_reverse'] : [''];
  const all = [Dim.of(layers * directions.length), batch, Dim.of(hidden)];
  const names = ['h', 'c'];
  first.forEach((state, i) => {
    checkStates(b, given(names, i), state, all);
  });
  const lengths = p.lengths?.type;
  const counts =
    lengths === undefined || (lengths.elem === 'i32' && lengths.dims.length === 1 && sameDim(given(lengths.dims, 0), batch));
  b.check('l3', counts, `lengths= of type ${lengths && typeText(lengths)}`, `i32[${batch}]`, 'cast(i32)');
  const each = first.map((state) => {
    if (!state || layers === 1) return [state];
    return b.ops(split, [state], { axis: 0, parts: layers, sizes: [] });
  });
  const init = { init: true, kind: 'uniform', value: 1 / Math.sqrt(hidden) } as const;
  const packed = (kinds: readonly string[], layer: number, rest: readonly (number | Dim)[]): Value => {
    const dims = [order.length * hidden, ...rest];
    const xs = directions.flatMap((direction) => kinds.map((kind) => b.weight(`${kind}_l${layer}${direction}`, dims, init)));
    return b.op(packGates, xs, { order, directions: directions.length });
  };
  const direction = p.bidirectional ? 'bidirectional' : 'forward';
  const last: (readonly Value[])[] = [];
  let at = b.op(transpose, [x], { perm: [1, 0, 2] });
  for (let layer = 0; layer < layers; layer++) {
    const w = packed(['weight_ih'], layer, [given(at.type.dims, 2)]);
    const r = packed(['weight_hh'], layer, [hidden]);
    const bias = p.bias ? packed(['bias_ih', 'bias_hh'], layer, []) : undefined;
    const states = each.map((parts) => parts[layer]);
    const [y, ...ends] = b.ops(operator, [at, w, r, bias, p.lengths, ...states], { direction, ...attrs });
    last.push(ends);
    at = joined(b, given([y], 0), layer === layers - 1);
  }
  const ends = given(last, 0).map((state, i) =>
    layers === 1
      ? state
      : b.op(
          concat,
          last.map((states) => given(states, i)),
          { axis: 0 },
        ),
  );
  return [at, ...ends];
}

const family = 'Recurrent';

const weightsOf = (gates: number): Layer['weights'] => {
  const rows = gates === 1 ? 'hidden' : `${gates} · hidden`;
  return [
    { name: 'weight_ih_l0', shape: `[${rows}, features]`, when: '_l1, … of further layers, _reverse from behind' },
    { name: 'weight_hh_l0', shape: `[${rows}, hidden]` },
    { name: 'bias_ih_l0', shape: `[${rows}]`, when: 'bias=true' },
    { name: 'bias_hh_l0', shape: `[${rows}]`, when: 'bias=true' },
  ];
};

export const lstmLayer = defineLayer({
  name: 'lstm',
  summary:
    'Long short-term memory over [N, T, features]: the result [N, T, hidden · directions], the last states, the last cells',
  source: 'torch.nn.LSTM(batch_first=True); ONNX LSTM',
  family,
  params: { ...params, c: cellState },
  weights: weightsOf(4),
  build: (b, [x], p) => build(b, x, { operator: lstm, order: [0, 3, 1, 2], attrs: {} }, p, [p.h, p.c]),
});

export const gruLayer = defineLayer({
  name: 'gru',
  summary: 'Gated recurrent unit over [N, T, features]: the result [N, T, hidden · directions] and the last states',
  source: 'torch.nn.GRU(batch_first=True); ONNX GRU with linear_before_reset=1',
  family,
  params,
  weights: weightsOf(3),
  build: (b, [x], p) => build(b, x, { operator: gru, order: [1, 0, 2], attrs: { linear_before_reset: true } }, p, [p.h]),
});

export const rnnLayer = defineLayer({
  name: 'rnn',
  summary: 'Elman network over [N, T, features]: the result [N, T, hidden · directions] and the last states',
  source: 'torch.nn.RNN(batch_first=True); ONNX RNN',
  family,
  params: {
    ...params,
    nonlinearity: choice(['tanh', 'relu'] as const, { default: 'tanh', doc: 'the function of the state' }),
  },
  weights: weightsOf(1),
  build: (b, [x], p) =>
    build(b, x, { operator: rnn, order: [0], attrs: { functions: p.nonlinearity === 'relu' ? 'Relu' : 'Tanh' } }, p, [p.h]),
});
