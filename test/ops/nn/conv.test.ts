import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Dim } from '../../../src/ir/dim.ts';
import type { HostTensor } from '../../../src/ir/types.ts';
import { given } from '../../../src/ops/attrs.ts';
import { conv, convLayer, convTranspose, convTransposeLayer } from '../../../src/ops/conv.ts';
import { at, built, difference, evaluated, failure, host, indices, inferred, lowered, sampler } from './tools.ts';

interface Use {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly pads: readonly number[];
  readonly groups: number;
  readonly output_pad?: readonly number[];
}

/** The definition, one multiplication after the other. */
function plainConv(x: HostTensor, w: HostTensor, bias: HostTensor | undefined, use: Use, grid: readonly number[]): HostTensor {
  const out = { elem: x.elem, dims: [x.dims[0] ?? 0, w.dims[0] ?? 0, ...grid], data: new Float64Array(0) };
  const perGroup = (w.dims[0] ?? 0) / use.groups;
  const values: number[] = [];
  for (const [n = 0, o = 0, ...p] of indices(out.dims)) {
    let sum = bias?.data[o] ?? 0;
    for (const [c = 0, ...t] of indices(w.dims.slice(1))) {
      const from = p.map((i, a) => i * (use.stride[a] ?? 1) + (t[a] ?? 0) * (use.dilation[a] ?? 1) - (use.pads[a] ?? 0));
      const channel = Math.floor(o / perGroup) * (w.dims[1] ?? 0) + c;
      sum += (at(w, [o, c, ...t]) ?? 0) * (at(x, [n, channel, ...from]) ?? 0);
    }
    values.push(sum);
  }
  return { ...out, data: Float64Array.from(values) };
}

/** For every element of the result, whatever inputs and taps lead there: torch.nn.ConvTranspose's definition, turned around. */
function plainTransposed(
  x: HostTensor,
  w: HostTensor,
  bias: HostTensor | undefined,
  use: Use,
  grid: readonly number[],
): HostTensor {
  const perGroup = w.dims[1] ?? 0;
  const inner = (w.dims[0] ?? 0) / use.groups;
  const dims = [x.dims[0] ?? 0, perGroup * use.groups, ...grid];
  const values: number[] = [];
  for (const [n = 0, o = 0, ...p] of indices(dims)) {
    let sum = bias?.data[o] ?? 0;
    const group = Math.floor(o / perGroup);
    for (const t of indices(w.dims.slice(2))) {
      const steps = p.map((i, a) => (i + (use.pads[a] ?? 0) - (t[a] ?? 0) * (use.dilation[a] ?? 1)) / (use.stride[a] ?? 1));
      if (!steps.every(Number.isInteger)) continue;
      for (let c = group * inner; c < (group + 1) * inner; c++) {
        sum += (at(w, [c, o % perGroup, ...t]) ?? 0) * (at(x, [n, c, ...steps]) ?? 0);
      }
    }
    values.push(sum);
  }
  return { elem: x.elem, dims, data: Float64Array.from(values) };
}

const axis = fc.record({
  size: fc.integer({ min: 1, max: 12 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 3 }),
  begin: fc.integer({ min: 0, max: 3 }),
  end: fc.integer({ min: 0, max: 3 }),
});

