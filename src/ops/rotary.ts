/**
 * Rotary position embedding: pairs of features of a token are turned by angles that grow with its place. Su et al. 2021,
 * arXiv:2104.09864; ONNX RotaryEmbedding-23, whose CPU kernel agrees with what is spelled out below opset 23.
 */
import { outside } from '../diagnostics/at.ts';
import { Dim } from '../ir/dim.ts';
import type { Value } from '../ir/graph.ts';
import type { Check, InferContext, OnnxAttr, OnnxBuilder } from '../ir/operator.ts';
import { type ElemType, type HostTensor, isFloat, type TensorType, typeText } from '../ir/types.ts';
import { boolAttr, checkFloats, given, onnxInt } from './attrs.ts';
import { cast } from './cast.ts';
import { sameDim } from './common.ts';
import { defineLayer, defineOperator, type LayerBuilder } from './define.ts';
import { cos, mul, sin } from './elementwise.ts';
import { range } from './generate.ts';
import { headsHint, mergeHeads, splitHeads } from './heads.ts';
import { bool, float, int, optional, tensor, tensorOrInts } from './params.ts';
import { unsqueeze } from './reshape.ts';
import { linearTraits } from './traits.ts';

export const rotaryEmbedding = defineOperator({
  name: 'rotary_embedding',
  summary: 'Turns pairs of features by the angles whose cosines and sines are given',
  onnx: ['RotaryEmbedding', 'Expand', 'Unsqueeze', 'Split', 'Reshape', 'Mul', 'Sub', 'Add', 'Concat'],
  operands: [
    { name: 'x', doc: '[batch, heads, tokens, features]' },
    { name: 'cos', doc: '[batch or 1, tokens, pairs]; features beyond 2 · pairs stay as they are' },
    { name: 'sin', doc: 'of the same shape' },
  ],
  attrs: {
    interleaved: {
      kind: 'bool',
      default: false,
      doc: 'a pair is two neighbours, 2·i and 2·i + 1; otherwise i of the first half and i of the second',
    },
  },
  traits: { ...linearTraits({ contracts: 'no' }), homogeneous: 'any', keepsZero: true, sign: 'no' },
  infer(context: InferContext) {
    const { operands } = context;
    const check: Check = context.check;
    const [x, c, s] = [given(operands, 0), given(operands, 1), given(operands, 2)];
    const text = `${typeText(x)} with ${typeText(c)} and ${typeText(s)}`;
    checkFloats(check, 'c1', operands);
    const ranks = x.dims.length === 4 && c.dims.length === 3 && s.dims.length === 3;
    check('c2', ranks, text, 'x [batch, heads, tokens, features], cos and sin [batch or 1, tokens, pairs]');
    const [batch, tokens, pairs] = [given(c.dims, 0), given(c.dims, 1), given(c.dims, 2)];
    const one = batch.constant === 1 || sameDim(batch, given(x.dims, 0));
    const same = c.dims.every((d, axis) => sameDim(d, given(s.dims, axis)));
    check('c3', one && same && sameDim(tokens, given(x.dims, 2)), text, 'cos and sin of one shape [batch or 1, tokens, pairs]');
    const [count, features] = [pairs.constant, given(x.dims, 3).constant];
    const fits = count !== undefined && features !== undefined && count >= 1 && 2 * count <= features;
    check('c4', fits, text, 'known features, at least two for each pair');
    return [x];
  },
  evaluate(operands, attrs) {
    const [x, c, s] = [given(operands, 0), given(operands, 1), given(operands, 2)];
    const interleaved = boolAttr(attrs, 'interleaved');
    const [, heads = 1, tokens = 1, features = 1] = x.dims;
    const [batches = 1, , pairs = 1] = c.dims;
    const data = Float64Array.from(x.data);
    for (let row = 0; row * features < data.length; row++) {
      const token = row % tokens;
      const batch = batches === 1 ? 0 : Math.floor(row / (heads * tokens));
      for (let i = 0; i < pairs; i++) {
        const angle = (batch * tokens + token) * pairs + i;
        const [cosine, sine] = [c.data[angle] ?? outside(), s.data[angle] ?? outside()];
        const first = row * features + (interleaved ? 2 * i : i);
        const second = first + (interleaved ? 1 : pairs);
        const [a, b] = [x.data[first] ?? outside(), x.data[second] ?? outside()];
        data[first] = a * cosine - b * sine;
        data[second] = b * cosine + a * sine;
      }
    }
    return [{ elem: x.elem, dims: x.dims, data }];
  },
  lower(b, node, operands) {
    const [x, c, s] = [given(operands, 0), given(operands, 1), given(operands, 2)];
    const interleaved = boolAttr(node.attrs, 'interleaved');
    if (!b.has('RotaryEmbedding', node.y.type.elem))
      return [spelledOut(b, node.y.type, given(node.operands, 1).type, { x, cos: c, sin: s }, interleaved)];
    const whole = (i: number): string => wholeBatch(b, given(node.operands, i), given(node.y.type.dims, 0));
    const [features, pairs] = [given(node.y.type.dims, 3).constant, given(given(node.operands, 1).type.dims, 2).constant];
    const partial: Record<string, OnnxAttr> =
      pairs !== undefined && features !== 2 * pairs ? { rotary_embedding_dim: onnxInt(2 * pairs) } : {};
    const attrs = { ...(interleaved ? { interleaved: onnxInt(1) } : {}), ...partial };
    return [b.node('RotaryEmbedding', [x, whole(1), whole(2)], attrs, node.y.type)];
  },
  sample(source) {
    const [batch, heads, tokens, pairs] = [source.int(1, 3), source.int(1, 3), source.int(1, 4), source.int(1, 3)];
    const angles = (): HostTensor => source.tensor([shared ? 1 : batch, tokens, pairs], { low: -1, high: 1 });
    const shared = source.bool();
    const x = source.tensor([batch, heads, tokens, 2 * pairs + (source.bool() ? 0 : source.int(1, 2))]);
    return { operands: [x, angles(), angles()], attrs: { interleaved: source.bool() } };
  },
});

