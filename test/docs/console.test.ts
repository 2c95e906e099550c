/**
 * Every `console` block of the documents is what happens: its `rescc` commands run in a folder that has the repository's
 * examples, and print what stands below them. A line `…` stands for any lines, and times may differ.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { fileSource } from '../../src/io/node/file-source.ts';
import { spanOf } from '../../src/tensor/stored.ts';
import { binary, environment, folder, root } from '../cli/rescc.ts';

const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Commands that a test cannot run, and why. */
const notRun: Readonly<Record<string, string>> = {
  'rescc doctor': 'says what this machine has',
  'rescc verify model.res --ep cpu,cuda': 'needs a GPU',
  'npm install -g ./rescc-0.1.0.tgz': 'installs for the whole machine; test/api/installed.test.ts installs the package',
  'python3 -m venv env': 'tests need no Python',
  "env/bin/pip install 'onnxruntime-gpu[cuda,cudnn]==1.30.0' nvidia-cublas": 'downloads gigabytes',
  'export RESCC_ONNXRUNTIME=$PWD/env': 'names what was downloaded',
  'npm run bench -- gpu --files FOLDER --device "NVIDIA H200" --seconds 300 --profile resnet50 --write': 'needs a GPU',
};

interface Call {
  readonly command: string;
  readonly line: number;
  readonly expected: readonly string[];
}

function callsOf(page: string): readonly Call[] {
  const calls: { command: string; line: number; expected: string[] }[] = [];
  let inside = false;
  for (const [i, line] of readFileSync(join(root, page), 'utf8').split('\n').entries()) {
    if (/^ *```/.test(line)) inside = /^ *```console\b/.test(line);
    else if (!inside) continue;
    else if (line.startsWith('$ ')) calls.push({ command: line.slice(2), line: i + 1, expected: [] });
    else calls.at(-1)?.expected.push(line);
  }
  return calls;
}

const here = folder();
afterAll(here.remove);
symlinkSync(join(root, 'examples'), join(here.path, 'examples'));
mkdirSync(join(here.path, 'test'));
symlinkSync(join(root, 'test/fixtures'), join(here.path, 'test/fixtures'));

/** PyTorch's export of the trained ResNet-20 as a file: its data file is put together from the checkpoint. */
async function exported(): Promise<void> {
  const from = join(root, 'test/fixtures/cifar10');
  const checkpoint = await openCheckpoint(fileSource(join(from, 'resnet20-12fca82f.th')));
  const tensors = checkpoint.dicts.find((one) => one.key === 'state_dict')?.tensors;
  const spans = [...(tensors?.values() ?? [])].flatMap((one) => spanOf(one.expr) ?? []);
  const parts = await Promise.all(spans.map((span) => span.source.read(span.offset, span.length)));
  writeFileSync(join(here.path, 'resnet20.data'), Buffer.concat(parts));
  writeFileSync(join(here.path, 'resnet20-torch-bn.onnx'), readFileSync(join(from, 'resnet20-torch-bn.onnx')));
}

const timeless = (line: string): string => line.trimEnd().replace(/\d+\.\d\d s$/, '0.00 s');

/** Whether lines are what a document shows, where `…` is any number of lines. */
function matches(shown: readonly string[], actual: readonly string[]): boolean {
  const [first, ...rest] = shown;
  if (first === undefined) return actual.length === 0;
  if (first.trim() === '…') {
    for (let skip = 0; skip <= actual.length; skip++) if (matches(rest, actual.slice(skip))) return true;
    return false;
  }
  return actual[0] === first && matches(rest, actual.slice(1));
}

const calls = pages.flatMap((page) => callsOf(page).map((call) => ({ page, ...call })));

test('the documents show commands', () => {
  expect(calls.length).toBeGreaterThan(4);
  for (const command of Object.keys(notRun)) expect(calls.map((call) => call.command)).toContain(command);
  const left = calls.filter(({ command }) => !command.startsWith('rescc ') && !Object.hasOwn(notRun, command));
  expect(left, 'commands that no test runs, and that nothing excuses').toEqual([]);
  // A page elsewhere would show commands that nobody runs.
  const elsewhere = ['.', 'bench', 'examples', 'examples/api'].flatMap((at) =>
    readdirSync(join(root, at)).flatMap((name) => (name.endsWith('.md') ? [join(at, name)] : [])),
  );
  const shown = elsewhere.filter((page) => /^ *```console\b/m.test(readFileSync(join(root, page), 'utf8')));
  expect(shown.filter((page) => !pages.includes(page))).toEqual([]);
});

describe.each(calls.filter(({ command }) => !Object.hasOwn(notRun, command)))('$page line $line', ({ command, expected }) => {
  test(command, async () => {
    if (command.includes('resnet20-torch-bn.onnx')) await exported();
    const quoted = command.split(' | ').map((part) => {
      const words = part.split(' ').slice(1);
      return [process.execPath, binary, ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    });
    const done = spawnSync('sh', ['-c', `{ ${quoted.join(' | ')}; } 2>&1`], {
      cwd: here.path,
      env: environment(),
      encoding: 'utf8',
    });
    const actual = done.stdout.trimEnd().split('\n').map(timeless);
    const shown = expected.map(timeless);
    if (!matches(shown, actual)) expect(actual.join('\n')).toBe(shown.join('\n'));
    expect(done.status).toBe(0);
  });
});
