/** What rules ask of values and networks: who is never negative, and what a cheapest cut costs. */
import { describe, expect, it, test } from 'vitest';
import { isNonNegative } from '../../src/passes/analysis/sign.ts';
import { Network } from '../../src/passes/transforms/move-transpose/min-cut.ts';
import { evaluate, inputsOf, randomSource, readNumbers, readText } from './support.ts';

describe('isNonNegative', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['relu(%x)', true],
    ['sigmoid(%x)', true],
    ['exp(%x)', true],
    ['softmax(%x) {axis=1}', true],
    ['mul(%x, %x)', true],
    ['clamp(%x) {min=0, max=6}', true],
    ['clamp(%p) {min=-1, max=6}', true],
    ['clamp(%p) {min=-1, max=-0.5}', false],
    ['clamp(%x) {min=-1, max=6}', false],
    ['add(%p, %q)', true],
    ['add(%p, %x)', false],
    ['sub(%p, %q)', false],
    ['neg(%p)', false],
    ['mul(%p, %x)', false],
    ['max(%p, %q)', true],
    ['min(%p, %x)', false],
    ['leaky_relu(%p)', true],
    ['leaky_relu(%x)', false],
    ['tanh(%x)', false],
    ['mul(%p, const f32[] 2)', true],
    ['mul(%p, const f32[] -2)', false],
    ['avgpool(%p) {kernel=2}', true],
    ['maxpool(%x) {kernel=2}', false],
    ['pad(%p) {pads=[0, 0, 1, 1, 0, 0, 1, 1]}', true],
    ['pad(%p) {pads=[0, 0, 1, 1, 0, 0, 1, 1], value=-1}', false],
    ['pad(%p) {pads=[0, 0, 1, 1, 0, 0, 1, 1], value=-1, mode="edge"}', true],
    ['resize(%p) {scales=[2, 2], mode="linear"}', true],
    ['resize(%p) {scales=[2, 2], mode="cubic"}', false],
    ['concat(%p, %q)', true],
    ['concat(%p, %x)', false],
    ['transpose(%p) {perm=[1, 0, 2, 3]}', true],
    ['conv(%p, #w[2, 4, 1, 1])', false],
    ['cast(%p) {to=f16}', true],
    ['cast(%p) {to=i32}', false],
  ];
  it.each(cases)('%s: %s', (expression, expected) => {
    const text = `graph @g
  %x = input : f32[N, 4, 5, 5]
  %p = relu(%x) @p
  %q = abs(%x) @q
  %y = ${expression} @y
  output out = %y
`;
    const value = readText(text).outputs[0]?.value ?? expect.unreachable('no output');
    expect(isNonNegative(value)).toBe(expected);
    if (!expected || expression.startsWith('cast')) return;
    const graph = readNumbers(text);
    for (let seed = 0; seed < 3; seed++) {
      const out = evaluate(
        graph,
        inputsOf(graph, () => 2, `${seed}`),
      ).get('out');
      expect(out?.data.every((x) => x >= 0)).toBe(true);
    }
  });

  it('gives up on long ways', () => {
    const lines = Array.from({ length: 80 }, (_, i) => `  %${i + 1} = identity(%${i}) @s`).join('\n');
    const text = `graph @g\n  %x = input : f32[4]\n  %0 = relu(%x) @r\n${lines}\n  output out = %80\n`;
    const value = readText(text).outputs[0]?.value ?? expect.unreachable('no output');
    expect(isNonNegative(value)).toBe(false);
  });
});

test('a cut is the cheapest of all', () => {
  const random = randomSource(7);
  for (let round = 0; round < 200; round++) {
    const size = 2 + Math.floor(random() * 6);
    const network = new Network();
    for (let i = 0; i < size; i++) network.vertex();
    const edges = Array.from({ length: Math.floor(random() * 3 * size) }, () => {
      const [from, to] = [Math.floor(random() * size), Math.floor(random() * size)];
      return { from, to, capacity: random() < 0.1 ? Number.POSITIVE_INFINITY : Math.floor(random() * 10) };
    });
    // Nothing may make every cut infinite.
    const finite = edges.filter((edge) => edge.capacity !== Number.POSITIVE_INFINITY || (edge.from !== 0 && edge.to !== 1));
    for (const { from, to, capacity } of finite) network.edge(from, to, capacity);
    const costOf = (kept: (vertex: number) => boolean): number =>
      finite.reduce((sum, { from, to, capacity }) => sum + (kept(from) && !kept(to) ? capacity : 0), 0);
    let least = Number.POSITIVE_INFINITY;
    for (let bits = 0; bits < 2 ** size; bits++) {
      if ((bits & 1) === 0 || (bits & 2) !== 0) continue;
      least = Math.min(
        least,
        costOf((vertex) => ((bits >> vertex) & 1) === 1),
      );
    }
    if (least === Number.POSITIVE_INFINITY) continue;
    const { cost, kept } = network.cut(0, 1);
    expect(cost).toBe(least);
    expect([kept(0), kept(1)]).toEqual([true, false]);
    expect(costOf(kept)).toBe(least);
  }
});
