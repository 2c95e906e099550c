/** Patterns as data: what they match and in which order, how they print, and which rules of a stage meet. */
import { describe, expect, it, test } from 'vitest';
import type { Node, Value } from '../../src/ir/graph.ts';
import { overlapsOf, shadowed } from '../../src/passes/engine/overlap.ts';
import {
  any,
  closed,
  constant,
  either,
  filled,
  type Matcher,
  oneOf,
  op,
  patternText,
  rootsOf,
  withOperand,
} from '../../src/passes/engine/pattern.ts';
import { type Rule, rule } from '../../src/passes/engine/rule.ts';
import { allStages } from '../../src/passes/schedule.ts';
import { golden } from '../golden.ts';
import { readText } from './support.ts';

const text = `graph @g
  %x = input : f32[N, 4]
  %y = input : f32[N, 4]
  %0 = neg(%x) @n
  %1 = mul(%0, const f32[] 2) @m
  %2 = add(%1, %y) @a
  %3 = add(%0, %0) @twice
  %4 = mul(const f32[] 0, const f32[4] 1) @c
  %5 = concat(%y, %0, %1) {axis=0} @j
  output one = %2
  output two = %3
  output three = %4
  output four = %5
`;

/** What a pattern binds at the node of this scope: nodes by scope, values by name or the scope of what makes them. */
function bound(match: Matcher<unknown>, scope: string): readonly string[] {
  const root = [...readText(text).nodes()].find((node) => node.origin.scope === scope) ?? expect.unreachable(scope);
  const named = (one: Node | Value): string => {
    if ('slots' in one) return one.origin.scope;
    return one.producer?.origin.scope ?? one.name ?? 'constant';
  };
  return [...match.matches(root)].map((m) =>
    Object.entries(m as Record<string, Node | Value>)
      .map(([name, one]) => `${name}=${named(one)}`)
      .sort()
      .join(' '),
  );
}

describe('a pattern matches', () => {
  it.each<[string, Matcher<unknown>, string, readonly string[]]>([
    ['neg(x)', op('neg', 'node', any('x')), 'n', ['node=n x=x']],
    [
      'mul(neg(x), s: constant)',
      op('mul', 'outer', op('neg', 'inner', any('x')), constant('s')),
      'm',
      ['inner=n outer=m s=constant x=x'],
    ],
    ['mul(s: constant, neg)', op('mul', 'outer', constant('s'), op('neg', 'inner')), 'm', []],
    ['mul{s: constant, neg}', either('mul', 'outer', constant('s'), op('neg', 'inner')), 'm', ['inner=n outer=m s=constant']],
    ['add{a, b}', either('add', 'sum', any('a'), any('b')), 'a', ['a=m b=y sum=a', 'a=y b=m sum=a']],
    [
      'add{neg, b}',
      either('add', 'sum', op('neg', 'inner'), any('b')),
      'twice',
      ['b=n inner=n sum=twice', 'b=n inner=n sum=twice'],
    ],
    ['mul(a, 2)', op('mul', 'node', any('a'), filled(2)), 'm', ['a=n node=m']],
    ['mul(a, 1)', op('mul', 'node', any('a'), filled(1)), 'm', []],
    ['mul(constants)', closed('mul', 'node'), 'c', ['node=c']],
    ['mul(constants)', closed('mul', 'node'), 'm', []],
    ['neg or mul|div(a)', oneOf(op('neg', 'node'), op(['mul', 'div'], 'node', any('a'))), 'm', ['a=n node=m']],
    ['concat(…, neg, …)', withOperand('concat', 'join', op('neg', 'part')), 'j', ['join=j part=n']],
    ['concat(…, p, …)', withOperand('concat', 'join', any('p')), 'j', ['join=j p=y', 'join=j p=n', 'join=j p=m']],
  ])('%s', (printed, match, scope, expected) => {
    expect(patternText(match)).toBe(printed);
    expect(bound(match, scope)).toEqual(expected);
  });

  it('at no operand that is not there', () => {
    expect(bound(op('neg', 'node', any('x'), any('y')), 'n')).toEqual([]);
  });

  it('with code behind it, which sees every match in turn', () => {
    const sum = either('add', 'sum', any('a'), any('b'));
    expect(patternText(sum.where(({ a }) => a.name === 'y'))).toBe('add{a, b} …');
    expect(
      bound(
        sum.where(({ a }) => a.name === 'y'),
        'a',
      ),
    ).toEqual(['a=y b=m sum=a']);
    expect(
      bound(
        sum.each(({ a, b }) => [{ a }, { b }]),
        'a',
      ),
    ).toEqual(['a=m', 'b=y', 'a=y', 'b=m']);
    expect(rootsOf(oneOf(op('neg', 'node'), op(['mul', 'neg'], 'node')))).toEqual(['neg', 'mul']);
  });
});

