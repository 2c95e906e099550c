/**
 * The models that ONNX itself is tested with (onnx/onnx, onnx/backend/test/data; Debian's libonnx-testdata): a folder per model,
 * with `model.onnx` and `test_data_set_N/{input,output}_I.pb`, each a TensorProto. Reads them, runs them, and says whether an
 * optimised model does worse than the original.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import proto from 'onnx-proto';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { optimizeOnnx } from '../../src/optimize.ts';

/** A tensor as onnxruntime-node takes and gives it. */
export interface RawTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayLike<unknown>;
}

interface OrtValue extends RawTensor {
  readonly data: ArrayLike<unknown>;
}
interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, OrtValue>>>;
  release(): Promise<void>;
}
interface Ort {
  readonly InferenceSession: { create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OrtSession> };
  readonly Tensor: new (type: string, data: ArrayLike<unknown>, dims: readonly number[]) => unknown;
}

/** Directly, because strings and failures matter here that `openSession` puts into other words. */
const ort: Ort = createRequire(import.meta.url)('onnxruntime-node');

const typeNames: Readonly<Record<number, string>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
};

/** The elements of a TensorProto, whose numbers lie in raw_data or in the field of their type. */
export function decodeTensor(bytes: Uint8Array): RawTensor & { readonly name: string } {
  const t = proto.onnx.TensorProto.decode(bytes);
  const type = typeNames[t.dataType];
  if (type === undefined) throw new Error(`data type ${t.dataType}`);
  const dims = t.dims.map(Number);
  const raw = Uint8Array.from(t.rawData).buffer;
  const has = raw.byteLength > 0;
  const bigs = (list: readonly unknown[]): bigint[] => list.map((v) => BigInt(String(v)));
  const data = ((): ArrayLike<unknown> => {
    switch (type) {
      case 'float32':
        return has ? new Float32Array(raw) : Float32Array.from(t.floatData);
      case 'float64':
        return has ? new Float64Array(raw) : Float64Array.from(t.doubleData);
      case 'int64':
        return has ? new BigInt64Array(raw) : BigInt64Array.from(bigs(t.int64Data));
      case 'uint64':
        return has ? new BigUint64Array(raw) : BigUint64Array.from(bigs(t.uint64Data));
      case 'int32':
        return has ? new Int32Array(raw) : Int32Array.from(t.int32Data);
      case 'uint32':
        return has ? new Uint32Array(raw) : Uint32Array.from(t.uint64Data.map(Number));
      case 'int16':
        return has ? new Int16Array(raw) : Int16Array.from(t.int32Data);
      case 'uint16':
      case 'float16':
        return has ? new Uint16Array(raw) : Uint16Array.from(t.int32Data);
      case 'int8':
        return has ? new Int8Array(raw) : Int8Array.from(t.int32Data);
      case 'string':
        return t.stringData.map((s) => new TextDecoder().decode(s));
      default:
        return has ? new Uint8Array(raw) : Uint8Array.from(t.int32Data);
    }
  })();
  return { name: t.name, type, dims, data };
}

export interface DataSet {
  readonly inputs: readonly RawTensor[];
  readonly outputs: readonly RawTensor[];
}

export interface TestModel {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Why there are none: sequences and optionals are no TensorProto, and onnxruntime-node has no such values. */
  readonly sets: readonly DataSet[] | undefined;
}

/** Whether the model's inputs and outputs are all tensors; then every .pb is a TensorProto. */
function onlyTensors(bytes: Uint8Array): boolean {
  const { graph } = proto.onnx.ModelProto.decode(bytes);
  return [...(graph?.input ?? []), ...(graph?.output ?? [])].every((v) => v.type?.tensorType);
}

export function readTestModel(folder: string, name: string): TestModel {
  const bytes = Uint8Array.from(readFileSync(join(folder, name, 'model.onnx')));
  if (!onlyTensors(bytes)) return { name, bytes, sets: undefined };
  try {
    const sets = readdirSync(join(folder, name))
      .filter((entry) => entry.startsWith('test_data_set_'))
      .sort()
      .map((entry): DataSet => {
        const read = (kind: string): RawTensor[] => {
          const out: RawTensor[] = [];
          for (let i = 0; existsSync(join(folder, name, entry, `${kind}_${i}.pb`)); i++)
            out.push(decodeTensor(Uint8Array.from(readFileSync(join(folder, name, entry, `${kind}_${i}.pb`)))));
          return out;
        };
        return { inputs: read('input'), outputs: read('output') };
      });
    return { name, bytes, sets: sets.length > 0 ? sets : undefined };
  } catch {
    // Element types that onnx-proto or onnxruntime-node do not know.
    return { name, bytes, sets: undefined };
  }
}

/** How a model did, from bad to good. `wrong` ran, and its numbers are not those of the files. */
export type Grade = 'refused' | 'loads' | 'wrong' | 'right';
const grades: readonly Grade[] = ['refused', 'loads', 'wrong', 'right'];

