import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { Dim, knownDims } from '../../src/ir/dim.ts';

const collect = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** Weak references last until the task ends that looked at them. */
const task = (): Promise<void> => new Promise((go) => setTimeout(go, 0));

test('a process that compiles models of ever other sizes does not keep their dimensions', async () => {
  for (let i = 0; i < 100; i++) {
    const size = 5000 + 101 * i;
    const pads = Array.from({ length: 20 }, () => 'pad(1)').join(' ');
    const { graph } = build(`model M { input x: f32[N, 3, H${i}, ${size}] ${pads} output y }`);
    expect(graph?.outputs[0]?.value.type.dims[3]?.constant).toBe(size + 40);
    if (i % 10 === 0) await task();
  }
  const held = Array.from({ length: 500 }, (_, n) => Dim.symbol(`held${n}`));
  const made = knownDims();
  for (let i = 0; i < 4; i++) {
    await task();
    collect();
  }
  await task();
  expect(held.filter((dim, n) => Dim.symbol(`held${n}`) === dim)).toHaveLength(500);
  // What is held, each with its atom, and what the tables of numbers and results have room for.
  const most = 2 * 500 + 4096 + 3 * 1024 + 500;
  expect(made).toBeGreaterThan(2 * most);
  expect(knownDims()).toBeLessThan(most);
});
