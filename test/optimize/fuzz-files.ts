/** Files damaged at random: what the fuzzer and its short test run share. */
import proto from 'onnx-proto';
import { build } from '../../src/check.ts';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { bytesSource, fieldsOf, WireError, wireBytes } from '../../src/onnx/wire.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { bytesOf, le, safetensorsOf, torchZip, zipOf } from '../checkpoint/helpers.ts';
import { apart, below, Judge, numbers, type Random } from './judge.ts';

const { onnx } = proto;
export const formats = ['onnx', 'safetensors', 'pt', 'npz', 'res'] as const;
export type Format = (typeof formats)[number];

// ------------------------------------------------------------------------------------------------------------ seeds

function onnxSeeds(): readonly Uint8Array[] {
  const shape = (elemType: number, ...dims: readonly (number | string)[]) => ({
    tensorType: { elemType, shape: { dim: dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d })) } },
  });
  const floats = (name: string, ...dims: number[]) => ({
    name,
    dataType: 1,
    dims,
    floatData: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 5) % 7) / 4 - 0.5),
  });
  const i64 = (name: string, ...values: number[]) => ({ name, dataType: 7, dims: [values.length], int64Data: values });
  const ints = (name: string, ...values: number[]) => ({ name, type: 7, ints: values });
  const int = (name: string, i: number) => ({ name, type: 2, i });
  // A Buffer's slice is no copy, so that damage would reach the next case.
  const file = (input: object[], output: object[], initializer: object[], node: object[]): Uint8Array =>
    Uint8Array.from(
      onnx.ModelProto.encode(
        onnx.ModelProto.fromObject({
          irVersion: 8,
          opsetImport: [{ domain: '', version: 17 }],
          graph: { name: 'g', input, output, initializer, node },
        }),
      ).finish(),
    );
  return [
    file(
      [{ name: 'x', type: shape(1, 'N', 3, 6, 6) }],
      [{ name: 'y', type: shape(1, 'N', 4) }],
      [floats('w', 4, 3, 3, 3), floats('b', 4), floats('s', 4), floats('m', 4), { ...floats('v', 4), floatData: [1, 2, 1, 0.5] }],
      [
        {
          opType: 'Conv',
          input: ['x', 'w', 'b'],
          output: ['c'],
          attribute: [ints('kernel_shape', 3, 3), ints('pads', 1, 1, 1, 1), ints('strides', 2, 2)],
        },
        {
          opType: 'BatchNormalization',
          input: ['c', 's', 'b', 'm', 'v'],
          output: ['n'],
          attribute: [{ name: 'epsilon', type: 1, f: 1e-3 }],
        },
        { opType: 'Relu', input: ['n'], output: ['r'] },
        { opType: 'MaxPool', input: ['r'], output: ['p'], attribute: [ints('kernel_shape', 2, 2)] },
        { opType: 'GlobalAveragePool', input: ['p'], output: ['a'] },
        { opType: 'Flatten', input: ['a'], output: ['y'], attribute: [int('axis', 1)] },
      ],
    ),
    file(
      [{ name: 'x', type: shape(1, 'N', 'T', 8) }],
      [{ name: 'y', type: shape(1, 'N', 'T', 'K') }],
      [floats('w', 8, 8), i64('zero', 0), i64('two', 2), i64('last', -1), floats('scale', 1)],
      [
        { opType: 'Shape', input: ['x'], output: ['sh'] },
        { opType: 'Slice', input: ['sh', 'zero', 'two'], output: ['head'] },
        { opType: 'Concat', input: ['head', 'last'], output: ['target'], attribute: [int('axis', 0)] },
        { opType: 'MatMul', input: ['x', 'w'], output: ['m'] },
        { opType: 'Reshape', input: ['m', 'target'], output: ['r'] },
        { opType: 'Transpose', input: ['r'], output: ['t'], attribute: [ints('perm', 0, 2, 1)] },
        { opType: 'Transpose', input: ['t'], output: ['u'], attribute: [ints('perm', 0, 2, 1)] },
        { opType: 'Mul', input: ['u', 'scale'], output: ['q'] },
        { opType: 'Softmax', input: ['q'], output: ['y'], attribute: [int('axis', -1)] },
      ],
    ),
    file(
      [{ name: 'x', type: shape(1, 2, 4) }],
      [{ name: 'y', type: shape(1, 'a', 'b') }],
      [i64('i', 1, 0, 1), i64('st', 1), i64('en', 3), i64('ax', 1), i64('pads', 0, 1, 0, 1), i64('sh', 2, 2, 4)],
      [
        { opType: 'Gather', input: ['x', 'i'], output: ['g'], attribute: [int('axis', 0)] },
        { opType: 'Pad', input: ['g', 'pads'], output: ['p'] },
        { opType: 'Slice', input: ['p', 'st', 'en', 'ax'], output: ['s'] },
        { opType: 'ReduceSum', input: ['s', 'ax'], output: ['r'], attribute: [int('keepdims', 1)] },
        { opType: 'Clip', input: ['r'], output: ['y'] },
      ],
    ),
  ];
}

