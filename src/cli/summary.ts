/** `rescc summary`: the tree of scopes with output shapes, parameters and multiply-adds, symbols left symbolic. */
import type { Command } from 'commander';
import { build } from '../compile.ts';
import { typeText } from '../ir/types.ts';
import { type SummaryNode, summarize, summaryText } from '../view/summary.ts';
import { readSource } from './files.ts';
import { compileOptions, type ModelFlags, type OutputFlags, wholeNumber, withModel, withOutput } from './options.ts';
import { columns, out, report, stopOnErrors } from './output.ts';

export function addSummary(program: Command): void {
  const command = program
    .command('summary')
    .description('prints layers, shapes, parameters and multiply-adds')
    .argument('<file>', 'a .res file, or -')
    .option('--depth <n>', 'levels of scopes to list', wholeNumber(0, 1000));
  withOutput(withModel(command)).action((file: string, flags: ModelFlags & OutputFlags & { readonly depth?: number }) => {
    const { diagnostics, graph } = build(readSource(file), compileOptions(flags));
    stopOnErrors(flags, diagnostics);
    if (!graph) return;
    const tree = summarize(graph, flags.depth === undefined ? {} : { depth: flags.depth });
    if (flags.json) report(flags, diagnostics, { ok: true, summary: plain(tree) });
    else {
      report(flags, diagnostics);
      out(summaryText(tree, process.stdout.isTTY ? { width: columns(process.stdout) } : {}));
    }
  });
}

function plain(node: SummaryNode): Readonly<Record<string, unknown>> {
  return {
    path: node.path,
    operator: node.operator,
    details: node.details,
    output: node.output ? typeText(node.output) : undefined,
    parameters: node.parameters,
    buffers: node.buffers,
    multiplyAdds: node.madds?.toString(),
    children: node.children.map(plain),
  };
}