const always = (): boolean => true;
const made = (name: string, match: Matcher<unknown>, exact: Readonly<Record<string, () => boolean>> = {}): Rule =>
  rule<unknown>({ name, doc: '', match, exact, rewrite: () => {} });

describe('two rules of a stage', () => {
  const negated = op('add', 'sum', op('neg', 'inner'));
  const sum = op('add', 'sum', any('a'));
  it.each<[string, Matcher<unknown>, Matcher<unknown>, readonly string[]]>([
    ['other roots', op('add', 'n'), op('sub', 'n'), []],
    ['one root', negated, sum, ['add(neg)']],
    ['sets of operators', op(['add', 'sub'], 'n', any('x')), op(['sub', 'mul'], 'n', constant('c')), ['sub(c: constant)']],
    ['a constant and what a node makes', op('add', 'n', constant('c')), negated, []],
    ['two numbers', op('mul', 'n', filled(1)), op('mul', 'n', filled(0)), []],
    ['constants alone and a node', closed('add', 'n'), negated, []],
    ['constants alone and a number', closed('add', 'n'), op('add', 'n', any('a'), filled(0)), ['add(constants)']],
    ['deeper ones', op('a', 'n', op('b', 'm')), op('a', 'n', op('c', 'm')), []],
    [
      'any operand',
      withOperand('concat', 'n', op('concat', 'm')),
      op('concat', 'n', op('slice', 'm')),
      ['concat(slice, …, concat, …)'],
    ],
  ])('overlap or do not: %s', (_title, a, b, at) => {
    expect(overlapsOf([made('s/a', a), made('s/b', b)]).map((one) => one.at)).toEqual(at);
  });

  it.each<[string, Rule, Rule, boolean]>([
    ['a wider one first', made('s/a', sum), made('s/b', negated), true],
    ['a wider one behind', made('s/a', negated), made('s/b', sum), false],
    ['one that asks', made('s/a', sum, { c: () => true }), made('s/b', negated, { c: () => true }), false],
    ['one that asks the same', made('s/a', sum, { c: always }), made('s/b', negated, { c: always, d: () => true }), true],
    ['one with code', made('s/a', sum.where(always)), made('s/b', negated), false],
    ['the same code', made('s/a', sum.where(always)), made('s/b', negated.where(always)), true],
    ['one before code', made('s/a', sum), made('s/b', negated.where(always)), true],
    ['fewer operators', made('s/a', op('add', 'n')), made('s/b', op(['add', 'sub'], 'n')), false],
    ['both orders', made('s/a', either('add', 'n', any('x'), filled(0))), made('s/b', op('add', 'n', filled(0), any('x'))), true],
    ['one order', made('s/a', op('add', 'n', any('x'), filled(0))), made('s/b', either('add', 'n', any('x'), filled(0))), false],
    [
      'an operand that may not be there',
      made('s/a', op('conv', 'n', any('x'), any('w'), any('b'))),
      made('s/b', op('conv', 'n')),
      false,
    ],
    ['all alternatives', made('s/a', oneOf(op('add', 'n'), op('sub', 'n'))), made('s/b', op(['sub'], 'n')), true],
  ])('the later is shadowed or is not: %s', (_title, a, b, expected) => {
    expect(shadowed([a, b]).map((one) => [one.rule.name, one.by.name])).toEqual(expected ? [['s/b', 's/a']] : []);
  });
});

test('no rule of the pipeline is shadowed', () => {
  const dead = allStages.flatMap(({ rules }) => shadowed(rules).map(({ rule, by }) => `${rule.name} behind ${by.name}`));
  expect(dead).toEqual([]);
});

test('rules of one stage that begin at the same nodes, the first first', () => {
  const seen = new Set<string>();
  const stages = allStages.flatMap(({ pass, rules }) => {
    const key = rules.map((one) => one.name).join();
    const pairs = seen.has(key) ? [] : overlapsOf(rules);
    seen.add(key);
    const lines = pairs.map(({ first, second, at }) => `  ${first.name} before ${second.name}\n    ${at}`);
    return lines.length === 0 ? [] : [`${pass}\n${lines.join('\n')}\n`];
  });
  golden('passes/overlaps.txt', stages.join('\n'));
});
