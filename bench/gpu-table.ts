/**
 * What `npm run bench -- gpu` makes of its measurements: data to keep (bench/gpu.json), and the page that is written from all
 * data that was kept.
 */
import { median } from '../src/runtime/bench.ts';

/** What a measuring process prints, a line each. */
export interface GpuLine {
  readonly network?: string;
  readonly label?: string;
  readonly batch?: number;
  readonly session?: number;
  readonly createMs?: number;
  readonly ms?: readonly number[];
  readonly medianMs?: number;
  /** How far the outputs are from those of the first file that computes the same, as a ratio of norms. */
  readonly off?: number | null;
  readonly error?: string;
  readonly stopped?: string;
  /** Microseconds a run, and launches a run, of every kernel. */
  readonly kernels?: Readonly<Record<string, readonly [number, number]>>;
  /** Nodes of every operator in the graph that onnxruntime makes of the file. */
  readonly ops?: Readonly<Record<string, number>>;
  readonly runtime?: string;
}

/** A file of a network, as it was made. */
export interface Variant {
  readonly label: string;
  readonly path: string;
  /** Files of the same `like` compute the same, so that their outputs are compared. */
  readonly like: string;
  /** The label of a file with the same bytes, whose measurements hold for this one. */
  same?: string;
}

/** A file at one batch. */
export interface Cell {
  readonly label: string;
  readonly same?: string;
  /** Milliseconds: the median of each session. */
  readonly sessions: readonly number[];
  /** Against PyTorch's file of the same exporter, turn by turn; of a .res against -O0. */
  readonly ratios: readonly number[];
  readonly off?: number;
}

export interface Row {
  readonly network: string;
  readonly batch: number;
  readonly cells: readonly Cell[];
}

/** One file's kernels and operators. */
export interface Profile {
  readonly network: string;
  readonly label: string;
  readonly batch?: number;
  readonly milliseconds?: number;
  readonly launches?: number;
  /** The longest: name, microseconds a run, launches a run. */
  readonly kernels?: readonly (readonly [string, number, number])[];
  readonly ops?: Readonly<Record<string, number>>;
}

/** What was measured on one device, with one provider and one choice of algorithms. */
export interface Measurement {
  readonly device: string;
  readonly provider: string;
  readonly search: string;
  readonly date: string;
  readonly runtime: string;
  readonly rows: readonly Row[];
  readonly profiles: readonly Profile[];
}

export const exporters = { dy: 'torch.export', ts: 'TorchScript' } as const;

/** The label of the file that a file's time is held against. */
export const baseOf = (label: string): string => (label.startsWith('.res') ? '.res -O0' : (label.split(' ')[0] ?? label));

const digits = (x: number, n: number): number => Number(x.toPrecision(n));

/** A file of another target is not measured on this provider. */
export const isFor = (label: string, provider: string): boolean => !label.includes('--target') || label.endsWith(provider);

export function rowsOf(
  provider: string,
  lines: readonly GpuLine[],
  variants: ReadonlyMap<string, readonly Variant[]>,
): readonly Row[] {
  const rows: Row[] = [];
  for (const [network, found] of variants) {
    const own = lines.filter((line) => line.network === network && line.ms !== undefined);
    for (const batch of [...new Set(own.map((line) => line.batch ?? 0))]) {
      const timesOf = (label: string): ReadonlyMap<number, number> =>
        new Map(
          own.filter((l) => l.label === label && l.batch === batch).map((l) => [l.session ?? 0, digits(median(l.ms ?? []), 5)]),
        );
      const cells = found
        .filter(({ label }) => isFor(label, provider))
        .map(({ label, same }): Cell => {
          const times = timesOf(same ?? label);
          const base = timesOf(baseOf(label));
          const off = own.find((l) => l.label === (same ?? label) && typeof l.off === 'number')?.off;
          return {
            label,
            ...(same !== undefined && { same }),
            sessions: [...times.values()],
            ratios: [...times].flatMap(([turn, ms]) => {
              const held = base.get(turn);
              return held === undefined ? [] : [digits(ms / held, 4)];
            }),
            ...(typeof off === 'number' && { off: digits(off, 2) }),
          };
        });
      rows.push({ network, batch, cells });
    }
  }
  return rows;
}

/** The longest kernels of each file, and the operators of the graphs. */
export function profilesOf(lines: readonly GpuLine[], longest = 8): readonly Profile[] {
  return lines.flatMap(({ network = '', label = '', batch, kernels, ops }): readonly Profile[] => {
    if (ops) return [{ network, label, ops }];
    if (!kernels || batch === undefined) return [];
    const all = Object.entries(kernels).map(([name, [us, launches]]) => [name.slice(0, 120), us, launches] as const);
    return [
      {
        network,
        label,
        batch,
        milliseconds: digits(all.reduce((sum, [, us]) => sum + us, 0) / 1000, 4),
        launches: Math.round(all.reduce((sum, [, , n]) => sum + n, 0)),
        kernels: all.sort((a, b) => b[1] - a[1]).slice(0, longest),
      },
    ];
  });
}

/** One session proves nothing: slower is what was slower in each of two or more. */
export function isSlower({ ratios }: Cell): boolean {
  return ratios.length >= 2 && Math.min(...ratios) > 1.01;
}