describe('shapes', () => {
  test('conv counts the windows that lie in the padded input, also for a symbolic size', () => {
    fc.assert(
      fc.property(axis, ({ size, kernel, stride, dilation, begin, end }) => {
        const extent = dilation * (kernel - 1) + 1;
        let windows = 0;
        for (let from = 0; from + extent <= size + begin + end; from += stride) windows++;
        const attrs = { stride: [stride], dilation: [dilation], pads: [begin, end] };
        const weight = `f32[5, 2, ${kernel}]`;
        if (windows === 0) {
          expect(failure(() => inferred(conv, [`f32[N, 2, ${size}]`, weight], attrs)).label).toBe('c8');
          return;
        }
        expect(inferred(conv, [`f32[N, 2, ${size}]`, weight], attrs)).toBe(`f32[N, 5, ${windows}]`);
        const graph = built(convLayer, ['f32[N, 2, H]'], { out: 5, kernel, stride, dilation, pad: [begin, end] });
        expect(given(graph.y.type.dims, 2).evaluate(new Map([['H', size]]))).toBe(windows);
      }),
    );
  });

  test('conv_transpose has the size that conv with the same window leads back to its input', () => {
    fc.assert(
      fc.property(axis, ({ size, kernel, stride, dilation, begin, end }) => {
        const attrs = { stride: [stride], dilation: [dilation], pads: [begin, end] };
        const length = (size - 1) * stride + dilation * (kernel - 1) + 1 - begin - end;
        const operands = [`f32[N, 2, ${size}]`, `f32[2, 5, ${kernel}]`];
        if (length < 1) {
          expect(failure(() => inferred(convTranspose, operands, attrs)).label).toBe('c8');
          return;
        }
        expect(inferred(convTranspose, operands, attrs)).toBe(`f32[N, 5, ${length}]`);
        expect(inferred(conv, [`f32[N, 5, ${length}]`, `f32[2, 5, ${kernel}]`], attrs)).toBe(`f32[N, 2, ${size}]`);
        // output_pad chooses among the sizes that conv would map to the same.
        for (let more = 0; more < stride; more++) {
          expect(inferred(convTranspose, operands, { ...attrs, output_pad: [more] })).toBe(`f32[N, 5, ${length + more}]`);
        }
      }),
    );
  });

  test('the halved grid of a symbolic picture stays an expression', () => {
    expect(inferred(conv, ['f32[N, 3, H, W]', 'f32[64, 3, 7, 7]'], { stride: 2, pads: 3 })).toBe(
      'f32[N, 64, floordiv(H + 1, 2), floordiv(W + 1, 2)]',
    );
    expect(inferred(convTranspose, ['f32[N, 8, H, W]', 'f32[8, 4, 2, 2]'], { stride: 2 })).toBe('f32[N, 4, 2*H, 2*W]');
  });
});

describe('evaluation', () => {
  test('conv is its definition, over one to three axes', () => {
    for (let seed = 0; seed < 60; seed++) {
      const { operands, attrs } = conv.sample(sampler(seed));
      const y = evaluated(conv, operands, attrs);
      const use = attrs as unknown as Use;
      const stride = typeof use.stride === 'number' ? [use.stride] : use.stride;
      const plain = plainConv(given(operands, 0), given(operands, 1), operands[2], { ...use, stride }, y.dims.slice(2));
      expect(difference(y, plain), JSON.stringify(attrs)).toBeLessThan(1e-13);
    }
  });

  test('conv_transpose is its definition, with groups', () => {
    for (let seed = 0; seed < 60; seed++) {
      const { operands, attrs } = convTranspose.sample(sampler(seed));
      const y = evaluated(convTranspose, operands, attrs);
      const plain = plainTransposed(
        given(operands, 0),
        given(operands, 1),
        operands[2],
        attrs as unknown as Use,
        y.dims.slice(2),
      );
      expect(difference(y, plain), JSON.stringify(attrs)).toBeLessThan(1e-13);
    }
  });

  test('conv over more positions and terms than one block of the product', () => {
    const x = sampler(1).tensor([1, 33, 26, 24]);
    const w = sampler(2).tensor([6, 33, 3, 3]);
    const use: Use = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1], groups: 1 };
    expect(difference(evaluated(conv, [x, w], { pads: 1 }), plainConv(x, w, undefined, use, [26, 24]))).toBeLessThan(1e-13);
  });

  test('conv_transpose is the adjoint of conv: ⟨conv x, y⟩ = ⟨x, conv_transpose y⟩', () => {
    const x = sampler(3).tensor([2, 6, 9, 7]);
    const w = sampler(4).tensor([4, 3, 3, 2]);
    const attrs = { stride: [2, 1], dilation: [1, 2], pads: [1, 0, 1, 1], groups: 2 };
    const y = evaluated(conv, [x, w], attrs);
    const z = sampler(5).tensor(y.dims);
    // Conv's weight [out, in / groups] read as conv_transpose's [in, out / groups] goes the other way.
    const back = evaluated(convTranspose, [z, w], { ...attrs, output_pad: [0, 0] });
    expect(back.dims).toEqual(x.dims);
    const dot = (a: HostTensor, b: HostTensor): number => a.data.reduce((sum, v, i) => sum + v * (b.data[i] ?? 0), 0);
    expect(dot(y, z)).toBeCloseTo(dot(x, back), 8);
  });

  test('a 3x3 box over ones counts the elements in its window', () => {
    const y = evaluated(conv, [host([1, 1, 3, 3], () => 1), host([1, 1, 3, 3], () => 1)], { pads: 1 });
    expect([...y.data]).toEqual([4, 6, 4, 6, 9, 6, 4, 6, 4]);
  });
});

