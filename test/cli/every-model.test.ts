/**
 * Every command on every kind of model, by name and through a pipe: a table of exit codes and first lines, and what holds for
 * all.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { examples } from '../../src/cli/examples.ts';
import { npyBytes } from '../../src/runtime/npy.ts';
import { golden } from '../golden.ts';
import { type Answer, folder, rescc, root, small } from './rescc.ts';

const here = folder({
  'small.res': small,
  'two.res': `${small}${small.replace('Small', 'Other')}`,
  'ones.npy': npyBytes({ elem: 'f32', dims: [1, 3, 8, 8], data: new Float64Array(192).fill(1) }),
  'net.ort': 'a file',
});
afterAll(here.remove);
const at = (name: string): string => join(here.path, name);
rescc(['small.res', '-o', 'small.onnx', '-q'], { cwd: here.path });
rescc(['small.res', '--emit', 'safetensors', '-o', 'small.safetensors', '-q'], { cwd: here.path });
writeFileSync(at('nameless'), readFileSync(at('small.onnx')));
mkdirSync(at('pictures'));
writeFileSync(at('pictures/a.png'), readFileSync(join(root, 'test/fixtures/runtime/picture.png')));
writeFileSync(at('pictures/b.jpg'), readFileSync(join(root, 'test/fixtures/runtime/picture.jpg')));

/** The call of each command that is about a model. */
const calls: Readonly<Record<string, (file: string) => readonly string[]>> = {
  compile: (file) => ['compile', file, '-o', 'made.onnx'],
  optimize: (file) => ['optimize', file, '-o', 'made.onnx'],
  verify: (file) => ['verify', file],
  run: (file) => ['run', file, '-i', 'ones.npy'],
  bench: (file) => ['bench', file, '--runs', '1', '--warmup', '0', '--layers', '0'],
  check: (file) => ['check', file],
  fmt: (file) => ['fmt', '--check', file],
  summary: (file) => ['summary', file],
  graph: (file) => ['graph', file],
  weights: (file) => ['weights', file],
  diff: (file) => ['diff', file, 'small.onnx'],
  extract: (file) => ['extract', file, '--to', 'logits', '-o', 'made.onnx'],
  rename: (file) => ['rename', file, 'logits=y', '-o', 'made.onnx'],
  adapt: (file) => ['adapt', file, '--batch', '2', '-o', 'made.onnx'],
};
/** What is about none. */
const others = ['explain', 'doctor', 'completion'];

test('every command is here', () => {
  expect([...Object.keys(calls), ...others].sort()).toEqual(Object.keys(examples).sort());
});

const call = (command: string, file: string, input?: string): Answer =>
  rescc(calls[command]?.(file) ?? [], { cwd: here.path, ...(input !== undefined && { input: readFileSync(at(input)) }) });

const kinds: readonly (readonly [kind: string, file: string, input?: string])[] = [
  ['.res', 'small.res'],
  ['.onnx', 'small.onnx'],
  ['.onnx without its end', 'nameless'],
  ['.res of two models', 'two.res'],
  ['.res on stdin', '-', 'small.res'],
  ['.onnx on stdin', '-', 'small.onnx'],
  ['nothing', 'none.onnx'],
  ['.ort', 'net.ort'],
];
const answers = new Map<string, Answer>();

describe.each(Object.keys(calls))('%s', (command) => {
  test.each(kinds.map(([kind, file, input]) => ({ kind, file, input })))('of $kind', ({ kind, file, input }) => {
    const answer = call(command, file, input);
    answers.set(`${command} ${kind}`, answer);
    // What is refused is refused by a diagnostic on standard error, and leaves nothing.
    if (answer.code !== 0) expect(answer).toMatchObject({ out: '', err: expect.stringMatching(/^error RES\d{4}: /) });
  });
  test('what comes through a pipe is what the file is', () => {
    for (const kind of ['.res', '.onnx']) {
      const [named, piped] = [answers.get(`${command} ${kind}`), answers.get(`${command} ${kind} on stdin`)];
      expect(piped?.code, `${kind}: ${piped?.err}`).toBe(named?.code);
      // Names aside, and times.
      const words = (text: string): string =>
        text.replaceAll(/<stdin>|small\.(res|onnx)/gm, 'FILE').replaceAll(/[\d.]+ m?s\b/g, 'T');
      if (command !== 'bench' && command !== 'fmt') expect(words(piped?.out ?? '')).toBe(words(named?.out ?? ''));
    }
    expect(answers.get(`${command} .onnx without its end`)?.code).toBe(answers.get(`${command} .onnx`)?.code);
  });
});

