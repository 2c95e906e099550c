/** What a file may name, what a user may type, and where output may go: nothing waits for ever, and nothing outside is read. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import proto from 'onnx-proto';
import { afterAll, describe, expect, test } from 'vitest';
import { safetensorsOf } from '../checkpoint/helpers.ts';
import { golden } from '../golden.ts';
import { binary, environment, folder, rescc } from './rescc.ts';

const { onnx } = proto;
const at = folder();
afterAll(at.remove);
let count = 0;
/** A folder below the one of this file. */
function place(): string {
  const path = join(at.path, `place${count++}`);
  mkdirSync(path);
  return path;
}
const pipe = (path: string): string => {
  execFileSync('mkfifo', [path]);
  return path;
};
const source = 'model A {\n  input x: f32[N, 4]\n  linear(4)\n  output y\n}\n';
const codeOf = (text: string): string => /RES\d{4}/.exec(text)?.[0] ?? 'none';
const numbers = new Uint8Array(new Float32Array(16).fill(0.5).buffer);

/** y = x · w, with w in a data file of this name. */
function model(location: string): Uint8Array {
  const shape = (...dims: number[]) => ({ tensorType: { elemType: 1, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } });
  return onnx.ModelProto.encode(
    onnx.ModelProto.fromObject({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 17 }],
      graph: {
        name: 'g',
        node: [{ opType: 'MatMul', input: ['x', 'w'], output: ['y'] }],
        input: [{ name: 'x', type: shape(2, 4) }],
        output: [{ name: 'y', type: shape(2, 4) }],
        initializer: [
          { name: 'w', dataType: 1, dims: [4, 4], dataLocation: 1, externalData: [{ key: 'location', value: location }] },
        ],
      },
    }),
  ).finish();
}
const optimize = (path: string, out: string): string => codeOf(rescc(['optimize', path, '-o', out]).err);

describe('a data file', () => {
  test('beside the model, and below it, is read', () => {
    const here = place();
    writeFileSync(join(here, 'm.onnx'), model('data/w.bin'));
    mkdirSync(join(here, 'data'));
    writeFileSync(join(here, 'data/w.bin'), numbers);
    expect(optimize(join(here, 'm.onnx'), join(here, 'out.onnx'))).toBe('none');
  });

  test('that is a link to another folder is not', () => {
    const [here, secret] = [place(), place()];
    writeFileSync(join(secret, 'key'), numbers);
    writeFileSync(join(here, 'm.onnx'), model('w.bin'));
    symlinkSync(join(secret, 'key'), join(here, 'w.bin'));
    expect(optimize(join(here, 'm.onnx'), join(here, 'out.onnx'))).toBe('RES0533');
    expect(existsSync(join(here, 'out.onnx'))).toBe(false);
    // A folder on the way may be the link too.
    writeFileSync(join(here, 'n.onnx'), model('sub/key'));
    symlinkSync(secret, join(here, 'sub'));
    expect(optimize(join(here, 'n.onnx'), join(here, 'out.onnx'))).toBe('RES0533');
    // A folder whose name only begins alike is another one.
    const twin = `${here}-twin`;
    mkdirSync(twin);
    writeFileSync(join(twin, 'key'), numbers);
    writeFileSync(join(here, 'o.onnx'), model('v.bin'));
    symlinkSync(join(twin, 'key'), join(here, 'v.bin'));
    expect(optimize(join(here, 'o.onnx'), join(here, 'out.onnx'))).toBe('RES0533');
  });

  test('that is a link to a file below the model is read', () => {
    const here = place();
    writeFileSync(join(here, 'm.onnx'), model('w.bin'));
    writeFileSync(join(here, 'real.bin'), numbers);
    symlinkSync('real.bin', join(here, 'w.bin'));
    expect(optimize(join(here, 'm.onnx'), join(here, 'out.onnx'))).toBe('none');
  });

  test("in the cache of Hugging Face lies among the blobs, as the model's own does", () => {
    const cache = place();
    mkdirSync(join(cache, 'blobs'));
    mkdirSync(join(cache, 'snapshots/rev/onnx'), { recursive: true });
    writeFileSync(join(cache, 'blobs/aaaa'), model('model.onnx_data'));
    writeFileSync(join(cache, 'blobs/bbbb'), numbers);
    symlinkSync('../../../blobs/aaaa', join(cache, 'snapshots/rev/onnx/model.onnx'));
    symlinkSync('../../../blobs/bbbb', join(cache, 'snapshots/rev/onnx/model.onnx_data'));
    expect(optimize(join(cache, 'snapshots/rev/onnx/model.onnx'), join(cache, 'out.onnx'))).toBe('none');
    // The folder of the snapshot may be reached by a link as well.
    symlinkSync(join(cache, 'snapshots/rev/onnx'), join(cache, 'current'));
    expect(optimize(join(cache, 'current/model.onnx'), join(cache, 'out.onnx'))).toBe('none');
    writeFileSync(join(cache, 'elsewhere'), numbers);
    symlinkSync('../../../elsewhere', join(cache, 'snapshots/rev/onnx/other.bin'));
    writeFileSync(join(cache, 'blobs/cccc'), model('other.bin'));
    symlinkSync('../../../blobs/cccc', join(cache, 'snapshots/rev/onnx/other.onnx'));
    expect(optimize(join(cache, 'snapshots/rev/onnx/other.onnx'), join(cache, 'out.onnx'))).toBe('RES0533');
  });

  test('that is a pipe, a folder or a device is refused', () => {
    const here = place();
    pipe(join(here, 'pipe'));
    mkdirSync(join(here, 'folder'));
    for (const name of ['pipe', 'folder']) {
      writeFileSync(join(here, 'm.onnx'), model(name));
      expect(optimize(join(here, 'm.onnx'), join(here, 'out.onnx'))).toBe('RES0534');
    }
    symlinkSync('/dev/zero', join(here, 'zero'));
    writeFileSync(join(here, 'm.onnx'), model('zero'));
    expect(optimize(join(here, 'm.onnx'), join(here, 'out.onnx'))).toBe('RES0533');
  });

  test('of an index of shards is held to the same', () => {
    const [here, other] = [place(), place()];
    const header = '{"w":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}';
    writeFileSync(join(other, 'shard'), safetensorsOf(header, numbers));
    writeFileSync(join(here, 'model.safetensors.index.json'), '{"weight_map":{"w":"a.safetensors"}}');
    symlinkSync(join(other, 'shard'), join(here, 'a.safetensors'));
    expect(codeOf(rescc(['weights', join(here, 'model.safetensors.index.json')]).err)).toBe('RES0533');
  });
});