interface Run {
  readonly grade: Grade;
  /** The first reason why it is not right. */
  readonly why: string;
  /** By data set, what it gave. */
  readonly results: readonly (readonly RawTensor[])[];
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

function numberAt(t: RawTensor, i: number): unknown {
  const v = t.data[i];
  return t.type === 'float16' && t.data instanceof Uint16Array && typeof v === 'number' ? half(v) : v;
}

/** Why b is not a, by the tolerances of ONNX's own runner (onnx/backend/test/loader): |a − b| ≤ 1e-7 + 1e-3 · |a|. */
export function difference(a: RawTensor, b: RawTensor): string | undefined {
  if (a.type !== b.type || a.dims.join() !== b.dims.join())
    return `${b.type}[${b.dims.join(', ')}] instead of ${a.type}[${a.dims.join(', ')}]`;
  if (a.data.length !== b.data.length) return `${b.data.length} elements instead of ${a.data.length}`;
  for (let i = 0; i < a.data.length; i++) {
    const [x, y] = [numberAt(a, i), numberAt(b, i)];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    if (
      typeof x === 'number' &&
      typeof y === 'number' &&
      a.type.startsWith('float') &&
      Math.abs(x - y) <= 1e-7 + 1e-3 * Math.abs(x)
    )
      continue;
    return `element ${i} is ${String(y)} instead of ${String(x)}`;
  }
  return undefined;
}

async function runModel(bytes: Uint8Array, sets: readonly DataSet[] | undefined): Promise<Run> {
  let session: OrtSession;
  try {
    session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  } catch (error) {
    return { grade: 'refused', why: first(error), results: [] };
  }
  const results: (readonly RawTensor[])[] = [];
  let why = '';
  let grade: Grade = sets ? 'right' : 'loads';
  try {
    for (const set of sets ?? []) {
      const feeds = Object.fromEntries(
        set.inputs.map((t, i) => [session.inputNames[i] ?? '', new ort.Tensor(t.type, t.data, t.dims)]),
      );
      const given = await session.run(feeds);
      const outputs = session.outputNames.map((name) => {
        const value = given[name];
        if (!value) throw new Error(`no output ${name}`);
        return { type: value.type, dims: value.dims, data: value.data };
      });
      results.push(outputs);
      set.outputs.forEach((expected, i) => {
        const found = outputs[i];
        const wrong = found ? difference(expected, found) : 'missing';
        if (wrong === undefined || grade === 'wrong') return;
        grade = 'wrong';
        why = `output ${session.outputNames[i]}: ${wrong}`;
      });
    }
  } catch (error) {
    grade = 'loads';
    why = first(error);
  } finally {
    await session.release();
  }
  return { grade, why, results };
}

function first(error: unknown): string {
  if (error instanceof DiagnosticError) return error.diagnostics.map((d) => `${d.code} ${d.title}: ${d.found ?? ''}`).join('; ');
  return ((error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '').slice(0, 200);
}

/** What rescc does not take, by what its diagnostics say: opsets that it does not read, and training forms. */
const refusedOnPurpose = ['RES0651', 'RES0656'];

export interface Verdict {
  readonly level: 0 | 1 | 2;
  /** The diagnostic that says so, where the model is one that rescc does not take. */
  readonly declined: string | undefined;
  readonly original: Grade;
  readonly optimized: Grade;
  /** Why it does worse than the original; undefined where it does not. */
  readonly worse: string | undefined;
}

/** Draws its own numbers, so that two runs of the very same file differ. */
const drawing = /RandomNormal|RandomUniform|Bernoulli|Multinomial/;

/**
 * The original, and its optimised forms. An original that does not load leaves nothing to compare: then only refusals are noted.
 */
export async function judge(
  model: TestModel,
  levels: readonly (0 | 1 | 2)[] = [0, 1, 2],
  optimizer: (bytes: Uint8Array, level: 0 | 1 | 2) => Promise<Optimized> = optimized,
): Promise<readonly Verdict[]> {
  const original = await runModel(model.bytes, model.sets);
  const random = drawing.test(new TextDecoder('latin1').decode(model.bytes));
  const out: Verdict[] = [];
  for (const level of levels) {
    const made = await optimizer(model.bytes, level);
    const run: Run = made.bytes ? await runModel(made.bytes, model.sets) : { grade: 'refused', why: made.why, results: [] };
    let worse: string | undefined;
    if (made.crashed) worse = `crashed: ${made.why}`;
    else if (grades.indexOf(run.grade) < grades.indexOf(original.grade))
      worse = `${original.grade} became ${run.grade}: ${run.why}`;
    else if (original.grade === 'wrong' && run.grade === 'wrong' && !random) {
      // Where onnxruntime differs from the files, the optimised model must differ as it does.
      const differs = original.results.flatMap((set, s) =>
        set.map((expected, i) => {
          const found = run.results[s]?.[i];
          return found ? difference(expected, found) : 'missing';
        }),
      );
      const wrong = differs.find((d) => d !== undefined);
      if (wrong !== undefined) worse = `not what the original gives: ${wrong}`;
    }
    const declined = refusedOnPurpose.find((code) => made.why.startsWith(code));
    out.push({
      level,
      original: original.grade,
      optimized: run.grade,
      declined,
      worse: declined === undefined ? worse : undefined,
    });
  }
  return out;
}

/** Bytes, or why there are none. */
interface Optimized {
  readonly bytes: Uint8Array | undefined;
  readonly why: string;
  /** A mistake of our own, which is one on any file. */
  readonly crashed: boolean;
}

async function optimized(bytes: Uint8Array, level: 0 | 1 | 2): Promise<Optimized> {
  try {
    const result = await optimizeOnnx(bytes, { level, verifyIr: true });
    if (result.graph) return { bytes: await result.bytes(), why: '', crashed: false };
    return { bytes: undefined, why: first(new DiagnosticError(result.diagnostics)), crashed: false };
  } catch (error) {
    return { bytes: undefined, why: first(error), crashed: !(error instanceof DiagnosticError) };
  }
}
