/**
 * Random small graphs with extreme numbers: every operator that the import knows, lifted or foreign, over constants and
 * attributes that are mostly tame and now and then at the ends of their types. Nothing may end but with a result or a diagnostic,
 * within bounded work and memory; where onnxruntime runs the file, it must run the result and find the same.
 *
 * One file, because half of it is one table of operators, and the rest reads it.
 */

import { type ElemType, elementCount } from '../../src/ir/types.ts';
import { operatorExists } from '../../src/onnx/versions.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { type Answer, below, type Judge, numbers, type Random } from './judge.ts';
import { dataTypes } from './onnx-case.ts';
import { type Numeric, type Tiny, type TinyAttribute, type TinyNode, type TinyTensor, tinyBytes } from './tiny.ts';

/**
 * Operators, a line each: operands, results and attributes.
 *
 * Operands: F float, N number, Z integer, A anything, all of one type with T, which also follows; B booleans; f float32; u 8
 * bits; j indices; h i32; i a list of integers, l one integer. A digit is the rank; ? may be left out; * stands once or more.
 * Results: a letter as above (T, B, f, u), or L for i64; - where the type is not said. Attributes: name:kind=tame values, of kind
 * i int, I ints, f float, s string, S strings, t a tensor of one element, e an element type.
 */
