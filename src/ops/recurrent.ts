/**
 * Recurrent layers as ONNX has them: LSTM, GRU and RNN-14 (-22) with layout 0, one layer in one or both directions, over
 * [time, batch, features]. `pack_gates` makes their weights of torch's.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim, productOf } from '../ir/dim.ts';
import type { Node } from '../ir/graph.ts';
import {
  type AttrSpec,
  type Attrs,
  type Check,
  CheckFailure,
  type InferContext,
  type OnnxAttr,
  type OnnxBuilder,
  type OperandSpec,
  type Operator,
  type Sample,
  type SampleSource,
  type Traits,
} from '../ir/operator.ts';
import { type HostTensor, type TensorType, typeText } from '../ir/types.ts';
import { boolAttr, checkFloats, given, numberAttr, onnxInt, stringAttr } from './attrs.ts';
import { dimsText, sameDim } from './common.ts';
import { defineOperator } from './define.ts';
import { gateFunctions, gruCell, lstmCell, rnnCell, runDirection } from './recurrent-cells.ts';
import { unknownTraits } from './traits.ts';

/** What differs between the three. */
interface Kind {
  readonly name: string;
  readonly onnx: string;
  readonly summary: string;
  readonly gates: number;
  /** What the functions of one direction are where the node does not say. */
  readonly functions: string;
  /** Whether the cell has a state of its own, which is the last result then. */
  readonly ownState: boolean;
  readonly attrs: Readonly<Record<string, AttrSpec>>;
  /** The operands behind the first state. */
  readonly further: readonly OperandSpec[];
}

const directions = ['forward', 'reverse', 'bidirectional'] as const;

/** Operands 0 … 5 of all three, as ONNX has them. */
const operandsOf = ({ gates, further }: Kind): readonly OperandSpec[] => [
  { name: 'x', doc: '[time, batch, features]' },
  { name: 'w', doc: `[directions, ${gates}·hidden, features]` },
  { name: 'r', doc: `[directions, ${gates}·hidden, hidden]` },
  { name: 'bias', doc: `[directions, ${2 * gates}·hidden]: those of w, then those of r`, optional: true },
  {
    name: 'lengths',
    doc: 'i32[batch]: how much of each sequence is read',
    optional: true,
    indexes: { operand: 0, axis: 0, low: 1 },
  },
  { name: 'h', doc: 'the first state [directions, batch, hidden]; zeros where it is left out', optional: true },
  ...further,
];

const attrsOf = ({ functions, attrs }: Kind): Readonly<Record<string, AttrSpec>> => ({
  direction: { kind: 'string', default: 'forward', values: directions, doc: 'which way the sequence is read' },
  functions: {
    kind: 'string',
    default: functions,
    doc: 'functions of the gates and states by their names in ONNX, for one direction or for each',
  },
  clip: { kind: 'float', default: 0, min: 0, doc: 'what goes into a function stays within ±clip; 0 for no bound' },
  ...attrs,
});

/** States pass from step to step, so that nothing is left of what a single operand is. */
const recurrentTraits: Traits = {
  ...unknownTraits,
  elementwise: false,
  channelwise: false,
  keepsZero: false,
  homogeneous: 'no',
  moves: 'no',
  resamples: false,
};

/** The functions of every direction. */
function functionsOf(attrs: Attrs, each: number): readonly (readonly string[])[] {
  const names = stringAttr(attrs, 'functions').split(' ');
  const count = stringAttr(attrs, 'direction') === 'bidirectional' ? 2 : 1;
  const own = (d: number): readonly string[] => (names.length === each ? names : names.slice(d * each, (d + 1) * each));
  return Array.from({ length: count }, (_, d) => own(d));
}

interface Sizes<T> {
  readonly times: T;
  readonly batch: T;
  readonly features: T;
  readonly hidden: T;
}

function sizesOf<T>(x: readonly T[], r: readonly T[]): Sizes<T> {
  return { times: given(x, 0), batch: given(x, 1), features: given(x, 2), hidden: given(r, 2) };
}

const sameDims = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((d, i) => sameDim(d, given(b, i)));

