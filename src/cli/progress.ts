/**
 * A line on standard error for what takes long enough to wonder about: how far it is, and how fast it goes. Only on a terminal;
 * it goes when the work is done.
 */
import { cellsOf } from '../diagnostics/cells.ts';
import { bytesText } from '../view/count-text.ts';
import { columns, type OutputOptions } from './output.ts';

export interface Progress {
  /** `done` of `total`; a `what` says what is being done now. */
  readonly update: (done: number, total: number, what?: string) => void;
  /** Takes the line away. */
  readonly stop: () => void;
}

/** Until then a line would only flicker. */
const afterMs = 700;
/** Between two drawings. */
const everyMs = 80;
const mostBar = 30;
const clearLine = '\r\u001b[K';

export interface Moment {
  readonly what: string;
  readonly done: number;
  readonly total: number;
  readonly seconds: number;
  readonly columns: number;
  /** `bytes`, or what is counted: `pictures`. */
  readonly unit: string;
}

/** `writing net.onnx [=====     ]  52 %  53.1 MB of 102.1 MB, 310 MB/s`, in less than so many columns. */
export function progressLine({ what, done, total, seconds, columns: most, unit }: Moment): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const amount = (n: number): string => (unit === 'bytes' ? bytesText(Math.round(n)) : String(Math.round(n)));
  const rate = seconds > 0 ? done / seconds : 0;
  const rateText = unit === 'bytes' ? amount(rate) : `${rate >= 10 ? Math.round(rate) : rate.toPrecision(2)} ${unit}`;
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`;
  const of = unit === '' ? '' : `${amount(done)} of ${amount(total)}`;
  const room = most - 1;
  // The least that is of use comes last to go.
  const forms = [
    [what, '[]', percent, unit === '' ? '' : `${of}, ${rateText}/s`],
    [what, percent, unit === '' ? '' : `${of}, ${rateText}/s`],
    [what, percent],
    [percent.trim()],
  ];
  for (const form of forms) {
    const line = form.filter((part) => part !== '').join('  ');
    const left = room - cellsOf(line);
    if (left < (form.includes('[]') ? 8 : 0)) continue;
    const bar = Math.min(mostBar, left);
    return line.replace('[]', `[${'='.repeat(Math.round(share * bar)).padEnd(bar)}]`);
  }
  return '';
}

/**
 * Undefined where nobody sees it: no terminal, `--quiet`, `--json`. `waiting` is how many milliseconds nothing is drawn; none
 * where steps are few and long.
 */
export function progressOf(options: OutputOptions, what: string, unit: string, waiting = afterMs): Progress | undefined {
  if (!process.stderr.isTTY || options.quiet || options.json) return undefined;
  const started = performance.now();
  let drawn = 0;
  let name = what;
  return {
    update(done, total, now) {
      name = now ?? name;
      const time = performance.now();
      if (time - started < waiting || time - drawn < everyMs) return;
      drawn = time;
      const line = progressLine({
        what: name,
        done,
        total,
        seconds: (time - started) / 1000,
        columns: columns(process.stderr),
        unit,
      });
      process.stderr.write(`${clearLine}${line}`);
    },
    stop() {
      if (drawn > 0) process.stderr.write(clearLine);
      drawn = 0;
    },
  };
}

/** The same for what is done in few and long steps, each of which is drawn at once. */
export function stepsOf(
  options: OutputOptions,
  what: string,
): { readonly step: (name: string, done: number, total: number) => void; readonly stop: () => void } | undefined {
  const bar = progressOf(options, what, '', 0);
  return bar && { step: (name, done, total) => bar.update(done, total, name), stop: bar.stop };
}