const signatures = `
Abs,Neg,Sign N -> T
Exp,Log,Sqrt,Erf,Reciprocal,Floor,Ceil,Round,Sin,Cos,Tan,Tanh,Acos,Acosh,Asin,Asinh,Atan,Atanh,Sinh,Cosh,Relu,Sigmoid,HardSwish F -> T
Softplus,Softsign,Mish F -> T
LeakyRelu,Elu,Celu,ThresholdedRelu,Swish F -> T alpha:f=0,1,0.5,-1
Selu F -> T alpha:f=1 gamma:f=1,-1
HardSigmoid F -> T alpha:f=0.2,0,-1 beta:f=0.5
Gelu F -> T approximate:s=none,tanh,other
Shrink N -> T lambd:f=0.5,0,-1 bias:f=0,1
Not B -> B
And,Or,Xor B B -> B
Add,Sub,Mul,Div,Pow N T -> T
Pow N Z -> T
Mod N T -> T fmod:i=0,1
BitShift Z T -> T direction:s=LEFT,RIGHT,UP
BitwiseAnd,BitwiseOr,BitwiseXor Z T -> T
BitwiseNot Z -> T
Sum,Mean F T* -> T
Min,Max N T* -> T
Equal A T -> B
Less,LessOrEqual,Greater,GreaterOrEqual N T -> B
Where B A T -> T
IsNaN F -> B
IsInf F -> B detect_negative:i=0,1 detect_positive:i=0,1
Cast A -> - to:e saturate:i=0,1
CastLike A A -> -
BitCast A -> - to:e
PRelu F T -> T
Clip N T0? T0? -> T
Identity A -> T
Dropout F T0? B0? -> T,B seed:i=0
Softmax,LogSoftmax,Hardmax F -> T axis:i=-1,0,1,2
LpNormalization F -> T axis:i=-1,0,1 p:i=1,2
MeanVarianceNormalization F -> T axes:I=0,1,2
LayerNormalization F T1 T1? -> T,-,- axis:i=-1,0,1 epsilon:f=0,1e-5 stash_type:i=1
RMSNormalization F T1 -> T axis:i=-1 epsilon:f=0,1e-5
GroupNormalization F4 T1 T1 -> T num_groups:i=1,2,3 epsilon:f=1e-5
InstanceNormalization F4 T1 T1 -> T epsilon:f=0,1e-5
BatchNormalization F4 T1 T1 T1 T1 -> T epsilon:f=0,1e-5,-1 momentum:f=0.9 training_mode:i=0,0,0,1
LRN F4 -> T size:i=1,3,5 alpha:f=1e-4 beta:f=0.75 bias:f=1,0
Conv F4 T4 T1? -> T kernel_shape:I=1,3 strides:I=1,2 dilations:I=1,2 pads:I=0,1 group:i=1,3,2 auto_pad:s=NOTSET,SAME_UPPER,VALID
ConvTranspose F4 T4 T1? -> T kernel_shape:I=1,3 strides:I=1,2 dilations:I=1 pads:I=0,1 group:i=1 output_padding:I=0,1 output_shape:I=4,8 auto_pad:s=NOTSET,SAME_LOWER,VALID
ConvInteger u4 u4 u0? u0? -> - kernel_shape:I=1,3 strides:I=1,2 pads:I=0,1 group:i=1
DeformConv F4 T4 T4 T1? T4? -> T group:i=1 offset_group:i=1 pads:I=0,1 strides:I=1
MaxPool F4 -> T,L kernel_shape!:I=1,2,3 strides:I=1,2 dilations:I=1,2 pads:I=0,1 ceil_mode:i=0,1 storage_order:i=0,1 auto_pad:s=NOTSET,SAME_UPPER,VALID
AveragePool F4 -> T kernel_shape!:I=1,2,3 strides:I=1,2 pads:I=0,1 ceil_mode:i=0,1 count_include_pad:i=0,1,2 dilations:I=1,2 auto_pad:s=NOTSET,SAME_LOWER
LpPool F4 -> T kernel_shape!:I=1,2 strides:I=1,2 p:i=1,2,0 pads:I=0,1
GlobalAveragePool,GlobalMaxPool F4 -> T
GlobalLpPool F4 -> T p:i=1,2
MaxUnpool F4 j4 i? -> T kernel_shape!:I=2 strides:I=2
MaxRoiPool F4 T2 -> T pooled_shape!:I=1,2 spatial_scale:f=1
RoiAlign F4 T2 j1 -> T output_height:i=1,2 output_width:i=1,2 sampling_ratio:i=0,2 spatial_scale:f=1 mode:s=avg,max
GridSample F4 T4 -> T mode:s=linear,bilinear,nearest,cubic padding_mode:s=zeros,border,reflection align_corners:i=0,1
AffineGrid F3 i1 -> T align_corners:i=0,1
MatMul N T -> T
MatMulInteger u u u0? u0? -> -
Gemm F2 T2 T? -> T alpha:f=1,0.5,0 beta:f=1,0 transA:i=0,1 transB:i=0,1,2
Einsum N2 T2 -> T equation!:s=ij,jk->ik;ij,ij->i;ii->i;i...,j->ij;->;ij,ji
ReduceSum,ReduceMean,ReduceMax,ReduceMin,ReduceProd,ReduceL1,ReduceL2,ReduceLogSum,ReduceLogSumExp,ReduceSumSquare N i1? -> T keepdims:i=0,1,2 noop_with_empty_axes:i=0,1
ReduceMean,ReduceMax,ReduceMin,ReduceProd,ReduceL1,ReduceL2,ReduceLogSum,ReduceLogSumExp,ReduceSumSquare N -> T axes:I=0,1,-1 keepdims:i=0,1
ArgMax,ArgMin N -> L axis:i=0,1,-1 keepdims:i=0,1 select_last_index:i=0,1
CumSum,CumProd N l -> T exclusive:i=0,1 reverse:i=0,1,2
Reshape A i1 -> T allowzero:i=0,1
Flatten A -> T axis:i=0,1,2,-1
Squeeze A i1? -> T
Unsqueeze A i1 -> T
Transpose A -> T perm:I=0,1,2,3
Concat A T* -> T axis!:i=0,1,-1
Split A i1? -> T,T axis:i=0,1,-1 num_outputs:i=1,2
Slice A i1 i1 i1? i1? -> T
Pad A i1 T0? i1? -> T mode:s=constant,reflect,edge,wrap,odd
Tile A i1 -> T
Expand A i1 -> T
Gather A j -> T axis:i=0,1,-1
GatherElements A j -> T axis:i=0,1,-1
GatherND A j -> T batch_dims:i=0,1
ScatterElements A j T -> T axis:i=0,1 reduction:s=none,add,mul,min,max
ScatterND A j T -> T reduction:s=none,add,mul
TensorScatter A T j1? -> T axis:i=-2,1 mode:s=linear,circular
Range N0 T0 T0 -> T
Range Z0 T0 T0 -> T
ConstantOfShape i1 -> - value:t
Constant -> - value!:t
Constant -> L value_int!:i=0
Constant -> L value_ints!:I=0,1
Constant -> f value_float!:f=1
Constant -> f value_floats!:F=1
Shape A -> L start:i=0,1,-1 end:i=1,2,-1
Size A -> L
TopK N i1 -> T,L axis:i=0,-1 largest:i=0,1 sorted:i=0,1
NonZero A -> L
OneHot Z l N1 -> - axis:i=-1,0,1
Compress A B1 -> T axis:i=0,1
Unique N -> T,L,L,L axis:i=0,1 sorted:i=0,1
NonMaxSuppression f3 f3 l? f0? f0? -> L center_point_box:i=0,1
Trilu A l? -> T upper:i=0,1
EyeLike A2 -> - dtype:e k:i=0,1,-1
Det F -> T
DepthToSpace A4 -> T blocksize!:i=1,2 mode:s=DCR,CRD
SpaceToDepth A4 -> T blocksize!:i=1,2
Resize F4 f1? f1? i1? -> T mode:s=nearest,linear,cubic coordinate_transformation_mode:s=half_pixel,asymmetric,align_corners,pytorch_half_pixel,tf_crop_and_resize nearest_mode:s=floor,ceil,round_prefer_floor cubic_coeff_a:f=-0.75 exclude_outside:i=0,1 extrapolation_value:f=0 antialias:i=0,1 axes:I=2,3 keep_aspect_ratio_policy:s=stretch,not_larger
Upsample F4 f1 -> T mode:s=nearest,linear
CenterCropPad A i1 -> T axes:I=0,1,2,3
Col2Im F3 i1 i1 -> T dilations:I=1 pads:I=0,1 strides:I=1,2
ReverseSequence A i1 -> T batch_axis:i=0,1 time_axis:i=1,0
QuantizeLinear f f u? -> - axis:i=1,0 saturate:i=1 block_size:i=0,2 output_dtype:i=2,3
DequantizeLinear u f u? -> f axis:i=1,0 block_size:i=0,2
DynamicQuantizeLinear f -> u,f,u
QLinearConv u4 f0 u0 u4 f0 u0 f0 u0 -> u kernel_shape:I=1,3 pads:I=0,1 strides:I=1,2
QLinearMatMul u2 f0 u0 u2 f0 u0 f0 u0 -> u
LSTM F3 T3 T3 T2? h1? T3? T3? T2? -> T,T,T hidden_size:i=1,2,4 direction:s=forward,reverse,bidirectional layout:i=0,1 clip:f=1
GRU F3 T3 T3 T2? h1? T3? -> T,T hidden_size:i=1,2,4 direction:s=forward,bidirectional linear_before_reset:i=0,1
RNN F3 T3 T3 T2? -> T,T hidden_size:i=1,2,4 activations:S=Tanh,Relu,Affine activation_alpha:F=1
Attention F4 T4 T4 T2? -> T is_causal:i=0,1 scale:f=1,0 softcap:f=0,1 q_num_heads:i=1,2 kv_num_heads:i=1,2
RotaryEmbedding F4 T2 T2 j2? -> T interleaved:i=0,1 num_heads:i=0,1 rotary_embedding_dim:i=0,2
RandomNormal -> - shape!:I=1,2 dtype:e seed:f=1 mean:f=0 scale:f=1
RandomUniform -> - shape!:I=1,2 dtype:e seed:f=1 low:f=0 high:f=1
RandomNormalLike,RandomUniformLike,Bernoulli F -> - dtype:e seed:f=1
Multinomial F2 -> - sample_size:i=1,2 dtype:e
BlackmanWindow,HannWindow,HammingWindow l -> f periodic:i=0,1 output_datatype:e
MelWeightMatrix l l l f0 f0 -> f output_datatype:e
DFT F l? l? -> T inverse:i=0,1 onesided:i=0,1 axis:i=1
STFT F l T1? l? -> - onesided:i=0,1
SequenceConstruct A T* -> -
SequenceEmpty -> - dtype:e
SplitToSequence A i1? -> - axis:i=0,1 keepdims:i=0,1
Optional A -> -
OptionalHasElement A -> B
NegativeLogLikelihoodLoss F2 j1 T1? -> T reduction:s=mean,sum,none ignore_index:i=0,-1
SoftmaxCrossEntropyLoss F2 j1 T1? -> T,T reduction:s=mean,sum,none ignore_index:i=0,-1
If B0 -> -
Loop l? B0? A -> T,-
com.microsoft:Gelu,FastGelu F -> T
com.microsoft:QuickGelu F -> T alpha:f=1
com.microsoft:BiasGelu F T1 -> T
com.microsoft:FusedConv F4 T4 T1? -> T kernel_shape:I=1,3 pads:I=0,1 strides:I=1,2 activation:s=Relu,LeakyRelu,Clip activation_params:F=0.1
com.microsoft:FusedGemm F2 T2 T? -> T transA:i=0,1 transB:i=0,1 alpha:f=1 activation:s=Relu,Tanh
com.microsoft:FusedMatMul F T -> T transA:i=0,1 transB:i=0,1 transBatchA:i=0,1 alpha:f=1,0
com.microsoft:Trilu A l? -> T upper:i=0,1
com.microsoft:GroupNorm F4 f1 f1 -> T groups:i=1,2 epsilon:f=1e-5 activation:i=0,1
com.microsoft:SkipLayerNormalization F3 T3 T1 T1? -> T epsilon:f=1e-5
com.microsoft:QLinearAdd,QLinearMul u f0 u0 u f0 u0 f0 u0? -> u
com.microsoft:QLinearSigmoid u f0 u0 f0 u0 -> u
com.microsoft:QLinearGlobalAveragePool u4 f0 u0 f0 u0 -> u channels_last:i=0,1
com.microsoft:QLinearAveragePool u4 f0 u0 f0 u0 -> u kernel_shape!:I=1,2
com.microsoft:QuantizeLinear f f0 u0 -> u
com.microsoft:DequantizeLinear u f0 u0 -> f`;

