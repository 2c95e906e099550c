/**
 * Recurrent cells over a sequence in float64: the equations of ONNX LSTM, GRU and RNN-14 (-22), which torch.nn.LSTM, GRU and RNN
 * share but for the order of their gates. Hochreiter and Schmidhuber 1997; peepholes by Gers, Schraudolph and Schmidhuber 2002;
 * Cho et al. 2014, arXiv:1406.1078.
 */
import { outside } from '../diagnostics/at.ts';
import type { HostTensor } from '../ir/types.ts';
import { logistic } from './activation.ts';
import { gemm } from './gemm.ts';
import { tanh } from './math.ts';

/**
 * Functions of gates and states, by the names that ONNX has for them, where it gives their numbers. Softplus is not among them:
 * onnxruntime's overflows.
 */
export const gateFunctions: ReadonlyMap<string, (x: number) => number> = new Map([
  ['Sigmoid', logistic],
  ['Tanh', tanh],
  ['Relu', (x: number) => Math.max(x, 0)],
  ['HardSigmoid', (x: number) => Math.min(Math.max(Math.fround(0.2) * x + 0.5, 0), 1)],
  ['Softsign', (x: number) => x / (1 + Math.abs(x))],
]);

/** What one direction reads at one step, and the state that it goes on with. */
interface Step {
  readonly hidden: number;
  /** x·Wᵀ and h·Rᵀ for the gates of one sequence, each from its place on. */
  readonly input: Float64Array;
  readonly inputAt: number;
  readonly recurrent: Float64Array;
  readonly recurrentAt: number;
  /** The biases of W, then those of R; zeros where there are none. */
  readonly bias: Float64Array;
  /** h, and the cell's own state where it has one, of all sequences; those of this one from `at` on. */
  readonly h: Float64Array;
  readonly c: Float64Array;
  readonly at: number;
  readonly functions: readonly ((x: number) => number)[];
  /** Of what goes into a function. */
  readonly bound: (x: number) => number;
}

/** Writes the next state of one sequence into `h` and `c`. */
type Cell = (step: Step) => void;

const read = (data: Float64Array, at: number): number => data[at] ?? outside();

/** What all operands add to gate number k of element j. */
function sumOf(step: Step, k: number, j: number): number {
  const { hidden, input, inputAt, recurrent, recurrentAt, bias } = step;
  const at = k * hidden + j;
  return read(input, inputAt + at) + read(recurrent, recurrentAt + at) + read(bias, at) + read(bias, at + bias.length / 2);
}

const functionAt = (step: Step, i: number): ((x: number) => number) => step.functions[i] ?? outside();

export const rnnCell: Cell = (step) => {
  const f = functionAt(step, 0);
  for (let j = 0; j < step.hidden; j++) step.h[step.at + j] = f(step.bound(sumOf(step, 0, j)));
};

/** Gates i, o, f, c; peepholes of i, o, f. */
export const lstmCell =
  (peepholes: Float64Array | undefined, coupled: boolean): Cell =>
  (step) => {
    const { hidden, at, h, c, bound } = step;
    const [f, g, out] = [functionAt(step, 0), functionAt(step, 1), functionAt(step, 2)];
    const peep = (k: number, j: number, state: number): number => (peepholes ? read(peepholes, k * hidden + j) * state : 0);
    for (let j = 0; j < hidden; j++) {
      const before = read(c, at + j);
      const input = f(bound(sumOf(step, 0, j) + peep(0, j, before)));
      const forget = coupled ? 1 - input : f(bound(sumOf(step, 2, j) + peep(2, j, before)));
      const after = forget * before + input * g(bound(sumOf(step, 3, j)));
      c[at + j] = after;
      h[at + j] = f(bound(sumOf(step, 1, j) + peep(1, j, after))) * out(after);
    }
  };

/**
 * Gates z, r, h. The reset gate scales what h gives to the new state after the product with its weights and their bias
 * (`linear_before_reset`, as torch has it), or h itself before it; then `weights` are the rows of R for the new state.
 */
