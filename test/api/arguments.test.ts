/**
 * Every export of both entries, called as programs without types call it: what comes back is a diagnostic of ours, never an error
 * from inside.
 */
import { describe, expect, test } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { render } from '../../src/diagnostics/render.ts';
import * as core from '../../src/index.ts';
import * as node from '../../src/node.ts';
import { golden } from '../golden.ts';

const source = 'model M { input x: f32[N, 3]  fc: linear(4)  output y }';
const { graph } = core.build(source);
const made = await core.compile(source, { keepUnoptimized: true });
const read = await core.readOnnxFile(await made.bytes());
const part = core.extractModel(read, {});
const renamed = core.renameModel(read, [{ from: 'x', to: 'z' }]);
const resized = core.resizeModel(read, { batch: 1 });
const head = core.replaceClasses(read, { classes: 3 });
const summary = graph && core.summarize(graph);
const verify = { before: graph, after: graph, constants: node.constantOf, eps: ['cpu'] };

/** Arguments with which each function works, and where its options stand. */
const calls: Readonly<Record<string, { readonly args: readonly unknown[]; readonly options?: number }>> = {
  blobSource: { args: [new Blob(['x'])] },
  build: { args: [source, {}], options: 1 },
  check: { args: [source, {}], options: 1 },
  compile: { args: [source, {}], options: 1 },
  compileFile: { args: ['examples/resnet.res', {}], options: 1 },
  constantOf: { args: [[...(graph?.constants() ?? [])][0]] },
  encodeModel: { args: [made.onnx] },
  evaluate: { args: [summary?.madds, { N: 1 }] },
  explain: { args: ['RES0302'] },
  extractModel: { args: [read, {}], options: 1 },
  fileSource: { args: ['package.json'] },
  format: { args: [core.parse({ name: 'a', text: source }).file] },
  httpSource: { args: ['http://localhost/', {}], options: 1 },
  memorySource: { args: ['a', new Uint8Array(1)] },
  models: { args: [source, {}], options: 1 },
  npyBytes: { args: [{ elem: 'f32', dims: [1], data: new Float64Array(1) }] },
  onnxBytes: { args: [made.onnx] },
  onnxText: { args: [made.onnx] },
  openCheckpoint: { args: [await made.bytes()] },
  openSession: { args: [await made.bytes(), {}], options: 1 },
  optimize: { args: [core.build(source).graph, {}], options: 1 },
  optimizeOnnx: { args: [await made.bytes(), {}], options: 1 },
  parse: { args: [{ name: 'a', text: source }] },
  parseNpy: { args: [node.npyBytes({ elem: 'f32', dims: [1], data: new Float64Array(1) }), 'a.npy'] },
  positionOf: { args: [{ name: 'a', text: source }, 0] },
  printGraph: { args: [graph] },
  proveHead: { args: [read, head, [], {}], options: 3 },
  provePart: { args: [read, part, {}], options: 2 },
  proveRenamed: { args: [read, renamed, {}], options: 2 },
  proveResized: { args: [read, resized, {}], options: 2 },
  readOnnxFile: { args: [await made.bytes()] },
  renameModel: { args: [read, [{ from: 'x', to: 'z' }], {}], options: 2 },
  render: { args: [[], { color: false }], options: 1 },
  replaceClasses: { args: [read, { classes: 3 }], options: 1 },
  resizeModel: { args: [read, { batch: 1 }], options: 1 },
  runModel: { args: [{ model: await made.bytes(), inputs: [] }], options: 0 },
  summarize: { args: [graph, {}], options: 1 },
  summaryText: { args: [summary, {}], options: 1 },
  toDot: { args: [graph, {}], options: 1 },
  toJson: { args: [[]] },
  toMermaid: { args: [graph, {}], options: 1 },
  topK: { args: [{ elem: 'f32', dims: [2], data: new Float64Array(2) }, 1] },
  verifyModel: { args: [verify], options: 0 },
  verifyOptimized: { args: [{ ...verify, original: await made.bytes(), onnx: made.onnx }], options: 0 },
  verifyTable: { args: [{ runs: [], cases: [], notes: [], suspects: [], diagnostics: [], ok: true }] },
  writeModel: { args: [made.onnx, '/dev/null/x', {}], options: 2 },
};

const wrong: readonly (readonly [name: string, value: unknown])[] = [
  ['nothing', undefined],
  ['null', null],
  ['a number', 3.5],
  ['an empty object', {}],
  ['a list', [3]],
  // Where a path is due, nothing can be written there.
  ['a text', '/dev/null/nonsense'],
  ['a function', () => 3],
  ['bytes', new Uint8Array(3)],
  ['a promise', Promise.resolve(3)],
];

type Callable = (...args: readonly unknown[]) => unknown;
const entries = [
  ['rescc', core],
  ['rescc/node', node],
] as const;

/** What is thrown, now or later; undefined where nothing is. */
async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    const made = await run();
    // A stream begins when it is asked.
    if (typeof made === 'object' && made !== null && Symbol.asyncIterator in made)
      for await (const _ of made as AsyncIterable<unknown>) break;
  } catch (error) {
    return error;
  }
  return undefined;
}

const functionsOf = (entry: object): readonly (readonly [string, Callable])[] =>
  Object.entries(entry).flatMap(([name, value]) =>
    typeof value === 'function' && value !== DiagnosticError ? [[name, value as Callable] as const] : [],
  );

