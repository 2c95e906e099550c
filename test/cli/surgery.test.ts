/**
 * `rescc extract`, `rename` and `adapt`: what is cut out, renamed or given other sizes gives the numbers of the original, or is
 * not written.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../src/io/bytes.ts';
import { madeNode } from '../../src/onnx/make.ts';
import type { OnnxFile } from '../../src/onnx/model.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { onnxBytes } from '../../src/onnx/write.ts';
import { golden } from '../golden.ts';
import { type Answer, folder, object, rescc, root } from './rescc.ts';

const net = `model Net(classes = 10) {
  input image: f32[N, 3, 16, 16] in 0..1
  conv1: conv(8, 3x3)  relu
  body: repeat 2 { residual { conv1: conv(8, 3x3)  relu  conv2: conv(8, 3x3) } relu }
  global_avgpool  flatten
  fc: linear(classes)
  output logits
}
`;
const two = `model Two { input a: f32[N, 4] input b: f32[N, 4] let x = linear(a, 3)  let y = linear(b, 3)  let z = tanh(x + y)  output out = z }
`;
const heads = `model Heads { input x: f32[N, 3, 8, 8]
  let y = conv(x, 6, 1x1)
  let early = linear(flatten(global_avgpool(y)), 3)
  let more = linear(early, 3)
  output late = early
  output both = more + early
  let m = conv(y, 5, 1x1)
  output mask = softmax(m, axis=1)
}
`;
// Each sample minus the mean of its batch of two.
const mixed = `model Mixed { input x: f32[2, 6]  let y = x - reduce_mean(x, 0, keepdims=true)  output y = y }
`;
const here = folder({ 'net.res': net, 'two.res': two, 'mixed.res': mixed, 'heads.res': heads });
afterAll(here.remove);
const run = (...args: string[]): Answer => rescc(args, { cwd: here.path });
const bert = [
  '--model',
  'BertForMaskedLM',
  '-D',
  'layers=1',
  '-D',
  'width=32',
  '-D',
  'heads=4',
  '-D',
  'vocab=60',
  '-D',
  'context=16',
];
const made = (name: string, source: string, ...options: string[]): string => {
  expect(run(source, '-o', name, '-q', ...options)).toMatchObject({ code: 0, err: '' });
  return name;
};
made('net.onnx', 'net.res');
made('two.onnx', 'two.res', '-O0');
made('heads.onnx', 'heads.res', '-O0');
made('mixed.onnx', 'mixed.res', '-O0');
made('bert1.onnx', join(root, 'examples/bert.res'), ...bert, '--input-shape', 'N=1');
made('plain1.onnx', join(root, 'examples/bert.res'), ...bert, '--input-shape', 'N=1', '-O0');
made('bert2.onnx', join(root, 'examples/bert.res'), ...bert, '--input-shape', 'N=2');
const textOf = (file: string): string => run('optimize', file, '-O0', '--emit', 'onnx-text').out;

describe('extract', () => {
  test('the beginning, the middle and the end of a network, run against the whole', () => {
    const head = run('extract', 'net.onnx', '--to', 'body.0.relu_1', '-o', 'head.onnx');
    expect(head).toMatchObject({ code: 0, out: '' });
    expect(head.err).toContain('7 of 15 nodes, from image: f32[N, 3, 16, 16] to body.0.relu_1: f32[N, 8, 16, 16]');
    expect(head.err).toContain('run in onnxruntime against the original at N = 1 and N = 3: 1 value equal, bit by bit');
    const tail = object(run('extract', 'net.onnx', '--from', 'body.0.relu_1', '-o', 'tail.onnx', '--json').out);
    expect(tail).toMatchObject({
      from: ['body.0.relu_1'],
      to: ['logits'],
      nodes: { before: 15, after: 8 },
      verification: { values: 1, absolute: 0 },
    });
    // What is declared of the input goes with it.
    expect(textOf('head.onnx')).toContain('rescc.inputs');
    expect(textOf('tail.onnx')).not.toContain('rescc.inputs');
    expect(textOf('tail.onnx')).not.toContain('"conv1.weight"');
    expect(run('summary', 'tail.onnx').code).toBe(0);
  });
  test('a source, several ends, a weight as a beginning, and a pipe on both sides', () => {
    expect(run('extract', 'net.res', '--to', 'relu,logits', '-o', 'ends.onnx').err).toContain('2 values equal');
    expect(run('extract', 'net.onnx', '--from', 'image', '--from', 'conv1.weight', '--to', 'relu', '-o', 'w.onnx').err).toContain(
      'from image: f32[N, 3, 16, 16], conv1.weight: f32[8, 3, 3, 3] to relu',
    );
    const model = readFileSync(join(here.path, 'net.onnx'));
    const piped = rescc(['extract', '-', '--to', 'relu', '-o', '-'], { cwd: here.path, input: model });
    expect(piped.code).toBe(0);
    const source = rescc(['extract', '-', '--to', 'relu', '-o', '-', '-q'], { cwd: here.path, input: net });
    expect(source).toMatchObject({ code: 0, err: '' });
    expect(source.bytes.equals(piped.bytes)).toBe(true);
    expect(rescc(['summary', '-'], { input: piped.bytes }).out).toContain('conv1');
  });
  test('--no-verify says that nothing was run', () => {
    expect(run('extract', 'net.onnx', '--to', 'relu', '-o', 'p.onnx', '--no-verify').err).toContain(
      'not run against the original',
    );
  });
});

describe('rename', () => {
  test('names, patterns and exchanges; everything follows', () => {
    const answer = run('rename', 'net.onnx', 'image=x', 'logits=y', 'body.0.*=body.1.*', 'body.1.*=body.0.*', '-o', 'named.onnx');
    expect(answer).toMatchObject({ code: 0, out: '' });
    expect(answer.err).toContain('inputs   image → x\noutputs  logits → y\n');
    expect(answer.err).toContain('1 value equal, bit by bit');
    const text = textOf('named.onnx');
    expect(text).not.toMatch(/\bimage\b.*\bimage\b.*=>/);
    expect(text).toContain('"{\\"x\\":');
    expect(run('diff', 'net.onnx', 'named.onnx').out).toContain('are equal up to names');
    // Exchanged twice is as before.
    const back = ['x=image', 'y=logits', 'body.0.*=body.1.*', 'body.1.*=body.0.*', '-o', 'back.onnx', '-q'];
    expect(run('rename', 'named.onnx', ...back).code).toBe(0);
    expect(readFileSync(join(here.path, 'back.onnx')).equals(readFileSync(join(here.path, 'net.onnx')))).toBe(true);
  });
  test('some kinds alone, and a file of renamings', () => {
    const only = object(run('rename', 'net.onnx', 'conv1*=stem*', '--only', 'weights,nodes', '-o', 'w.onnx', '--json').out);
    expect(only.names).toEqual({
      weights: { 'conv1.weight': 'stem.weight' },
      nodes: { conv1: 'stem' },
    });
    const { path, remove } = folder({ 'names.txt': '// heads\nlogits=scores\n\nimage = picture\n' });
    expect(rescc(['rename', join(here.path, 'net.onnx'), '--names', 'names.txt', '-o', 'n.onnx'], { cwd: path }).err).toContain(
      'image → picture',
    );
    remove();
  });
});

describe('adapt', () => {
  test('a batch that is fixed, another number, and free; compared sample by sample', () => {
    expect(run('adapt', 'net.onnx', '--batch', '4', '-o', 'four.onnx').err).toContain('image[N, 3, 16, 16] → [4, 3, 16, 16]');
    expect(run('adapt', 'four.onnx', '--batch', '6', '-o', 'six.onnx')).toMatchObject({ code: 0 });
    const free = run('adapt', 'four.onnx', '--batch', 'free', '-o', 'free.onnx');
    expect(free.err).toContain('against the original at N = 5: 1 value equal');
    expect(run('diff', 'net.onnx', 'free.onnx').code).toBe(0);
    expect(run('adapt', 'net.onnx', '--batch', 'pictures', '-o', 'p.onnx').err).toContain('[pictures, 3, 16, 16]');
  });
  test('reshapes that have the batch in their target are brought along', () => {
    const answer = run('adapt', 'bert2.onnx', '--batch', 'free', '--size', 'T=length', '-o', 'bert.onnx');
    expect(answer.err).toContain('targets of reshapes brought along');
    expect(answer.err).toMatch(/at N = 3, length = \d+: 1 value equal/);
    expect(run('adapt', 'bert2.onnx', '--batch', '1', '-o', 'bert.onnx').code).toBe(0);
    const rfb = join(root, 'test/fixtures/rfb320/version-RFB-320.onnx');
    expect(run('adapt', rfb, '--batch', 'free', '-o', 'rfb.onnx').err).toContain('at N = 2: 2 values equal');
  });
  test('other classes: drawn, taken over, and both', () => {
    const drawn = run('adapt', 'net.onnx', '--classes', '4', '--seed', '7', '-o', 'c4.onnx');
    expect(drawn.err).toContain('10 → 4 classes, 4 drawn with seed 7');
    expect(textOf('c4.onnx')).toContain('float[N,4] logits');
    const kept = object(run('adapt', 'net.onnx', '--keep-classes', '3,9', '--classes', '5', '-o', 'c5.onnx', '--json').out);
    expect(kept).toMatchObject({ head: { before: 10, after: 5, kept: [3, 9] }, verification: { values: 2 } });
    expect(run('adapt', 'net.onnx', '--keep-classes', '0,1,2,3,4,5,6,7,8,9', '-o', 'c10.onnx').code).toBe(0);
    expect(run('diff', 'net.onnx', 'c10.onnx')).toMatchObject({ code: 0 });
    // Drawn as the language draws them: another seed is another head, the same one is the same.
    run('adapt', 'net.onnx', '--classes', '4', '--seed', '7', '-o', 'again.onnx');
    expect(run('diff', 'c4.onnx', 'again.onnx').code).toBe(0);
    run('adapt', 'net.onnx', '--classes', '4', '-o', 'other.onnx');
    expect(run('diff', 'c4.onnx', 'other.onnx').out).toContain('fc.weight');
    expect(run('adapt', 'heads.res', '--classes', '3', '--head', 'mask', '-o', 'u.onnx').err).toContain('(Conv): 5 → 3');
  });
});

describe('a head that is tied to an embedding', () => {
  test.each([
    ['bert.res', 'BertForMaskedLM', 'bert.embeddings.word_embeddings.weight'],
    ['gpt2.res', 'GPT2', 'wte.weight'],
  ])('of %s gets weights of its own', (file, model, weight) => {
    for (const level of ['-O0', '-O1']) {
      made('tied.onnx', join(root, 'examples', file), ...bert, '-m', model, level);
      const kept = run('adapt', 'tied.onnx', '--classes', '7', '--keep-classes', '3,5', '-o', 'untied.onnx');
      expect(kept.code, kept.err).toBe(0);
      expect(kept.err).toContain(
        `60 → 7 classes, 2 taken over, 5 drawn with seed 0: ${weight}_classes f32[32, 7] beside ${weight}, which others read`,
      );
      expect(kept.err).toContain(': 2 values equal');
      // The embedding is what it was, and nothing that only the old head read is left.
      const differing = object(run('diff', 'tied.onnx', 'untied.onnx', '--json').out);
      expect(JSON.stringify(differing.weights)).not.toContain(weight);
      expect(differing.nodes).toEqual([expect.stringMatching(/^- transpose at /)]);
    }
  });
  const opened = async (name: string): Promise<OnnxFile> => readOnnxFile(memorySource(name, readFileSync(join(here.path, name))));
  test('what others read as well stays; weights that are computed are refused with what computes them', async () => {
    made('tied.onnx', join(root, 'examples/bert.res'), ...bert);
    const file = await opened('tied.onnx');
    const turn = file.graph.nodes.find(
      ({ opType, inputs }) => opType === 'Transpose' && inputs[0]?.endsWith('embeddings.weight'),
    );
    const [turned = ''] = turn?.outputs ?? [];
    const { graph } = file;
    const more = { ...graph, outputs: [...graph.outputs, { name: turned, type: { elem: 'f32' as const, dims: [32, 60] } }] };
    writeFileSync(join(here.path, 'seen.onnx'), await onnxBytes({ ...file, graph: more }));
    expect(run('adapt', 'seen.onnx', '--classes', '3', '--head', 'logits', '-o', 'three.onnx')).toMatchObject({
      code: 0,
      out: '',
    });
    expect(object(run('diff', 'seen.onnx', 'three.onnx', '--json').out).nodes).toEqual([]);
    const nodes = graph.nodes.flatMap((node) => {
      const reads = node.inputs.map((name) => (name === turned ? 'negated' : name));
      return node === turn ? [node, madeNode('Neg', 'negate', [turned], ['negated'])] : [{ ...node, inputs: reads }];
    });
    writeFileSync(join(here.path, 'computed.onnx'), await onnxBytes({ ...file, graph: { ...graph, nodes } }));
    const refused = run('adapt', 'computed.onnx', '--classes', '3', '-o', 'x.onnx');
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/RES0668[\s\S]*before the output logits, whose weights are computed by negate \(Neg\)\n/);
  });
});

/** A node of another domain, whose results nobody knows. */
writeFileSync(
  join(here.path, 'thing.onnx'),
  await onnxBytes({
    irVersion: 8,
    opsets: new Map([
      ['', 17],
      ['custom', 1],
    ]),
    producerName: '',
    producerVersion: '',
    metadata: [],
    functions: [],
    graph: {
      name: 'other',
      nodes: [{ ...madeNode('Thing', 'thing', ['x'], ['m']), domain: 'custom' }, madeNode('Relu', 'relu', ['m'], ['y'])],
      initializers: [],
      inputs: [{ name: 'x', type: { elem: 'f32', dims: [2] } }],
      outputs: [{ name: 'y', type: { elem: 'f32' } }],
      valueInfo: [],
    },
  }),
);

