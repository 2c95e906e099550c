/** A gate that reads the channels after it squeezed them: the message names the place, and its hint is right when followed. */
import { describe, expect, test } from 'vitest';
import { check } from '../../src/check.ts';

const model = (body: string): string => `model M {\n  input x: f32[N, 64, 8, 8]\n  ${body}\n  output y\n}\n`;

/** The body with the hint followed: the size is read before, and its name stands in the place that the note shows. */
function followed(body: string): { readonly code: string | undefined; readonly text: string } {
  const source = model(body);
  const [error] = check(source).diagnostics;
  const hint = /`let (\w+) = ([^`]+)`/.exec(error?.hint ?? '');
  const note = error?.notes.find(({ text }) => text.includes('because `it`'));
  if (!error || !hint || !note) throw new Error(error?.hint ?? 'no error');
  const mended = `${source.slice(0, note.span.start)}${hint[1]}${source.slice(note.span.end)}`;
  return { code: error.code, text: mended.replace(body.slice(0, 4), `let ${hint[1]} = ${hint[2]}\n  ${body.slice(0, 4)}`) };
}

describe('sizes that a body read too late', () => {
  test.each([
    ['RES0301', 'it * { global_avgpool  conv(channels(it) / 16, 1x1)  relu  conv(channels(it), 1x1)  sigmoid }'],
    ['RES0301', 'it * { global_avgpool  flatten  linear(channels() / 4)  relu  linear(channels())  unsqueeze(2, 3) }'],
    ['RES0301', 'it + { conv(16, 1x1)  conv(shape(it)[1], 1x1) }'],
    ['RES0301', 'mul(it, { global_avgpool  conv(4, 1x1)  conv(channels(it), 1x1) })'],
    ['RES0302', 'residual { conv(channels(it) / 4, 1x1)  relu  conv(channels(it), 1x1) }'],
    ['RES0302', 'residual { conv(16, 3x3)  conv(shape()[1], 3x3) }'],
  ])('%s: %s', (code, body) => {
    const { code: found, text } = followed(body);
    expect(found).toBe(code);
    expect(check(text).diagnostics).toEqual([]);
  });

  test.each([
    // The sizes that were read are those of the other side, or none was read.
    'it * { global_avgpool  conv(channels(it), 1x1)  conv(4, 1x1) }',
    'it * { global_avgpool  conv(4, 1x1) }',
    'let c = channels(it)  it * { conv(c / 2, 1x1) }',
    'residual { conv(32, 3x3) }',
    // What was read lies before both sides.
    'conv(32, 1x1)  conv(channels(it), 3x3)  it * { conv(8, 1x1) }',
  ])('nothing is said of %s', (body) => {
    const [error] = check(model(body)).diagnostics;
    expect(error?.code).toMatch(/^RES030[12]$/);
    expect(error?.notes.filter(({ text }) => text.includes('because `it`'))).toEqual([]);
  });
});
