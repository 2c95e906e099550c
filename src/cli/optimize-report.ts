/** The report of `rescc optimize`: what a file was and what it is now, for people and as data. */

import { cellsOf, padEnd } from '../diagnostics/cells.ts';
import { wrapped } from '../diagnostics/wrap.ts';
import { shapeOfFile } from '../import/narrowed.ts';
import type { OptimizeReport } from '../optimize.ts';
import { bytesText, grouped } from '../view/count-text.ts';
import { costRows, memoryJson, passesJson, statsJson } from './figures.ts';

/** What was written, where something was. */
export interface Target {
  readonly path: string;
  readonly bytes: number;
}

/** Groups that are shown without --verbose. */
const shownGroups = 5;

/** The width that lines are broken at. */
const width = 80;
const nameWidth = 16;

/** A diff of two models: what changed, what stayed, what could not be done and why. */
export function reportText(
  report: OptimizeReport,
  target: Target | undefined,
  seconds: number,
  options: { readonly verbose: boolean },
): string {
  const { before, after, opset, stored } = report;
  const lines: string[] = [`${report.file}${target ? ` → ${target.path}` : ''}`];
  const row = (name: string, text: string): void => {
    lines.push(...behind(`  ${name.padEnd(nameWidth)} `, text));
  };
  const change = (a: string, b: string): string => (a === b ? a : `${a} → ${b}`);
  row('nodes', change(grouped(report.nodes.before), grouped(report.nodes.after)));
  lines.push(...operatorLines(report));
  row('weights', change(bytesText(stored.before.bytes), bytesText(stored.after.bytes)));
  row('in the file', `${change(grouped(stored.before.elements), grouped(stored.after.elements))} elements`);
  for (const [name, text] of costRows(before.madds, after.madds, report.memory)) row(name, text);
  const size = target ? change(bytesText(report.fileBytes), bytesText(target.bytes)) : bytesText(report.fileBytes);
  row('file', `${size}, opset ${change(String(opset.before), String(opset.after))}, -O${report.level}`);
  for (const [i, { name, before, after, by }] of report.narrowed.entries()) {
    const who = by.length === 0 ? '' : `, which ${by.join(' and ')} ${by.length === 1 ? 'asks' : 'ask'} for`;
    row(i === 0 ? 'narrowed' : '', `${name}: ${shapeOfFile(before)} → ${shapeOfFile(after)}${who}`);
  }
  if (report.equalWeights > 0) row('equal weights', `${report.equalWeights} stored once`);
  row('time', `${seconds.toFixed(2)} s`);
  const most = options.verbose ? Infinity : shownGroups;
  const groups = <T>(name: string, all: readonly T[], text: (one: T) => string): void => {
    for (const [i, one] of all.slice(0, most).entries()) row(i === 0 ? name : '', text(one));
    if (all.length > most) row('', `and ${all.length - most} more kinds: --verbose`);
  };
  groups('refused', report.refused, ({ rule, condition, count, example }) => {
    const times = count === 1 ? 'at' : `${grouped(count)} times, first at`;
    return `${rule}: ${condition}, ${times} ${example === '' ? 'a node without a name' : example}`;
  });
  groups('passed through', report.foreign, ({ operator, why, count, example }) => {
    const times = count === 1 ? operator : `${operator} × ${grouped(count)}`;
    return `${times}: ${why}${example === '' ? '' : ` (${example})`}`;
  });
  if (report.foreign.length > 0) row('', 'Passes stop where these stand; everything around them is optimised.');
  for (const note of report.notes) row('note', note);
  return lines.join('\n');
}

/** Operators that changed a line each, the others together. */
function operatorLines({ operators }: OptimizeReport): readonly string[] {
  const changed = operators.filter((one) => one.before !== one.after).sort((a, b) => b.before - a.before || b.after - a.after);
  const same = operators.filter((one) => one.before === one.after).sort((a, b) => b.before - a.before);
  const name = Math.max(nameWidth, ...changed.map((one) => cellsOf(one.name) + 2));
  const digits = Math.max(...changed.map((one) => grouped(one.before).length), 1);
  const lines = changed.map(
    (one) => `    ${padEnd(one.name, name - 2)} ${grouped(one.before).padStart(digits)} → ${grouped(one.after)}`,
  );
  if (same.length > 0) {
    const text = same.map((one) => `${one.name} ${grouped(one.before)}`).join(', ');
    lines.push(...behind(`    ${'unchanged'.padEnd(nameWidth - 2)} `, text));
  }
  return lines;
}

/** Behind the head, broken at words; what follows is indented as far. */
function behind(head: string, text: string): readonly string[] {
  return wrapped(text, width, { head, indent: ' '.repeat(head.length) });
}

/** The report for --json. */
export function reportJson(report: OptimizeReport): Readonly<Record<string, unknown>> {
  return {
    file: report.file,
    opset: report.opset,
    level: report.level,
    nodes: report.nodes,
    stored: report.stored,
    operators: report.operators,
    fileBytes: report.fileBytes,
    before: statsJson(report.before),
    after: statsJson(report.after),
    memory: memoryJson(report.memory),
    passes: passesJson(report.passes),
    refused: report.refused,
    foreign: report.foreign,
    equalWeights: report.equalWeights,
    narrowed: report.narrowed,
    notes: report.notes,
  };
}
