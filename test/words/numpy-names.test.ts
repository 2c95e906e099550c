/**
 * `axis` and `keepdims` are NumPy's names, and ours: in a call of one of PyTorch's functions they are what PyTorch calls `dim`
 * and `keepdim`.
 */
import { expect, test } from 'vitest';
import { build } from '../../src/check.ts';

const said = (call: string) => build(`model A { input x: f32[N, 8, 16]\n  output y = ${call} }`).diagnostics;

test.each([
  ['mean(x, axis=-1)', 'reduce_mean(x, -1)'],
  ['mean(x, axis=[0, 1], keepdims=true)', 'reduce_mean(x, 0, 1, keepdims=true)'],
  ['max(x, axis=1)', 'reduce_max(x, 1)'],
  ['max(x, axis=[0, 1])', 'reduce_max(x, 0, 1)'],
  ['min(x, axis=1, keepdims=true)', 'reduce_min(x, 1, keepdims=true)'],
  ['sum(x, axis=[1, 2])', 'reduce_sum(x, 1, 2)'],
  ['norm(x, axis=1)', 'reduce_l2(x, 1)'],
])('%s leads to %s', (call, ours) => {
  expect(said(call)[0]?.hint).toContain(`write \`${ours}\``);
  expect(said(ours)).toEqual([]);
});

test('a second tensor is none of axes', () => {
  expect(said('torch.max(x, x)')[0]?.hint).toContain('write `max(x, x)`');
});