function inferStates(kind: Kind, context: InferContext): readonly TensorType[] {
  const { operands, attrs } = context;
  const check: Check = context.check;
  const [x, w, r] = [given(operands, 0), given(operands, 1), given(operands, 2)];
  check('c1', x.dims.length === 3, typeText(x), 'a sequence [time, batch, features]');
  checkFloats(
    check,
    'c2',
    operands.filter((_, i) => i !== 4),
  );
  check('c3', r.dims.length === 3, `r ${typeText(r)}`, `r [directions, ${kind.gates}·hidden, hidden]`);
  const { times, batch, features, hidden } = sizesOf(x.dims, r.dims);
  const count = Dim.of(stringAttr(attrs, 'direction') === 'bidirectional' ? 2 : 1);
  check('c4', (hidden.constant ?? 0) > 0, `a hidden size of ${hidden}`, 'a known hidden size above 0');
  const rows = hidden.times(kind.gates);
  const wanted = (label: string, name: string, type: TensorType | undefined, dims: readonly Dim[]): void => {
    if (type) check(label, sameDims(type.dims, dims), `${name} ${typeText(type)}`, `${name} ${dimsText(dims)}`);
  };
  wanted('c5', 'r', r, [count, rows, hidden]);
  wanted('c6', 'w', w, [count, rows, features]);
  wanted('c7', 'bias', operands[3], [count, rows.times(2)]);
  const lengths = operands[4];
  const fits = !lengths || (lengths.elem === 'i32' && sameDims(lengths.dims, [batch]));
  check('c8', fits, `lengths ${lengths && typeText(lengths)}`, `lengths i32[${batch}]`);
  wanted('c9', 'h', operands[5], [count, batch, hidden]);
  if (kind.ownState) wanted('c9', 'c', operands[6], [count, batch, hidden]);
  wanted('c11', 'peepholes', operands[7], [count, hidden.times(3)]);
  const functions = functionsOf(attrs, kind.functions.split(' ').length).flat();
  const names = stringAttr(attrs, 'functions').split(' ');
  const each = kind.functions.split(' ').length;
  const known = functions.every((name) => gateFunctions.has(name));
  check(
    'c10',
    known && (names.length === each || names.length === functions.length),
    `the functions ${stringAttr(attrs, 'functions')}`,
    `${each} for each direction, of ${[...gateFunctions.keys()].join(', ')}`,
  );
  const state = { elem: x.elem, dims: [count, batch, hidden] };
  return [{ elem: x.elem, dims: [times, count, batch, hidden] }, state, ...(kind.ownState ? [state] : [])];
}

/** Part d of an operand whose first axis are the directions. */
function partOf(x: HostTensor, d: number, count: number): Float64Array {
  const size = x.data.length / count;
  return x.data.subarray(d * size, (d + 1) * size);
}

function evaluateStates(kind: Kind, operands: readonly (HostTensor | undefined)[], attrs: Attrs): readonly HostTensor[] {
  const [x, w, r] = [given(operands, 0), given(operands, 1), given(operands, 2)];
  const [, , , bias, lengths, first, own, peepholes] = operands;
  const { times, batch, hidden } = sizesOf(x.dims, r.dims);
  for (const n of lengths?.data ?? [])
    if (n < 0 || n > times) throw new CheckFailure('lengths', `a length of ${n}`, `a length from 0 to ${times}`);
  const direction = stringAttr(attrs, 'direction');
  const count = direction === 'bidirectional' ? 2 : 1;
  const functions = functionsOf(attrs, kind.functions.split(' ').length);
  const y = { elem: x.elem, dims: [times, count, batch, hidden], data: new Float64Array(times * count * batch * hidden) };
  const state = (from: HostTensor | undefined): HostTensor => ({
    elem: x.elem,
    dims: [count, batch, hidden],
    data: from ? Float64Array.from(from.data) : new Float64Array(count * batch * hidden),
  });
  const [h, c] = [state(first), state(own)];
  for (let d = 0; d < count; d++) {
    const weights = partOf(r, d, count);
    const cell = cellOf(kind, attrs, weights, hidden, peepholes && partOf(peepholes, d, count));
    const how = {
      x,
      w: partOf(w, d, count),
      r: weights,
      bias: bias && partOf(bias, d, count),
      gates: kind.gates,
      hidden,
      reverse: direction === 'reverse' || d === 1,
      lengths: lengths?.data,
      functions: given(functions, d).map((name) => gateFunctions.get(name) ?? outside()),
      clip: numberAttr(attrs, 'clip'),
    };
    runDirection(how, cell, partOf(h, d, count), partOf(c, d, count), (time, sequence, now) =>
      y.data.set(now, ((time * count + d) * batch + sequence) * hidden),
    );
  }
  return kind.ownState ? [y, h, c] : [y, h];
}

function cellOf(
  { gates, ownState }: Kind,
  attrs: Attrs,
  r: Float64Array,
  hidden: number,
  peepholes: Float64Array | undefined,
): ReturnType<typeof gruCell> {
  if (gates === 1) return rnnCell;
  if (ownState) return lstmCell(peepholes, boolAttr(attrs, 'coupled'));
  return gruCell(boolAttr(attrs, 'linear_before_reset') ? undefined : r.subarray(2 * hidden * hidden));
}

