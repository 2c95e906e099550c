/** Sizes that the caller gives, by input, by axis and by symbol: what is compiled has them as numbers. */
import { describe, expect, test } from 'vitest';
import { build, type CheckOptions } from '../../src/check.ts';
import { compile } from '../../src/compile.ts';
import { typeText } from '../../src/ir/types.ts';

const source = `model Net(width = 8) {
  input image: f32[N, 3, H, W]
  input mask: f32[N, 1, 2 * H + 1]
  assert W % 2 == 0 and H >= 8
  let bottom = (16 - H % 16) % 16
  if H > 100 { image -> pad(0, 0, bottom, 0) } else { image }
  adaptive_avgpool([floordiv(H, 3), W / 2])
  conv(width, 3x3)
  output y
  output z = mask
}`;

/** The types of inputs and outputs, or the codes of what is wrong. */
function types(options: CheckOptions, text = source): string {
  const { graph, diagnostics } = build(text, options);
  if (!graph) return diagnostics.map((d) => `${d.code} ${d.hint}`).join('; ');
  return [...graph.inputs, ...graph.outputs.map((one) => one.value)].map(({ type }) => typeText(type)).join(' ');
}

describe('sizes from outside', () => {
  test('make numbers of symbols, everywhere', () => {
    const whole = 'f32[1, 3, 120, 64] f32[1, 1, 241] f32[1, 8, 40, 32] f32[1, 1, 241]';
    expect(types({ inputShapes: { image: [1, 3, 120, 64] } })).toBe(whole);
    expect(types({ inputShapes: { N: 1, H: 120, W: 64 } })).toBe(whole);
    expect(types({ defines: { N: '1', H: '120', W: '64' } })).toBe(whole);
    expect(types({ inputShapes: { 'image:0': 1, mask: [undefined, 1, 241], W: 64 } })).toBe(whole);
    expect(types({ inputShapes: { image: [undefined, 3, 20, undefined] } })).toBe(
      'f32[N, 3, 20, W] f32[N, 1, 41] f32[N, 8, 6, W/2] f32[N, 1, 41]',
    );
    expect(types({ defines: { width: '2', H: '8' }, inputShapes: { image: [4, 3, 8, 2] } })).toBe(
      'f32[4, 3, 8, 2] f32[4, 1, 17] f32[4, 2, 2, 1] f32[4, 1, 17]',
    );
  });

  test('leave no arithmetic on shapes in the file', async () => {
    const plain = source.replace('H > 100', '2 > 1');
    const ops = async (options: CheckOptions): Promise<ReadonlySet<string>> =>
      new Set((await compile(plain, options)).onnx?.graph.nodes.map((node) => node.opType));
    expect([...(await ops({}))]).toEqual(expect.arrayContaining(['Shape', 'Range']));
    expect([...(await ops({ inputShapes: { image: [1, 3, 120, 64] } }))].sort()).toEqual([
      'AveragePool',
      'Conv',
      'Identity',
      'MatMul',
      'Pad',
    ]);
  });

  test('stand in the options that the file was made with', async () => {
    const { onnx } = await compile(source, { inputShapes: { image: [1, 3, undefined, 64], H: 120 } });
    expect(onnx?.metadata.find(([key]) => key === 'rescc.options')?.[1]).toContain(
      '--input-shape image=1,3,?,64 --input-shape H=120',
    );
  });

  test.each([
    ['a name that nothing has', { picture: [1, 3, 120, 64] }, 'RES0709'],
    ['nearly a name', { imag: [1, 3, 120, 64], H: 16 }, 'RES0709 --input-shape image=1,3,120,64'],
    ['another rank', { image: [1, 3, 120] }, 'RES0709'],
    ['an axis that is not there', { 'image:4': 1 }, 'RES0709'],
    ['another number than the declared', { image: [1, 4, 120, 64] }, 'RES0840'],
    ['two numbers for one symbol', { image: [1, 3, 120, 64], mask: [2, 1, 241] }, 'RES0840'],
    ['a size that no symbol makes', { mask: [1, 1, 240] }, 'RES0840'],
    ['no size at all', { N: 0, H: 16 }, 'RES0840'],
    ['a broken promise', { image: [1, 3, 120, 63] }, 'RES0219'],
    ['a size that is too small', { image: [1, 3, 7, 64] }, 'RES0219'],
  ] as const)('%s is refused', (_what, inputShapes, expected) => {
    expect(types({ inputShapes })).toContain(expected);
  });

  test('a size of -D that is neither parameter nor symbol is refused, and so are two that disagree', () => {
    expect(types({ defines: { M: '3', H: '16' } })).toContain('RES0112');
    expect(types({ defines: { N: '3' }, inputShapes: { image: [2, 3, 16, 4] } })).toContain('RES0840');
    expect(types({ defines: { N: '3' }, inputShapes: { N: 2, H: 16 } })).toContain('RES0840');
  });
});