describe('mistakes', () => {
  test.each([
    ['RES0122-value', 2, ['extract', 'net.onnx', '--to', 'body.0.rel', '-o', 'x.onnx']],
    ['RES0122-scope', 2, ['extract', 'net.onnx', '--to', 'body.1', '-o', 'x.onnx']],
    ['RES0122-node', 2, ['extract', 'net.onnx', '--from', 'fc', '-o', 'x.onnx']],
    ['RES0123-taken', 2, ['rename', 'net.onnx', 'image=relu', '-o', 'x.onnx']],
    ['RES0123-both', 2, ['rename', 'two.onnx', 'a=c', 'b=c', '-o', 'x.onnx']],
    ['RES0124-near', 2, ['rename', 'net.onnx', 'imag=x', '-o', 'x.onnx']],
    ['RES0124-far', 2, ['rename', 'net.onnx', 'nope=x', '-o', 'x.onnx']],
    ['RES0124-part', 2, ['rename', 'net.onnx', 'onv1.w=x', '-o', 'x.onnx']],
    ['RES0124-pattern', 2, ['rename', 'net.onnx', 'layer*=stage*', '-o', 'x.onnx']],
    ['RES0124-kind', 2, ['rename', 'net.onnx', 'image=x', '--only', 'weights', '-o', 'x.onnx']],
    ['RES0665-shortcut', 2, ['extract', 'net.onnx', '--from', 'body.0.relu', '--to', 'body.0.relu_1', '-o', 'x.onnx']],
    ['RES0665-inputs', 2, ['extract', 'two.onnx', '--from', 'a', '-o', 'x.onnx']],
    ['RES0665-idle', 2, ['extract', 'net.onnx', '--from', 'body.1.relu', '--to', 'relu', '-o', 'x.onnx']],
    ['RES0665-end', 2, ['extract', 'net.onnx', '--to', 'image', '-o', 'x.onnx']],
    ['RES0666-domain', 1, ['extract', 'thing.onnx', '--from', 'm', '-o', 'x.onnx']],
    ['RES0667-misfit', 1, ['adapt', 'bert1.onnx', '--batch', 'free', '-o', 'x.onnx']],
    ['RES0667-squeeze', 1, ['adapt', 'plain1.onnx', '--batch', 'free', '-o', 'x.onnx']],
    ['RES0668-outputs', 1, ['adapt', 'heads.onnx', '--classes', '4', '-o', 'x.onnx']],
    ['RES0668-joined', 1, ['adapt', 'two.onnx', '--classes', '4', '-o', 'x.onnx']],
    ['RES0668-behind', 1, ['adapt', 'heads.onnx', '--classes', '4', '--head', 'late', '-o', 'x.onnx']],
    ['RES0668-head', 1, ['adapt', 'heads.onnx', '--classes', '4', '--head', 'lat', '-o', 'x.onnx']],
    ['RES0668-class', 1, ['adapt', 'net.onnx', '--keep-classes', '3,10', '-o', 'x.onnx']],
    ['RES0702-only', 2, ['rename', 'net.onnx', 'a=b', '--only', 'names', '-o', 'x.onnx']],
    ['RES0702-no-renaming', 2, ['rename', 'net.onnx', '-o', 'x.onnx']],
    ['RES0702-renaming', 2, ['rename', 'net.onnx', 'image', '-o', 'x.onnx']],
    ['RES0702-adapt', 2, ['adapt', 'net.onnx', '-o', 'x.onnx']],
    ['RES0702-keep-classes', 2, ['adapt', 'net.onnx', '--keep-classes', 'net.res', '-o', 'x.onnx']],
    ['RES0703-extract', 2, ['extract', 'net.onnx', '--to', 'relu']],
    ['RES0707-batch', 2, ['adapt', 'net.onnx', '--batch', '0', '-o', 'x.onnx']],
    ['RES0709-batch', 2, ['adapt', 'net.onnx', '--size', 'M=3', '-o', 'x.onnx']],
    ['RES0712-mixed', 1, ['adapt', 'mixed.onnx', '--batch', '4', '-o', 'x.onnx']],
    ['RES0842-extract', 2, ['extract', 'net.onnx', '--to', 'relu', '-o', 'x.pt']],
    ['RES0847-extract', 2, ['extract', 'net.pt', '--to', 'relu', '-o', 'x.onnx']],
  ] as const)('%s', (name, code, args) => {
    const answer = run(...args);
    expect(answer.out).toBe('');
    expect(answer.err).toContain(`error ${name.slice(0, 7)}`);
    expect(answer.code).toBe(code);
    golden(`errors/${name}.txt`, answer.err);
    const data = run(...args, '--json');
    expect(object(data.out)).toMatchObject({ ok: false, diagnostics: [{ code: name.slice(0, 7) }] });
    expect(data.code).toBe(code);
    for (const file of ['x.onnx', 'x.pt']) expect(existsSync(join(here.path, file))).toBe(false);
  });
  test('hints are right when followed', () => {
    for (const [args, expected] of [
      [['--from', 'body.0.relu,relu', '--to', 'body.0.relu_1'], 'from body.0.relu: f32[N, 8, 16, 16], relu: f32[N, 8, 16, 16]'],
      [['--to', 'body.1.relu_1'], 'to body.1.relu_1'],
    ] as const)
      expect(run('extract', 'net.onnx', ...args, '-o', 'hint.onnx').err).toContain(expected);
    expect(run('rename', 'net.onnx', 'image=relu', 'relu=relu_before', '-o', 'hint.onnx')).toMatchObject({ code: 0 });
    expect(run('adapt', 'heads.onnx', '--classes', '4', '--head', 'mask', '-o', 'hint.onnx').err).toContain('5 → 4 classes');
  });
  test('--no-verify writes what differs', () => {
    expect(run('adapt', 'mixed.onnx', '--batch', '4', '-o', 'written.onnx', '--no-verify')).toMatchObject({ code: 0 });
  });
});