const pickle = (): Uint8Array => {
  const text = (s: string): readonly number[] => [...bytesOf('X', le(s.length, 4), s)];
  const storage = bytesOf('(', text('storage'), 'ctorch\nFloatStorage\n', text('0'), text('cpu'), 'K', 6, 'tQ');
  const tensor = bytesOf(
    'ctorch._utils\n_rebuild_tensor_v2\n(',
    storage,
    'K',
    0,
    'K',
    2,
    'K',
    3,
    '\x86',
    'K',
    3,
    'K',
    1,
    '\x86',
    '\x89',
    'ccollections\nOrderedDict\n)RtR',
  );
  return bytesOf(0x80, 2, 'ccollections\nOrderedDict\n)R(', text('fc.weight'), tensor, text('epoch'), 'K', 3, 'u.');
};
const npy = (): Uint8Array => {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".padEnd(117).concat('\n');
  return bytesOf('\x93NUMPY', 1, 0, le(header.length, 2), header, new Uint8Array(24));
};
const source = `const width = 4
block Unit(n: int, act = relu) {
  residual { conv(n, 3x3, bias=true)  batchnorm  act }
  relu
}
model A(depth = 2) {
  input x: f32[N, 4, H, W]
  assert H % 2 == 0
  layer: repeat depth as i { Unit(width) }
  let y = x[:, 0:2] -> maxpool(2)
  global_avgpool  flatten
  fc: linear(10)
  output scores
}
`;

function seedsOf(format: Format): readonly Uint8Array[] {
  switch (format) {
    case 'onnx':
      return onnxSeeds();
    case 'safetensors':
      return [
        safetensorsOf(
          '{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F16","shape":[4],"data_offsets":[24,32]}}',
          new Uint8Array(32),
        ),
      ];
    case 'pt':
      return [torchZip(pickle(), { 0: new Uint8Array(24) })];
    case 'npz':
      return [
        zipOf([
          { name: 'w.npy', data: npy() },
          { name: 'b.npy', data: npy() },
        ]),
      ];
    default:
      return [new TextEncoder().encode(source)];
  }
}

// ------------------------------------------------------------------------------------------------------------ damage

const joined = (...parts: readonly Uint8Array[]): Uint8Array => bytesOf(...parts);
const odd: readonly number[] = [0, 1, 2, 8, 16, 64, 127, 128, 254, 255];

function damageBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const at = below(random, bytes.length + 1);
  const to = Math.min(bytes.length, at + 1 + below(random, random() < 0.8 ? 8 : 64));
  switch (below(random, 6)) {
    case 0: {
      const out = bytes.slice();
      if (at < out.length) out[at] = (out[at] ?? 0) ^ (1 << below(random, 8));
      return out;
    }
    case 1: {
      const out = bytes.slice();
      if (at < out.length) out[at] = odd[below(random, odd.length)] ?? 0;
      return out;
    }
    case 2:
      return bytes.slice(0, at);
    case 3:
      return joined(bytes.subarray(0, at), bytes.subarray(to));
    case 4:
      return joined(bytes.subarray(0, to), bytes.subarray(at, to), bytes.subarray(to));
    default:
      return joined(
        bytes.subarray(0, at),
        Uint8Array.from({ length: 1 + below(random, 4) }, () => below(random, 256)),
        bytes.subarray(at),
      );
  }
}

const leb = (n: number): readonly number[] => (n < 128 ? [n] : [(n % 128) | 128, ...leb(Math.floor(n / 128))]);