test('the table', () => {
  const first = ({ out, err }: Answer): string =>
    (err === '' ? out : err).split('\n')[0]?.trimEnd().replaceAll(/ {2,}/g, '  ') ?? '';
  const rows = Object.keys(calls).flatMap((command) =>
    kinds.map(([kind]) => {
      const answer = answers.get(`${command} ${kind}`);
      return [command, kind, String(answer?.code), answer ? first(answer) : ''] as const;
    }),
  );
  golden('cli/every-model.txt', rows.map(([a, b, c, d]) => `${a.padEnd(9)} ${b.padEnd(22)} ${c}  ${d}`).join('\n'));
});

/** The words of a call, and the file on its standard input. */
type Shown = readonly [words: readonly string[], input?: string];
type Cell = readonly [text: string, ...shown: Shown[]];

/**
 * Cells of docs/commands.md about pictures, tensors, checkpoints, and about pipes; masks and boxes are of run.test.ts and
 * run-detection.test.ts.
 */
const claims: Readonly<Record<string, { readonly files: Cell; readonly pipes: Cell }>> = {
  compile: {
    files: ['`--weights` of any [checkpoint](weights.md)', [['small.res', '-w', 'small.safetensors', '-o', 'made.onnx']]],
    pipes: [
      'source or `--weights -` in, model out with `-o -`',
      [['-', '-o', '-'], 'small.res'],
      [['small.res', '-w', '-', '-o', '-'], 'small.safetensors'],
    ],
  },
  optimize: {
    files: ['`--input` to verify on', [['optimize', 'small.onnx', '-o', 'made.onnx', '--verify', '--input', 'image=ones.npy']]],
    pipes: ['model in and out', [['optimize', '-', '-o', '-'], 'small.onnx']],
  },
  verify: {
    files: ['`--input` to verify on', [['verify', 'small.res', '--input', 'image=ones.npy']]],
    pipes: ['model in', [['verify', '-'], 'small.onnx']],
  },
  run: {
    files: [
      'PNG, JPEG, folders of pictures, `.npy` and typed numbers in; `.npy`, PNG, masks, boxes and CSV out',
      [['run', 'small.onnx', '-i', 'pictures/a.png', '--resize', 'stretch', '--csv', 'made.csv']],
      [['run', 'small.onnx', '-i', 'pictures', '--resize', 'stretch']],
      [['run', 'small.onnx', '-i', 'ones.npy', '-o', 'made.npy']],
    ],
    pipes: [
      'model or one input in; `-o -` is one output as `.npy`, `--csv -` the table',
      [['run', '-', '-i', 'ones.npy'], 'small.onnx'],
      [['run', 'small.onnx', '-i', '-', '-o', '-'], 'ones.npy'],
      [['run', 'small.onnx', '-i', 'pictures', '--resize', 'stretch', '--csv', '-']],
    ],
  },
  bench: {
    files: ['– (random inputs)'],
    pipes: ['one model in', [['bench', '-', 'small.res', '--runs', '1', '--warmup', '0', '--layers', '0'], 'small.onnx']],
  },
  check: { files: ['–'], pipes: ['model in', [['check', '-'], 'small.res'], [['check', '-'], 'small.onnx']] },
  fmt: { files: ['–'], pipes: ['source in and out', [['fmt', '-'], 'small.res']] },
  summary: {
    files: ['– (`-o` draws bars)', [['summary', 'small.res', '-o', 'made.svg']]],
    pipes: ['model in', [['summary', '-'], 'small.onnx']],
  },
  graph: {
    files: [
      '– (writes `.svg`, `.pdf`, `.png`, `.html`, `.dot`, `.mmd`)',
      ...['svg', 'pdf', 'png', 'html', 'dot', 'mmd'].map((end): Shown => [['graph', 'small.res', '-o', `made.${end}`]]),
    ],
    pipes: ['model in, DOT out', [['graph', '-'], 'small.onnx']],
  },
  weights: {
    files: [
      'lists a checkpoint; `--against` compares it with a model',
      [['weights', 'small.safetensors']],
      [['weights', 'small.safetensors', '--against', 'small.res']],
    ],
    pipes: ['checkpoint or model in', [['weights', '-'], 'small.safetensors'], [['weights', '-'], 'small.onnx']],
  },
  diff: {
    files: ['two checkpoints', [['diff', 'small.safetensors', 'small.safetensors']]],
    pipes: ['one of the two', [['diff', '-', 'small.res'], 'small.onnx'], [['diff', 'small.onnx', '-'], 'small.res']],
  },
  extract: { files: ['–'], pipes: ['model in and out', [['extract', '-', '--to', 'logits', '-o', '-'], 'small.onnx']] },
  rename: { files: ['–'], pipes: ['model in and out', [['rename', '-', 'logits=y', '-o', '-'], 'small.onnx']] },
  adapt: { files: ['–'], pipes: ['model in and out', [['adapt', '-', '--batch', '2', '-o', '-'], 'small.onnx']] },
  explain: { files: ['–'], pipes: ['–'] },
  doctor: { files: ['–'], pipes: ['–'] },
  completion: { files: ['–'], pipes: ['a script out', [['completion', 'bash']]] },
};