interface Signature {
  readonly op: string;
  readonly domain?: string;
  readonly operands: readonly string[];
  readonly results: readonly string[];
  readonly attrs: readonly {
    readonly name: string;
    readonly must: boolean;
    readonly kind: string;
    readonly tame: readonly string[];
  }[];
}

function parse(line: string): readonly Signature[] {
  const [left = '', right = ''] = line.split(/ ?-> /);
  const [names = '', ...operands] = left.split(' ');
  const [results = '', ...rest] = right.split(' ');
  const attrs = rest.map((text) => {
    const [name = '', after = ''] = text.split(/:(.*)/);
    const [kind = '', tame = ''] = after.split(/=(.*)/);
    return { name: name.replace('!', ''), must: name.endsWith('!'), kind, tame: tame.split(name === 'equation!' ? ';' : ',') };
  });
  const [domain, list] = names.includes(':') ? names.split(':') : [undefined, names];
  return (list ?? '')
    .split(',')
    .map((op) => ({ op, ...(domain !== undefined && { domain }), operands, results: results.split(','), attrs }));
}
const all: readonly Signature[] = signatures.trim().split('\n').flatMap(parse);
/** Every operator that cases are made of. */
export const extremeOperators: ReadonlySet<string> = new Set(all.map(({ op }) => op));

