/**
 * Writes docs/reference.md, the layers of the language from the registry, and its words. `--check` compares instead, and exits
 * with 1 where they differ.
 */

import { controlFlow } from '../src/ops/control-flow.ts';
import type { Layer } from '../src/ops/define.ts';
import { layerSignature, operandSentence, parameterNotes } from '../src/ops/layer-text.ts';
import type { ParamSpec } from '../src/ops/params.ts';
import { layers, operators, refusedLayers } from '../src/ops/registry.ts';
import { productions } from '../src/parser/parse-file.ts';
import { languageWords } from '../src/words/language.ts';
import { languageSection } from '../src/words/language-text.ts';
import { isProgram, writeOrCompare } from './generated.ts';

export const referenceFile = new URL('../docs/reference.md', import.meta.url);

const code = (text: string): string => `\`${text}\``;

function paramLine(name: string, spec: ParamSpec): string {
  return `- ${code(name)} (${parameterNotes(spec, code).join('; ')}): ${spec.doc}`;
}

function layerSection(layer: Layer): string {
  const weights = layer.weights.map(
    ({ name, shape, when }) => `- ${code(name)} ${code(shape)}${when === undefined ? '' : `, ${when}`}`,
  );
  const params = Object.entries(layer.params).map(([name, spec]) => paramLine(name, spec));
  const parts = [
    `### ${layer.name}`,
    code(layerSignature(layer)),
    `${layer.summary}. Source: ${layer.source}.`,
    operandSentence(layer, code),
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
  const operatorRows = [...operators, ...controlFlow].map(
    ({ name, onnx, summary }) => `| ${name} | ${onnx.join(', ')} | ${summary.replaceAll('|', '\\|')} |`,
  );
  return `${[
    '# Layers of the language',
    '<!-- Written by scripts/reference.ts from src/ops/registry.ts and src/words/language.ts: `npm run generate`. -->',
    'A layer takes the current value, `it`, unless tensors are given. Parameters that are listed without "by name" may be given in their order without their names. Names, meaning and defaults are PyTorch\'s where a source in `torch` is named, with the exceptions that the layer states.',
    ...sections,
    '## Refused',
    'These are known and refused, because a compiled model is a function of its inputs:',
    refused.join('\n'),
    '## Words of the language',
    'What is no layer: keywords, clauses, types, and what is evaluated while compiling. `rescc explain loop` prints one of these entries; [language.md](language.md) is the reference, and the forms are those of [res.ebnf](../grammars/res.ebnf).',
    ...languageWords().map((entry) => languageSection(entry, productions())),
    '## Operators',
    'What layers become in the graph, and which ONNX operators that may be written as, by opset and element type.',
    ['| operator | ONNX | computes |', '| --- | --- | --- |', ...operatorRows].join('\n'),
  ].join('\n\n')}\n`;
}

if (isProgram(import.meta.url)) writeOrCompare('docs/reference.md', referenceText(), `${layers.length} layers`);
