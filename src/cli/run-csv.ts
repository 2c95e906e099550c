/**
 * The table of a batch: a row per picture, with its classes or with what was written of it (CSV, RFC 4180, lines end in a line
 * feed).
 */
import type { Ranked } from '../runtime/run-model.ts';
import type { RowWritten } from './run-outputs.ts';

/** One picture of a batch, and what came of it. */
export interface Row extends Partial<RowWritten> {
  readonly file: string;
  readonly top?: readonly Ranked[] | undefined;
}

const cell = (value: string | number): string => {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** `file,class_1,probability_1,…,NAME`, where NAME is an output and its cells are files; `boxes` counts them. */
export function csvOf(rows: readonly Row[]): string {
  const ranks = Math.max(0, ...rows.map(({ top }) => top?.length ?? 0));
  const outputs = [...new Set(rows.flatMap(({ written }) => Object.keys(written ?? {})))];
  const counts = rows.some(({ boxes }) => boxes) ? ['boxes found'] : [];
  const head = [
    'file',
    ...Array.from({ length: ranks }, (_, i) => [`class_${i + 1}`, `probability_${i + 1}`]).flat(),
    ...counts,
    ...outputs,
  ];
  const lines = rows.map(({ file, top = [], written = {}, boxes }) => [
    file,
    ...Array.from({ length: ranks }, (_, i) => {
      const one = top[i];
      return one ? [one.label ?? one.index, Number(one.probability.toPrecision(6))] : ['', ''];
    }).flat(),
    ...counts.map(() => boxes?.length ?? ''),
    ...outputs.map((name) => written[name] ?? ''),
  ]);
  return [head, ...lines].map((line) => `${line.map(cell).join(',')}\n`).join('');
}
