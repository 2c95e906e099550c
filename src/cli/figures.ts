/** Figures as the reports print them, and as data. */
import type { Dim } from '../ir/dim.ts';
import type { Memory } from '../ir/memory.ts';
import type { GraphStats } from '../ir/stats.ts';
import type { PassReport } from '../passes/pipeline.ts';
import { bytesText, countText } from '../view/count-text.ts';

/** Rows of a report about what a run computes, writes and holds. */
export function costRows(
  before: Dim | undefined,
  after: Dim | undefined,
  memory: Memory,
): readonly (readonly [string, string])[] {
  const peak = memory.peak ? `, at most ${countText(memory.peak, { amount: bytesText })} at once` : '';
  return [
    ['multiply-adds', before === after ? countText(after) : `${countText(before)} → ${countText(after)}`],
    ['activations', `${memory.atMost ? 'at most ' : ''}${countText(memory.activations)}${peak}`],
  ];
}

/** A number, or the polynomial that it is; null for what is not known. */
const numberOrText = (dim: Dim | undefined): number | string | null => dim?.constant ?? dim?.toString() ?? null;

export function memoryJson({ activations, peak, atMost }: Memory): Readonly<Record<string, unknown>> {
  return { activations: numberOrText(activations), peakBytes: numberOrText(peak), ...(atMost && { atMost }) };
}

export function statsJson(stats: GraphStats): Readonly<Record<string, unknown>> {
  return {
    nodes: stats.nodes,
    parameters: stats.parameters,
    buffers: stats.buffers,
    bytes: stats.bytes,
    multiplyAdds: stats.madds?.toString() ?? null,
    operators: Object.fromEntries(stats.byOperator),
  };
}

export function passesJson(report: PassReport): readonly unknown[] {
  return report.passes.map((p) => ({ name: p.name, fired: p.fired, refused: p.refused }));
}