describe('messages', () => {
  const kept = (name: string, here: string, text: string): void =>
    golden(`errors/${name}.txt`, text.replaceAll(here, '/models').replaceAll(at.path, '/elsewhere'));
  test('of links, pipes and full disks', () => {
    const here = realpathSync(place());
    writeFileSync(join(at.path, 'key'), numbers);
    symlinkSync(join(realpathSync(at.path), 'key'), join(here, 'w.bin'));
    pipe(join(here, 'v.bin'));
    writeFileSync(join(here, 'm.onnx'), model('w.bin'));
    kept('RES0533-link', here, rescc(['optimize', join(here, 'm.onnx'), '-o', join(here, 'out.onnx')]).err);
    writeFileSync(join(here, 'm.onnx'), model('v.bin'));
    kept('RES0534-pipe', here, rescc(['optimize', join(here, 'm.onnx'), '-o', join(here, 'out.onnx')]).err);
    const full = openSync('/dev/full', 'w');
    const done = spawnSync(process.execPath, [binary, '--help'], { env: environment(), stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    kept('RES0711-full', here, done.stderr.toString());
  });
});

describe('what the user types', () => {
  test('may be a link, and a pipe that somebody writes to', () => {
    const here = place();
    writeFileSync(join(here, 'a.res'), source);
    symlinkSync(join(here, 'a.res'), join(place(), 'link.res'));
    expect(rescc(['check', join(at.path, `place${count - 1}`, 'link.res')]).code).toBe(0);
    expect(rescc(['check', '/dev/stdin'], { input: source }).code).toBe(0);
    expect(rescc(['check', '-'], { input: source }).code).toBe(0);
    for (const stdin of ['-', '/dev/stdin']) expect(rescc(['weights', stdin], { input: source }).out).toContain('a source, ');
    const script = `"$0" "$1" check <(sleep 0.3; cat a.res)`;
    const done = spawnSync('bash', ['-c', script, process.execPath, binary], { cwd: here, env: environment() });
    expect(done.status, done.stderr.toString()).toBe(0);
  });

  test('is never waited for', () => {
    const here = place();
    const path = pipe(join(here, 'pipe.onnx'));
    writeFileSync(join(here, 'a.res'), source);
    const calls: readonly (readonly string[])[] = [
      ['check', path],
      ['fmt', path],
      ['weights', path],
      ['optimize', path, '-o', join(here, 'out.onnx')],
      ['run', path, '--input', `x=${path}`],
      ['run', join(here, 'a.res'), '--input', `x=${path}`],
      [join(here, 'a.res'), '--weights', path, '-o', join(here, 'out.onnx')],
      [join(here, 'a.res'), '--map-file', path, '-o', join(here, 'out.onnx')],
      [join(here, 'a.res'), '-o', path],
      ['check', here],
      ['check', '/dev/zero'],
      ['weights', '/dev/null'],
    ];
    for (const words of calls) {
      const { code, err } = rescc([...words]);
      expect(code, words.join(' ')).toBeGreaterThan(0);
      expect(codeOf(err), words.join(' ')).toMatch(/^RES/);
    }
    // An import that is a pipe is none.
    pipe(join(here, 'b.res'));
    writeFileSync(join(here, 'c.res'), `import { B } from "./b.res"\n${source}`);
    expect(rescc(['check', join(here, 'c.res')]).code).toBe(1);
  });
});

describe('output', () => {
  test('to a full disk is a diagnostic', () => {
    const here = place();
    writeFileSync(join(here, 'a.res'), source);
    const calls = [
      ['summary', 'a.res'],
      ['check', '--json', 'a.res'],
      ['fmt', '-'],
      ['a.res', '-o', '-'],
      ['--help'],
      ['--version'],
      ['check', 'none.res', '--json'],
    ];
    for (const words of calls) {
      const full = openSync('/dev/full', 'w');
      const done = spawnSync(process.execPath, [binary, ...words], {
        cwd: here,
        env: environment(),
        input: source,
        stdio: ['pipe', full, 'pipe'],
      });
      closeSync(full);
      expect(done.status, words.join(' ')).toBe(1);
      expect(done.stderr.toString(), words.join(' ')).toContain('RES0711');
      expect(done.stderr.toString()).not.toContain('mistake of rescc');
    }
  });

  test.each([[['explain', 'conv']], [['--version']]])('%j to a reader that goes away ends quietly', async (words) => {
    const here = place();
    writeFileSync(join(here, 'a.res'), source);
    const child = spawn(process.execPath, [binary, ...words], {
      cwd: here,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (piece: Buffer) => {
      err += piece.toString();
    });
    expect(await new Promise((done) => child.on('close', done))).toBe(0);
    expect(err).toBe('');
  });

  test('through names as long as a file system takes', () => {
    const here = place();
    writeFileSync(join(here, 'a.res'), source);
    const name = `${'ä'.repeat(125)}.onnx`;
    expect(Buffer.byteLength(name)).toBe(255);
    for (const more of [[], ['--external-data'], ['--external-data']]) {
      expect(rescc(['a.res', '-o', name, ...more], { cwd: here }).code).toBe(0);
      expect(rescc(['optimize', name, '-o', `${'b'.repeat(250)}.onnx`, ...more], { cwd: here }).code).toBe(0);
    }
    expect(readdirSync(here).filter((one) => one.startsWith('.'))).toEqual([]);
    expect(rescc(['graph', 'a.res', '-o', `${'c'.repeat(251)}.dot`], { cwd: here }).code).toBe(0);
    expect(codeOf(rescc(['a.res', '-o', `${'d'.repeat(251)}.onnx`], { cwd: here }).err)).toBe('RES0608');
  });

  test('goes where a link points, and a device stays one', () => {
    const here = place();
    writeFileSync(join(here, 'a.res'), source);
    writeFileSync(join(here, 'real.dot'), 'old');
    symlinkSync('real.dot', join(here, 'link.dot'));
    expect(rescc(['graph', 'a.res', '-o', 'link.dot'], { cwd: here }).code).toBe(0);
    expect(readFileSync(join(here, 'real.dot'), 'utf8')).toContain('digraph');
  });
});
