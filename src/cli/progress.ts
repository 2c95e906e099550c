/**
 * The line on standard error for what takes long enough to wonder about: what is being done, how far it is, and how fast it goes.
 * Only on a terminal; whatever else is printed takes it away.
 */
import { cellsOf } from '../diagnostics/cells.ts';
import type { OnProgress } from '../diagnostics/progress.ts';
import type { FileSource } from '../io/node/file-source.ts';
import { bytesText } from '../view/count-text.ts';
import { columns, isWatched, screen, showStatus, takeStatus } from './terminal.ts';

/** What reads files in passing gives way to what says more, as long as that goes on. */
const quietMs = 300;
const mostBar = 30;
/** Of less time no rate can be told. */
const leastSeconds = 0.2;

export interface Moment {
  readonly what: string;
  readonly done: number;
  readonly total: number;
  /** Since the work began. */
  readonly seconds: number;
  readonly columns: number;
  /** `bytes`, or what is counted: `pictures`. */
  readonly unit: string;
}

/** `writing net.onnx [=====     ]  52 %  53.1 MB of 102.1 MB, 310 MB/s`, in less than so many columns. */
export function progressLine({ what, done, total, seconds, columns: most, unit }: Moment): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const amount = (n: number): string => (unit === 'bytes' ? bytesText(Math.round(n)) : Math.round(n).toLocaleString('en-US'));
  const rate = seconds > 0 ? done / seconds : 0;
  const rateText = unit === 'bytes' ? amount(rate) : `${rate >= 10 ? amount(rate) : rate.toPrecision(2)} ${unit}`;
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`;
  const left = share > 0 && share < 1 ? (seconds * (1 - share)) / share : 0;
  // Steps that are no amount of anything have no rate but the time that is left.
  const pace = unit !== '' ? `${amount(done)} of ${amount(total)}, ${rateText}/s` : left >= 1 ? `${durationText(left)} left` : '';
  const speed = done === 0 || seconds < leastSeconds ? '' : pace;
  const room = most - 1;
  // The least that is of use comes last to go.
  const forms = [[what, '[]', percent, speed], [what, percent, speed], [what, percent], [percent.trim()]];
  for (const form of forms) {
    const line = form.filter((part) => part !== '').join('  ');
    const free = room - cellsOf(line);
    if (free < (form.includes('[]') ? 8 : 0)) continue;
    const bar = Math.min(mostBar, free);
    return line.replace('[]', `[${'='.repeat(Math.round(share * bar)).padEnd(bar)}]`);
  }
  return '';
}

function durationText(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

/** When work last said how far it is. */
let told = Number.NEGATIVE_INFINITY;

const draw = (moment: Omit<Moment, 'columns' | 'seconds'>, started: number): void =>
  showStatus(() => progressLine({ ...moment, seconds: (performance.now() - started) / 1000, columns: columns(screen(2)) }));

/** What the work of the compiler calls: a line for each thing that it does. Undefined where nobody sees it. */
export function watcher(): OnProgress | undefined {
  if (!isWatched()) return undefined;
  let current = '';
  let started = performance.now();
  return (what, done, total, unit) => {
    told = performance.now();
    if (what !== current) {
      // A pass behind another one is the same work: its rate goes on.
      if (what.split(':')[0] !== current.split(':')[0]) started = told;
      current = what;
    }
    draw({ what, done, total, unit }, started);
  };
}

export interface Progress {
  /** `done` of `total`; a `what` says what is being done now. */
  readonly update: (done: number, total: number, what?: string) => void;
  /** Takes the line away. */
  readonly stop: () => void;
}

/** The same for one work of a command. */
export function progressOf(what: string, unit: string): Progress | undefined {
  if (!isWatched()) return undefined;
  const started = performance.now();
  return {
    update(done, total, now) {
      told = performance.now();
      draw({ what: now ?? what, done, total, unit }, started);
    },
    stop: takeStatus,
  };
}

/** The same for steps that are no amount of anything. */
export function stepsOf(
  what: string,
): { readonly step: (name: string, done: number, total: number) => void; readonly stop: () => void } | undefined {
  const bar = progressOf(what, '');
  return bar && { step: (name, done, total) => bar.update(done, total, `${what}: ${name}`), stop: bar.stop };
}

/** A file whose reading is seen where nothing else says how far the work is. */
export function watched(source: FileSource): FileSource {
  if (!isWatched()) return source;
  let read = 0;
  const started = performance.now();
  const count = (bytes: number): void => {
    read += bytes;
    if (performance.now() - told < quietMs) return;
    draw({ what: `reading ${source.name}`, done: Math.min(read, source.size), total: source.size, unit: 'bytes' }, started);
  };
  const { readSync, readInto, sibling } = source;
  return {
    name: source.name,
    size: source.size,
    read: (start, length) => {
      count(length);
      return source.read(start, length);
    },
    ...(readSync && {
      readSync: (start: number, length: number) => {
        count(length);
        return readSync.call(source, start, length);
      },
    }),
    ...(readInto && {
      readInto: (start: number, into: Uint8Array) => {
        count(into.length);
        readInto.call(source, start, into);
      },
    }),
    ...(sibling && { sibling: (path: string) => sibling.call(source, path) }),
    close: () => source.close(),
  };
}
