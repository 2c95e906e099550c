/** Small graphs with extreme numbers end with a result or a diagnostic, and what onnxruntime runs comes out equal. */
import { afterAll, describe, expect, it } from 'vitest';
import { lifts } from '../../src/import/lifts/table.ts';
import { checkExtreme, extremeCase, extremeOperators, extremeText } from './extreme.ts';
import { Judge } from './judge.ts';
import { type Tiny, tensor, vector } from './tiny.ts';

const judge = new Judge();
afterAll(() => judge.close());

describe('random graphs', () => {
  it.each([0, 1])('part %i', async (part) => {
    let [made, ran] = [0, 0];
    for (let seed = part * 150; seed < (part + 1) * 150; seed++) {
      const tiny = extremeCase(seed);
      const outcome = await checkExtreme(tiny, seed % 5 === 0 ? judge : undefined);
      if (outcome.failure)
        expect.fail(`seed ${seed}, ${outcome.failure.stage}: ${outcome.failure.message}\n${extremeText(tiny)}`);
      if (outcome.made) made++;
      if (outcome.ran) ran++;
    }
    expect(made).toBeGreaterThan(100);
    expect(ran).toBeGreaterThan(2);
  });

  it('are of every operator that is lifted, but for what reads sequences, which are no tensors', () => {
    expect([...lifts.keys()].filter((op) => !extremeOperators.has(op))).toEqual(['SequenceAt', 'ConcatFromSequence']);
  });

  it('are the same for the same seed', () => {
    expect(extremeText(extremeCase(5))).toBe(extremeText(extremeCase(5)));
    expect(extremeText(extremeCase(6))).not.toBe(extremeText(extremeCase(5)));
  });
});

/** The smallest cases of what the fuzzer found. */
const found: readonly (readonly [string, Tiny])[] = [
  [
    'a PRelu of more slopes than elements, which onnxruntime repeats x to',
    {
      opset: 18,
      constants: { x: vector('f32', -0.5), s: tensor('f32', [2, 2], 1, 2, 3, 4), z: vector('f32', 1, 2, 3) },
      nodes: [
        { op: 'PRelu', inputs: ['x', 's'], outputs: ['p'] },
        { op: 'ReduceSum', inputs: ['p'], outputs: ['r'], attrs: { keepdims: 0n } },
        { op: 'Max', inputs: ['r', 'z'], outputs: ['y'] },
      ],
      outputs: ['y'],
    },
  ],
  [
    'a Squeeze with an empty list of axes, which onnxruntime takes for all',
    {
      constants: { x: tensor('f32', [1, 2, 1], 3), a: tensor('i64', [0]) },
      nodes: [{ op: 'Squeeze', inputs: ['x', 'a'], outputs: ['y'] }],
      outputs: ['y'],
    },
  ],
  [
    'a norm with keepdims=2, which onnxruntime takes for false',
    {
      opset: 15,
      constants: { x: tensor('f32', [1, 2], 3, 4) },
      nodes: [{ op: 'ReduceL2', inputs: ['x'], outputs: ['y'], attrs: { keepdims: 2n } }],
      outputs: ['y'],
    },
  ],
  [
    'moments in f32 of a normalisation in f64',
    {
      opset: 20,
      constants: { x: tensor('f64', [2, 2], 1, 2, 3, 5), s: vector('f64', 1, 2) },
      nodes: [{ op: 'LayerNormalization', inputs: ['x', 's', 's'], outputs: ['y', 'm'] }],
      outputs: ['m'],
    },
  ],
  ...(['start', 'limit'] as const).map((name): readonly [string, Tiny] => [
    `a range whose ${name} has no elements`,
    {
      constants: { none: tensor('i64', [0]), one: tensor('i64', [], 1n) },
      nodes: [{ op: 'Range', inputs: name === 'start' ? ['none', 'one', 'one'] : ['one', 'none', 'one'], outputs: ['y'] }],
      outputs: ['y'],
    },
  ]),
  [
    'transposes of a product that add up to 0',
    {
      inputs: { x: { elem: 'f32', dims: [2, 3] } },
      constants: { w: tensor('f32', [2, 4], 1) },
      nodes: [
        {
          op: 'FusedMatMul',
          domain: 'com.microsoft',
          inputs: ['x', 'w'],
          outputs: ['y'],
          attrs: { transA: 1n, transB: 0n, transBatchA: 0n, transBatchB: -1n },
        },
      ],
      outputs: ['y'],
    },
  ],
];

describe('found by the fuzzer', () => {
  it.each(found)('%s', async (_, tiny) => {
    expect((await checkExtreme(tiny, judge)).failure).toBeUndefined();
  });
});