const page = readFileSync(join(root, 'docs/commands.md'), 'utf8');
const said = new Map(
  [...page.matchAll(/^\| `(\w+)` \|(.+)\|$/gm)].map(
    ([, name = '', cells = '']) => [name, cells.split('|').map((cell) => cell.trim())] as const,
  ),
);

test('docs/commands.md says the same', () => {
  expect([...said.keys()].sort()).toEqual(Object.keys(examples).sort());
  for (const command of Object.keys(calls)) {
    const cells = said.get(command) ?? [];
    for (const [i, kind] of ['.res', '.onnx'].entries()) {
      const refused = (cells[i] ?? '').startsWith('refused');
      expect(answers.get(`${command} ${kind}`)?.code, `${command} of ${kind}`).toBe(refused ? 2 : 0);
    }
  }
  for (const command of others) expect(said.get(command)?.slice(0, 3), command).toEqual(['–', '–', '–']);
  expect(Object.keys(claims).sort()).toEqual(Object.keys(examples).sort());
});

test.each(Object.entries(claims))('docs/commands.md says of pictures and pipes what %s does', (command, { files, pipes }) => {
  expect(said.get(command)?.slice(2)).toEqual([files[0], pipes[0]]);
  for (const [words, input] of [...files.slice(1), ...pipes.slice(1)] as readonly Shown[]) {
    const answer = rescc(words, { cwd: here.path, ...(input !== undefined && { input: readFileSync(at(input)) }) });
    expect(answer.code, `rescc ${words.join(' ')}\n${answer.err}`).toBe(0);
    // What is written to a pipe stands alone there.
    if (words.at(-1) === '-' && input !== undefined && words.includes('-o')) expect(answer.bytes.length).toBeGreaterThan(0);
  }
  // Where a dash stands, such files are refused.
  if (files[0].startsWith('–') && calls[command]) expect(call(command, 'ones.npy').code).not.toBe(0);
});