/** RotaryEmbedding has no batch of 1 that broadcasts. */
function wholeBatch(b: OnnxBuilder, angles: Value, batch: Dim): string {
  return b.expanded(angles, [batch, ...angles.type.dims.slice(1)]);
}

interface Turned {
  readonly x: string;
  readonly cos: string;
  readonly sin: string;
}

/** Below opset 23. */
function spelledOut(b: OnnxBuilder, type: TensorType, angles: TensorType, keys: Turned, interleaved: boolean): string {
  const { elem, dims } = type;
  const typed = (...last: readonly number[]): TensorType => ({
    elem,
    dims: [...dims.slice(0, 3), ...last.map((n) => Dim.of(n))],
  });
  const [features, pairs] = [given(dims, 3).constant ?? outside(), given(angles.dims, 2).constant ?? outside()];
  const [turned, rest] = [2 * pairs, features - 2 * pairs];
  const lastAxis = { axis: onnxInt(3) };
  // Neighbours are a further axis of two; halves lie on the axis itself.
  const axis = onnxInt(interleaved ? 4 : 3);
  const half = interleaved ? typed(pairs, 1) : typed(pairs);
  const column: TensorType = {
    elem,
    dims: [given(angles.dims, 0), Dim.one, ...angles.dims.slice(1), ...(interleaved ? [Dim.one] : [])],
  };
  const at = (name: string): string => b.node('Unsqueeze', [name, b.i64(interleaved ? [1, 4] : [1])], {}, column);
  const [cosine, sine] = [at(keys.cos), at(keys.sin)];
  const [x, untouched] =
    rest > 0 ? b.nodes('Split', [keys.x, b.i64([turned, rest])], lastAxis, [typed(turned), typed(rest)]) : [keys.x];
  const apart = interleaved ? b.node('Reshape', [x, b.i64([0, 0, 0, pairs, 2])], {}, typed(pairs, 2)) : x;
  const halves = b.nodes('Split', [apart, b.i64(interleaved ? [1, 1] : [pairs, pairs])], { axis }, [half, half]);
  const [first, second] = [given(halves, 0), given(halves, 1)];
  const product = (one: string, other: string): string => b.node('Mul', [one, other], {}, half);
  const parts = [
    b.node('Sub', [product(first, cosine), product(second, sine)], {}, half),
    b.node('Add', [product(second, cosine), product(first, sine)], {}, half),
  ];
  const behind = untouched === undefined ? [] : [untouched];
  if (!interleaved) return b.node('Concat', [...parts, ...behind], lastAxis, type);
  const joined = b.node('Concat', parts, { axis }, typed(pairs, 2));
  const y = b.node('Reshape', [joined, b.i64([0, 0, 0, turned])], {}, typed(turned));
  return behind.length === 0 ? y : b.node('Concat', [y, ...behind], lastAxis, type);
}

