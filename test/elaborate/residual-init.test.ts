import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';
import { openSession } from '../../src/runtime/session.ts';
import { exprOf, materialize } from '../../src/tensor/values.ts';
import { scattered } from '../support/numbers.ts';

async function graphOf(body: string) {
  const text = `block B {\n  ${body}\n}\nmodel M {\n  input x: f32[N, 8, 4, 4]\n  r: repeat 16 { B }\n  output y\n}\n`;
  const { graph } = await compile({ name: 'm.res', text }, { level: 0 });
  if (!graph) throw new Error('no graph');
  return graph;
}

/** Standard deviations by the path of a weight in the third block. */
async function deviations(body: string): Promise<Readonly<Record<string, number>>> {
  const out: Record<string, number> = {};
  for (const value of (await graphOf(body)).constants()) {
    if (!value.name?.startsWith('r.2.') || !value.isConstant || value.role !== 'parameter') continue;
    const { data } = await materialize(exprOf(value));
    out[value.name.slice(4)] = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
  }
  return out;
}

// He et al.: √(2 / fan-out), the fan-out of eight channels by 3×3 taps; with sixteen residuals a quarter of it.
const whole = Math.sqrt(2 / 72);
const near = (x: number | undefined, expected: number): void => expect(Math.abs((x ?? 0) / expected - 1)).toBeLessThan(0.15);

describe('the last layer of a residual body', () => {
  it('begins 1/√L times as large, and no other', async () => {
    const found = await deviations('residual { a: conv(8, 3x3) relu b: conv(8, 3x3) batchnorm }');
    near(found['a.weight'], whole);
    near(found['b.weight'], whole / 4);
  });

  it('in every branch of a sum', async () => {
    const found = await deviations('residual { relu let t = it  a: conv(8, 3x3) let u = it  t -> b: conv(8, 3x3)  it + u }');
    near(found['a.weight'], whole / 4);
    near(found['b.weight'], whole / 4);
  });

  it('of residuals within residuals, each by itself', async () => {
    // 32 residuals.
    const found = await deviations('residual { residual { a: conv(8, 3x3) } relu b: conv(8, 3x3) }');
    near(found['a.weight'], whole / Math.sqrt(32));
    near(found['b.weight'], whole / Math.sqrt(32));
  });

  it.each([
    ['an initialiser that is written', 'residual { a: conv(8, 3x3, init=kaiming_normal) }'],
    ['a body that is scaled', 'residual(scale=0.1) { a: conv(8, 3x3) }'],
    ['no residual', 'a: conv(8, 3x3) relu'],
    ['a shortcut', 'residual { relu } shortcut a: conv(8, 3x3)'],
  ])('stays with %s', async (_, body) => {
    const found = await deviations(body);
    near(Object.values(found)[0], whole);
  });
});

it.each([
  ['before the activation', 'residual { batchnorm relu conv(4, 3x3) batchnorm relu conv(4, 3x3) }'],
  ['behind it', 'residual { conv(4, 3x3) batchnorm relu conv(4, 3x3) batchnorm } relu'],
])('600 residuals with batchnorms %s stay finite in f32', async (_, body) => {
  const text = `block B {\n  ${body}\n}\nmodel M {\n  input x: f32[1, 4, 6, 6]\n  repeat 600 { B }\n  output y\n}\n`;
  const made = await compile({ name: 'm.res', text });
  const session = await openSession(await made.bytes(), { ep: 'cpu', optimization: 'all' });
  const x = { elem: 'f32', dims: [1, 4, 6, 6], data: scattered(144, 1) } as const;
  const y = (await session.run(new Map([['x', x]]))).get('y');
  await session.close();
  const largest = Math.max(...Array.from(y?.data ?? [Number.NaN], Math.abs));
  expect(largest).toBeGreaterThan(0.01);
  expect(largest).toBeLessThan(1e3);
});
