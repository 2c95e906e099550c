/** Every beginning of an example is a source that somebody is typing: checking it says what is wrong and never throws. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check } from '../../src/check.ts';
import { compile } from '../../src/compile.ts';
import { render, toJson } from '../../src/diagnostics/render.ts';
import { root } from './rescc.ts';

const example = (name: string): string => readFileSync(join(root, 'examples', name), 'utf8');

describe('truncations', () => {
  test.each(['resnet_cifar.res', 'unet.res', 'gpt2.res', 'repvgg.res'])('%s', (name) => {
    const text = example(name);
    const step = Math.max(1, Math.floor(text.length / 150));
    for (let end = 0; end < text.length; end += step) {
      const { diagnostics } = check(text.slice(0, end), { fileName: name, limits: { steps: 20_000 } });
      for (const d of diagnostics) if (d.span) expect(d.span.end).toBeLessThanOrEqual(end);
      expect(() => render(diagnostics, { color: false, width: 80 })).not.toThrow();
      expect(() => JSON.stringify(toJson(diagnostics))).not.toThrow();
    }
  });
  test('a part taken out of the middle', async () => {
    const text = example('resnet_cifar.res');
    for (let start = 0; start < text.length; start += 97) {
      const result = await compile(text.slice(0, start) + text.slice(start + 41), {
        model: 'ResNet20',
        limits: { steps: 20_000 },
      });
      expect(result.graph !== undefined || result.diagnostics.length > 0).toBe(true);
    }
  });
});