function lowerStates(kind: Kind, b: OnnxBuilder, node: Node, operands: readonly (string | undefined)[]): readonly string[] {
  const { attrs } = node;
  const direction = stringAttr(attrs, 'direction');
  const functions = stringAttr(attrs, 'functions').split(' ');
  const each = kind.functions.split(' ');
  const clip = numberAttr(attrs, 'clip');
  const all = direction === 'bidirectional' && functions.length === each.length ? [...functions, ...functions] : functions;
  const usual = functions.join(' ') === kind.functions;
  const own: Record<string, OnnxAttr> = {};
  for (const [name, onnx] of Object.entries(onnxFlags)) if (name in kind.attrs && boolAttr(attrs, name)) own[onnx] = onnxInt(1);
  return b.nodes(
    kind.onnx,
    operands,
    {
      hidden_size: onnxInt(sizesOf(node.x.type.dims, given(node.operands, 2).type.dims).hidden.constant ?? outside()),
      ...(direction !== 'forward' && { direction: { kind: 'string', value: direction } as const }),
      ...(!usual && { activations: { kind: 'strings', value: all } as const }),
      ...(clip > 0 && { clip: { kind: 'float', value: clip } as const }),
      ...own,
    },
    node.results.map((y) => (y.isDead ? undefined : y.type)),
  );
}

/** What ONNX calls our flags. */
const onnxFlags = { coupled: 'input_forget', linear_before_reset: 'linear_before_reset' } as const;

function sampleStates(kind: Kind, source: SampleSource): Sample {
  const [times, batch, features, hidden] = [source.int(1, 4), source.int(1, 3), source.int(1, 4), source.int(1, 4)];
  const direction = source.pick(directions);
  const count = direction === 'bidirectional' ? 2 : 1;
  const rows = kind.gates * hidden;
  // Small enough that no function without a bound makes a state grow from step to step.
  const drawn = (dims: readonly number[]): HostTensor => source.tensor(dims, { low: -1, high: 1 });
  const maybe = (dims: readonly number[]): HostTensor | undefined => (source.bool() ? drawn(dims) : undefined);
  const lengths = source.bool() ? source.tensor([batch], { elem: 'i32', low: 1, high: times + 1 }) : undefined;
  const state = [count, batch, hidden];
  const operands = [
    drawn([times, batch, features]),
    drawn([count, rows, features]),
    drawn([count, rows, hidden]),
    maybe([count, 2 * rows]),
    lengths,
    maybe(state),
    ...(kind.ownState ? [maybe(state), maybe([count, 3 * hidden])] : []),
  ];
  const each = kind.functions.split(' ').length;
  const names = ['Sigmoid', 'Tanh', 'Relu', 'Softsign', 'HardSigmoid'] as const;
  const functions = Array.from({ length: each * (source.bool() ? 1 : count) }, () => source.pick(names)).join(' ');
  const flags = Object.fromEntries(Object.keys(kind.attrs).map((name) => [name, source.bool()]));
  return {
    operands,
    attrs: { direction, functions: source.int(0, 2) > 0 ? kind.functions : functions, clip: source.pick([0, 0, 1.5]), ...flags },
  };
}

/** Multiply-adds of the two products with the weights. */
function costOf(node: Node): Dim {
  const w = given(node.operands, 1).type.dims;
  const { times, batch, features, hidden } = sizesOf(node.x.type.dims, given(node.operands, 2).type.dims);
  return productOf([times, batch, given(w, 0), given(w, 1), features.plus(hidden)]);
}

function recurrent(kind: Kind): Operator {
  return defineOperator({
    name: kind.name,
    summary: kind.summary,
    onnx: [kind.onnx],
    operands: operandsOf(kind),
    attrs: attrsOf(kind),
    traits: recurrentTraits,
    infer: (context) => inferStates(kind, context),
    evaluate: (operands, attrs) => evaluateStates(kind, operands, attrs),
    needs: ({ x }) => x.type.dims.slice(0, 1),
    cost: costOf,
    lower: (b, node, operands) => lowerStates(kind, b, node, operands),
    sample: (source) => sampleStates(kind, source),
  });
}

export const lstm = recurrent({
  name: 'lstm',
  onnx: 'LSTM',
  summary: 'Long short-term memory: every step of a sequence, the last state and the last cell; gates in the order i, o, f, c',
  gates: 4,
  functions: 'Sigmoid Tanh Tanh',
  ownState: true,
  attrs: { coupled: { kind: 'bool', default: false, doc: 'the forget gate is 1 less the input gate' } },
  further: [
    { name: 'c', doc: 'the first cell [directions, batch, hidden]; zeros where it is left out', optional: true },
    { name: 'peepholes', doc: '[directions, 3·hidden]: what the cell gives to the gates i, o and f', optional: true },
  ],
});

export const gru = recurrent({
  name: 'gru',
  onnx: 'GRU',
  summary: 'Gated recurrent unit: every step of a sequence and the last state; gates in the order z, r, h',
  gates: 3,
  functions: 'Sigmoid Tanh',
  ownState: false,
  attrs: {
    linear_before_reset: {
      kind: 'bool',
      default: false,
      doc: 'the reset gate scales the product with r and its bias, as torch has it, not the state before',
    },
  },
  further: [],
});

export const rnn = recurrent({
  name: 'rnn',
  onnx: 'RNN',
  summary: 'Elman network: every step of a sequence and the last state',
  gates: 1,
  functions: 'Tanh',
  ownState: false,
  attrs: {},
  further: [],
});