/** Takes away, doubles, swaps or changes a field somewhere in a message; lengths around it stay right. */
function damageMessage(bytes: Uint8Array, random: Random, depth = 0): Uint8Array {
  const spans: { from: number; number: number; type: number; start: number; end: number }[] = [];
  try {
    let from = 0;
    for (const { number, type, start, end } of fieldsOf(bytesSource(bytes))) {
      spans.push({ from, number, type, start, end });
      from = end;
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return damageBytes(bytes, random);
  }
  const one = spans[below(random, spans.length)];
  if (!one) return damageBytes(bytes, random);
  const [before, self, inside, after] = [
    bytes.subarray(0, one.from),
    bytes.subarray(one.from, one.end),
    bytes.subarray(one.start, one.end),
    bytes.subarray(one.end),
  ];
  const put = (content: Uint8Array): Uint8Array =>
    joined(before, bytesOf(leb(one.number * 8 + wireBytes), leb(content.length)), content, after);
  if (one.type === wireBytes && inside.length > 0 && depth < 6 && random() < 0.75)
    return put(damageMessage(inside, random, depth + 1));
  switch (below(random, 5)) {
    case 0:
      return joined(before, after);
    case 1:
      return joined(before, self, self, after);
    case 2: {
      const other = spans[below(random, spans.length)] ?? one;
      return joined(bytes, bytes.subarray(other.from, other.end));
    }
    case 3:
      return joined(before, bytesOf(leb(one.number * 8), leb(below(random, 40))), after);
    default:
      return one.type === wireBytes ? put(damageBytes(inside, random)) : joined(before, damageBytes(self, random), after);
  }
}

export interface FileFailure {
  readonly seed: number;
  readonly format: Format;
  readonly what: string;
  readonly bytes: Uint8Array;
}
export interface FileReport {
  readonly failures: readonly FileFailure[];
  readonly read: number;
  readonly refused: number;
  readonly judged: number;
  readonly crashes: number;
}

/** Damages `count` files, the formats in turn. */
export async function fuzzFiles(options: {
  readonly seed: number;
  readonly count: number;
  readonly formats: readonly Format[];
}): Promise<FileReport> {
  const judge = new Judge();
  const failures: FileFailure[] = [];
  let [read, refused, judged, crashes] = [0, 0, 0, 0];
  const all = new Map(options.formats.map((format) => [format, seedsOf(format)]));
  try {
    for (let seed = options.seed; seed < options.seed + options.count; seed++) {
      const format = options.formats[seed % options.formats.length] ?? 'onnx';
      const random = numbers(seed);
      const seeds = all.get(format) ?? [];
      let bytes = seeds[below(random, seeds.length)] ?? new Uint8Array();
      for (let n = random() < 0.7 ? 1 : 2 + below(random, 2); n > 0; n--)
        bytes = format === 'onnx' && random() < 0.9 ? damageMessage(bytes, random) : damageBytes(bytes, random);
      const failed = (what: string): number => failures.push({ seed, format, what, bytes });
      let out: Uint8Array | undefined;
      try {
        if (format === 'onnx') {
          const result = await optimizeOnnx(bytes);
          if (!result.diagnostics.some((d) => d.severity === 'error')) out = await result.bytes();
        } else if (format === 'res') {
          if (build({ name: 'a.res', text: new TextDecoder().decode(bytes) }).graph) read++;
          else refused++;
          continue;
        } else {
          const { dicts } = await openCheckpoint(memorySource(`model.${format}`, bytes));
          for (const { expr } of dicts[0]?.tensors.values() ?? []) await expr.fill(0, new Float64Array(Math.min(expr.count, 64)));
          read++;
          continue;
        }
      } catch (error) {
        if (error instanceof DiagnosticError) refused++;
        else failed(error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 3).join(' | ') : String(error));
        continue;
      }
      if (!out) {
        refused++;
        continue;
      }
      read++;
      const before = await judge.ask(bytes);
      if (before.crashed) crashes++;
      if (!before.outputs) continue;
      const after = await judge.ask(out);
      judged++;
      const difference = after.outputs ? apart(before.outputs, after.outputs) : (after.refused ?? 'onnxruntime crashes on it');
      if (difference !== undefined) failed(difference);
    }
  } finally {
    judge.close();
  }
  return { failures, read, refused, judged, crashes };
}