const integers: readonly bigint[] = [
  ...[7n, 8n, 15n, 16n, 31n, 32n, 52n, 53n, 62n, 63n, 64n].flatMap((bits) => [2n ** bits, 2n ** bits - 1n, 2n ** bits + 1n]),
  ...[0n, 1n, 2n, 3n, 5n, 1000n, 65_521n, 10n ** 6n, 10n ** 9n, 10n ** 18n],
].flatMap((n) => [n, -n]);
const floats: readonly number[] = [
  ...[
    0,
    0.5,
    1,
    2.5,
    65_504,
    65_520,
    2 ** 24 + 1,
    2 ** 31,
    2 ** 53,
    2 ** 63,
    2 ** 64,
    3.4028234663852886e38,
    1e39,
    1e300,
    Infinity,
  ],
  ...[2 ** -14, 2 ** -24, 2 ** -126, 2 ** -149, 1e-40, 2 ** -1022, 5e-324, Number.NaN],
].flatMap((v) => [v, -v]);
const lengths: readonly number[] = [0, 1, 2, 3, 7, 1000, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 52];
const widths: Partial<Readonly<Record<ElemType, readonly [bigint, bigint]>>> = {
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
  i32: [-(2n ** 31n), 2n ** 31n - 1n],
  i16: [-(2n ** 15n), 2n ** 15n - 1n],
  i8: [-128n, 127n],
  u64: [0n, 2n ** 64n - 1n],
  u32: [0n, 2n ** 32n - 1n],
  u16: [0n, 2n ** 16n - 1n],
  u8: [0n, 255n],
  bool: [0n, 1n],
};
const floating: readonly ElemType[] = ['f32', 'f32', 'f32', 'f32', 'f64', 'f16', 'bf16'];
const integral: readonly ElemType[] = ['i64', 'i64', 'i64', 'i32', 'i32', 'u8', 'i8', 'u64', 'u32', 'i16', 'u16'];

