/**
 * Cases that random testing found and made small, each a mistake once: they pass every check of a random case.
 * `npm run fuzz -- --save` makes them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { goldenFolder } from '../golden.ts';
import { checkCase, loadCase } from './check.ts';
import { caseText } from './onnx-case.ts';

const folder = join(goldenFolder, 'optimize');

describe('what random testing found', () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith('.json')))('%s', async (name) => {
    const one = loadCase(readFileSync(join(folder, name), 'utf8'));
    const outcome = await checkCase(one);
    expect(outcome.failures, caseText(one)).toEqual([]);
  });
});
