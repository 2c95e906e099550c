/** The reference entry of a layer as plain text: what `rescc explain conv` prints and what docs/reference.md is written from. */
import { manualWidth, wrapped } from '../diagnostics/wrap.ts';
import type { Layer } from './define.ts';
import type { ParamSpec } from './params.ts';

/**
 * `conv(out, kernel, stride=1, …)`: operands beyond `it`, then parameters with their defaults; `name=` where one must be named.
 */
export function layerSignature(layer: Layer): string {
  const params = layer.specs.map(([name, spec]) => {
    if (spec.rest) return `${name}...`;
    if (spec.others) return `${name}=...`;
    if (spec.default) return `${name}=${spec.default.text}`;
    return spec.positional ? name : `${name}=`;
  });
  const operands = takesOnlyIt(layer) ? [] : layer.operands.names;
  const all = [...operands, ...params];
  return all.length === 0 ? layer.name : `${layer.name}(${all.join(', ')})`;
}

function takesOnlyIt({ operands }: Layer): boolean {
  return operands.min === 1 && operands.max === 1;
}

/** `Takes 2 tensors: a, b.`; undefined for the usual one operand. `quote` puts names between signs. */
export function operandSentence(layer: Layer, quote: (name: string) => string = (name) => name): string | undefined {
  const { names, min, max } = layer.operands;
  if (max === 0) return 'Takes no tensor.';
  if (takesOnlyIt(layer)) return undefined;
  const count = max === Infinity ? `${min} or more tensors` : min === max ? `${min} tensors` : `${min} to ${max} tensors`;
  const left = min === 0 ? '' : min === 1 ? ' Without any, it is `it`.' : ` Given ${min - 1}, \`it\` is the first.`;
  return `Takes ${count}: ${names.map((name) => quote(name.replace(/\.{3}$/, '…'))).join(', ')}.${left}`;
}

/** What a parameter accepts and when it may be left out: `int`, `by name`, ``default `1` ``. */
export function parameterNotes(spec: ParamSpec, quote: (text: string) => string = (text) => text): readonly string[] {
  const notes = [spec.type];
  if (spec.rest) notes.push('any number of them, or a list');
  else if (spec.others) notes.push('any number of them, each by its own name');
  else if (!spec.positional) notes.push('by name');
  if (spec.default && spec.default.text !== '') notes.push(`default ${quote(spec.default.text)}`);
  else if (!spec.default) notes.push('must be given');
  return notes;
}

/** Words in lines, those after the first indented. */
function paragraph(text: string, indent: string, head = ''): string {
  return wrapped(text, manualWidth, { head, indent }).join('\n');
}

/** Names in one column, texts in another. */
function table(rows: readonly (readonly [name: string, text: string])[]): string {
  const column = Math.max(...rows.map(([name]) => name.length)) + 4;
  return rows.map(([name, text]) => paragraph(text, ' '.repeat(column), `  ${name}`.padEnd(column))).join('\n');
}

/**
 * The whole entry of one layer, for a terminal: signature, meaning, source, operands, parameters, and the tensors that it owns.
 */
export function layerText(layer: Layer): string {
  const params = layer.specs.map(([name, spec]) => [name, `${spec.doc} (${parameterNotes(spec).join('; ')})`] as const);
  const weights = layer.weights.map(({ name, shape, when }) => [name, when === undefined ? shape : `${shape}, ${when}`] as const);
  return [
    paragraph(layerSignature(layer), '     '),
    paragraph(`${layer.summary}.`, ''),
    operandSentence(layer),
    params.length > 0 ? `Arguments\n${table(params)}` : undefined,
    weights.length > 0 ? `Parameters and buffers\n${table(weights)}` : undefined,
    `Source: ${layer.source}`,
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}
