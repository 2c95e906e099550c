/** Plots as files that commands write beside what they print. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { npyBytes } from '../../src/runtime/npy.ts';
import { folder, object, rescc, root, small } from './rescc.ts';

const here = folder({ 'small.res': small });
afterAll(here.remove);
const run = (...args: string[]): ReturnType<typeof rescc> => rescc(args, { cwd: here.path });
const written = (name: string): string => readFileSync(join(here.path, name), 'latin1');

test('summary: SVG in the theme that is asked for, PDF, PNG, and the table all the same', () => {
  const table = run('summary', 'small.res').out;
  expect(run('summary', 'small.res', '-o', 'cost.svg')).toMatchObject({ code: 0, out: table, err: 'wrote cost.svg\n' });
  expect(written('cost.svg')).toContain('@media (prefers-color-scheme:dark)');
  expect(written('cost.svg')).toContain('>at N = 1<');
  expect(run('summary', 'small.res', '--at', 'N=3', '--theme', 'dark', '-o', 'dark.svg', '-q')).toMatchObject({
    code: 0,
    out: '',
  });
  expect(written('dark.svg')).toContain('.f-paper{fill:#12171d}');
  expect(written('dark.svg')).not.toContain('@media');
  expect(written('dark.svg')).toContain('>at N = 3<');
  expect(run('summary', 'small.res', '-o', 'cost.pdf', '-q')).toMatchObject({ code: 0, out: '', err: '' });
  expect(written('cost.pdf')).toMatch(/^%PDF-1\.7/);
  expect(object(run('summary', 'small.res', '-o', 'cost.png', '--json').out)).toMatchObject({ ok: true, output: 'cost.png' });
  expect(written('cost.png')).toMatch(/^\x89PNG/);
});

test('verify: errors of layers as a plot and as data, of a source and of a file', () => {
  const table = run('verify', 'small.res').out;
  expect(run('verify', 'small.res', '-o', 'error.svg')).toMatchObject({ code: 0, out: table, err: 'wrote error.svg\n' });
  expect(written('error.svg')).toContain('most that an output may be off 1.0e-5');
  expect(written('error.svg').match(/<circle /g)?.length).toBeGreaterThan(2);
  run('small.res', '-o', 'small.onnx', '-q');
  const data = object(run('verify', 'small.onnx', '-o', 'error.pdf', '--width', '120', '--json').out);
  expect(data).toMatchObject({
    ok: true,
    output: 'error.pdf',
    layers: expect.arrayContaining([{ name: expect.any(String), relative: expect.any(Number) }]),
  });
  expect(written('error.pdf')).toContain('/MediaBox [0 0 340.16 ');
});

test('verify: an input through a pipe is read once, and data is one object, where the plot cannot be written too', () => {
  run('small.res', '-o', 'small.onnx', '-q');
  const input = npyBytes({ elem: 'f32', dims: [1, 3, 8, 8], data: new Float64Array(192).fill(1) });
  for (const file of ['small.res', 'small.onnx']) {
    const piped = rescc(['verify', file, '--input', 'image=-', '-o', 'piped.svg', '-q'], { cwd: here.path, input });
    expect(piped, file).toMatchObject({ code: 0, out: '', err: '' });
    expect(written('piped.svg')).toContain('the inputs given');
    const refused = run('verify', file, '--json', '-o', 'no/error.svg');
    expect(refused.code).toBe(1);
    expect(object(refused.out)).toMatchObject({ ok: false, diagnostics: [{ code: 'RES0706' }] });
  }
});

test('bench: layers of one model, or models beside each other', () => {
  const quick = ['--runs', '7', '--warmup', '0', '-q'];
  expect(run('bench', 'small.res', ...quick, '--layers', '0', '-o', 'layers.svg')).toMatchObject({ code: 0, out: '' });
  expect(written('layers.svg')).toMatch(/Latency and multiply-adds: layers of \w+</);
  expect(written('layers.svg')).toMatch(/multiply-adds a second</);
  run('small.res', '-o', 'small.onnx', '-q');
  expect(run('bench', 'small.res', 'small.onnx', ...quick, '-o', 'models.svg').code).toBe(0);
  expect(written('models.svg')).toContain('>small.onnx<');
  expect(written('models.svg')).toContain('2 models');
});

test('run: a path where states follow each other', () => {
  const example = join(root, 'examples/neural_ode.res');
  const spiral = (...args: string[]): ReturnType<typeof rescc> =>
    run('run', example, '--model', 'Spiral', '-i', 'y=[[2, 0], [1, 1]]', ...args);
  expect(spiral('-o', 'path.svg')).toMatchObject({ code: 0, err: 'wrote path.svg\n' });
  expect(written('path.svg')).toContain('101 steps, 2 paths');
  expect(written('path.svg').match(/<circle /g)).toHaveLength(2);
  expect(spiral('-o', 'path.pdf', '-o', 'path.png', '--theme', 'dark').code).toBe(0);
  expect(written('path.pdf')).toMatch(/^%PDF-1\.7/);
  expect(written('path.png')).toMatch(/^\x89PNG/);
  const refused = run(
    'run',
    'small.res',
    '-i',
    join(root, 'test/fixtures/runtime/picture.png'),
    '--resize',
    'stretch',
    '--as',
    'path',
    '-o',
    'no.svg',
  );
  expect(refused.code).not.toBe(0);
  expect(refused.err).toContain('[T, 2]');
  const wrong = spiral('--as', 'path', '-o', 'path.json');
  expect(wrong.err).toContain('-o path=path.svg');
});

test('a width or a theme without a plot, and widths that hold none, are mistakes', () => {
  expect(run('summary', 'small.res', '--width', '150').err).toContain('-o cost.svg --width 150');
  expect(run('bench', 'small.res', '--theme', 'dark').err).toContain('-o latency.svg --theme dark');
  expect(run('verify', 'small.res', '-o', 'error.txt').err).toContain('-o error.svg');
  expect(run('summary', 'small.res', '--width', '50', '-o', 'cost.svg').err).toContain('120 to 1000');
});
