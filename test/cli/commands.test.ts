/** What the commands do when all is well: files, pipes, numbers and drawings. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseNpy } from '../../src/runtime/npy.ts';
import { folder, object, rescc, root, small } from './rescc.ts';

const here = folder({ 'small.res': small, 'loose.res': 'model M { input x: f32[N, 4]\n linear( 8 )\noutput y }\n' });
afterAll(here.remove);
const run = (...args: string[]) => rescc(args, { cwd: here.path });
const at = (name: string): string => join(here.path, name);
const cifar = ['examples/resnet_cifar.res', '-m', 'ResNet20', '-w', 'test/fixtures/cifar10/resnet20-12fca82f.th'] as const;
const pictures = 'test/fixtures/cifar10/pictures';

describe('help', () => {
  test('no words print help on standard error and end with 2, as programs of clap do', () => {
    const answer = run();
    expect([answer.code, answer.out]).toEqual([2, '']);
    expect(answer.err).toContain('Usage: rescc');
  });
  test('--help and --version are no errors', () => {
    expect(run('--help')).toMatchObject({ code: 0, err: '' });
    expect(run('--help').out).toContain('Exit codes: 0 done');
    expect(run('verify', '--help').out).toContain('--ep');
    expect(run('--version').out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('compile', () => {
  test('writes a model and says what it did on standard error', () => {
    const answer = run('small.res', '-o', 'm.onnx');
    expect([answer.code, answer.out]).toEqual([0, '']);
    expect(answer.err).toMatch(
      /^Small\n {2}nodes +6 → 5\n {2}parameters +[\d,]+ trainable, 8 buffers\n {2}in the file +164 elements, 664 B\n/,
    );
    for (const line of ['multiply-adds', 'opset 17, -O1', 'time']) expect(answer.err).toContain(line);
    for (const line of answer.err.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
  test('through pipes the bytes are the same', () => {
    run('small.res', '-o', 'm.onnx');
    const file = readFileSync(at('m.onnx'));
    expect(run('small.res', '-o', '-').bytes.equals(file)).toBe(true);
    // A source that has a name is named in nothing that the file holds.
    expect(rescc(['-', '-o', '-'], { input: small }).bytes.equals(file)).toBe(true);
    expect(run('compile', 'small.res', '-o', '-', '--stats', '--explain').bytes.equals(file)).toBe(true);
  });
  test('--quiet prints nothing', () => {
    expect(run('small.res', '-o', 'q.onnx', '--quiet')).toMatchObject({ code: 0, out: '', err: '' });
  });
  test('--json is one object; beside a model on standard output it goes to standard error', () => {
    const data = object(run('small.res', '-o', 'm.onnx', '--json').out);
    expect(data).toMatchObject({
      ok: true,
      model: 'Small',
      opset: 17,
      level: 1,
      output: 'm.onnx',
      files: ['m.onnx'],
      before: { nodes: 6, parameters: 108 + 8 + 50, buffers: 8 },
      after: { nodes: 5 },
    });
    expect(data.bytes).toBe(statSync(at('m.onnx')).size);
    const piped = run('small.res', '-o', '-', '--json');
    expect(object(piped.err)).toMatchObject({ ok: true, bytes: piped.bytes.length });
    expect(piped.bytes.equals(readFileSync(at('m.onnx')))).toBe(true);
  });
  test.each([
    ['onnx-text', /conv/i],
    ['ir', /^graph @Small\n/],
    ['ast', /Small/],
    ['dot', /^digraph/],
    ['svg', /<svg/],
  ])('--emit %s', (kind, expected) => {
    const answer = run('small.res', '--emit', kind);
    expect(answer).toMatchObject({ code: 0, err: '' });
    expect(answer.out).toMatch(expected);
    expect(object(run('small.res', '--emit', kind, '--json').out).text).toBe(answer.out);
    expect(run('small.res', '--emit', kind, '-o', 'emitted', '-q')).toMatchObject({ code: 0, out: '', err: '' });
    expect(readFileSync(at('emitted'), 'utf8')).toMatch(expected);
  });
  test('--opset 13 to 26', () => {
    for (let opset = 13; opset <= 23; opset++) {
      expect(object(run('small.res', '-o', 'o.onnx', '--opset', String(opset), '--json').out)).toMatchObject({ ok: true, opset });
    }
  });
  test('-D, --seed and -O change the model', () => {
    const bytes = (...args: string[]): Buffer => run('small.res', '-o', '-', ...args).bytes;
    expect(bytes('-D', 'classes=3').length).toBeLessThan(bytes().length);
    expect(bytes('--seed', '1').equals(bytes())).toBe(false);
    expect(bytes('-O', '0').length).toBeGreaterThan(bytes().length);
    expect(bytes('-O0').equals(bytes('-O', '0'))).toBe(true);
  });
  test('--external-data', () => {
    const other = folder({ 'small.res': small });
    expect(
      object(rescc(['small.res', '-o', 'm.onnx', '--external-data', 'm.bin', '--json'], { cwd: other.path }).out),
    ).toMatchObject({ files: ['m.onnx', 'm.bin'] });
    expect(readdirSync(other.path)).toEqual(['m.bin', 'm.onnx', 'small.res']);
    other.remove();
  });
  test('--stats, --explain and --print-after can be read', () => {
    const { out, err } = rescc([
      ...cifar.slice(0, 3),
      '-o',
      at('r.onnx'),
      '--stats',
      '--explain',
      '--print-after',
      'fold-batchnorm',
    ]);
    expect(out).toMatch(/^pass +nodes +weights +multiply-adds +fired +refused\nsimplify +73 +→ 73 /);
    expect(out).toMatch(/^ {2}fold-batchnorm\/into-linear: 19$/m);
    expect(out).toMatch(/^move-stride\/up {2}\S+ +@layer2\.0$/m);
    expect(out).toMatch(/^what these rules match\n(?:.*\n)*move-stride\/up\n {2}conv\|maxpool\|slice\(top\) …\n/m);
    expect(err).toMatch(/^graph @ResNet20\n/);
    expect(rescc([...cifar.slice(0, 3), '-o', at('r.onnx'), '--explain', 'fold-batchnorm']).out).toBe('nothing was refused\n');
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('check and fmt', () => {
  test('check', () => {
    expect(run('check', 'small.res', 'loose.res')).toMatchObject({ code: 0, out: '', err: '2 files: no errors\n' });
    expect(object(run('check', 'small.res', '--json').out)).toMatchObject({ ok: true, files: ['small.res'] });
  });
  test('fmt rewrites once, and then agrees with --check', () => {
    const other = folder({ 'a.res': readFileSync(at('loose.res')) });
    const fmt = (...args: string[]) => rescc(['fmt', ...args], { cwd: other.path });
    expect(object(fmt('--check', 'a.res', '--json').out)).toMatchObject({ ok: false, changed: 1 });
    expect(fmt('a.res')).toMatchObject({ code: 0, err: '1 file, 1 changed\n' });
    expect(readFileSync(join(other.path, 'a.res'), 'utf8')).toContain('linear(8)');
    expect(fmt('--check', 'a.res')).toMatchObject({ code: 0, err: '1 file, 0 changed\n' });
    expect(readdirSync(other.path)).toEqual(['a.res']);
    other.remove();
  });
  test('fmt - writes standard output, and leaves what does not parse', () => {
    const input = readFileSync(at('loose.res'));
    const text = rescc(['fmt', '-'], { input }).out;
    expect(text).toContain('linear(8)');
    expect(rescc(['fmt', '-'], { input: text }).out).toBe(text);
    expect(rescc(['fmt', '--check', '-'], { input: text })).toMatchObject({ code: 0, out: '' });
    expect(object(rescc(['fmt', '-', '--json'], { input }).out)).toMatchObject({ ok: true, text });
    expect(rescc(['fmt', '-'], { input: 'model {' })).toMatchObject({ code: 1, out: '' });
  });
});

describe('summary, graph and explain', () => {
  test('summary --depth keeps the totals', () => {
    const all = rescc(['summary', ...cifar.slice(0, 3)]).out;
    const short = rescc(['summary', ...cifar.slice(0, 3), '--depth', '1']).out;
    expect(all).toMatch(/^layer +operator +output \(f32\) +parameters +buffers +madds × N\n/);
    expect(all).toMatch(/^ {2}linear +linear \+bias +N×10 +650 +640$/m);
    expect(all).toMatch(/^ {6}conv1 +conv 3x3\/2 p1 +N×32×16×16 /m);
    expect(short.split('\n').length).toBeLessThan(22);
    expect(all).toContain('trainable parameters  269,722');
    expect(short).toContain('trainable parameters  269,722');
    expect(object(rescc(['summary', ...cifar.slice(0, 3), '--json']).out)).toMatchObject({
      summary: { parameters: 269722, buffers: 1376 },
    });
  });
  test('equal blocks are one line, unless all are asked for', () => {
    const folded = rescc(['summary', ...cifar.slice(0, 3)]).out;
    expect(folded).toMatch(/^ {4}0 … 2 × 3 +residual +N×16×32×32 +4,672 /m);
    expect(folded.match(/^ {4}\S/gm)).toHaveLength(5);
    const all = rescc(['summary', ...cifar.slice(0, 3), '--all']).out;
    expect(all.match(/^ {4}\S/gm)).toHaveLength(9);
  });
  test('sizes by --at, of a source and of its file; --quiet prints nothing', () => {
    const at1 = object(run('summary', 'small.res', '--at', 'N=2', '--json').out);
    expect(at1).toMatchObject({
      summary: {
        output: 'f32[2, 10]',
        multiplyAdds: 2 * (64 * 4 * 27 + 40),
        // conv, batchnorm, relu; pool, flatten; linear.
        activations: 2 * (3 * 256 + 2 * 4 + 10),
        peakBytes: 2 * 4 * 2 * 256,
        sizes: { N: 2 },
        general: { multiplyAdds: '6952*N' },
      },
    });
    run('small.res', '-o', 'm.onnx', '-O0', '-q');
    expect(object(run('summary', 'm.onnx', '--at', 'N=2', '--json').out)).toMatchObject({
      summary: { multiplyAdds: 13904, activations: 2 * (3 * 256 + 2 * 4 + 10), peakBytes: 4096 },
    });
    expect(run('summary', 'small.res', '-q')).toMatchObject({ code: 0, out: '', err: '' });
    expect(run('summary', 'small.res', '--at', 'M=2')).toMatchObject({ code: 2, out: '' });
    expect(run('summary', 'small.res', '--at', 'M=2').err).toContain('RES0841');
    expect(run('summary', 'small.res', '--at', 'N').err).toContain('N=1,H=224,W=224');
    expect(run('summary', 'small.res', '--at', 'N=2').out).toMatch(/^multiply-adds +13.90 k at N=2, 6.952 k × N in general$/m);
  });
  test('an ONNX file is checked, drawn and listed as a source is', () => {
    run('small.res', '-o', 'm.onnx', '-q');
    expect(run('check', 'm.onnx', 'small.res')).toMatchObject({ code: 0, out: '', err: '2 files: no errors\n' });
    writeFileSync(at('cut.onnx'), readFileSync(at('m.onnx')).subarray(0, 300));
    expect(run('check', 'cut.onnx', 'm.onnx')).toMatchObject({ code: 1, out: '' });
    expect(run('check', 'none.onnx')).toMatchObject({ code: 1, err: expect.stringContaining('none.onnx') });
    expect(run('graph', 'm.onnx').out).toMatch(/^digraph/);
    expect(run('graph', 'm.onnx', '-o', 'm.svg')).toMatchObject({ code: 0, err: 'wrote m.svg\n' });
    expect(run('weights', 'm.onnx').out).toMatch(/^m.onnx: ONNX, 5 tensors/);
    expect(run('summary', 'm.onnx').out).toMatch(/^ {2}conv +conv 3x3 p1 \+bias +N×4×8×8 +112 +6\.912 k$/m);
  });
  test.each([
    ['net.svg', /<svg/],
    ['net.dot', /^digraph/],
    ['net.mmd', /^(flowchart|graph)/m],
    ['net.html', /^<!doctype html>[\s\S]*counted at|<\/html>/],
    ['net.pdf', /^%PDF-1\.7/],
    ['net.png', /PNG/],
  ])('graph -o %s', (name, expected) => {
    expect(run('graph', 'small.res', '-o', name)).toMatchObject({ code: 0, out: '', err: `wrote ${name}\n` });
    expect(readFileSync(at(name), 'utf8')).toMatch(expected);
    expect(object(run('graph', 'small.res', '-o', name, '--json').out)).toMatchObject({ ok: true, output: name });
  });
  test('explain', () => {
    const page = run('explain', 'RES0302').out;
    expect(page).toContain('shortcut');
    expect(run('explain', '302').out).toBe(page);
    expect(run('explain', 'Conv2d').out).toMatch(/a name of PyTorch[\s\S]*pad=padding[\s\S]*Source: torch\.nn\.Conv1d/);
    expect(run('explain', 'torch.nn.functional.cross_entropy').out).toContain('end the model at what the loss is computed from');
    expect(run('explain', 'Gemm').out).toMatch(/operator of ONNX[\s\S]*linear\(out/);
    expect(run('explain', 'res0302').out).toBe(page);
    expect(run('explain', 'fold-batchnorm').out).toMatch(/fold-batchnorm\/into-linear[\s\S]*Exact when/);
    expect(run('explain', 'loop').out).toMatch(/word of the language[\s\S]*loop = "loop" \[ expr \][\s\S]*Example\n {2}let z/);
    expect(run('explain', 'dopri5').out).toContain('"ode" "(" argList');
    expect(run('explain', 'pad').out).toMatch(/option A of He[\s\S]*\npad\(pads\.\.\./);
    expect(run('explain', 'bn').out).toBe(run('explain', 'batchnorm').out);
    expect(run('explain', 'break').out).toContain('loop while condition { … }');
    for (const [given, meant] of [
      ['lopp', 'loop'],
      ['residal', 'residual'],
      ['cnov', 'conv'],
      ['conv2e', 'Conv2d'],
    ] as const)
      expect(run('explain', given)).toMatchObject({
        code: 2,
        err: expect.stringContaining(`hint      rescc explain ${meant}\n`),
      });
    expect(run('explain').out.split('\n').length).toBeGreaterThan(80);
    expect(`${String(object(run('explain', '302', '--json').out).text).trimEnd()}\n`).toBe(page);
  });
});

describe('verify and run', () => {
  test('verify proves a model', () => {
    const answer = run('verify', 'small.res');
    expect(answer).toMatchObject({ code: 0, err: '' });
    expect(answer.out).toMatch(/^provider +passes +runtime/);
    expect(answer.out).toContain('agree with the float64 reference');
    for (const line of answer.out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const data = object(run('verify', 'small.res', '--json').out);
    expect(data).toMatchObject({ ok: true });
    expect(data.runs).toEqual(expect.arrayContaining([expect.objectContaining({ provider: 'cpu', ok: true })]));
    expect(run('verify', 'small.res', '--quiet')).toMatchObject({ code: 0, out: '', err: '' });
  });
  test('run classifies pictures, from a source and from its model', () => {
    const [first = '', second = ''] = readdirSync(join(root, pictures)).filter((name) => name.endsWith('.png'));
    const onnx = at('resnet20.onnx');
    expect(rescc([...cifar, '-o', onnx, '-q']).code).toBe(0);
    const options = [
      '-i',
      `image=${pictures}/${first}`,
      '-i',
      `image=${pictures}/${second}`,
      '--mean',
      '0.485,0.456,0.406',
      '--std',
      '0.229,0.224,0.225',
      '--top',
      '2',
      '--labels',
      'test/fixtures/cifar10/classes.txt',
    ];
    const fromModel = rescc(['run', onnx, ...options]);
    expect(fromModel).toMatchObject({ code: 0, err: '' });
    const truth = first.replace(/^\d+-|\.png$/g, '');
    expect(fromModel.out).toContain(truth);
    expect(rescc(['run', ...cifar, ...options]).out).toBe(fromModel.out);
    const data = object(rescc(['run', onnx, ...options, '--json']).out);
    expect(data.files).toHaveLength(2);
    expect(data.top).toMatchObject([
      [{ label: truth }, {}],
      [{}, {}],
    ]);
  });
  test('run reads and writes .npy and .png', () => {
    const source = 'model Twice { input x: f32[1, 3, 2, 2]\n  output y = it + it }\n';
    writeFileSync(at('twice.res'), source);
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 2, 2), }";
    const padded = `${header}${' '.repeat(127 - 10 - header.length)}\n`;
    const data = Float32Array.from({ length: 12 }, (_, i) => i / 32);
    const npy = Buffer.concat([
      Buffer.from([0x93]),
      Buffer.from('NUMPY\x01\x00'),
      Buffer.from([padded.length & 255, padded.length >> 8]),
      Buffer.from(padded),
      Buffer.from(data.buffer),
    ]);
    writeFileSync(at('x.npy'), npy);
    expect(run('run', 'twice.res', '-i', 'x.npy', '-o', 'y=y.npy', '-o', 'y.png')).toMatchObject({
      code: 0,
      out: '',
      err: 'y: black is 0 and white 1, as nothing else is declared\nwrote y.png\nwrote y.npy\n',
    });
    const y = parseNpy(readFileSync(at('y.npy')), 'y.npy');
    expect([y.dims, [...y.data]]).toEqual([[1, 3, 2, 2], [...data].map((v) => 2 * v)]);
    expect(readFileSync(at('y.png')).subarray(1, 4).toString()).toBe('PNG');
    expect(run('run', 'twice.res', '-i', 'x.npy').out).toMatch(/^y: f32\[1, 3, 2, 2\] \[0, 0\.0625/);
    expect(object(run('run', 'twice.res', '-i', 'x.npy', '--json').out)).toMatchObject({
      outputs: { y: { elem: 'f32', dims: [1, 3, 2, 2] } },
    });
    expect(run('run', 'twice.res', '-i', 'x.npy', '-o', 'z=z.npy')).toMatchObject({ code: 2 });
  });
});
