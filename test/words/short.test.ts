/** Short names, which no framework has: what they lead to is there, and is what the layer takes. */
import { describe, expect, it } from 'vitest';
import { build } from '../../src/check.ts';
import { layerByName, layers } from '../../src/ops/registry.ts';
import { shortLayer, shortNames, shortParameter } from '../../src/words/short.ts';

const around = (body: string): string => `model A { input x: f32[N, 8, 16, 16]\n  ${body}\n  output y }`;
const said = (body: string) => build(around(body)).diagnostics;

describe('short names of layers', () => {
  it.each([
    ['bn', 'batchnorm'],
    ['gn', 'groupnorm'],
    ['ln', 'layernorm'],
    ['fc', 'linear'],
    ['dense', 'linear'],
    ['max_pooling', 'maxpool'],
    ['MaxPooling', 'maxpool'],
    ['gap', 'global_avgpool'],
    ['lrelu', 'leaky_relu'],
    ['deconv', 'conv_transpose'],
  ])('%s is %s', (name, ours) => expect(shortLayer(name)).toBe(ours));

  it.each(shortNames().layers)('%s leads to a layer, or to what compiles', (name) => {
    const ours = shortLayer(name) ?? '';
    if (!layerByName(ours)) expect(said(ours), ours).toEqual([]);
    expect(layerByName(name), `${name} is a layer, and needs no other name`).toBeUndefined();
  });

  it('take the argument that was written', () => {
    expect(said('conv1x1(12)')[0]?.hint).toBe('write `conv(12, 1x1)`');
    expect(said('conv1x1')[0]?.hint).toBe('write `conv(64, 1x1)`, or declare it: `let conv1x1 = …`');
  });
});

describe('short names of arguments', () => {
  it('lead to what some layer takes', () => {
    const known = new Set(layers.flatMap((layer) => Object.keys(layer.params)));
    const own = new Set(['units', 'solver', 'steps', 't', 'rtol', 'max_steps']);
    for (const name of shortNames().parameters) expect(known.has(name) || own.has(name), name).toBe(true);
  });

  it('of ode are those of its other libraries', () => {
    const hints = ['method', 'step_size', 'dt', 'num_steps', 'ts', 't_span', 'tol', 'max_num_steps', 'solvr'].map(
      (name) => said(`ode(${name}=1) as t { relu }`)[0]?.hint,
    );
    expect(hints.map((hint) => /`(\w+)`/.exec(hint ?? '')?.[1])).toEqual([
      'solver',
      'steps',
      'steps',
      'steps',
      't',
      't',
      'rtol',
      'max_steps',
      'solver',
    ]);
  });

  it.each([
    ['k', 'kernel'],
    ['kernel_size', 'kernel'],
    ['s', 'stride'],
    ['p', 'pad'],
    ['padding', 'pad'],
    ['filters', 'out'],
    ['out_channels', 'out'],
    ['units', 'out'],
    ['Kernel', 'kernel'],
    ['ker', 'kernel'],
  ])('%s of conv is %s', (name, ours) => expect(shortParameter(name, Object.keys(layerByName('conv')?.params ?? {}))).toBe(ours));

  it('what a hint says is understood when it is followed', () => {
    for (const [call, ...names] of [
      ['conv(16, ?)', 'k=3', 'ks=3', 'kernel_size=3', 'kernel_shape=3', 'filter_size=3x3'],
      ['conv(16, 3x3, ?)', 's=2', 'strides=2', 'subsample=2', 'p=1', 'padding=1', 'd=2', 'dilation_rate=2', 'g=4', 'group=4'],
      ['conv(?, kernel=3x3)', 'out_channels=16', 'filters=16', 'out_ch=16', 'c_out=16', 'units=16', 'width=16'],
      ['linear(?)', 'units=10', 'out_features=10', 'n=10', 'classes=10'],
      ['maxpool(?)', 'k=2', 'pool_size=2', 'kernel_size=2', 'window=2x2'],
      ['batchnorm(?)', 'epsilon=1e-3', 'e=1e-3'],
      ['groupnorm(?)', 'num_groups=4', 'g=4'],
      ['leaky_relu(?)', 'alpha=0.2', 'negative_slope=0.2', 'leak=0.2'],
      ['dropout(?)', 'rate=0.1', 'prob=0.1'],
      ['resize(?)', 'scale_factor=2', 'factor=2', 'size=[8, 8]', 'output_size=[8, 8]'],
      ['softmax(?)', 'dim=1', 'ax=1'],
      ['clamp(?)', 'min_value=0.0', 'max_val=6.0'],
      ['flatten(?)', 'start_dim=1'],
      ['conv_transpose(8, 2x2, ?)', 's=2', 'strides=2'],
      ['reduce_mean(?)', 'dim=1', 'axis=1', 'axes=1'],
    ] as const)
      for (const name of names) {
        const [first] = said(call.replace('?', name));
        const text = /^write `([^`]+)`/.exec(first?.hint ?? '')?.[1];
        if (text === undefined) expect(first, `${call} ${name}`).toBeUndefined();
        else expect(said(call.replace('?', text)), `${call} ${name}: ${text}`).toEqual([]);
      }
  });
});

describe('names that are like others', () => {
  it('half of the letters is no likeness', () => {
    expect(said('xy')[0]?.hint).toBe('declare it: `let xy = …`');
    expect(said('N1')[0]?.hint).not.toContain('`N`');
  });
});