describe('where onnxruntime-node is not installed', () => {
  /** A copy of the command beside which there is no runtime. */
  const alone = folder({ 'net.res': net });
  afterAll(alone.remove);
  const installed = join(alone.path, 'node_modules/rescc');
  cpSync(join(root, 'dist'), join(installed, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  symlinkSync(join(root, 'node_modules/commander'), join(alone.path, 'node_modules/commander'));
  const bare = (...args: string[]): { readonly status: number | null; readonly out: string; readonly err: string } => {
    const done = spawnSync(process.execPath, [join(installed, 'dist/rescc.js'), ...args], { cwd: alone.path, encoding: 'utf8' });
    return { status: done.status, out: done.stdout, err: done.stderr };
  };
  test('the float64 reference runs both, and it is said', () => {
    expect(bare('net.res', '-o', 'net.onnx', '-q')).toEqual({ status: 0, out: '', err: '' });
    const by = 'run in the float64 reference, as onnxruntime-node is not installed, against the original at N = 1 and N = 3';
    for (const words of [
      ['extract', 'net.onnx', '--to', 'body.0.relu_1', '-o', 'x.onnx'],
      ['rename', 'net.onnx', 'image=x', '-o', 'x.onnx'],
      ['adapt', 'net.onnx', '--classes', '3', '-o', 'x.onnx'],
    ]) {
      const done = bare(...words);
      expect(done.status, done.err).toBe(0);
      expect(done.err).toContain(by);
    }
    expect(JSON.parse(bare('rename', 'net.onnx', 'image=x', '-o', 'x.onnx', '--json').out)).toMatchObject({
      verification: { by: 'reference', values: 1 },
    });
    const differing = bare('diff', 'net.onnx', 'x.onnx');
    expect(differing.err).toContain('float64 reference');
    expect(differing.out).toContain('is the same on random inputs');
    // What needs onnxruntime says how to get it.
    expect(bare('verify', 'net.onnx')).toMatchObject({ status: 1, err: expect.stringContaining('RES0800') });
  });
});