/** What a case is made of as it grows. */
class Maker {
  readonly constants: Record<string, TinyTensor> = {};
  readonly inputs: Record<string, { elem: ElemType; dims: readonly (number | string)[] }> = {};
  readonly nodes: TinyNode[] = [];
  readonly values: { readonly name: string; readonly elem: ElemType | undefined }[] = [];
  /** How often a number is drawn from the ends. */
  readonly wild: number;
  base: readonly number[] = [2, 3, 4, 4];
  readonly #random: Random;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
    this.wild = this.pick([0, 0.03, 0.1, 0.1, 0.3, 0.8]);
    this.base = this.chance(this.wild / 4)
      ? this.dims(4)
      : this.pick([
          [2, 3, 4, 4],
          [1, 2, 2, 2],
          [3, 3, 3, 3],
          [1, 1, 1, 1],
        ]);
  }

  chance(p: number): boolean {
    return this.#random() < p;
  }
  below(n: number): number {
    return below(this.#random, n);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  name(): string {
    return `v${this.#count++}`;
  }

  /** Sizes of a constant, of which one does not have many elements. */
  dims(rank: number | undefined): readonly number[] {
    if (this.chance(this.wild / 3)) {
      const wanted = rank ?? this.below(5);
      const out = Array.from({ length: this.chance(0.8) ? wanted : this.below(6) }, () => this.pick([0, 1, 2, 3, 5]));
      const at = out.indexOf(0);
      // Of a tensor without elements any axis may be as long as one likes.
      return at < 0 ? out : out.map((d, i) => (i !== at && this.chance(0.3) ? this.pick(lengths) : d));
    }
    const n = rank ?? this.pick([0, 1, 1, 2, 3, 4, 4]);
    const tail =
      n <= this.base.length ? this.base.slice(this.base.length - n) : [...Array(n - this.base.length).fill(1), ...this.base];
    const out = tail.map((d) => (rank === undefined && this.chance(0.2) ? 1 : d));
    // What lost the axis of no elements.
    return elementCount(out) > 4096 ? out.map((d) => Math.min(d, 3)) : out;
  }

  integer(elem: ElemType, tame: readonly bigint[] = [0n, 1n, 2n, 3n, -1n]): bigint {
    const [low, high] = widths[elem] ?? [0n, 0n];
    if (!this.chance(this.wild)) {
      const n = this.pick(tame);
      return n < low ? -n : n > high ? high : n;
    }
    const fits = integers.filter((n) => n >= low && n <= high);
    return this.pick([low, high, ...fits]);
  }
  float(): number {
    return this.chance(this.wild) ? this.pick(floats) : this.pick([0, 0.5, 1, -1, 2, -0.25, 3, 1.5]);
  }
  element(elem: ElemType): Numeric {
    return widths[elem] ? this.narrow(elem, this.integer(elem)) : this.float();
  }
  narrow(elem: ElemType, value: bigint): Numeric {
    return elem === 'i64' || elem === 'u64' ? value : Number(value);
  }

  tensor(elem: ElemType, dims: readonly number[]): TinyTensor {
    const count = elementCount(dims);
    return { elem, dims, data: Array.from({ length: Math.min(count, 64) }, () => this.element(elem)) };
  }

  constant(tensor: TinyTensor): string {
    const name = this.name();
    if (this.chance(0.1)) this.nodes.push({ op: 'Constant', inputs: [], outputs: [name], attrs: { value: tensor } });
    else this.constants[name] = tensor;
    this.values.push({ name, elem: tensor.elem });
    return name;
  }

  operand(token: string, elem: ElemType): string {
    const [letter = '', digit] = token;
    const rank = digit !== undefined && digit >= '0' && digit <= '9' ? Number(digit) : undefined;
    const known = this.values.filter((v) => v.elem === elem || v.elem === undefined);
    if (rank !== 0 && letter !== 'i' && letter !== 'l' && known.length > 0 && this.chance(0.6))
      return this.pick(known.slice(-4)).name;
    if (known.length > 0 && this.chance(0.1)) return this.pick(known).name;
    if (letter === 'i') {
      const n = this.pick([1, 1, 2, 4, 4, 8, 0, 3]);
      const tame = this.pick<readonly bigint[]>([
        [0n, 1n, -1n],
        [1n, 2n],
        [0n, 0n, 1n],
        [2n, 3n, 4n],
        [-1n, 1n, 2n],
      ]);
      const data = Array.from({ length: n }, () => this.narrow(elem, this.integer(elem, tame)));
      return this.constant({ elem, dims: rank === undefined && n === 1 && this.chance(0.5) ? [] : [n], data });
    }
    if (letter === 'l') return this.constant(this.tensor(elem, this.chance(0.7) ? [] : [1]));
    if (rank === 0)
      return this.constant(this.tensor(elem, this.chance(1 - this.wild / 4) ? [] : this.pick([[1], [2], [0], [1, 1]])));
    if (rank === 1)
      return this.constant(
        this.tensor(
          elem,
          this.chance(1 - this.wild / 4) ? [Math.min(7, this.pick([this.base[1] ?? 1, this.base[3] ?? 1]))] : this.dims(1),
        ),
      );
    return this.constant(this.tensor(elem, this.dims(rank)));
  }

  attribute(kind: string, tame: readonly string[], op: string): TinyAttribute {
    const int = (): bigint => this.integer('i64', tame.map(BigInt));
    const float = (): number => (this.chance(this.wild) ? this.pick(floats) : Number(this.pick(tame)));
    const count = (): number => (this.chance(this.wild / 2) ? this.below(6) : tame.length > 3 ? 4 : this.pick([1, 2, 2, 4]));
    switch (kind) {
      case 'i':
        return int();
      case 'I':
        return op === 'Transpose' && this.chance(0.8)
          ? [0n, 1n, 2n, 3n].sort(() => this.below(3) - 1)
          : Array.from({ length: count() }, int);
      case 'f':
        return float();
      case 'F':
        return Array.from({ length: count() }, float);
      case 's':
        return this.pick(tame);
      case 'S':
        return Array.from({ length: 1 + this.below(3) }, () => this.pick(tame));
      case 'e':
        return this.chance(this.wild / 3)
          ? this.integer('i64')
          : BigInt(dataTypes[this.pick<ElemType>([...floating, ...integral, 'bool'])]);
      default:
        return this.tensor(
          this.pick<ElemType>([...floating, ...integral, 'bool']),
          this.chance(1 - this.wild / 2) ? [1] : this.dims(undefined),
        );
    }
  }

  node(signature: Signature): void {
    const { op, domain } = signature;
    const last = this.values.at(-1)?.elem;
    const classes: Readonly<Record<string, readonly ElemType[]>> = {
      F: floating,
      N: [...floating, ...floating, ...integral],
      Z: integral,
      A: [...floating, ...floating, ...integral, 'bool'],
    };
    let T: ElemType = 'f32';
    const byte = this.chance(0.7) ? 'u8' : 'i8';
    const elemOf = (token: string): ElemType => {
      switch (token[0]) {
        case 'B':
          return 'bool';
        case 'f':
          return 'f32';
        case 'u':
          return byte;
        case 'h':
          return 'i32';
        case 'j':
          return this.chance(0.7) ? 'i64' : 'i32';
        case 'i':
        case 'l':
          return this.chance(0.97) ? 'i64' : 'i32';
        case 'T':
          return this.chance(1 - this.wild / 20) ? T : this.pick([...floating, ...integral]);
        default: {
          const list = classes[token[0] ?? ''] ?? floating;
          T = last && list.includes(last) && this.chance(0.75) ? last : this.pick(list);
          return T;
        }
      }
    };
    const inputs: string[] = [];
    for (const token of signature.operands) {
      const absent = token.endsWith('?') && this.chance(0.4);
      const times = token.endsWith('*') ? 1 + this.below(3) : 1;
      for (let i = 0; i < times; i++)
        inputs.push(absent || this.chance(this.wild / 100) ? '' : this.operand(token, elemOf(token)));
    }
    while (inputs.at(-1) === '') inputs.pop();
    const attrs: Record<string, TinyAttribute> = {};
    for (const { name, must, kind, tame } of signature.attrs)
      if (this.chance(must ? 1 - this.wild / 20 : 0.4)) attrs[name] = this.attribute(kind, tame, op);
    const results = signature.results.slice(0, 1 + this.below(signature.results.length));
    if (op === 'If' || op === 'Loop') this.body(op, attrs, inputs, T);
    const outputs = results.map(() => this.name());
    for (const [i, name] of outputs.entries()) {
      const letter = signature.results[i] ?? '-';
      const elem = { T, B: 'bool', f: 'f32', u: 'u8', L: 'i64' }[letter] as ElemType | undefined;
      this.values.push({ name, elem });
    }
    this.nodes.push({ op, ...(domain !== undefined && { domain }), inputs, outputs, attrs });
  }

  body(op: 'If' | 'Loop', attrs: Record<string, TinyAttribute>, inputs: readonly string[], T: ElemType): void {
    const inner = (read: string): { readonly node: TinyNode; readonly y: string } => {
      const other = this.values.filter((v) => v.elem === T && v.name !== read);
      const y = this.name();
      const twice = { op: 'Add', inputs: [read, other.length > 0 ? this.pick(other).name : read], outputs: [y] };
      const once = { op: this.pick(['Identity', 'Abs', 'Shape', 'Squeeze', 'Neg']), inputs: [read], outputs: [y] };
      return { node: this.chance(0.5) ? twice : once, y };
    };
    if (op === 'If') {
      const read = this.pick(this.values).name;
      for (const branch of ['then_branch', 'else_branch']) {
        const { node, y } = inner(read);
        attrs[branch] = { nodes: [node], outputs: [y] };
      }
      return;
    }
    const [index, going, carried] = [this.name(), this.name(), this.name()];
    const { node, y } = inner(inputs.length > 2 ? carried : index);
    const on = this.name();
    attrs.body = {
      parameters: [index, going, ...(inputs.length > 2 ? [carried] : [])],
      nodes: [{ op: 'Identity', inputs: [going], outputs: [on] }, node],
      outputs: [on, y],
    };
  }
}