describe('constraints of conv', () => {
  const uses: Record<string, readonly [readonly string[], Record<string, number | readonly number[]>, RegExp]> = {
    c1: [['f32[N, 3]', 'f32[8, 3]'], {}, /f32\[N, 3\].*spatial axis/],
    c2: [['i32[N, 3, 8, 8]', 'i32[8, 3, 3, 3]'], {}, /floats; cast\(f32\)/],
    c3: [['f32[N, 3, 8]', 'f32[8, 3, 3, 3]'], {}, /weight of rank 3/],
    c4: [['f32[N, 3, 8]', 'f32[8, 3, K]'], {}, /kernel sizes are known/],
    c5: [['f32[N, 30, 8]', 'f32[8, 8, 3]'], { groups: 4 }, /30 input channels .*groups=4 \| 32 input channels/],
    c6: [['f32[N, 32, 8]', 'f32[9, 8, 3]'], { groups: 4 }, /9 output channels \| a multiple of groups=4/],
    c7: [['f32[N, 3, 8]', 'f32[8, 3, 3]', 'f32[9]'], {}, /bias f32\[9\] \| bias f32\[8\]/],
    c8: [['f32[N, 3, 4]', 'f32[8, 3, 7]'], {}, /a window of 7 on spatial axis 0 of f32\[N, 3, 4\]/],
  };
  for (const [label, [operands, attrs, text]] of Object.entries(uses)) {
    test(`conv_${label}`, () => {
      const failed = failure(() => inferred(conv, operands, attrs));
      expect(failed.label).toBe(label);
      expect(failed.text).toMatch(text);
    });
  }

  test('conv_c2: element types of input and weight differ', () => {
    expect(failure(() => inferred(conv, ['f16[N, 3, 8]', 'f32[8, 3, 3]'])).label).toBe('c2');
  });
});

describe('constraints of conv_transpose', () => {
  const uses: Record<string, readonly [readonly string[], Record<string, number | readonly number[]>]> = {
    c1: [['f32[N, 3]', 'f32[3, 8]'], {}],
    c2: [['i64[N, 3, 8]', 'i64[3, 8, 3]'], {}],
    c3: [['f32[N, 3, 8]', 'f32[3, 8]'], {}],
    c4: [['f32[N, 3, 8]', 'f32[3, 8, K]'], {}],
    c5: [['f32[N, 4, 8]', 'f32[3, 8, 3]'], {}],
    c6: [['f32[N, 3, 8]', 'f32[3, 8, 3]'], { groups: 2 }],
    c7: [['f32[N, 4, 8]', 'f32[4, 8, 3]', 'f32[8]'], { groups: 2 }],
    c8: [['f32[N, 4, 1]', 'f32[4, 8, 2]'], { pads: [1, 1] }],
    c9: [['f32[N, 4, 8]', 'f32[4, 8, 2]'], { stride: [2], output_pad: [2] }],
  };
  for (const [label, [operands, attrs]] of Object.entries(uses)) {
    test(`conv_transpose_${label}`, () => expect(failure(() => inferred(convTranspose, operands, attrs)).label).toBe(label));
  }
});

