/** `rescc extract model.onnx --from VALUE,… --to VALUE,… -o part.onnx`: a part of a model as a model of its own. */
import type { Command } from 'commander';
import { extractModel } from '../edit/extract.ts';
import { typeText } from '../onnx/types.ts';
import { provePart } from '../runtime/surgery.ts';
import { collect } from './options.ts';
import { operate, type SurgeryFlags, withSurgery } from './surgery.ts';

interface Flags extends SurgeryFlags {
  readonly from?: readonly string[];
  readonly to?: readonly string[];
}

export function addExtract(program: Command): void {
  const command = program
    .command('extract')
    .description('cuts a part out of a model, and runs it against the whole')
    .argument('<file>', 'a .res or .onnx file, or - for standard input')
    .option(
      '--from <values>',
      'where the part begins: names of values in the file (repeatable, or a list); its inputs without',
      collect,
    )
    .option('--to <values>', 'where it ends; the outputs of the model without', collect);
  withSurgery(command).action((file: string, flags: Flags) => run(file, flags));
}

/** Names have no commas but in files of odd exporters, where one a flag does. */
const listed = (specs: readonly string[] | undefined, known: (name: string) => boolean): readonly string[] | undefined =>
  specs?.flatMap((spec) => (known(spec) ? [spec] : spec.split(',').map((name) => name.trim()))).filter((name) => name !== '');

async function run(path: string, flags: Flags): Promise<void> {
  await operate(path, flags, (file) => {
    const names = new Set([...file.graph.inputs.map(({ name }) => name), ...file.graph.nodes.flatMap(({ outputs }) => outputs)]);
    const known = (name: string): boolean => names.has(name);
    const part = extractModel(file, { from: listed(flags.from, known), to: listed(flags.to, known) });
    const { graph } = part.model;
    const ports = (list: typeof graph.inputs, which: readonly string[]): string =>
      list
        .filter(({ name }) => which.includes(name))
        .map(({ name, type }) => `${name}: ${type ? typeText(type) : 'of an unknown type'}`)
        .join(', ') || 'nothing';
    const [from, to] = [ports(graph.inputs, part.from), ports(graph.outputs, part.to)];
    return {
      model: part.model,
      lines: [`${graph.nodes.length} of ${file.graph.nodes.length} nodes, from ${from} to ${to}`],
      data: { from: part.from, to: part.to, nodes: { before: file.graph.nodes.length, after: graph.nodes.length } },
      prove: (onProgress) => provePart(file, part, { seed: flags.seed, onProgress }),
    };
  });
}