function placesOf(b: LayerBuilder, tokens: Dim, given: Value | readonly number[] | undefined): Value {
  if (!given) return b.op(range, [], { start: [Dim.zero], end: [tokens], step: 1 });
  return 'type' in given ? given : b.constant({ elem: 'i64', dims: [given.length], data: Float64Array.from(given) });
}

/**
 * θ^(−2i / rotated) for pair i, times the place: a constant where the places are, and computed in the graph, in f32 (f64 of f64),
 * where they are not.
 */
export const ropeLayer = defineLayer({
  name: 'rope',
  summary: 'Rotary position embedding of queries or keys: pairs of features are turned by place · theta^(−2i / features)',
  source: 'Su et al. 2021 (RoFormer); ONNX RotaryEmbedding; transformers apply_rotary_pos_emb',
  family: 'Attention',
  params: {
    positions: optional(
      tensorOrInts({ doc: 'the places of the tokens, i64[T] or i64[N, T]; `range(P, P + T)` behind P tokens' }),
      'range(T)',
    ),
    theta: float({ default: 10000, min: 0, doc: 'the base of the frequencies' }),
    heads: optional(int({ min: 1, doc: 'heads of a tensor [N, T, width]; left out, it is [N, heads, T, features]' })),
    features: optional(int({ min: 2, doc: 'how many features of a head are turned, the first ones; an even number' }), 'all'),
    interleaved: bool({
      default: false,
      doc: 'pairs are neighbours, as in the paper and GPT-J; otherwise they are a half apart, as in GPT-NeoX and LLaMA',
    }),
    frequencies: optional(
      tensor({ doc: 'the angles between neighbouring places instead of powers of theta; [features / 2]' }),
      'powers of theta',
    ),
  },
  build(b: LayerBuilder, [it], p) {
    const x = p.heads === undefined ? it : splitHeads(b, 'l1', it, p.heads);
    const { elem, dims } = x.type;
    const four = dims.length === 4 && isFloat(elem);
    b.check('l2', four, typeText(it.type), 'a float tensor [N, heads, T, features], or heads= and [N, T, width]', headsHint(it));
    const all = given(dims, 3).constant;
    b.check('l3', all !== undefined, typeText(x.type), 'a known number of features');
    const rotated = p.features ?? all;
    const even = rotated % 2 === 0 && rotated <= all;
    b.check('l4', even, `${rotated} features of ${all}`, `an even number of at most ${all}`, `features=${all - (all % 2)}`);
    const powers = Float64Array.from({ length: rotated / 2 }, (_, i) => p.theta ** ((-2 * i) / rotated));
    // Angles of f16 and bf16 would be off by whole turns from the thousandth place on.
    const wide = elem === 'f64' ? 'f64' : 'f32';
    const as = (to: ElemType, x: Value): Value => (x.type.elem === to ? x : b.op(cast, [x], { to }));
    const frequencies = p.frequencies ?? b.constant({ elem: wide, dims: [rotated / 2], data: powers });
    const fits = [elem, wide].includes(frequencies.type.elem) && frequencies.type.dims.length === 1;
    const known = fits && frequencies.type.dims[0]?.constant === rotated / 2;
    b.check('l5', known, `frequencies ${typeText(frequencies.type)}`, `${elem}[${rotated / 2}]`);
    const tokens = given(dims, 2);
    const positions = placesOf(b, tokens, p.positions);
    const own = positions.type.dims;
    const placed =
      positions.type.elem === 'i64' &&
      sameDim(own.at(-1) ?? Dim.zero, tokens) &&
      (own.length === 1 || (own.length === 2 && (own[0]?.constant === 1 || sameDim(given(own, 0), given(dims, 0)))));
    b.check('l6', placed, `positions ${typeText(positions.type)}`, `i64[${tokens}] or i64[${given(dims, 0)}, ${tokens}]`);
    const column = b.op(unsqueeze, [positions], { axes: own.length === 1 ? [0, 2] : [2] });
    const angles = b.op(mul, [as(wide, column), as(wide, frequencies)]);
    const turned = (of: typeof cos): Value => as(elem, b.op(of, [angles]));
    const y = b.op(rotaryEmbedding, [x, turned(cos), turned(sin)], { interleaved: p.interleaved });
    return p.heads === undefined ? y : mergeHeads(b, y);
  },
});