describe('outputs in formats of others are refused by name', () => {
  const writing: Readonly<Record<string, readonly string[]>> = {
    compile: ['compile', 'small.res'],
    optimize: ['optimize', 'small.onnx'],
    extract: ['extract', 'small.onnx', '--to', 'logits'],
    rename: ['rename', 'small.onnx', 'logits=y'],
    adapt: ['adapt', 'small.onnx', '--batch', '2'],
    run: ['run', 'small.onnx', '-i', 'ones.npy'],
    graph: ['graph', 'small.onnx'],
    summary: ['summary', 'small.onnx'],
    diff: ['diff', 'small.onnx', 'small.res'],
  };
  test.each(Object.keys(writing))('%s', (command) => {
    const before = readdirSync(here.path);
    for (const end of ['ort', 'tflite', 'pt']) {
      const answer = rescc([...(writing[command] ?? []), '-o', `new.${end}`], { cwd: here.path });
      expect(answer).toMatchObject({ code: 2, out: '' });
      expect(answer.err).toMatch(/^error RES0(842|702)/);
      expect(answer.err).toContain(`new.${end}`);
      expect(existsSync(at(`new.${end}`))).toBe(false);
    }
    expect(readdirSync(here.path)).toEqual(before);
  });
});

describe('pipes', () => {
  const through = (args: readonly string[], input: string | Uint8Array): Answer => rescc(args, { cwd: here.path, input });
  test('what writes a model writes it to standard output, and what it says to standard error', () => {
    const model = readFileSync(at('small.onnx'));
    for (const words of [
      ['optimize', '-'],
      ['extract', '-', '--to', 'logits'],
      ['rename', '-', 'logits=y'],
      ['adapt', '-', '--batch', '2'],
    ]) {
      const answer = through([...words, '-o', '-'], model);
      expect(answer.code, answer.err).toBe(0);
      expect(through(['check', '-'], answer.bytes)).toMatchObject({ code: 0, err: '<stdin>: no errors\n' });
      expect(JSON.parse(through([...words, '-o', '-', '--json'], model).err)).toMatchObject({ ok: true });
    }
    expect(through(['-', '-o', '-', '-q'], small).bytes.equals(model)).toBe(true);
  });
  test('tensors and checkpoints', () => {
    const ones = readFileSync(at('ones.npy'));
    const array = through(['run', 'small.onnx', '-i', '-', '-o', '-', '-q'], ones);
    expect(array).toMatchObject({ code: 0, err: '' });
    rescc(['run', 'small.onnx', '-i', 'ones.npy', '-o', 'logits.npy', '-q'], { cwd: here.path });
    expect(array.bytes.equals(readFileSync(at('logits.npy')))).toBe(true);
    const weights = readFileSync(at('small.safetensors'));
    expect(through(['weights', '-', '--against', 'small.res'], weights).out).toContain('<stdin> against Small: 7 matched');
    expect(through(['small.res', '-w', '-', '-o', '-', '-q'], weights).bytes.equals(readFileSync(at('small.onnx')))).toBe(true);
    expect(through(['run', 'small.onnx', '-i', 'ones.npy', '-o', '-', '--as', 'mask'], '').err).toContain('RES0702');
  });
  test('standard input is read once', () => {
    for (const words of [
      ['diff', '-', '-'],
      ['run', '-', '-i', 'image=-'],
      ['-', '-w', '-', '-o', '-'],
      ['weights', '-', '--against', '-'],
    ])
      expect(through(words, small)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('RES0702') });
  });
  test('one code for what is not there, and the name that is near', () => {
    for (const words of [
      ['summary', 'smal.onnx'],
      ['summary', 'smal.res'],
      ['optimize', 'smal.onnx', '-o', 'x.onnx'],
      ['verify', 'smal.onnx'],
      ['run', 'smal.onnx', '-i', 'ones.npy'],
      ['run', 'small.onnx', '-i', 'one.npy'],
      ['run', 'small.onnx', '-i', 'ones.npy', '--labels', 'smal.res'],
      ['weights', 'smal.safetensors'],
      ['small.res', '-w', 'smal.safetensors', '-o', 'x.onnx'],
      ['weights', 'small.safetensors', '--against', 'smal.res'],
      ['diff', 'small.onnx', 'smal.onnx'],
      ['diff', 'smal.safetensors', 'small.safetensors'],
      ['small.res', '--map-file', 'two.re', '-w', 'small.safetensors', '-o', 'x.onnx'],
    ]) {
      const answer = rescc(words, { cwd: here.path });
      expect(answer, words.join(' ')).toMatchObject({ code: 1, out: '' });
      expect(answer.err, words.join(' ')).toMatch(/^error RES0701: cannot read \S+\n {3}found {5}no such file\n/);
      expect(answer.err).toMatch(/hint {6}(small\.(onnx|res|safetensors)|ones\.npy|two\.res)\n/);
    }
  });
});