/** Results that differ from run to run. */
const random = /^(Random|Bernoulli|Multinomial|Dropout)/;

/** The case of a seed. */
export function extremeCase(seed: number): Tiny {
  const draw = numbers(seed);
  const maker = new Maker(draw);
  const opset = 13 + maker.below(14);
  const there = all.filter(({ op, domain }) => domain !== undefined || operatorExists(op, opset));
  if (maker.chance(0.5)) {
    const name = maker.name();
    const elem = maker.pick<ElemType>(['f32', 'f32', 'f32', 'i64', 'i32', 'f64', 'bool']);
    const dims = maker
      .dims(maker.chance(0.5) ? 4 : undefined)
      .map((d, i) => (maker.chance(0.2) ? `N${i}` : maker.chance(maker.wild / 6) ? maker.pick(lengths) : d));
    maker.inputs[name] = { elem, dims };
    maker.values.push({ name, elem });
  }
  const wanted = 1 + Math.min(maker.below(6), maker.below(6));
  for (let i = 0; i < wanted; i++) maker.node(maker.pick(there));
  const made = maker.nodes.flatMap(({ op, outputs }) => (op === 'Constant' ? [] : outputs.filter((y) => y !== '')));
  const read = new Set(maker.nodes.flatMap(({ inputs }) => inputs));
  const outputs = made.filter((y) => !read.has(y) || maker.chance(0.15));
  const { constants, inputs, nodes } = maker;
  return { opset, inputs, constants, nodes, outputs: outputs.length > 0 ? outputs : (maker.nodes.at(-1)?.outputs ?? []) };
}

