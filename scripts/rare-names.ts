/**
 * Writes src/ops/rare-names.ts: what the registry has beyond `frequent.ts`, by name, so that it is loaded for those and for
 * nothing else; or, with `--check`, fails if it is not what the two say.
 */
import { controlFlow } from '../src/ops/control-flow.ts';
import { frequentLayers, frequentOperators } from '../src/ops/frequent.ts';
import { layers, operators } from '../src/ops/registry.ts';
import { writeOrCompare } from './generated.ts';

const beyond = (all: readonly { readonly name: string }[], some: readonly { readonly name: string }[]): string => {
  const known = new Set(some.map(({ name }) => name));
  const names = all.map(({ name }) => name).filter((name) => !known.has(name));
  return names.map((name) => `  '${name}',\n`).join('');
};

writeOrCompare(
  'src/ops/rare-names.ts',
  `/** What only the registry has: written by \`npm run generate\`, from it and \`frequent.ts\`. */
export const rareOperators: ReadonlySet<string> = new Set([
${beyond([...operators, ...controlFlow], frequentOperators)}]);

export const rareLayers: ReadonlySet<string> = new Set([
${beyond(layers, frequentLayers)}]);
`,
  'the registry',
);