/** Of the same device, provider and search, networks that are measured again replace those that were kept. */
export function withMeasurement(kept: readonly Measurement[], one: Measurement): readonly Measurement[] {
  const key = ({ device, provider, search }: Measurement): string => JSON.stringify([device, provider, search]);
  const at = kept.findIndex((other) => key(other) === key(one));
  const before = kept[at];
  if (!before) return [...kept, one];
  const merged = { ...one, rows: renewed(before.rows, one.rows), profiles: renewed(before.profiles, one.profiles) };
  return kept.with(at, merged);
}

/** In their order; what is about a network of `news` comes from there. */
function renewed<T extends { readonly network: string }>(old: readonly T[], news: readonly T[]): readonly T[] {
  const names = new Set([...old, ...news].map(({ network }) => network));
  return [...names].flatMap((name) => {
    const found = news.filter(({ network }) => network === name);
    return found.length > 0 ? found : old.filter(({ network }) => network === name);
  });
}

function cellText(cell: Cell | undefined): string {
  if (!cell || cell.sessions.length === 0) return '–';
  if (cell.same !== undefined) return `= ${cell.same.split(' ').slice(1).join(' ') || 'export'}`;
  const { sessions, ratios, label } = cell;
  const spread = sessions.length < 2 ? '' : ` ± ${((Math.max(...sessions) - Math.min(...sessions)) / 2).toFixed(2)}`;
  const ms = `${median(sessions).toFixed(2)}${spread}`;
  if (label === baseOf(label) || ratios.length === 0) return ms;
  const ratio = median(ratios).toFixed(3);
  return `${ms}, ${isSlower(cell) ? `**${ratio}**` : ratio}`;
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function table({ rows, provider }: Measurement): string {
  const header = ['network', 'N', 'export', '-O1', '-O2', '--target', '.res -O0', '-O1', '-O2', '--target'];
  const lines = rows.flatMap(({ network, batch, cells }) => {
    const find = (label: string): string => cellText(cells.find((cell) => cell.label === label));
    const levels = ['-O1', '-O2', `--target ${provider}`];
    return Object.values(exporters).flatMap((kind) => {
      if (!cells.some((cell) => cell.label === kind)) return [];
      // A network has one .res, whose times stand in its first line.
      const res = kind === exporters.dy ? ['-O0', ...levels].map((level) => find(`.res ${level}`)) : ['', '', '', ''];
      return [[`${network}, ${kind}`, String(batch), find(kind), ...levels.map((level) => find(`${kind} ${level}`)), ...res]];
    });
  });
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '---:'))), ...lines.map(line)].join('\n');
}

/** Of each network and batch, the files' device time and the kernels that take most of it. */
function profileText(profiles: readonly Profile[]): string {
  const kernels = profiles.filter(({ kernels }) => kernels !== undefined);
  if (kernels.length === 0) return '';
  const rows = kernels.map(({ network, label, batch, milliseconds, launches }) => {
    const ops = profiles.find((p) => p.network === network && p.label === label && p.ops)?.ops ?? {};
    const most = Object.entries(ops)
      .sort((a, b) => b[1] - a[1])
      .slice(0, 9)
      .map(([op, n]) => `${op.replace(/^com\.microsoft\./, '')} ${n}`);
    return [network, label, String(batch), (milliseconds ?? 0).toFixed(3), String(launches), most.join(', ')];
  });
  const header = ['network', 'file', 'N', 'ms', 'launches', 'operators after onnxruntime’s own optimiser'];
  return `\n\nTime of the kernels alone, a run, as CUPTI counts it:\n\n${[line(header), line(['---', '---', '---:', '---:', '---:', '---']), ...rows.map(line)].join('\n')}`;
}

/** bench/gpu.md */
export function page(measurements: readonly Measurement[]): string {
  const parts = measurements.map((one) => {
    const slower = one.rows.flatMap(({ network, batch, cells }) =>
      cells
        .filter((cell) => cell.same === undefined && isSlower(cell))
        .map((cell) => `- ${network} N=${batch}, ${cell.label}: ${median(cell.ratios).toFixed(3)}`),
    );
    const verdict =
      slower.length === 0 ? 'Slower in every session: nothing.' : `Slower in every session:\n\n${slower.join('\n')}`;
    const search = one.search === '' ? '' : `, ${one.search}`;
    return `## ${one.device}: ${one.provider}${search}\n\n${one.date}, onnxruntime ${one.runtime}.\n\n${table(one)}\n\n${verdict}${profileText(one.profiles)}`;
  });
  return `# On the GPU

\`npm run bench -- gpu --write\` measures, keeps the numbers in bench/gpu.json and writes this page from them; [docs/gpu.md](../docs/gpu.md) says what they
mean. Milliseconds a run with inputs on the device: the median of the sessions' medians ± half of what lies between the fastest and the slowest session, and
the ratio to the file that it was made from (PyTorch's export; of a .res its -O0), the median of the turns. **Bold** is slower by more than 1 % in every one of two
or more sessions. \`= -O1\` is the same file. All files of a network run in turns, so that a ratio is firmer than the milliseconds that it is made of.

${parts.join('\n\n')}
`;
}