describe.each(entries)('%s', (_, entry) => {
  const functions = functionsOf(entry);
  test('has no function without a call here', () => {
    for (const [name] of functions) expect(Object.keys(calls)).toContain(name);
    expect(functions.length).toBeGreaterThan(20);
  });

  test.each(functions)('%s', async (name, run) => {
    const { args, options } = calls[name] ?? { args: [] };
    for (const [at] of args.entries()) {
      for (const [what, value] of wrong) {
        const given = args.map((arg, i) => (i === at ? value : arg));
        const error = await thrownBy(() => run(...given));
        // Some take it: options may be left out, bytes may be bytes, and a text may be a text.
        if (error === undefined) continue;
        expect(error, `${name}, argument ${at} is ${what}`).toBeInstanceOf(DiagnosticError);
        for (const d of (error as DiagnosticError).diagnostics) {
          expect(d.code).toMatch(/^RES\d{4}$/);
          expect(
            [d.found, d.expected, d.hint].every((one) => one !== undefined && one !== ''),
            `${name}: ${d.title}`,
          ).toBe(true);
        }
      }
    }
    // The first argument of everything is needed.
    for (const [what, value] of wrong.slice(0, 4)) {
      const [first] = args;
      if (name === 'positionOf' || typeof first === 'undefined') continue;
      expect(await thrownBy(() => run(value, ...args.slice(1))), `${name} takes ${what}`).toBeInstanceOf(DiagnosticError);
    }
    if (options === undefined || name === 'runModel' || name === 'verifyOptimized') return;
    const odd = args.map((arg, i) => (i === options ? { ...(arg as object), nonsense: 1 } : arg));
    const error = await thrownBy(() => run(...odd));
    expect(error, `${name} with an option that there is not`).toBeInstanceOf(DiagnosticError);
    expect((error as DiagnosticError).diagnostics[0]?.code).toBe('RES0526');
  });
});

const saidBy = async (run: () => unknown): Promise<string> => {
  const error = await thrownBy(run);
  if (!(error instanceof DiagnosticError)) throw new Error(`no diagnostic: ${String(error)}`);
  return render(error.diagnostics, { color: false });
};
const loose = core as unknown as Readonly<Record<string, Callable>>;

test('what is nested in objects of our own making is looked at', async () => {
  const odd = [
    undefined,
    null,
    -1,
    Number.NaN,
    3n,
    '',
    'x',
    {},
    [],
    [null],
    [3],
    [[1]],
    { x: -1 },
    new Map(),
    () => 3,
    Symbol('s'),
  ];
  const { file } = core.parse({ name: 'a', text: source });
  const report = await node.verifyModel(verify as never);
  const own = {
    onnxText: made.onnx,
    encodeModel: made.onnx,
    format: file,
    verifyTable: report,
    extractModel: read,
    resizeModel: read,
  };
  // Tensors belong to their session; another one is no mistake of types.
  for (const [name, whole] of Object.entries(own))
    for (const key of Object.keys(whole as object).filter((one) => one !== 'session'))
      for (const value of odd) {
        const error = await thrownBy(() => loose[name]?.({ ...(whole as object), [key]: value }, {}));
        expect(error === undefined || error instanceof DiagnosticError, `${name}, ${key}: ${String(error)}`).toBe(true);
      }
  for (const value of odd.filter((one) => typeof one !== 'string'))
    for (const rule of [{ from: value, to: 'z' }, { from: 'x', to: value }, value])
      expect(await thrownBy(() => loose.renameModel?.(read, [rule]))).toBeInstanceOf(DiagnosticError);
});

test('every option of every function takes what it is for, or says so', async () => {
  const odd = [
    null,
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e30,
    3n,
    '',
    'x',
    true,
    {},
    [],
    [null],
    [[1]],
    { x: null },
    { x: -1 },
  ];
  let tried = 0;
  for (const [name, run] of functionsOf(core)) {
    const { args, options } = calls[name] ?? { args: [] };
    // What runs onnxruntime takes seconds.
    if (options === undefined || /^(?:prove|verify|open|http)/.test(name)) continue;
    const given = (value: object): readonly unknown[] => args.map((arg, i) => (i === options ? value : arg));
    const error = await thrownBy(() => run(...given({ nonsense: 1 })));
    const known = error instanceof DiagnosticError ? (/^one of (.*)$/.exec(error.diagnostics[0]?.expected ?? '')?.[1] ?? '') : '';
    for (const key of known.split(', ').filter((one) => one !== ''))
      for (const value of odd) {
        tried++;
        const failed = await thrownBy(() => run(...given({ [key]: value })));
        expect(
          failed === undefined || failed instanceof DiagnosticError,
          `${name}, ${key} ${String(value)}: ${String(failed)}`,
        ).toBe(true);
      }
  }
  expect(tried).toBeGreaterThan(500);
});

test('a mistyped option is a did-you-mean', async () => {
  const said = await saidBy(() => loose.compile?.(source, { defnes: { classes: 10 } }));
  expect(said).toContain('defines: …');
  golden('errors/RES0526-option.txt', said);
});

test('a promise that was not awaited, and other things, are named', async () => {
  const said = await saidBy(() => loose.optimizeOnnx?.(made.bytes()));
  expect(said).toContain('a promise, which wants an `await`');
  golden('errors/RES0516-argument.txt', said);
});

test('what is nested in options is looked at', async () => {
  for (const options of [
    { defines: { classes: Number.NaN } },
    { defines: { classes: () => 3 } },
    { inputShapes: { x: 'big' } },
    { map: ['a=b'] },
    { passes: 'simplify' },
    { level: 3 },
    { weights: 'file.pth' },
    { seed: 0.5 },
  ])
    expect(await saidBy(() => loose.compile?.(source, options)), JSON.stringify(options)).toMatch(/^error RES0516/);
});
