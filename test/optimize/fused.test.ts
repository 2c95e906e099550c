/**
 * Never slower, without a clock: what onnxruntime's own optimiser makes of our file is compared with what it makes of the file as
 * it was. No operator that it fuses may be missing, and it may not end with more nodes, but for changes of layout. The files are
 * PyTorch's exports of small networks (test/fixtures/fused/make.py), and examples of the language.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { fileFigures } from '../../src/onnx/figures.ts';
import { readOnnxFile } from '../../src/onnx/read.ts';
import { optimizeOnnx } from '../../src/optimize.ts';

/** What onnxruntime fuses, and the operators that stand there where it does not. */
const partsOf: Readonly<Record<string, readonly string[]>> = {
  LayerNormalization: ['ReduceMean', 'Sub', 'Pow', 'Sqrt', 'Div', 'SimplifiedLayerNormalization'],
  SimplifiedLayerNormalization: ['ReduceMean', 'Pow', 'Sqrt', 'Div', 'Reciprocal'],
  'com.microsoft.SkipLayerNormalization': ['LayerNormalization', 'ReduceMean', 'Sub', 'Pow', 'Sqrt'],
  'com.microsoft.SkipSimplifiedLayerNormalization': ['SimplifiedLayerNormalization', 'ReduceMean', 'Pow', 'Sqrt'],
  'com.microsoft.Gelu': ['Erf'],
  'com.microsoft.BiasGelu': ['com.microsoft.Gelu', 'Erf'],
  'com.microsoft.FastGelu': ['Tanh', 'Pow'],
  'com.microsoft.QuickGelu': ['Sigmoid'],
  'com.microsoft.FusedMatMul': ['Mul', 'Div', 'Transpose'],
  'com.microsoft.FusedGemm': ['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'HardSigmoid', 'Clip'],
  'com.microsoft.FusedConv': ['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'HardSigmoid', 'Clip', 'Add'],
  'com.microsoft.nchwc.Conv': ['Conv', 'com.microsoft.FusedConv'],
};
/** Operators that the file or ONNX has, which onnxruntime takes apart where it has no kernel: counted with their parts. */
const ownKernels = ['LayerNormalization', 'SimplifiedLayerNormalization', 'RMSNormalization', 'Gelu', 'Attention'];
/** Changes of layout, which come and go with what stands around them and are not counted. */
const layouts = ['com.microsoft.nchwc.ReorderInput', 'com.microsoft.nchwc.ReorderOutput'];

type Counts = ReadonlyMap<string, number>;

interface Made {
  readonly operators: Counts;
  readonly nodes: number;
}

/** What is fused in the first and missing in the second, with what stands there instead. */
function missing(raw: Counts, ours: Counts): readonly string[] {
  const more = (name: string): number => (ours.get(name) ?? 0) - (raw.get(name) ?? 0);
  const isFused = (name: string): boolean => name.includes('.') || ownKernels.includes(name);
  return [...raw.keys()]
    .filter((name) => isFused(name) && !layouts.includes(name) && more(name) < 0)
    .flatMap((name) => {
      const parts = partsOf[name];
      const left = parts?.filter((part) => more(part) > 0);
      return left?.length === 0 ? [] : [`${-more(name)} ${name}${left ? `: ${left.join(', ')}` : ''}`];
    });
}

describe('what is missing', () => {
  const counts = (of: Readonly<Record<string, number>>): Counts => new Map(Object.entries(of));
  const raw = counts({ 'com.microsoft.Gelu': 2, LayerNormalization: 1, Add: 1 });
  it('is named with what stands there', () => {
    expect(missing(raw, counts({ 'com.microsoft.Gelu': 1, Erf: 1, LayerNormalization: 1 }))).toEqual([
      '1 com.microsoft.Gelu: Erf',
    ]);
    expect(missing(counts({ 'com.microsoft.New': 1 }), counts({}))).toEqual(['1 com.microsoft.New']);
  });
  it('is nothing where it became more, or was not needed', () => {
    expect(missing(raw, counts({ 'com.microsoft.Gelu': 2, 'com.microsoft.SkipLayerNormalization': 1 }))).toEqual([]);
    expect(missing(raw, raw)).toEqual([]);
  });
});

describe('onnxruntime fuses as much of our file', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'rescc-fused-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function fused(bytes: Uint8Array, graphOptimizationLevel: 'extended' | 'all'): Promise<Made> {
    const optimizedModelFilePath = join(folder, 'optimized.onnx');
    const options = { graphOptimizationLevel, optimizedModelFilePath, logSeverityLevel: 4, intraOpNumThreads: 1 } as const;
    await (await ort.InferenceSession.create(bytes, options)).release();
    const file = await readOnnxFile(memorySource('optimized', readFileSync(optimizedModelFilePath)));
    const { operators, nodes } = fileFigures(file);
    return { operators, nodes: layouts.reduce((rest, name) => rest - (operators.get(name) ?? 0), nodes) };
  }

  async function compare(raw: Uint8Array, ours: Uint8Array): Promise<void> {
    // With `all` comes the layout of the CPU, with `extended` what other providers see as well.
    for (const level of ['extended', 'all'] as const) {
      const [before, after] = [await fused(raw, level), await fused(ours, level)];
      expect(missing(before.operators, after.operators), level).toEqual([]);
      expect(after.nodes, `nodes, ${level}`).toBeLessThanOrEqual(before.nodes);
    }
  }

  const exported = new URL('../fixtures/fused/', import.meta.url);
  const files = readdirSync(exported).filter((name) => name.endsWith('.onnx'));
  it.each(files)('%s', async (name) => {
    const raw = readFileSync(new URL(name, exported));
    for (const level of [1, 2] as const) await compare(raw, await (await optimizeOnnx(raw, { fileName: name, level })).bytes());
  });

  const small = (opsets: readonly number[], defines: Readonly<Record<string, string>>) =>
    opsets.map((opset) => ({ opset, defines }));
  const examples: readonly (readonly [string, string, ReturnType<typeof small>])[] = [
    ['bert.res', 'BertForMaskedLM', small([13, 17, 20], { layers: '2', width: '16', heads: '2', vocab: '40', context: '8' })],
    ['gpt2.res', 'GPT2', small([13, 17, 20], { layers: '2', width: '16', heads: '2', vocab: '40', context: '8' })],
    ['swin.res', 'Swin', small([13, 17, 20], { depths: '[2, 2]', heads: '[1, 2]', width: '8', size: '56' })],
    ['se_convnext.res', 'ConvNeXt', small([13, 17, 20], { depths: '[1, 1]', widths: '[8, 16]' })],
    ['resnet_cifar.res', 'ResNet20', small([13, 17], {})],
  ];
  it.each(examples.flatMap(([file, model, all]) => all.map((one) => [file, one.opset, model, one.defines] as const)))(
    '%s at opset %i',
    async (file, opset, model, defines) => {
      const text = readFileSync(new URL(`../../examples/${file}`, import.meta.url), 'utf8');
      const at = async (level: 0 | 1 | 2): Promise<Uint8Array> => {
        const made = await compile(text, { model, defines, opset, level });
        expect(made.diagnostics).toEqual([]);
        return await made.bytes();
      };
      const raw = await at(0);
      for (const level of [1, 2] as const) await compare(raw, await at(level));
    },
  );

  describe('--target cpu keeps in the layout of the CPU', () => {
    const model = (body: string): string =>
      `model M { input x: f32[1, 64, 64${body.includes('3x3') ? ', 8' : ''}]  ${body}  output y }`;
    /** Convolutions in the layout, and others; of a plain network the first is one where the machine has the layout. */
    async function inLayout(body: string, target: 'portable' | 'cpu'): Promise<readonly [blocked: number, others: number]> {
      const made = await compile(model(body), { target });
      expect(made.diagnostics).toEqual([]);
      const { operators } = await fused(await made.bytes(), 'all');
      const blocked = operators.get('com.microsoft.nchwc.Conv') ?? 0;
      return [blocked, (operators.get('Conv') ?? 0) + (operators.get('com.microsoft.FusedConv') ?? 0)];
    }

    it.each([
      ['groups of few channels', 'conv(64, 1x1) relu conv(64, 3x3, pad=1, groups=16) relu conv(64, 1x1)', 3, 2],
      [
        'a chain over one axis',
        'conv(64, 3, pad=1) relu conv(64, 3, pad=1) relu maxpool(2, stride=2) conv(32, 3, pad=1, groups=8)',
        3,
        0,
      ],
      ['a depthwise conv over one axis', 'conv(64, 7, pad=3, groups=64)', 1, 0],
    ])('%s', async (_what, body, all, before) => {
      const [layout] = await inLayout('conv(64, 3x3, pad=1)', 'portable');
      const has = layout > 0;
      expect(await inLayout(body, 'portable')).toEqual(has ? [before, all - before] : [0, all]);
      expect(await inLayout(body, 'cpu')).toEqual(has ? [all, 0] : [0, all]);
    });
  });
});
