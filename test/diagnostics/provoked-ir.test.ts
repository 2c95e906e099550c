/** Every mistake in the text of a graph: what is printed for a file that makes it. Adding a case is adding a .ir file. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Sink } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import { readGraph } from '../../src/ir/read.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { golden, goldenFolder } from '../golden.ts';
import { buildExpr, leaf } from '../support/tensors.ts';

const folder = join(goldenFolder, 'errors');
const files = readdirSync(folder)
  .filter((name) => /^RES09.*\.ir$/.test(name))
  .sort();

test('there are files', () => expect(files.length).toBeGreaterThan(15));

test.each(files)('%s', (name) => {
  const sink = new Sink();
  const source = { name, text: readFileSync(join(folder, name), 'utf8') };
  expect(readGraph(source, { operator: operatorByName, leaf, call: buildExpr }, sink)).toBeUndefined();
  expect(sink.list.map((d) => d.code)).toContain(name.slice(0, 7));
  for (const { code, span, found, expected, hint } of sink.list) {
    expect(span, `${code} has a span`).toBeDefined();
    expect(found && expected && hint, `${code} says what was found, what was expected and what to type`).toBeTruthy();
  }
  golden(`errors/${name.replace(/\.ir$/, '.txt')}`, render(sink.list, { color: false, width: 130 }));
});
