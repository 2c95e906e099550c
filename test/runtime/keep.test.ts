/**
 * Outputs that stay as onnxruntime made them: the same numbers as those that are read, and the same tensor as an input of the
 * next run.
 */
import * as ort from 'onnxruntime-node';
import { describe, expect, test, vi } from 'vitest';
import * as core from '../../src/index.ts';
import * as node from '../../src/node.ts';
import { swiftshader } from './swiftshader.ts';

vi.setConfig({ testTimeout: 120_000 });

const source = (elem: string): string => `model Step {
  input past.a: ${elem}[1, P >= 0, 2] as a
  input past.b: ${elem}[1, P >= 0, 2] as b
  input x: ${elem}[1, T, 2]
  let joined = concat(a, x, axis=1)
  let twice = concat(b, x + x, axis=1)
  output present.a = joined
  output present.b = twice
  output y = joined + joined
}`;
async function bytesOf(elem = 'f32'): Promise<Uint8Array> {
  const { bytes, diagnostics } = await core.compile(source(elem));
  expect(core.render(diagnostics)).toBe('');
  return await bytes();
}
const nothing = { dims: [1, 0, 2], data: [] };
const pair = (...data: number[]): core.TensorInput => ({ dims: [1, data.length / 2, 2], data });
const keep = ['present.*'];
type Outputs = Readonly<Record<string, core.HostTensor | core.KeptTensor>>;

function keptOf(outputs: Outputs, name: string): core.KeptTensor {
  const one = outputs[name];
  if (!one || 'data' in one) throw new Error(`${name} was not kept`);
  return one;
}

/** Three steps of a past, kept or not: what is read of each, and the past behind the last. */
async function steps(model: core.ModelSession<core.KeptTensor>, texts: readonly core.TensorInput[]): Promise<unknown> {
  let past: Record<string, core.ModelInput> = { 'past.a': nothing, 'past.b': nothing };
  const read: unknown[] = [];
  let last: Outputs = {};
  for (const x of texts) {
    last = await model.run({ ...past, x });
    read.push(last.y);
    past = { 'past.a': last['present.a'] ?? nothing, 'past.b': last['present.b'] ?? nothing };
  }
  const elements = async (name: string): Promise<unknown> => {
    const one = last[name];
    return one && 'read' in one ? await one.read() : one;
  };
  return { read, a: await elements('present.a'), b: await elements('present.b') };
}

/** onnxruntime-node as a module that takes itself for onnxruntime-web, and tells what it is given. */
function recorded(): {
  readonly runtime: core.GivenRuntime;
  readonly options: Record<string, unknown>[];
  readonly fed: Record<string, ort.Tensor>[];
  readonly made: Record<string, ort.Tensor>[];
} {
  const options: Record<string, unknown>[] = [];
  const fed: Record<string, ort.Tensor>[] = [];
  const made: Record<string, ort.Tensor>[] = [];
  const create = async (model: Uint8Array, given: object): Promise<unknown> => {
    options.push({ ...given });
    const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4 });
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      inputMetadata: session.inputMetadata,
      outputMetadata: session.outputMetadata,
      release: () => session.release(),
      run: async (feeds: Record<string, ort.Tensor>) => {
        fed.push(feeds);
        const outputs = await session.run(feeds);
        made.push({ ...outputs } as Record<string, ort.Tensor>);
        return outputs;
      },
    };
  };
  const runtime = { InferenceSession: { create }, Tensor: ort.Tensor, env: { versions: { web: '1.30.0', common: '1.30.0' } } };
  return { runtime, options, fed, made };
}