describe('the layer conv', () => {
  test('pads by half its kernel and has no bias', () => {
    const { y, weights, nodes } = built(convLayer, ['f32[N, 3, H, W]'], { out: 64, kernel: '5x3', dilation: [1, 2] });
    expect(`${y.type.dims}`).toBe('N,64,H,W');
    expect(weights).toEqual(['weight f32[64, 3, 5, 3] kaiming_normal fan_out parameter']);
    expect(given(nodes, 0).attrs.pads).toEqual([2, 2, 2, 2]);
  });

  test('one number is the kernel of every axis, whatever the rank', () => {
    expect(built(convLayer, ['f32[N, 4, L]'], { out: 8, kernel: 3 }).weights[0]).toContain('weight f32[8, 4, 3] ');
    expect(built(convLayer, ['f32[N, 4, D, H, W]'], { out: 8, kernel: 3 }).weights[0]).toContain('weight f32[8, 4, 3, 3, 3] ');
  });

  test('groups, a bias and asymmetric padding', () => {
    const { y, weights } = built(convLayer, ['f32[N, 8, 16, 16]'], {
      out: 16,
      kernel: 2,
      groups: 4,
      bias: true,
      pad: [0, 0, 1, 1],
    });
    expect(weights).toEqual(['weight f32[16, 2, 2, 2] kaiming_normal fan_out parameter', 'bias f32[16] zeros parameter']);
    expect(`${y.type.dims}`).toBe('N,16,16,16');
  });

  test('an even kernel without pad= says what to write', () => {
    const failed = failure(() => built(convLayer, ['f32[N, 3, 8, 8]'], { out: 4, kernel: '2x3' }));
    expect(failed).toEqual({
      label: 'l4',
      text: 'a 2x3 kernel without pad= | an odd kernel, or pad= said: half of an even kernel is no whole number of zeros; pad=0, or pad=[0, 1, 1, 1] to keep the grid',
    });
  });

  test('groups that do not divide the channels of either side', () => {
    expect(failure(() => built(convLayer, ['f32[N, 30, 8]'], { out: 8, kernel: 3, groups: 4 })).text).toContain(
      '30 input channels',
    );
    expect(failure(() => built(convLayer, ['f32[N, 32, 8]'], { out: 9, kernel: 3, groups: 4 })).text).toContain(
      '9 output channels',
    );
  });

  test('a kernel, stride or padding for the wrong number of axes, and an input without a grid', () => {
    expect(failure(() => built(convLayer, ['f32[N, 3, L]'], { out: 4, kernel: '3x3' })).label).toBe('l2');
    expect(failure(() => built(convLayer, ['f32[N, 3, H, W]'], { out: 4, kernel: 3, stride: [1, 2, 1] })).label).toBe('l2');
    expect(failure(() => built(convLayer, ['f32[N, 3, H, W]'], { out: 4, kernel: 3, pad: [1, 2, 1] })).label).toBe('l3');
    expect(failure(() => built(convLayer, ['f32[N, 3]'], { out: 4, kernel: 3 })).label).toBe('l1');
  });

  test('weight= and bias= take existing tensors, of the shape that the arguments say', () => {
    const types = ['f32[N, 3, 8, 8]', 'f32[4, 3, 3, 3]', 'f32[4]'];
    const tied = {
      out: 4,
      kernel: 3,
      weight: (x: readonly unknown[]) => x[1] as never,
      bias: (x: readonly unknown[]) => x[2] as never,
    };
    const { weights, nodes, inputs } = built(convLayer, types, tied);
    expect(weights).toEqual([]);
    expect(given(nodes, 0).operands).toEqual([inputs[0], inputs[1], inputs[2]]);
    expect(failure(() => built(convLayer, types, { ...tied, kernel: 5 })).label).toBe('l5');
  });

  test('owns parameters unless all of them are given', () => {
    const weight = {};
    expect(convLayer.owns({ weight: undefined, bias: false })).toBe(true);
    expect(convLayer.owns({ weight, bias: true })).toBe(true);
    expect(convLayer.owns({ weight, bias: false })).toBe(false);
  });
});

describe('the layer conv_transpose', () => {
  test('does not pad; the weight has the input channels first', () => {
    const { y, weights } = built(convTransposeLayer, ['f32[N, 8, H, W]'], { out: 4, kernel: 2, stride: 2, groups: 2 });
    expect(`${y.type.dims}`).toBe('N,4,2*H,2*W');
    expect(weights).toEqual(['weight f32[8, 2, 2, 2] kaiming_normal fan_out parameter']);
  });

  test('3x3 with stride 2, pad 1 and output_pad 1 doubles the grid', () => {
    const { y } = built(convTransposeLayer, ['f32[N, 8, 7, 9]'], { out: 4, kernel: 3, stride: 2, pad: 1, output_pad: 1 });
    expect(`${y.type.dims}`).toBe('N,4,14,18');
  });
});

test('multiply-adds are those of the sums, groups counted once', () => {
  const { nodes } = built(convLayer, ['f32[N, 8, 10, 10]'], { out: 16, kernel: 3, groups: 4 });
  expect(conv.cost?.(given(nodes, 0))?.equals(Dim.symbol('N').times(16 * 100 * 2 * 9))).toBe('yes');
  const up = built(convTransposeLayer, ['f32[N, 8, 10, 10]'], { out: 16, kernel: 2, stride: 2 });
  expect(convTranspose.cost?.(given(up.nodes, 0))?.equals(Dim.symbol('N').times(8 * 100 * 16 * 4))).toBe('yes');
});

test('lowering: explicit pads, and zeros behind the input where output_pad reaches the stride', () => {
  expect(lowered(conv, ['f32[N, 3, 8]', 'f32[4, 3, 3]'], { pads: [1, 0] })).toEqual([
    'Conv(x0 x1){kernel_shape=[3] strides=[1] dilations=[1] pads=[1,0] group=1}',
  ]);
  expect(lowered(convTranspose, ['f32[N, 3, 8]', 'f32[3, 4, 3]'], { stride: 1, dilation: 3, output_pad: 2 })).toEqual([
    'Pad(x0 [0,0,0,0,0,2] 0)',
    'ConvTranspose(v1 x1){kernel_shape=[3] strides=[1] dilations=[3] pads=[0,0] group=1 output_padding=[0]}',
  ]);
});