export interface ExtremeFailure {
  readonly kind: 'thrown' | 'work' | 'memory' | 'refused' | 'other';
  readonly stage: string;
  readonly message: string;
}
export interface ExtremeOutcome {
  readonly failure?: ExtremeFailure;
  /** Whether it came out as a graph at -O1. */
  readonly made: boolean;
  /** Whether onnxruntime ran it as it is. */
  readonly ran: boolean;
}

/** Processor time of one level, milliseconds, and bytes that the process may grow by: far above what such graphs need. */
const workLimit = 5000;
const memoryLimit = 2 ** 29;

/** Every level in process; onnxruntime's word on it where a judge is given. */
export async function checkExtreme(tiny: Tiny, judge?: Judge): Promise<ExtremeOutcome> {
  const bytes = tinyBytes(tiny);
  const results: (Uint8Array | undefined)[] = [];
  let refusal = '';
  for (const level of [0, 1, 2] as const) {
    const stage = `-O${level}`;
    const fail = (kind: ExtremeFailure['kind'], message: string): ExtremeOutcome => ({
      failure: { kind, stage, message },
      made: false,
      ran: false,
    });
    const [time, memory] = [process.cpuUsage(), process.resourceUsage().maxRSS];
    try {
      const result = await optimizeOnnx(bytes, {
        level,
        verifyIr: true,
        ...(level === 2 && { raise: (tiny.opset ?? 0) % 4 === 0 }),
      });
      results.push(result.graph ? await result.bytes() : undefined);
      refusal ||= result.diagnostics.map(({ code, title, found }) => `${code} ${title}: ${found}`).join('; ');
    } catch (error) {
      return fail(
        'thrown',
        error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 6).join('\n') : String(error),
      );
    }
    const { user, system } = process.cpuUsage(time);
    if ((user + system) / 1000 > workLimit) return fail('work', `${Math.round((user + system) / 1000)} ms`);
    const grown = (process.resourceUsage().maxRSS - memory) * 1024;
    if (grown > memoryLimit) return fail('memory', `${Math.round(grown / 2 ** 20)} MB`);
  }
  const made = results[1] !== undefined;
  if (!judge || tiny.nodes.some(({ op }) => random.test(op))) return { made, ran: false };
  const before = await judge.ask(bytes);
  if (!before.outputs) return { made, ran: false };
  const failed = (kind: ExtremeFailure['kind'], stage: string, message: string): ExtremeOutcome => ({
    failure: { kind, stage, message },
    made,
    ran: true,
  });
  // Beside what leaves the graph, what lies inside: the passes are exact where every value is finite.
  const inside = tiny.nodes.flatMap(({ outputs }) => outputs.filter((y) => y !== ''));
  const whole = await judge.ask(tinyBytes({ ...tiny, outputs: [...new Set([...tiny.outputs, ...inside])] }));
  const finite =
    whole.outputs?.every(([, type, , data]) => !/^(float|double|bfloat)/.test(type) || data.every((v) => ordinary(type, v))) ??
    false;
  for (const [level, out] of results.entries()) {
    if (!out) return failed('refused', `-O${level}`, refusal);
    const after = await judge.ask(out);
    if (!after.outputs) return failed('other', `-O${level}`, after.refused ?? 'onnxruntime crashes on it');
    const difference = differ(before.outputs, after.outputs, finite);
    if (difference !== undefined) return failed('other', `-O${level}`, difference);
  }
  return { made, ran: true };
}

/** A number as the judge writes it; of halves these are the bits. */
function numberOf(type: string, text: string): number {
  if (type !== 'float16') return Number(text);
  const bits = Number(text);
  const [sign, exponent, rest] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return rest ? Number.NaN : sign * Infinity;
  return sign * (exponent === 0 ? rest * 2 ** -24 : (1024 + rest) * 2 ** (exponent - 25));
}
/** Neither infinite nor so small or large that a sum in another order is. */
function ordinary(type: string, text: string): boolean {
  return Number.isFinite(numberOf(type, text));
}