describe('options that are for a source, and sizes by --at', () => {
  const run = (...args: string[]): Answer => rescc(args, { cwd: here.path });
  test('are refused beside a file that is a model already', () => {
    for (const [words, option] of [
      [['summary', 'small.onnx', '--model', 'X'], '--model'],
      [['graph', 'small.onnx', '-D', 'classes=3'], '--define'],
      [['check', 'small.onnx', '--model', 'X'], '--model'],
      [['check', 'small.onnx', 'nameless', '--model', 'X'], '--model'],
      [['extract', 'small.onnx', '-w', 'small.safetensors', '--to', 'logits', '-o', 'x.onnx'], '--weights'],
      [['bench', 'small.onnx', '--model', 'X'], '--model'],
      [['bench', 'nameless', '--model', 'X'], '--model'],
      [['bench', 'nameless', '--against', 'small.onnx', '--model', 'X'], '--model'],
      [['diff', 'small.onnx', 'nameless', '--model', 'X'], '--model'],
      [['diff', 'nameless', 'nameless', '--model', 'X'], '--model'],
      [['run', 'nameless', '--model', 'X', '-i', 'ones.npy'], '--model'],
      [['weights', 'small.onnx', '--model', 'X'], '--model'],
      [['weights', 'small.safetensors', '-D', 'classes=3', '--against', 'small.onnx'], '--define'],
    ] as const) {
      const answer = run(...words);
      expect(answer, words.join(' ')).toMatchObject({ code: 2, out: '' });
      expect(answer.err).toContain(`RES0702: ${option}`);
    }
    // Beside a source they are for that.
    expect(run('diff', 'small.onnx', 'small.res', '--model', 'Small').code).toBe(0);
    expect(run('check', 'small.onnx', 'small.res', '-D', 'classes=10').code).toBe(0);
  });
  test('sizes', () => {
    expect(run('small.res', '--at', 'N=2', '-o', 'two.onnx', '-q').code).toBe(0);
    expect(run('optimize', 'small.onnx', '--at', 'N=2', '-o', 'two-too.onnx', '-q').code).toBe(0);
    expect(run('diff', 'two.onnx', 'two-too.onnx').code).toBe(0);
    expect(run('summary', 'two.onnx', '--json').out).toContain('"output":"f32[2, 10]"');
    expect(run('verify', 'small.onnx', '--at', 'N=4').code).toBe(0);
    expect(run('diff', 'small.res', 'small.onnx', '--at', 'N=3').out).toContain('at N = 3');
    expect(run('diff', 'small.res', 'small.onnx', '--at', 'M=3').err).toContain('RES0841');
    expect(run('small.res', '--at', 'M=3', '-o', 'x.onnx').code).toBe(2);
  });
  test('passes are run over a file where they are asked for', () => {
    expect(run('small.res', '-O0', '-o', 'raw.onnx', '-q').code).toBe(0);
    expect(run('diff', 'raw.onnx', 'small.onnx').code).toBe(1);
    expect(run('diff', 'raw.onnx', 'small.onnx', '-O1').code).toBe(0);
    expect(run('extract', 'raw.onnx', '--to', 'logits', '-O1', '-o', 'x.onnx').err).toContain('5 of 5 nodes');
    expect(run('extract', 'raw.onnx', '--to', 'logits', '-o', 'x.onnx').err).toContain('6 of 6 nodes');
    for (const words of [
      ['run', 'raw.onnx', '-i', 'ones.npy'],
      ['summary', 'raw.onnx'],
      ['diff', 'raw.onnx', 'raw.onnx'],
    ])
      expect(run(...words, '--passes', 'fold-nothing')).toMatchObject({ code: 2, err: expect.stringContaining('RES0702') });
  });
});