describe('outputs that are kept', () => {
  test.each(['f32', 'f16', 'f64', 'i32', 'i64'])('hold of %s what is read otherwise', async (elem) => {
    const bytes = await bytesOf(elem);
    await using reading = await node.openSession(bytes);
    await using keeping = await node.openSession(bytes, { keep });
    await using given = await core.openSession(bytes, { keep, runtime: ort });
    const texts = elem.startsWith('i')
      ? [pair(1, 2, 3, 4), pair(2 ** 30, -5), pair(7, 0)]
      : [pair(1, 0.1, 3, 4), pair(1e-30, -5), pair(7, 0.3)];
    const expected = await steps(reading, texts);
    expect(await steps(keeping, texts)).toEqual(expected);
    expect(await steps(given, texts)).toEqual(expected);
  });

  test('are those of the names alone', async () => {
    await using model = await node.openSession(await bytesOf(), { keep: ['present.b'] });
    const outputs = await model.run({ 'past.a': nothing, 'past.b': nothing, x: pair(1, 2) });
    expect(outputs['present.a']).toMatchObject({ elem: 'f32', dims: [1, 1, 2], data: Float64Array.of(1, 2) });
    const kept = keptOf(outputs, 'present.b');
    expect(kept).toMatchObject({ elem: 'f32', dims: [1, 1, 2] });
    expect((await kept.read()).data).toEqual(Float64Array.of(2, 4));
  });

  test('go into the next run as the very tensor that the runtime gave', async () => {
    const { runtime, fed, made } = recorded();
    await using model = await core.openSession(await bytesOf(), { keep, runtime });
    const first = await model.run({ 'past.a': nothing, 'past.b': nothing, x: pair(1, 2) });
    const a = keptOf(first, 'present.a');
    await model.run({ 'past.a': a, 'past.b': keptOf(first, 'present.b'), x: pair(3, 4) });
    expect(fed[1]?.['past.a']).toBe(made[0]?.['present.a']);
    expect(fed[1]?.['past.b']).toBe(made[0]?.['present.b']);
  });

  test('stay on the GPU of onnxruntime-web', async () => {
    const { runtime, options } = recorded();
    for (const more of [{ ep: 'webgpu', keep } as const, { ep: 'webgpu' } as const, { keep } as const])
      await (await core.openSession(await bytesOf(), { ...more, runtime })).close();
    expect(options.map((one) => one.preferredOutputLocation)).toEqual([
      { 'present.a': 'gpu-buffer', 'present.b': 'gpu-buffer' },
      undefined,
      undefined,
    ]);
  });

  test('free what the runtime holds', async () => {
    const { runtime, made } = recorded();
    await using model = await core.openSession(await bytesOf(), { keep, runtime });
    const outputs = await model.run({ 'past.a': nothing, 'past.b': nothing, x: pair(1, 2) });
    const tensor = made[0]?.['present.a'] ?? expect.unreachable();
    const disposed = vi.spyOn(tensor, 'dispose');
    keptOf(outputs, 'present.a').dispose();
    keptOf(outputs, 'present.a').dispose();
    expect(disposed).toHaveBeenCalledOnce();
  });

  test('go to another runtime by their elements', async () => {
    const { runtime } = recorded();
    await using first = await core.openSession(await bytesOf(), { keep, runtime });
    const outputs = await first.run({ 'past.a': nothing, 'past.b': nothing, x: pair(1, 2) });
    const past = { 'past.a': keptOf(outputs, 'present.a'), 'past.b': keptOf(outputs, 'present.b') };
    for (const options of [{}, { runtime: ort }]) {
      await using second = await node.openSession(await bytesOf(), options);
      expect((await second.run({ ...past, x: pair(3, 4) }))['present.a']?.data).toEqual(Float64Array.of(1, 2, 3, 4));
    }
  });

  test('cross the process of a GPU provider', async (context) => {
    const environment = swiftshader(context);
    await using model = await node.openSession(await bytesOf(), { keep, ep: 'webgpu', environment });
    await using reading = await node.openSession(await bytesOf());
    let past: Record<string, core.ModelInput> = { 'past.a': pair(8, 9), 'past.b': pair(8, 9) };
    let same = past;
    for (const x of [pair(1, 2), pair(3, 4)]) {
      const outputs = await model.run({ ...past, x });
      const expected = await reading.run({ ...same, x });
      expect((await keptOf(outputs, 'present.b').read()).data).toEqual(expected['present.b']?.data);
      past = { 'past.a': keptOf(outputs, 'present.a'), 'past.b': keptOf(outputs, 'present.b') };
      same = { 'past.a': expected['present.a'] ?? nothing, 'past.b': expected['present.b'] ?? nothing };
    }
  });
});

describe('refused are', () => {
  const said = async (run: () => unknown): Promise<string> => {
    try {
      await run();
    } catch (error) {
      if (error instanceof core.DiagnosticError) return core.render(error.diagnostics);
      throw error;
    }
    return '';
  };

  test('names of no output', async () => {
    const bytes = await bytesOf();
    const text = await said(() => node.openSession(bytes, { keep: ['y', 'presnt.a'] }));
    expect(text).toContain('RES0516');
    expect(text).toContain('no output presnt.a');
    expect(text).toContain("keep: ['present.a']");
    expect(await said(() => node.openSession(bytes, { keep: 'present.*' } as never))).toContain('a list of names of outputs');
  });

  test('what was disposed of, what does not fit, and what only looks like it', async () => {
    await using model = await node.openSession(await bytesOf(), { keep });
    const inputs = { 'past.a': nothing, 'past.b': nothing, x: pair(1, 2) };
    const outputs = await model.run(inputs);
    const a = keptOf(outputs, 'present.a');
    const looksLike = { elem: 'f32', dims: [1, 1, 2], read: () => a.read(), dispose: () => undefined } as const;
    expect(await said(() => model.run({ ...inputs, 'past.a': looksLike }))).toContain('RES0516');
    // The past of one token beside that of none.
    expect(await said(() => model.run({ ...inputs, 'past.a': a }))).toContain('RES0813');
    a.dispose();
    expect(await said(() => a.read())).toContain('the kept output present.a, which was disposed of');
    expect(await said(() => model.run({ ...inputs, 'past.a': a, 'past.b': keptOf(outputs, 'present.b') }))).toContain('RES0516');
  });
});
