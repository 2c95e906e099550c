/**
 * Runge-Kutta methods as their tableaus. Stage i is f(t + c[i]·h, y + h·Σ a[i][j]·k[j]), the step y + h·Σ b[j]·k[j]; c[0] is 0.
 *
 * Source: Hairer, Nørsett, Wanner 1993, §II.1 (Table 1.1 and 1.2: Heun, Runge, Kutta's two of order 4); torchdiffeq 0.2.5, whose
 * `rk4` is the 3/8 rule and whose `heun3` is Heun's method of order 3.
 */
interface FixedMethod {
  readonly kind: 'fixed';
  readonly c: readonly number[];
  /** a[i] has the i coefficients of stage i + 1. */
  readonly a: readonly (readonly number[])[];
  readonly b: readonly number[];
}

/**
 * An embedded pair whose last stage is at the end of the step, so that its k is the first of the next step. `error` is b less the
 * weights of the other method, `mid` the weights of the value in the middle of the step, which interpolation goes through.
 */
export interface AdaptiveMethod {
  readonly kind: 'adaptive';
  /** The error goes down with step^order. */
  readonly order: number;
  readonly c: readonly number[];
  readonly a: readonly (readonly number[])[];
  readonly error: readonly number[];
  readonly mid: readonly number[];
}

export type Method = FixedMethod | AdaptiveMethod;

/** Dormand and Prince 1980 with Shampine's weights, as torchdiffeq has them. */
const dopri5: AdaptiveMethod = {
  kind: 'adaptive',
  order: 5,
  c: [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1],
  a: [
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
  ],
  error: [
    35 / 384 - 1951 / 21600,
    0,
    500 / 1113 - 22642 / 50085,
    125 / 192 - 451 / 720,
    -2187 / 6784 + 12231 / 42400,
    11 / 84 - 649 / 6300,
    -1 / 60,
  ],
  mid: [
    6025192743 / 30085553152 / 2,
    0,
    51252292925 / 65400821598 / 2,
    -2691868925 / 45128329728 / 2,
    187940372067 / 1594534317056 / 2,
    -1776094331 / 19743644256 / 2,
    11237099 / 235043384 / 2,
  ],
};

/** Bogacki and Shampine 1989, as torchdiffeq has it. */
const bosh3: AdaptiveMethod = {
  kind: 'adaptive',
  order: 3,
  c: [0, 1 / 2, 3 / 4, 1],
  a: [[1 / 2], [0, 3 / 4], [2 / 9, 1 / 3, 4 / 9]],
  error: [2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8],
  mid: [0, 1 / 2, 0, 0],
};

/**
 * Tsitouras 2011, Computers & Mathematics with Applications 62 (2). torchdiffeq had it up to 0.0.1, where its error weights are b
 * less the differences, which do not add up to 0; here they are the differences. `mid` is his dense output at 1/2.
 */
const tsit5: AdaptiveMethod = {
  kind: 'adaptive',
  order: 5,
  c: [0, 0.161, 0.327, 0.9, 0.9800255409045097, 1, 1],
  a: [
    [0.161],
    [-0.008480655492356989, 0.335480655492357],
    [2.8971530571054935, -6.359448489975075, 4.3622954328695815],
    [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
    [5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383],
    [0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774],
  ],
  error: [
    0.001780011052226,
    0.000816434459657,
    -0.007880878010262,
    0.144711007173263,
    -0.582357165452555,
    0.458082105929187,
    -1 / 66,
  ],
  mid: [
    0.10741235230096871, 0.01135625, 0.39560903056045305, -0.34475214352593553, 1.3161853649581645, -1.0170608542936508, 0.03125,
  ],
};

export const solvers: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['euler', { kind: 'fixed', c: [0], a: [], b: [1] }],
  ['midpoint', { kind: 'fixed', c: [0, 1 / 2], a: [[1 / 2]], b: [0, 1] }],
  ['heun2', { kind: 'fixed', c: [0, 1], a: [[1]], b: [1 / 2, 1 / 2] }],
  ['heun3', { kind: 'fixed', c: [0, 1 / 3, 2 / 3], a: [[1 / 3], [0, 2 / 3]], b: [1 / 4, 0, 3 / 4] }],
  ['rk4', { kind: 'fixed', c: [0, 1 / 2, 1 / 2, 1], a: [[1 / 2], [0, 1 / 2], [0, 0, 1]], b: [1 / 6, 1 / 3, 1 / 3, 1 / 6] }],
  ['rk4_38', { kind: 'fixed', c: [0, 1 / 3, 2 / 3, 1], a: [[1 / 3], [-1 / 3, 1], [1, -1, 1]], b: [1 / 8, 3 / 8, 3 / 8, 1 / 8] }],
  ['dopri5', dopri5],
  ['bosh3', bosh3],
  ['tsit5', tsit5],
]);