function differ(a: NonNullable<Answer['outputs']>, b: NonNullable<Answer['outputs']>, numbersToo: boolean): string | undefined {
  if (a.length !== b.length) return `${b.length} outputs, not ${a.length}`;
  for (const [i, [name, type, dims, data]] of a.entries()) {
    const [otherName, otherType, otherDims, otherData = []] = b[i] ?? [];
    if (otherName !== name || otherType !== type || otherDims?.join() !== dims.join())
      return `${otherName} is ${otherType}[${otherDims?.join(', ')}], not ${name} ${type}[${dims.join(', ')}]`;
    if (!numbersToo) continue;
    const float = /^float|^double/.test(type);
    const all = data.map((v) => (float ? Math.abs(numberOf(type, v)) : 0));
    const within = Math.max(1e-6, ...all) * (type === 'float16' ? 1e-2 : 1e-4);
    for (const [k, text] of data.entries()) {
      const other = otherData[k] ?? '';
      if (text === other || (float && Math.abs(numberOf(type, text) - numberOf(type, other)) <= within)) continue;
      return `${name}[${k}] is ${float ? numberOf(type, other) : other}, not ${float ? numberOf(type, text) : text}`;
    }
  }
  return undefined;
}

/** Leaves out nodes and attributes while the same kind of failure stays. */
export async function shrinkExtreme(tiny: Tiny, failure: ExtremeFailure, judge?: Judge): Promise<Tiny> {
  const first = (text: string): string => (text.split('\n')[0] ?? '').replaceAll(/[\d.e+-]+|v\d+/g, '#');
  const fails = async (one: Tiny): Promise<boolean> => {
    const { failure: found } = await checkExtreme(one, judge);
    return found !== undefined && found.kind === failure.kind && first(found.message) === first(failure.message);
  };
  let best = tiny;
  for (let again = true; again; ) {
    again = false;
    const smaller: Tiny[] = [];
    for (const [i, node] of best.nodes.entries()) {
      const nodes = best.nodes.filter((_, k) => k !== i);
      const gone = new Set(node.outputs);
      if (nodes.some(({ inputs }) => inputs.some((x) => x !== '' && gone.has(x)))) continue;
      const outputs = [
        ...best.outputs.filter((y) => !gone.has(y)),
        ...node.inputs.filter((x) => nodes.some((n) => n.outputs.includes(x))),
      ];
      if (outputs.length > 0) smaller.push({ ...best, nodes, outputs: [...new Set(outputs)] });
    }
    for (const [i, node] of best.nodes.entries())
      for (const name of Object.keys(node.attrs ?? {})) {
        const attrs = Object.fromEntries(Object.entries(node.attrs ?? {}).filter(([key]) => key !== name));
        smaller.push({ ...best, nodes: best.nodes.map((n, k) => (k === i ? { ...node, attrs } : n)) });
      }
    if (best.outputs.length > 1) for (const y of best.outputs) smaller.push({ ...best, outputs: [y] });
    for (const one of smaller) {
      if (!(await fails(one))) continue;
      best = one;
      again = true;
      break;
    }
  }
  const read = new Set(best.nodes.flatMap(({ inputs }) => inputs));
  const used = <T>(all: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(all).filter(([name]) => read.has(name)));
  return best.nodes.some(({ op }) => op === 'If' || op === 'Loop')
    ? best
    : { ...best, constants: used(best.constants), inputs: used(best.inputs ?? {}) };
}

/** A case as people read it. */
export function extremeText({ opset, inputs, constants, nodes, outputs }: Tiny): string {
  const plain = (_: string, value: unknown): unknown =>
    typeof value === 'bigint'
      ? `${value}n`
      : typeof value === 'number' && !(Number.isFinite(value) && !Object.is(value, -0))
        ? Object.is(value, -0)
          ? '-0'
          : String(value)
        : value;
  const json = (value: unknown): string => JSON.stringify(value, plain);
  return [
    `opset ${opset}`,
    ...Object.entries(inputs ?? {}).map(([name, { elem, dims }]) => `input ${name}: ${elem}[${dims.join(', ')}]`),
    ...Object.entries(constants).map(([name, { elem, dims, data }]) => `${name} = ${elem}[${dims.join(', ')}] ${json(data)}`),
    ...nodes.map(({ op, inputs: read, outputs: made, attrs }) => `${made.join(', ')} = ${op}(${read.join(', ')}) ${json(attrs)}`),
    `outputs ${outputs.join(', ')}`,
  ].join('\n');
}
