/** The rules' texts: every condition is argued, every argument is a condition, every rule has a source of its exactness. */
import { describe, expect, it, test } from 'vitest';
import { printGraph } from '../../src/ir/print.ts';
import { op, rootsOf } from '../../src/passes/engine/pattern.ts';
import { arguedConditions, rule } from '../../src/passes/engine/rule.ts';
import { explainRule } from '../../src/passes/explain.ts';
import { runPasses } from '../../src/passes/pipeline.ts';
import { allRules, allSweeps, passNames } from '../../src/passes/schedule.ts';
import { readCases, readText } from './support.ts';

describe.each(allRules.map((one) => [one.name, one] as const))('%s', (_name, one) => {
  it('argues exactly the conditions that it asks', () => {
    expect([...arguedConditions(one.doc)].sort()).toEqual([...one.conditions].sort());
    expect(/^Exact always/m.test(one.doc)).toBe(one.conditions.length === 0);
  });
  it('is named after its pass and says what becomes of what', () => {
    expect(passNames).toContain(one.pass);
    expect(one.doc).toMatch(/→/);
    expect(rootsOf(one.match).length).toBeGreaterThan(0);
  });
});

test('names are unique', () => {
  const names = [...allRules, ...allSweeps].map((one) => one.name);
  expect(new Set(names).size).toBe(names.length);
});

test('passes are named in the order in which they run first', () => {
  const graph = readText('graph @g\n  %x = input : f32[N]\n  %0 = relu(%x)  : f32[N]  @r\n  output out = %0');
  const ran = runPasses(graph, { level: 2, opset: 23 }).passes.map(({ name }) => name);
  expect([...new Set(ran)]).toEqual(passNames);
});

test('matching and asking change no graph', () => {
  let asked = 0;
  for (const pass of passNames) {
    for (const { input } of readCases(pass)) {
      const graph = readText(input);
      // The text form leaves the names of results out.
      const told = (): string =>
        `${printGraph(graph)}\n${[...graph.nodes()].flatMap(({ results }) => results.map((y) => y.name)).join()}`;
      const before = told();
      for (const node of graph.nodes()) {
        for (const one of allRules) if (rootsOf(one.match).includes(node.op.name) && one.attempt(node).kind !== 'none') asked++;
      }
      expect(told()).toBe(before);
    }
  }
  expect(asked).toBeGreaterThan(200);
});

test('explainRule knows passes, rules and nothing else', () => {
  expect(explainRule('fold-batchnorm')).toMatch(/fold-batchnorm\/into-linear[\s\S]*fold-batchnorm\/into-readers/);
  expect(explainRule('fold-batchnorm/into-linear')).toMatch(/one-reader/);
  expect(explainRule('fold-batchnorm/into-linear')).toContain('\n\nmatches batchnorm(linear-operator) …\n\n');
  expect(explainRule('simplify/transposes')).toContain('\n\nmatches transpose(transpose)\n\n');
  expect(explainRule('simplify')).toMatch(/common-subexpressions/);
  expect(explainRule('fold')).toBeUndefined();
  for (const name of passNames) expect(explainRule(name)).toBeDefined();
});

test('a condition is read from the text by its name', () => {
  const doc =
    'What it does.\n\n  x  →  y\n\nExact when\n  one-reader   because\n               of this\n  finite   yes\nRounding: none.\n  other   no condition\n';
  expect(arguedConditions(doc)).toEqual(['one-reader', 'finite']);
});

test('the first failing condition of the first match is the refusal, and a later match may fire', () => {
  const asked: number[] = [];
  const two = rule({
    name: 'simplify/test',
    doc: '',
    match: op('relu', 'node').each(() => [1, 2]),
    exact: {
      odd: (n) => {
        asked.push(n);
        return n % 2 === 0;
      },
      small: (n) => n < 2,
    },
    rewrite: () => {},
  });
  const node = readText('graph @g\n  %x = input : f32[N]\n  %0 = relu(%x) @r\n  output out = %0').last;
  expect(node && two.attempt(node)).toEqual({ kind: 'refused', condition: 'odd' });
  expect(asked).toEqual([1, 2]);
});
