/** Writes docs/reference.md, the layers of the language, from the registry. `--check` compares instead, and exits with 1 where they differ. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Layer } from '../src/ops/define.ts';
import type { ParamSpec } from '../src/ops/params.ts';
import { layers, operators, refusedLayers } from '../src/ops/registry.ts';

export const referenceFile = new URL('../docs/reference.md', import.meta.url);

const code = (text: string): string => `\`${text}\``;

function signature(layer: Layer): string {
  const params = Object.entries(layer.params).map(([name, spec]) => {
    if (spec.rest) return `${name}...`;
    if (spec.default) return `${name}=${spec.default.text}`;
    return spec.positional ? name : `${name}=`;
  });
  const operands = layer.operands.names.filter((_, i) => i > 0 || layer.operands.min !== 1 || layer.operands.max !== 1);
  const all = [...operands, ...params];
  return all.length === 0 ? layer.name : `${layer.name}(${all.join(', ')})`;
}

function paramLine(name: string, spec: ParamSpec): string {
  const notes = [spec.type];
  if (spec.rest) notes.push('any number of them, or a list');
  else if (!spec.positional) notes.push('by name');
  if (spec.default && spec.default.text !== '') notes.push(`default ${code(spec.default.text)}`);
  else if (!spec.default) notes.push('must be given');
  return `- ${code(name)} (${notes.join('; ')}): ${spec.doc}`;
}

function operandLine({ operands }: Layer): string | undefined {
  const { names, min, max } = operands;
  if (max === 0) return 'Takes no tensor.';
  if (min === 1 && max === 1) return undefined;
  const count = max === Infinity ? `${min} or more tensors` : min === max ? `${min} tensors` : `${min} to ${max} tensors`;
  return `Takes ${count}: ${names.map(code).join(', ')}.`;
}

function layerSection(layer: Layer): string {
  const weights = layer.weights.map(
    ({ name, shape, when }) => `- ${code(name)} ${code(shape)}${when === undefined ? '' : `, ${when}`}`,
  );
  const params = Object.entries(layer.params).map(([name, spec]) => paramLine(name, spec));
  const parts = [
    `### ${layer.name}`,
    code(signature(layer)),
    `${layer.summary}. Source: ${layer.source}.`,
    operandLine(layer),
    params.length > 0 ? params.join('\n') : undefined,
    weights.length > 0 ? `Parameters and buffers:\n\n${weights.join('\n')}` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join('\n\n');
}

/** The page, in the order of the registry. */
export function referenceText(): string {
  const families = [...new Set(layers.map((layer) => layer.family))];
  const sections = families.flatMap((family) => [
    `## ${family}`,
    ...layers.filter((layer) => layer.family === family).map(layerSection),
  ]);
  const refused = [...refusedLayers].map(([name, hint]) => `- ${code(name)}: ${hint}`);
  const operatorRows = operators.map(
    ({ name, onnx, summary }) => `| ${name} | ${onnx.join(', ')} | ${summary.replaceAll('|', '\\|')} |`,
  );
  return `${[
    '# Layers of the language',
    '<!-- Written by scripts/reference.ts from src/ops/registry.ts: `npm run generate`. -->',
    'A layer takes the current value, `it`, unless tensors are given. Parameters that are listed without "by name" may be given in their order without their names. Names, meaning and defaults are PyTorch\'s where a source in `torch` is named, with the exceptions that the layer states.',
    ...sections,
    '## Refused',
    'These are known and refused, because a compiled model is a function of its inputs:',
    refused.join('\n'),
    '## Operators',
    'What layers become in the graph, and which ONNX operators that may be written as, by opset and element type.',
    ['| operator | ONNX | computes |', '| --- | --- | --- |', ...operatorRows].join('\n'),
  ].join('\n\n')}\n`;
}

function main(): void {
  const text = referenceText();
  if (!process.argv.includes('--check')) {
    mkdirSync(new URL('.', referenceFile), { recursive: true });
    writeFileSync(referenceFile, text);
    return;
  }
  let old = '';
  try {
    old = readFileSync(referenceFile, 'utf8');
  } catch {
    old = '';
  }
  if (old === text) {
    console.log(`docs/reference.md is up to date with ${layers.length} layers`);
    return;
  }
  console.error('docs/reference.md is stale: npm run generate');
  process.exit(1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
