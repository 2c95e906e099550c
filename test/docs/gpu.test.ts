import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isSlower, type Measurement, page, profilesOf, rowsOf, type Variant, withMeasurement } from '../../bench/gpu-table.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('measurements on a GPU', () => {
  test('bench/gpu.md is the page of bench/gpu.json', () => {
    const kept = JSON.parse(read('bench/gpu.json')) as readonly Measurement[];
    expect(page(kept), 'npm run bench -- gpu --write').toBe(read('bench/gpu.md'));
    for (const { device } of kept) expect(device).toMatch(/\w/);
  });

  const variants: ReadonlyMap<string, readonly Variant[]> = new Map([
    [
      'net',
      [
        { label: 'torch.export', path: 'a', like: 'torch.export' },
        { label: 'torch.export -O1', path: 'b', like: 'torch.export' },
        { label: 'torch.export --target cuda', path: 'c', like: 'torch.export', same: 'torch.export -O1' },
        { label: 'torch.export --target webgpu', path: 'd', like: 'torch.export' },
      ],
    ],
  ]);
  const line = (label: string, session: number, ...ms: number[]) => ({ network: 'net', label, batch: 1, session, ms });

  test('a ratio is that of two medians of one turn', () => {
    const lines = [
      line('torch.export', 0, 1, 2, 9),
      line('torch.export -O1', 0, 1, 1, 1),
      line('torch.export', 1, 4),
      line('torch.export -O1', 1, 3),
    ];
    const [row] = rowsOf('cuda', lines, variants);
    // A file for another provider has no cell; one with the same bytes has the numbers of the other.
    expect(row?.cells.map(({ label, sessions, ratios }) => [label, sessions, ratios])).toEqual([
      ['torch.export', [2, 4], [1, 1]],
      ['torch.export -O1', [1, 3], [0.5, 0.75]],
      ['torch.export --target cuda', [1, 3], [0.5, 0.75]],
    ]);
  });
  test('slower is what was slower in each of two sessions or more', () => {
    const slower = (...ratios: number[]) => isSlower({ label: '', sessions: [], ratios });
    expect([slower(), slower(1.2), slower(1.2, 1.005), slower(1.02, 1.02)]).toEqual([false, false, false, true]);
  });
  test('what is measured again on the same device replaces what was kept of that network', () => {
    const one = (device: string, date: string, ...networks: string[]): Measurement => ({
      device,
      provider: 'cuda',
      search: '',
      date,
      runtime: '',
      rows: networks.map((network) => ({ network, batch: Number(date), cells: [] })),
      profiles: [],
    });
    const kept = [one('a', '1', 'net', 'other'), one('b', '1', 'net')].reduce(withMeasurement, [] as readonly Measurement[]);
    const told = withMeasurement(kept, one('a', '2', 'net', 'more')).map(({ device, rows }) => [
      device,
      rows.map((r) => `${r.network} ${r.batch}`),
    ]);
    expect(told).toEqual([
      ['a', ['net 2', 'other 1', 'more 2']],
      ['b', ['net 1']],
    ]);
  });
  test('of a profile the longest kernels are kept, and the time of all', () => {
    const [kernels, ops] = profilesOf(
      [
        { network: 'net', label: 'x', batch: 1, kernels: { short: [1, 3], long: [1500, 2] } },
        { network: 'net', label: 'x', ops: { Conv: 2 } },
      ],
      1,
    );
    expect(kernels).toMatchObject({ milliseconds: 1.501, launches: 5, kernels: [['long', 1500, 2]] });
    expect(ops).toEqual({ network: 'net', label: 'x', ops: { Conv: 2 } });
  });
});
