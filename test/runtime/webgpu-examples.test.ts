/**
 * Examples on WebGPU, by SwiftShader: small networks of the same make (test/fixtures), each through `verify`, which compares
 * with the float64 reference and names the operators that left the GPU.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CompileOptions, compile } from '../../src/compile.ts';
import type { HostTensor } from '../../src/ir/types.ts';
import { verifyModel } from '../../src/runtime/verify-model.ts';
import type { VerifyReport } from '../../src/runtime/verify-report.ts';
import { verifyTable } from '../../src/runtime/verify-table.ts';
import { constantOf } from '../../src/tensor/constant-of.ts';
import * as detection from '../checkpoint/detection.ts';
import { checkpointOf } from '../checkpoint/helpers.ts';
import * as published from '../checkpoint/published-outputs.ts';
import { swiftshader } from './swiftshader.ts';

const examples = new URL('../../examples/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, examples), 'utf8');

/** What `verify` says of a source on WebGPU. */
async function verified(
  source: string,
  inputs: ReadonlyMap<string, HostTensor>,
  environment: Readonly<Record<string, string>>,
  options: CompileOptions,
): Promise<VerifyReport> {
  const resolveImport = (from: string): { name: string; text: string } => ({ name: from, text: read(from) });
  const { graph, unoptimized, diagnostics } = await compile(source, { resolveImport, keepUnoptimized: true, ...options });
  if (!graph || !unoptimized) throw new Error(diagnostics.map(({ code, found }) => `${code} ${found}`).join('\n'));
  const { opset, level } = options;
  return await verifyModel({
    before: unoptimized,
    after: graph,
    constants: constantOf,
    eps: ['webgpu'],
    inputs,
    environment,
    threads: 1,
    level: `-O${level}`,
    ...(opset && { opset }),
  });
}

/** The kinds of operators that ran on the CPU instead, in every run of the optimised file. */
function leftBy({ runs }: VerifyReport): readonly string[] {
  const left = runs.filter(({ provider }) => provider === 'webgpu').flatMap((run) => run.left);
  return [...new Set(left.map(({ op }) => op))].sort();
}

function expectOk(report: VerifyReport): void {
  expect(report.runs.filter(({ provider }) => provider === 'webgpu').length, verifyTable(report)).toBeGreaterThan(0);
  expect(report.ok, verifyTable(report)).toBe(true);
  expect(report.diagnostics).toEqual([]);
}

/** A case of test/fixtures/published by its model. */
async function ofPublished(
  model: string,
  environment: Readonly<Record<string, string>>,
  options: CompileOptions,
): Promise<VerifyReport> {
  const one = published.cases.find((each) => each.model === model);
  if (!one) throw new Error(`test/fixtures/published has no ${model}`);
  const { source, weights } = published.filled(one);
  const held = Object.keys(one.state).length > 0 ? { weights } : {};
  return await verified(source, published.inputsOf(one), environment, { ...options, ...held, model, defines: one.defines });
}

/** What controls a Loop and the choice of a step. */
const steering = ['Add', 'Cast', 'Div', 'Less', 'LessOrEqual', 'Loop', 'Max', 'Min', 'Mul', 'Pow', 'Sub', 'Where'];

describe('examples on WebGPU', () => {
  it.for([[0], [1], [2, 23]] as const)('steps of a solver that a Loop chooses, at %j', async ([level, opset], context) => {
    const report = await ofPublished('LearnedSpiral', swiftshader(context), { level, ...(opset && { opset }) });
    expectOk(report);
    expect(leftBy(report)).toEqual(steering);
  });

  it('GPT-2 with a past, whose positions are on the CPU', async (context) => {
    const report = await ofPublished('GPT2WithPast', swiftshader(context), { level: 1 });
    expectOk(report);
    expect(leftBy(report)).toEqual(['Add', 'GreaterOrEqual', 'Range', 'Shape', 'Squeeze', 'Unsqueeze']);
  });

  it('ViT', async (context) => {
    const report = await ofPublished('ViT', swiftshader(context), { level: 1 });
    expectOk(report);
    expect(leftBy(report)).toEqual(['Concat']);
  });

  it('RetinaNet, whose boxes are chosen on the CPU', async (context) => {
    const environment = swiftshader(context);
    const one = detection.cases.find(({ model }) => model === 'RetinaNet');
    if (!one) throw new Error('test/fixtures/detection has no RetinaNet');
    const fit = 'Fit(800.0, 1333.0)';
    const source = read(`${one.example}.res`);
    expect(source).toContain(fit);
    const [seed, height, width] = [11, 96, 128];
    const data = Float64Array.from(detection.pixels([seed, height, width]), (x) => Math.fround(x / 255));
    const image: HostTensor = { elem: 'f32', dims: [1, 3, height, width], data };
    // A picture of 800 pixels takes a software adapter minutes.
    const report = await verified(source.replace(fit, 'Fit(128.0, 256.0)'), new Map([['image', image]]), environment, {
      level: 1,
      model: one.model,
      defines: one.defines,
      weights: checkpointOf(detection.tensorsOf(one)),
    });
    expectOk(report);
    // Where no box is found, everything is right.
    const given = report.runs.filter((run) => run.case === 'given').flatMap(({ outputs }) => outputs);
    expect(given.filter(({ name }) => name === 'scores').map(({ largest }) => largest > 0.05)).not.toContain(false);
    expect(leftBy(report)).toEqual(expect.arrayContaining(['NonMaxSuppression', 'NonZero', 'Range', 'Shape']));
    // Not what takes the time.
    expect(leftBy(report)).not.toContain('Conv');
  });

  it('LLaMA with a past is as coarse as the angles of the adapter, and that is said', async (context) => {
    const { ok, diagnostics } = await ofPublished('LlamaWithPast', swiftshader(context), { level: 1 });
    expect(ok).toBe(false);
    expect(diagnostics.map(({ code, hint }) => ({ code, hint }))).toContainEqual({ code: 'RES0832', hint: '--ep cpu' });
    for (const { found } of diagnostics) expect(found).toContain('known as webgpu-sin-cos, at model.layers.0.self_attn');
  });
});
