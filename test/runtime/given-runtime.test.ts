/** Verifying and running in an onnxruntime that the program brings along gives the report that rescc's own processes give. */
import * as runtime from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import * as core from '../../src/index.ts';
import * as node from '../../src/node.ts';

const source = `model M {
  input x: f32[N, 3, H, W]
  conv(4, 3x3)  batchnorm  relu
  residual { conv(4, 3x3)  batchnorm }
  relu  global_avgpool  flatten
  linear(5)
  output y
}`;
const made = await core.compile(source, { keepUnoptimized: true });
const { graph, unoptimized } = made;
if (!graph || !unoptimized) throw new Error('the source has errors');
const options = { before: unoptimized, after: graph, constants: core.constantOf, eps: ['cpu'], threads: 1 } as const;

/** What is measured, without times and without what only a profile says. */
const measured = (report: core.VerifyReport) => report.runs.map(({ runMs: _, nodes: _nodes, left: _left, ...run }) => run);

describe('a runtime that is given', () => {
  test('verifies with the same report', async () => {
    const own = await node.verifyModel(options);
    const given = await core.verifyModel({ ...options, runtime });
    expect(given.ok).toBe(true);
    expect(measured(given)).toEqual(measured(own));
    expect(given.cases.map(({ name, bindings }) => [name, bindings])).toEqual(
      own.cases.map(({ name, bindings }) => [name, bindings]),
    );
  });

  test('says in its own words who is wrong', async () => {
    const other = core.build(source.replace('relu  global', 'global')).graph;
    if (!other) throw new Error('the source has errors');
    const report = await core.verifyModel({ ...options, after: other, runtime });
    expect(report.ok).toBe(false);
    expect(report.diagnostics.map((d) => d.code)).toContain('RES0810');
  });

  test('runs tensors', async () => {
    const session = await core.openSession(await made.bytes(), { runtime });
    const { y } = await session.run({ x: { dims: [1, 3, 4, 4], data: new Float32Array(48) } });
    expect(y?.dims).toEqual([1, 5]);
    await session.close();
  });

  test('takes nothing for a size of which nobody promised that there is something', async () => {
    const past = await core.compile(
      `model Past { input past: f32[1, P, 4]  input x: f32[1, T, 4]  concat(past, x, axis=1)  output y }`,
    );
    const { onnx } = past;
    if (!onnx) throw new Error('the source has errors');
    const inputs = { past: { dims: [1, 0, 4], data: [] }, x: { dims: [1, 1, 4], data: [1, 2, 3, 4] } };
    const foreign = await core.openSession(await core.onnxBytes({ ...onnx, producerName: 'pytorch' }), { runtime });
    expect((await foreign.run(inputs)).y).toMatchObject({ dims: [1, 1, 4] });
    await foreign.close();
    const own = await core.openSession(await past.bytes(), { runtime });
    await expect(own.run(inputs)).rejects.toMatchObject({ diagnostics: [{ code: 'RES0837' }] });
    await own.close();
  });

  test('refuses in our words', async () => {
    const codeOf = async (run: () => Promise<unknown>): Promise<string | undefined> =>
      await run().then(
        () => undefined,
        (error: unknown) => (error instanceof core.DiagnosticError ? error.diagnostics[0]?.code : String(error)),
      );
    expect(await codeOf(() => core.openSession(new Uint8Array(20), { runtime }))).toBe('RES0804');
    expect(await codeOf(() => core.openSession(new Uint8Array(20), {} as never))).toBe('RES0516');
    expect(await codeOf(() => core.verifyModel({ ...options, runtime: {} as never }))).toBe('RES0516');
  });
});
