/** Figures as the reports print them, and as data. */
import type { GraphStats } from '../ir/stats.ts';
import type { PassReport } from '../passes/pipeline.ts';

export const grouped = (n: number): string => n.toString().replace(/\B(?=(\d{3})+$)/g, ',');

export function bytesText(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
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
