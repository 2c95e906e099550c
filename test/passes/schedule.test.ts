/** What prose says of the order, the levels, the opsets and the targets of passes, compared with the schedule. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { allStages, passNames, purposeOf, schedule, stageOpsets, targetsOf } from '../../src/passes/schedule.ts';

const page = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('ARCHITECTURE names the passes in the order of their first run', () => {
  expect(page('ARCHITECTURE.md')).toContain(`\n    ${passNames.join(' · ')}\n`);
});

describe.each(allStages.flatMap(({ rules, ...stage }) => rules.map((one) => [one.name, { one, ...stage }] as const)))(
  '%s says where it runs',
  (_name, { one, opset, since, level }) => {
    it('its opset', () => {
      expect(/\bat opset (\d+) and above/.exec(one.doc)?.[1]).toBe(opset === undefined ? undefined : String(opset));
    });
    it('the opset that says in one node what it makes', () => {
      expect(/\bone node from opset (\d+) on/.exec(one.doc)?.[1]).toBe(since === undefined ? undefined : String(since));
    });
    it('its level', () => {
      expect(/\(-O(\d)\)/.exec(one.doc)?.[1]).toBe(level === undefined ? undefined : String(level));
    });
    it('its targets', () => {
      expect(/^(?!Source).*\b(not )?for (a CPU|CPUs|WebGPU|CUDA)\b/im.test(one.doc)).toBe(targetsOf(one) !== undefined);
    });
  },
);

test('the opsets of docs/optimize.md are those of the stages that recognise the operators', () => {
  const opsetOf = (rule: string): number | undefined =>
    allStages.find(({ rules }) => rules.some(({ name }) => name === rule))?.since;
  const said = /LayerNormalization is one node from (\d+) on, Gelu from (\d+), Attention from (\d+)/.exec(
    page('docs/optimize.md'),
  );
  expect(said?.slice(1).map(Number)).toEqual(['layernorm', 'gelu', 'attention'].map((name) => opsetOf(`recognize/${name}`)));
  expect(stageOpsets).toEqual([...new Set(allStages.flatMap(({ since }) => since ?? []))].sort((a, b) => a - b));
});

test('every pass that a page or an option gives as an example is one', () => {
  const pages = ['README.md', 'docs/optimize.md', 'docs/weights.md', 'docs/language.md', 'ARCHITECTURE.md', 'src/cli/options.ts'];
  const given = pages.flatMap((path) => [
    ...page(path).matchAll(/(?:--passes |--explain |--print-after |rescc explain )([a-z][a-z/,-]+)/g),
  ]);
  const names = given.flatMap(([, list = '']) => list.split(',')).filter((name) => name.includes('-'));
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !passNames.includes(name.split('/')[0] ?? ''))).toEqual([]);
});

test('every pass has a purpose and a stage', () => {
  for (const name of passNames) expect(purposeOf(name as Parameters<typeof purposeOf>[0])).toMatch(/^[A-Z].*\.$/);
  expect(schedule.flatMap(({ stages }) => stages)).toEqual(allStages);
});
