/** `it` right of `->`: refused in arguments, and both ways out of the refusal compile to what they say. */
import { expect, it } from 'vitest';
import { check } from '../../src/check.ts';
import { compile } from '../../src/compile.ts';

const model = (...lines: readonly string[]): string => `block Gate(skip: tensor) {
  it * (skip -> global_avgpool -> sigmoid)
}
model Net {
  input x: f32[N, 8, H, W]
  let skip = it
  conv(8, 3x3)  relu
  ${lines.join('\n  ')}
  output y
}`;

/** What the product reads: the value that is gated, and the one whose mean gates it. */
async function gated(...lines: readonly string[]): Promise<readonly [string, string]> {
  const { graph } = await compile({ name: 'net.res', text: model(...lines) }, { level: 0 });
  const mul = [...(graph?.nodes() ?? [])].find((node) => node.op.name === 'mul') ?? expect.unreachable();
  const pool = mul.operand(1)?.producer?.x.producer?.x;
  const nameOf = (value: typeof pool): string => value?.producer?.op.name ?? value?.name ?? '';
  return [nameOf(mul.operand(0)), nameOf(pool)];
}

it('is refused in arguments', () => {
  const { diagnostics } = check({ name: 'net.res', text: model('skip -> Gate(it)') });
  expect(diagnostics.map((one) => one.code)).toEqual(['RES0116']);
  expect(diagnostics[0]?.hint).toContain('`let value = it`');
  expect(diagnostics[0]?.hint).toContain('`{ Gate(it) }`');
});

it('is the value before the chain, once that has a name', async () => {
  expect(await gated('let value = it', 'skip -> Gate(value)')).toEqual(['x', 'relu']);
});

it('is the value left of the arrow, in braces', async () => {
  expect(await gated('skip -> { Gate(it) }')).toEqual(['x', 'x']);
});
