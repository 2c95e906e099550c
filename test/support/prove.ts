/**
 * A program that compiles models, proves them, opens them and runs them in an onnxruntime that it is given, and what it found as
 * plain data: the same program runs in Node and in a page.
 */
import type * as Api from '../../src/index.ts';
import type { GivenRuntime } from '../../src/runtime/given-runtime.ts';

type Rescc = Pick<
  typeof Api,
  'compile' | 'constantOf' | 'DiagnosticError' | 'openSession' | 'render' | 'verifyModel' | 'verifyTable'
>;

/** What passes change, with an output of integers; halves; integers that come in and a size that is free. */
const sources = {
  residual: `model M {
    input image: f32[N, 3, 8, 8]
    conv(4, 3x3)  batchnorm  relu
    residual { conv(4, 3x3)  batchnorm  relu  conv(4, 3x3)  batchnorm }
    relu  global_avgpool  flatten
    linear(5)
    output y
    output best = argmax(it, axis=1)
  }`,
  halves: 'model M { input x: f16[N, 6]  linear(8)  relu  linear(3)  output y }',
  words: 'model M { input ids: i64[N, T] in 0..49  embedding(50, 8)  let h, _, _ = lstm(4)  output y = h }',
};

/** Whole numbers, which every type holds. */
const elements = (count: number): number[] => Array.from({ length: count }, (_, i) => (i * 7) % 13);
const inputs: Readonly<Record<keyof typeof sources, { readonly name: string; readonly dims: readonly number[] }>> = {
  residual: { name: 'image', dims: [2, 3, 8, 8] },
  halves: { name: 'x', dims: [2, 6] },
  words: { name: 'ids', dims: [2, 3] },
};

interface Run {
  readonly case: string;
  readonly graph: string;
  readonly optimizer: string;
  readonly provider: string;
  readonly ok: boolean;
  readonly errors: readonly (readonly [output: string, absolute: number, relative: number, largest: number])[];
}

export interface Proof {
  readonly ok: boolean;
  readonly table: string;
  readonly cases: readonly string[];
  readonly runs: readonly Run[];
  /** The report of a graph that computes something else: its verdict and what it says. */
  readonly wrong: { readonly ok: boolean; readonly said: string };
  readonly ports: string;
  readonly outputs: Readonly<
    Record<string, { readonly elem: string; readonly dims: readonly number[]; readonly data: readonly number[] }>
  >;
}

async function saidBy(rescc: Rescc, run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'nothing';
  } catch (error) {
    if (!(error instanceof rescc.DiagnosticError)) throw error;
    return rescc.render(error.diagnostics, { color: false });
  }
}

async function proofOf(rescc: Rescc, ort: GivenRuntime, name: keyof typeof sources): Promise<Proof> {
  const compiled = async (text: string, seed: number) => {
    const { graph, unoptimized, bytes } = await rescc.compile(text, { seed, keepUnoptimized: true });
    if (!graph || !unoptimized) throw new Error(`${name} has errors`);
    return { graph, unoptimized, bytes };
  };
  const { graph, unoptimized, bytes } = await compiled(sources[name], 7);
  const options = { constants: rescc.constantOf, eps: ['cpu'] as const, runtime: ort };
  const report = await rescc.verifyModel({ ...options, before: unoptimized, after: graph });
  const other = await compiled(sources[name], 8);
  const wrong = await rescc.verifyModel({ ...options, before: unoptimized, after: other.graph });

  const session = await rescc.openSession(await bytes(), { runtime: ort });
  const { name: input, dims } = inputs[name];
  const results = await session.run({ [input]: { dims, data: elements(dims.reduce((a, b) => a * b, 1)) } });
  const ports = JSON.stringify([session.inputs, session.outputs]);
  await session.close();
  return {
    ok: report.ok,
    table: rescc.verifyTable(report),
    cases: report.cases.map((one) => `${one.name} ${[...one.bindings].join(' ')}`),
    runs: report.runs.map(({ case: at, graph: of, optimizer, provider, ok, outputs }) => ({
      case: at,
      graph: of,
      optimizer,
      provider,
      ok,
      errors: outputs.map((one) => [one.name, one.absolute, one.relative, one.largest]),
    })),
    wrong: { ok: wrong.ok, said: rescc.render(wrong.diagnostics, { color: false }) },
    ports,
    outputs: Object.fromEntries(
      Object.entries(results).map(([port, { elem, dims: sizes, data }]) => [
        port,
        { elem, dims: sizes, data: Array.from(data, Number) },
      ]),
    ),
  };
}

export interface Proven {
  readonly proofs: Readonly<Record<string, Proof>>;
  readonly said: Readonly<Record<string, string>>;
}

/** Every model's proof, and what is said where a file is none, an input is missing, and a runtime is none. */
export async function prove(rescc: Rescc, ort: GivenRuntime): Promise<Proven> {
  const proofs: Record<string, Proof> = {};
  for (const name of Object.keys(sources) as (keyof typeof sources)[]) proofs[name] = await proofOf(rescc, ort, name);
  const made = await rescc.compile(sources.halves, { seed: 7 });
  const bytes = await made.bytes();
  const said = {
    'no model': await saidBy(rescc, () => rescc.openSession(Uint8Array.of(1, 2, 3), { runtime: ort })),
    'no input': await saidBy(rescc, async () => (await rescc.openSession(bytes, { runtime: ort })).run({})),
    'no runtime': await saidBy(rescc, () => rescc.openSession(bytes, { runtime: {} as GivenRuntime })),
  };
  return { proofs, said };
}