export const gruCell =
  (weights: HostTensor['data'] | undefined): Cell =>
  (step) => {
    const { hidden, input, inputAt, recurrent, recurrentAt, bias, at, h, bound } = step;
    const [f, g] = [functionAt(step, 0), functionAt(step, 1)];
    const last = 2 * hidden;
    const reset = Float64Array.from({ length: hidden }, (_, j) => f(bound(sumOf(step, 1, j))));
    const fromState = new Float64Array(hidden);
    if (weights) {
      const scaled = reset.map((r, j) => r * read(h, at + j));
      gemm(
        1,
        hidden,
        hidden,
        { data: scaled, offset: 0, rowStride: hidden, columnStride: 1 },
        { data: weights, offset: 0, rowStride: 1, columnStride: hidden },
        { data: fromState, offset: 0, rowStride: hidden, columnStride: 1 },
      );
    }
    for (let j = 0; j < hidden; j++) {
      const ownBias = read(bias, bias.length / 2 + last + j);
      const state = weights ? read(fromState, j) + ownBias : read(reset, j) * (read(recurrent, recurrentAt + last + j) + ownBias);
      const fresh = g(bound(read(input, inputAt + last + j) + read(bias, last + j) + state));
      const update = f(bound(sumOf(step, 0, j)));
      h[at + j] = (1 - update) * fresh + update * read(h, at + j);
    }
  };

/** One direction of a layer over [time, batch, features]. */
export interface Direction {
  readonly x: HostTensor;
  /** [gates·hidden, features] and [gates·hidden, hidden]. */
  readonly w: Float64Array;
  readonly r: Float64Array;
  readonly bias: Float64Array | undefined;
  readonly gates: number;
  readonly hidden: number;
  readonly reverse: boolean;
  /** How much of each sequence is read; all of it where left out. */
  readonly lengths: Float64Array | undefined;
  readonly functions: Step['functions'];
  /** What goes into a function stays within ±clip; 0 stands for no bound. */
  readonly clip: number;
}

/**
 * Runs a direction over the sequence: `h` and `c` [batch, hidden] hold the first state and come to hold the last one of each
 * sequence, and `put` gets h behind every step. Behind the end of a sequence nothing is put.
 */
export function runDirection(
  how: Direction,
  cell: Cell,
  h: Float64Array,
  c: Float64Array,
  put: (time: number, sequence: number, h: Float64Array) => void,
): void {
  const { x, gates, hidden, clip } = how;
  const [times = 0, batch = 0, features = 0] = x.dims;
  const rows = gates * hidden;
  const input = new Float64Array(times * batch * rows);
  const product = (m: number, k: number, a: Float64Array, weight: Float64Array, out: Float64Array): void =>
    gemm(
      m,
      rows,
      k,
      { data: a, offset: 0, rowStride: k, columnStride: 1 },
      { data: weight, offset: 0, rowStride: 1, columnStride: k },
      { data: out, offset: 0, rowStride: rows, columnStride: 1 },
    );
  product(times * batch, features, x.data, how.w, input);
  const recurrent = new Float64Array(batch * rows);
  const bias = how.bias ?? new Float64Array(2 * rows);
  const bound = clip > 0 ? (v: number): number => Math.min(clip, Math.max(-clip, v)) : (v: number): number => v;
  for (let step = 0; step < times; step++) {
    recurrent.fill(0);
    product(batch, hidden, h, how.r, recurrent);
    for (let n = 0; n < batch; n++) {
      const length = how.lengths?.[n] ?? times;
      if (step >= length) continue;
      const time = how.reverse ? length - 1 - step : step;
      const [inputAt, recurrentAt, at] = [(time * batch + n) * rows, n * rows, n * hidden];
      cell({ hidden, input, inputAt, recurrent, recurrentAt, bias, h, c, at, functions: how.functions, bound });
      put(time, n, h.subarray(at, at + hidden));
    }
  }
}
