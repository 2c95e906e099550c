/**
 * Writes docs/runtime-defects.md, what onnxruntime gets wrong, from src/ops/runtime-defect-list.ts. `--check` compares instead.
 */
import { runtimeDefects } from '../src/ops/runtime-defect-list.ts';
import type { RuntimeDefect, SmallModel } from '../src/ops/runtime-defects.ts';
import { isProgram, writeOrCompare } from './generated.ts';

function modelText({ opset, x, nodes, constants, right }: SmallModel): string {
  const shape = (dims: readonly number[]): string => `[${dims.join(', ')}]`;
  const numbers = (data: readonly number[]): string =>
    data.length === 0 ? '' : data.length <= 12 ? ` = ${data.join(' ')}` : ` (${data.length} numbers)`;
  return [
    `opset ${opset}`,
    `input x: f32${shape(x.dims)}${numbers(x.data)}`,
    ...Object.entries(constants).map(([name, { elem, dims, data }]) => `${name}: ${elem}${shape(dims)}${numbers(data)}`),
    ...nodes.map(({ op, inputs, outputs, attrs }) => {
      const said = Object.entries(attrs ?? {}).map(
        ([name, value]) => `${name}=${typeof value !== 'object' ? value : 'float' in value ? value.float : shape(value)}`,
      );
      return `${outputs.map((name) => name || '_').join(', ')} = ${op}(${[...inputs, ...said].join(', ')})`;
    }),
    `right: y${shape(right.dims)}${numbers(right.data)}`,
  ].join('\n');
}

function sectionOf(defect: RuntimeDefect): string {
  const providers = defect.providers ? defect.providers.join(', ') : 'every provider';
  const effect = defect.effect === 'crash' ? 'the process ends' : 'wrong numbers, without a word';
  return [
    `## ${defect.name}`,
    defect.what,
    [
      `- where: ${defect.where === 'optimiser' ? 'a rewrite of the optimiser' : 'a kernel'}, ${providers}; ${effect}`,
      `- last seen in: onnxruntime ${defect.seen}`,
      `- avoided: ${defect.avoided}`,
      `- source: ${defect.source}`,
    ].join('\n'),
    `\`\`\`text\n${modelText(defect.smallest)}\n\`\`\``,
  ].join('\n\n');
}

const text = `${[
  '# What onnxruntime gets wrong',
  '<!-- Written by scripts/defects.ts from src/ops/runtime-defect-list.ts: `npm run generate`. -->',
  'Rewrites and kernels of onnxruntime that do not compute what ONNX says, as far as rescc knows them. Lowerings keep the files that rescc writes clear of them, `rescc verify` names them where a provider is off, and a test runs each smallest model, so that a version of onnxruntime that mends one is noticed.',
  ...runtimeDefects.map(sectionOf),
].join('\n\n')}\n`;

if (isProgram(import.meta.url)) writeOrCompare('docs/runtime-defects.md', text, `${runtimeDefects.length} defects`);
