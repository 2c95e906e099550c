/** Functions of torch and methods of tensors: arithmetic, reductions, shapes, indices and element types. */
import type { FilledCall, Word } from './word.ts';

/** Called the same here, and on the same operands. */
const alike = 'abs exp log sqrt rsqrt square erf reciprocal floor ceil round sign sin cos tan neg log2 identity';
const alikeOfTwo = 'add sub mul div pow matmul not_equal less less_equal greater greater_equal';

const compared: Readonly<Record<string, string>> = {
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  divide: '/',
  multiply: '*',
  subtract: '-',
  logical_and: 'and',
  logical_or: 'or',
};

const reductions: Readonly<Record<string, string>> = {
  'sum reduce_sum': 'reduce_sum',
  mean: 'reduce_mean',
  prod: 'reduce_prod',
  amax: 'reduce_max',
  amin: 'reduce_min',
};

const elements: Readonly<Record<string, string>> = {
  'float float32': 'f32',
  'double float64': 'f64',
  'half float16': 'f16',
  bfloat16: 'bf16',
  'long int64': 'i64',
  'int int32': 'i32',
  'short int16': 'i16',
  'char int8': 'i8',
  'byte uint8': 'u8',
  bool: 'bool',
};
const unsigned: Readonly<Record<string, string>> = { uint16: 'u16', uint32: 'u32', uint64: 'u64' };

/** PyTorch's names of element types, as arguments are written: `torch.float16`. */
export const elementTypes: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...elements, ...unsigned }).flatMap(([names, ours]) => names.split(' ').map((name) => [name, ours] as const)),
);

const operand = (text: string | undefined): string =>
  text === undefined ? 'it' : /^[\w.]+$|^[\w.]+\([^()]*\)$/.test(text) ? text : `(${text})`;
const whole = (text: string | undefined): number | undefined =>
  text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;

/** The order of the axes with two of them exchanged. */
function exchanged(call: FilledCall, first: string, second: string): string | undefined {
  const { rank } = call;
  const [a, b] = [whole(call.text(first)), whole(call.text(second))];
  if (rank === undefined || a === undefined || b === undefined) return undefined;
  const perm = Array.from({ length: rank }, (_, i) => i);
  const [i, j] = [a < 0 ? a + rank : a, b < 0 ? b + rank : b];
  if (!(i in perm) || !(j in perm)) return undefined;
  perm[i] = j;
  perm[j] = i;
  return transposed(call, perm);
}

function transposed(call: FilledCall, perm: readonly number[]): string {
  const input = call.text('input');
  return `transpose(${input === undefined ? '' : `${input}, `}${perm.join(', ')})`;
}

/** The last two axes exchanged. */
const matrices = (call: FilledCall): string | undefined => {
  const { rank } = call;
  if (rank === undefined || rank < 2) return undefined;
  const perm = Array.from({ length: rank }, (_, i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
  return transposed(call, perm);
};

/** Over one axis or all of them, and of two tensors where the second argument is one. */
const extreme =
  (ours: 'max' | 'min') =>
  (call: FilledCall): string | undefined => {
    const dim = call.text('dim');
    const isAxes = whole(dim) !== undefined || /^[[(]/.test(dim ?? '');
    const other = call.text('other') ?? (isAxes ? undefined : dim);
    return other === undefined ? undefined : `${ours}(${operand(call.text('input'))}, ${other})`;
  };

/** The arguments of a function of two tensors: sums have a factor, quotients a way to round. */
function ofTwo(name: string, other: string): Pick<Word, 'takes' | 'without'> {
  const scaled = ['add', 'sub', 'subtract'].includes(name);
  const rounded = name === 'div' || name === 'divide';
  return {
    takes: ['input', other, ...(rounded ? ['rounding_mode'] : []), ...(scaled ? ['alpha'] : []), 'out'].join(' '),
    ...(scaled && { without: { alpha: 'multiply it in: `x + 2.0 * y`' } }),
    ...(rounded && { without: { rounding_mode: 'write `floor(a / b)`' } }),
  };
}

const unbiased = '`unbiased=False`, the name of old, is `correction=0`, and `unbiased=True` is `correction=1`, the default';

const deviation =
  (ours: 'var' | 'std') =>
  (call: FilledCall): string | undefined => {
    if (call.text('unbiased') === undefined) return undefined;
    const [input, dim, keepdim] = ['input', 'dim', 'keepdim'].map((name) => call.text(name));
    const correction = `correction=${call.text('unbiased') === 'false' ? 0 : 1}`;
    const named = keepdim === undefined ? [correction] : [correction, `keepdims=${keepdim}`];
    const all = [input, dim?.replace(/^[[(]|[\])]$/g, ''), ...named].filter((part) => part !== undefined);
    return `${ours}(${all.join(', ')})`;
  };

export const tensorWords = (): readonly Word[] => [
  ...alike.split(' ').map(
    (name): Word => ({
      torch: name,
      takes: name === 'round' ? 'input decimals out' : 'input out',
      ours: name,
      ...(name === 'round' && { without: { decimals: 'write `round(it * 100.0) / 100.0`' } }),
    }),
  ),
  ...alikeOfTwo.split(' ').map((name): Word => {
    const other = name === 'pow' ? 'exponent' : 'other';
    return { torch: name, ...ofTwo(name, other), ours: `${name}({input|it}, {${other}})` };
  }),
  ...Object.entries(compared).map(
    ([torch, sign]): Word => ({ torch, ...ofTwo(torch, 'other'), ours: `{input|it} ${sign} {other}` }),
  ),
  { torch: 'mm bmm', takes: 'input mat2 out', ours: '{input|it} @ {mat2}' },
  { torch: 'mv', takes: 'input vec out', ours: '{input|it} @ {vec}' },
  { torch: 'true_divide', takes: 'dividend divisor out', ours: '{dividend|it} / {divisor}' },
  {
    torch: 'equal',
    takes: 'input other',
    ours: '{input|it} == {other}',
    note: 'it compares element by element, where PyTorch says whether all are equal',
  },
  { torch: 'absolute', takes: 'input out', ours: 'abs' },
  { torch: 'negative', takes: 'input out', ours: 'neg' },
  { torch: 'positive', takes: 'input', ours: '{input|it}' },
  { torch: 'logical_not', takes: 'input out', ours: 'not {input|it}' },
  { torch: 'logical_xor bitwise_xor', takes: 'input other out', ours: 'xor({input|it}, {other})', note: 'for tensors of bools' },
  { torch: 'rsub', takes: 'input other alpha', ours: '{other} - {input|it}', without: { alpha: 'multiply it in' } },
  { torch: 'maximum fmax', takes: 'input other out', ours: 'max({input|it}, {other})' },
  { torch: 'minimum fmin', takes: 'input other out', ours: 'min({input|it}, {other})' },
  { torch: 'float_power', takes: 'input exponent out', ours: 'pow({input|it}, {exponent})' },
  { torch: 'clip', takes: 'input min max out', ours: 'clamp(min={min}, max={max})' },
  { torch: 'clamp', takes: 'input min max out', ours: 'clamp(min={min}, max={max})' },
  { torch: 'clamp_min', takes: 'input min', ours: 'clamp(min={min|0})' },
  { torch: 'clamp_max', takes: 'input max', ours: 'clamp(max={max|1})' },
  { torch: 'floor_divide', takes: 'input other out', ours: 'floor({input|it} / {other})' },
  { torch: 'remainder', takes: 'input other out', ours: '{input|it} - {other} * floor({input|it} / {other})' },
  { torch: 'exp2', takes: 'input out', ours: 'exp({input|it} * 0.6931471805599453)' },
  { torch: 'expm1', takes: 'input out', ours: 'exp({input|it}) - 1.0' },
  { torch: 'log1p', takes: 'input out', ours: 'log({input|it} + 1.0)' },
  { torch: 'log10', takes: 'input out', ours: 'log({input|it}) / 2.302585092994046' },
  { torch: 'erfc', takes: 'input out', ours: '1.0 - erf({input|it})' },
  { torch: 'sinh', takes: 'input out', ours: '(exp({input|it}) - exp(neg({input|it}))) / 2.0' },
  { torch: 'cosh', takes: 'input out', ours: '(exp({input|it}) + exp(neg({input|it}))) / 2.0' },
  {
    torch: 'logit',
    takes: 'input eps out',
    ours: 'log({input|it} / (1.0 - {input|it}))',
    without: { eps: 'clamp before it: `clamp(1e-6, 1.0 - 1e-6)`' },
  },
  { torch: 'trunc fix', takes: 'input out', ours: 'sign({input|it}) * floor(abs({input|it}))' },
  { torch: 'frac', takes: 'input out', ours: '{input|it} - sign({input|it}) * floor(abs({input|it}))' },
  { torch: 'sgn', takes: 'input out', ours: 'sign' },
  { torch: 'deg2rad', takes: 'input out', ours: '{input|it} * 0.017453292519943295' },
  { torch: 'rad2deg', takes: 'input out', ours: '{input|it} * 57.29577951308232' },
  { torch: 'hypot', takes: 'input other out', ours: 'sqrt(square({input|it}) + square({other}))' },
  { torch: 'lerp', takes: 'input end weight out', ours: '{input|it} + ({end} - {input|it}) * {weight}' },
  { torch: 'addcmul', takes: 'input tensor1 tensor2 value out', ours: '{input|it} + {value|1.0} * {tensor1} * {tensor2}' },
  { torch: 'addcdiv', takes: 'input tensor1 tensor2 value out', ours: '{input|it} + {value|1.0} * {tensor1} / {tensor2}' },
  { torch: 'addmm', takes: 'input mat1 mat2 beta alpha out', ours: '{beta|1.0} * {input|it} + {alpha|1.0} * ({mat1} @ {mat2})' },
  { torch: 'addmv', takes: 'input mat vec beta alpha out', ours: '{beta|1.0} * {input|it} + {alpha|1.0} * ({mat} @ {vec})' },
  {
    torch: 'baddbmm',
    takes: 'input batch1 batch2 beta alpha out',
    ours: '{beta|1.0} * {input|it} + {alpha|1.0} * ({batch1} @ {batch2})',
  },
  { torch: 'logaddexp', takes: 'input other out', ours: 'log(exp({input|it}) + exp({other}))' },
  { torch: 'xlogy', takes: 'input other out', ours: '{input|it} * log({other})' },
  { torch: 'isnan', takes: 'input', ours: 'isnan' },
  { torch: 'isinf', takes: 'input', ours: 'isinf' },
  { torch: 'tril', takes: 'input diagonal out', ours: 'tril({diagonal})' },
  { torch: 'triu', takes: 'input diagonal out', ours: 'triu({diagonal})' },
  { torch: 'one_hot', takes: 'tensor num_classes', ours: 'one_hot({tensor|it}, {num_classes})' },
  { torch: 'take_along_dim', takes: 'input indices dim out', ours: 'gather_elements({input|it}, {indices}, axis={dim})' },
  { torch: 'vdot', takes: 'input other out', ours: 'reduce_sum({input|it} * {other}, -1)' },
  { torch: 'dot', takes: 'input tensor out', ours: 'reduce_sum({input|it} * {tensor}, -1)' },
  { torch: 'where', takes: 'condition input other out', ours: 'where({condition|it}, {input}, {other})' },
  { torch: 'masked_fill', takes: 'input mask value', ours: 'where({mask}, {value}, {input|it})' },
  {
    torch: 'CosineSimilarity',
    takes: 'dim eps',
    ours: 'reduce_sum(x1 * x2, {dim|1}) / max(sqrt(reduce_sum(square(x1), {dim|1}) * reduce_sum(square(x2), {dim|1})), {eps|1e-8})',
    note: '`x1` and `x2` stand for the two tensors',
  },
  {
    torch: 'PairwiseDistance',
    takes: 'p eps keepdim',
    ours: 'sqrt(reduce_sum(square(x1 - x2 + {eps|1e-6}), -1, keepdims={keepdim|false}))',
    without: { p: 'it is the Euclidean distance; write the sum out for others' },
    note: '`x1` and `x2` stand for the two tensors',
  },
  {
    torch: 'cosine_similarity',
    takes: 'x1 x2 dim eps',
    ours: 'reduce_sum({x1} * {x2}, {dim|1}) / max(sqrt(reduce_sum(square({x1}), {dim|1}) * reduce_sum(square({x2}), {dim|1})), {eps|1e-8})',
  },
  {
    torch: 'pairwise_distance',
    takes: 'x1 x2 p eps keepdim',
    ours: 'sqrt(reduce_sum(square({x1} - {x2} + {eps|1e-6}), -1, keepdims={keepdim|false}))',
    without: { p: 'it is the Euclidean distance; write the sum out for others' },
  },
  {
    torch: 'normalize',
    takes: 'input p dim eps out',
    ours: 'l2_normalize({dim}, eps={eps})',
    without: { p: 'it divides by the Euclidean length; write the sum out for others' },
    note: 'the layer `normalize` subtracts the mean of a data set, as torchvision.transforms.Normalize does',
  },

  // ---------------------------------------------------------------------------------------------------------- reductions
  ...Object.entries(reductions).map(
    ([torch, ours]): Word => ({
      torch,
      takes: 'input dim keepdim dtype out',
      ours: `${ours}({dim}, keepdims={keepdim})`,
      fill: reduced(ours),
      ...(torch.startsWith('sum') && { note: '`sum` adds several tensors up, `reduce_sum` the elements of one' }),
    }),
  ),
  {
    torch: 'max',
    takes: 'input dim keepdim other out',
    ours: 'reduce_max({dim}, keepdims={keepdim})',
    fill: (call) => extreme('max')(call) ?? reduced('reduce_max')(call),
    note: '`max` takes two tensors, and the places of the maxima are `argmax(dim)`',
  },
  {
    torch: 'min',
    takes: 'input dim keepdim other out',
    ours: 'reduce_min({dim}, keepdims={keepdim})',
    fill: (call) => extreme('min')(call) ?? reduced('reduce_min')(call),
    note: '`min` takes two tensors',
  },
  {
    torch: 'topk',
    takes: 'input k dim largest sorted out',
    ours: 'topk({k}, axis={dim}, largest={largest})',
    without: { sorted: 'they are in order always' },
    note: 'two results: `let values, places = topk(5)`',
  },
  {
    torch: 'sort',
    takes: 'input dim descending stable out',
    ours: 'sort({dim}, descending={descending})',
    without: { stable: 'of equal ones the first comes first always' },
    note: 'two results: `let values, places = sort(-1)`',
  },
  {
    torch: 'argsort',
    takes: 'input dim descending stable',
    ours: 'argsort({dim}, descending={descending})',
    without: { stable: 'of equal ones the first comes first always' },
  },
  { torch: 'argmax', takes: 'input dim keepdim', ours: 'argmax({dim|1}, keepdims={keepdim})' },
  { torch: 'argmin', takes: 'input dim keepdim out', ours: 'argmin({dim|1}, keepdims={keepdim})' },
  { torch: 'logsumexp', takes: 'input dim keepdim out', ours: 'logsumexp({dim|1}, keepdims={keepdim})' },
  {
    torch: 'norm',
    takes: 'input p dim keepdim out dtype',
    ours: 'reduce_l2({dim}, keepdims={keepdim})',
    fill: reduced('reduce_l2'),
    without: { p: 'it is the Euclidean norm; write the sum out for others' },
  },
  {
    torch: 'frobenius_norm',
    takes: 'input dim keepdim',
    ours: 'reduce_l2({dim}, keepdims={keepdim})',
    fill: reduced('reduce_l2'),
  },
  { torch: 'cumsum', takes: 'input dim dtype out', ours: 'cumsum({dim|1})' },
  {
    torch: 'var',
    takes: 'input dim correction keepdim unbiased out',
    ours: 'var({dim}, correction={correction}, keepdims={keepdim})',
    fill: deviation('var'),
    without: { unbiased },
  },
  {
    torch: 'std',
    takes: 'input dim correction keepdim unbiased out',
    ours: 'std({dim}, correction={correction}, keepdims={keepdim})',
    fill: deviation('std'),
    without: { unbiased },
  },

  // -------------------------------------------------------------------------------------------------------------- shapes
  { torch: 'view reshape', takes: 'input *shape', ours: 'reshape({*shape})' },
  { torch: 'view_as reshape_as', takes: 'input other', ours: 'reshape({input|it}, shape({other}))' },
  { torch: 'flatten', takes: 'input start_dim end_dim', ours: 'flatten({start_dim|0}, {end_dim|-1})' },
  { torch: 'ravel', takes: 'input', ours: 'reshape({input|it}, -1)' },
  {
    torch: 'unflatten Unflatten',
    takes: 'dim sizes unflattened_size',
    ours: 'reshape(…)',
    fill: () => undefined,
    note: 'write the whole shape that comes out',
    without: { dim: 'write the whole shape', sizes: 'write the whole shape', unflattened_size: 'write the whole shape' },
  },
  { torch: 'squeeze', takes: 'input *dim', ours: 'squeeze({*dim})' },
  { torch: 'unsqueeze', takes: 'input dim', ours: 'unsqueeze({dim|0})' },
  { torch: 'permute', takes: 'input *dims', ours: 'transpose({*dims})' },
  {
    torch: 'transpose swapdims',
    takes: 'input dim0 dim1',
    ours: 'transpose(…)',
    fill: (call) => exchanged(call, 'dim0', 'dim1'),
    without: { dim0: 'write the whole order of the axes', dim1: 'write the whole order of the axes' },
    note: '`transpose` takes the order of all axes, as `permute` does: `transpose(0, 2, 1)`',
  },
  {
    torch: 'swapaxes',
    takes: 'input axis0 axis1',
    ours: 'transpose(…)',
    fill: (call) => exchanged(call, 'axis0', 'axis1'),
    without: { axis0: 'write the whole order of the axes', axis1: 'write the whole order of the axes' },
    note: '`transpose` takes the order of all axes',
  },
  {
    torch: 't T mT H mH adjoint',
    takes: 'input',
    ours: 'transpose(…)',
    fill: matrices,
    note: '`transpose` takes the order of all axes: `transpose(1, 0)` of a matrix',
  },
  {
    torch: 'moveaxis movedim',
    takes: 'input source destination',
    ours: 'transpose(…)',
    fill: () => undefined,
    without: { source: 'write the whole order of the axes', destination: 'write the whole order of the axes' },
    note: '`transpose` takes the order of all axes',
  },
  {
    torch: 'cat concatenate',
    takes: 'tensors dim axis out',
    ours: 'concat({*tensors}, axis={dim|0})',
    fill: (call) =>
      call.text('axis') === undefined ? undefined : `concat(${list(call.text('tensors'))}, axis=${call.text('axis')})`,
    note: '`concat` joins the channels, axis 1, unless it says `axis=`',
  },
  {
    torch: 'concat',
    takes: 'tensors dim out',
    ours: 'concat({*tensors}, axis={dim|0})',
    note: '`concat` joins the channels, axis 1, unless it says `axis=`',
  },
  { torch: 'hstack column_stack', takes: 'tensors out', ours: 'concat({*tensors}, axis=1)' },
  { torch: 'vstack row_stack', takes: 'tensors out', ours: 'concat({*tensors}, axis=0)' },
  { torch: 'dstack', takes: 'tensors out', ours: 'concat({*tensors}, axis=2)' },
  { torch: 'stack', takes: 'tensors dim out', ours: 'stack({*tensors}, axis={dim})' },
  {
    torch: 'chunk',
    takes: 'input chunks dim',
    ours: 'split({chunks}, axis={dim|0})',
    note: '`split` cuts the channels, axis 1, unless it says `axis=`',
  },
  { torch: 'tensor_split', takes: 'input indices_or_sections dim', ours: 'split({indices_or_sections}, axis={dim|0})' },
  { torch: 'hsplit', takes: 'input indices_or_sections', ours: 'split({indices_or_sections}, axis=1)' },
  { torch: 'vsplit', takes: 'input indices_or_sections', ours: 'split({indices_or_sections}, axis=0)' },
  { torch: 'dsplit', takes: 'input indices_or_sections', ours: 'split({indices_or_sections}, axis=2)' },
  {
    torch: 'split unsafe_split',
    takes: 'tensor split_size_or_sections dim',
    ours: 'split({tensor}, sizes={split_size_or_sections}, axis={dim|0})',
    fill: split,
    note: '`split(2)` makes two parts, PyTorch parts of size 2',
  },
  { torch: 'split_with_sizes', takes: 'input split_sizes dim', ours: 'split(sizes={split_sizes}, axis={dim|0})' },
  {
    torch: 'unbind',
    takes: 'input dim',
    ours: 'each ({input|it} -> split(shape({input|it})[{dim|0}], axis={dim|0})) as part { squeeze(part, {dim|0}) }',
    note: 'it gives a list',
  },
  {
    torch: 'select',
    takes: 'input dim index',
    ours: 'gather({input|it}, {index}, axis={dim|0})',
    fill: (call) => {
      const index = call.text('index');
      const at = whole(index) === undefined ? index : `tensor(${index}, i64)`;
      return at === undefined ? undefined : `gather(${call.text('input') ?? 'it'}, ${at}, axis=${call.text('dim') ?? '0'})`;
    },
  },
  { torch: 'index_select', takes: 'input dim index out', ours: 'gather({input|it}, {index}, axis={dim})' },
  { torch: 'narrow', takes: 'input dim start length out', ours: 'slice({start}, {start} + {length}, axis={dim})' },
  { torch: 'slice_copy', takes: 'input dim start end step', ours: 'slice({start|0}, {end}, axis={dim|0}, step={step})' },
  { torch: 'expand', takes: 'input *size', ours: 'expand({*size})' },
  { torch: 'broadcast_to', takes: 'input *shape', ours: 'expand({*shape})' },
  { torch: 'expand_as', takes: 'input other', ours: 'expand({input|it}, shape({other}))' },
  {
    torch: 'diff',
    takes: 'input n dim prepend append',
    ours: 'slice({input|it}, 1, axis={dim|-1}) - slice({input|it}, 0, -1, axis={dim|-1})',
    without: { n: 'write it as often as it is wanted', prepend: 'write `concat` before it', append: 'write `concat` before it' },
  },
  {
    torch: 'size shape',
    takes: 'input dim',
    ours: 'shape({input|it})',
    fill: (call) => (call.text('dim') === undefined ? undefined : `shape(${call.text('input') ?? 'it'})[${call.text('dim')}]`),
  },
  { torch: 'dim ndim ndimension', takes: 'input', ours: 'rank({input|it})' },
  { torch: 'roll', takes: 'input shifts dims', ours: 'roll({shifts}, axes={dims})' },
  { torch: 'flip', takes: 'input dims', ours: 'flip({dims})' },
  { torch: 'fliplr', takes: 'input', ours: 'flip({input|it}, 1)' },
  { torch: 'flipud', takes: 'input', ours: 'flip({input|it}, 0)' },
  { torch: 'tile', takes: 'input *dims', ours: 'tile({*dims})' },
  { torch: 'repeat', takes: 'input *repeats', ours: 'tile({*repeats})', note: '`repeat` is the loop of the language' },
  { torch: 'einsum', takes: 'equation *operands', ours: 'einsum({*operands}, {equation})' },
  {
    torch: 'Unfold unfold',
    takes: 'kernel_size dilation padding stride',
    ours: 'unfold({kernel_size}, stride={stride}, dilation={dilation}, pad={padding})',
    note: 'the method `unfold` of a tensor is another thing, and not there',
  },
  {
    torch: 'rot90',
    takes: 'input k dims',
    ours: 'transpose(…)',
    fill: () => undefined,
    without: { k: 'write the whole order of the axes', dims: 'write the whole order of the axes' },
    note: 'a turn is an exchange of two axes and a `flip`',
  },
  {
    torch: 'contiguous clone',
    takes: 'input memory_format',
    ours: '{input|it}',
    note: 'tensors here have no place in memory, and never change: leave it out',
  },
  {
    torch: 'conj conj_physical resolve_conj resolve_neg real alias',
    takes: 'input out',
    ours: '{input|it}',
    note: 'tensors here are real and never change: leave it out',
  },

  // ----------------------------------------------------------------------------------------------- constants and elements
  { torch: 'zeros', takes: '*size out dtype layout device requires_grad', ours: 'full([{*size}], 0)' },
  { torch: 'ones', takes: '*size out dtype layout device requires_grad', ours: 'full([{*size}], 1)' },
  { torch: 'full', takes: 'size fill_value out dtype layout device requires_grad', ours: 'full({size}, {fill_value})' },
  { torch: 'zeros_like', takes: 'input dtype layout device requires_grad memory_format', ours: 'full(shape({input|it}), 0)' },
  { torch: 'ones_like', takes: 'input dtype layout device requires_grad memory_format', ours: 'full(shape({input|it}), 1)' },
  {
    torch: 'full_like',
    takes: 'input fill_value dtype layout device requires_grad memory_format',
    ours: 'full(shape({input|it}), {fill_value})',
  },
  {
    torch: 'tensor as_tensor scalar_tensor',
    takes: 'data dtype device requires_grad pin_memory',
    ours: 'tensor({data}, {dtype|f32})',
  },
  { torch: 'asarray', takes: 'obj dtype device copy requires_grad', ours: 'tensor({obj}, {dtype|f32})' },
  {
    torch: 'arange',
    takes: 'start end step out dtype layout device requires_grad',
    ours: 'range({start}, {end}, {step})',
    fill: (call) =>
      `range(${['start', 'end', 'step']
        .map((name) => call.text(name))
        .filter((text) => text !== undefined)
        .join(', ')})`,
  },
  ...Object.entries(elements).map(([torch, ours]): Word => ({ torch, takes: 'input', ours: `cast(${ours})`, bare: ours })),
  ...Object.entries(unsigned).map(([torch, ours]): Word => ({ torch, takes: 'input', ours: `cast(${ours})`, bare: ours })),
  { torch: 'to type', takes: 'input dtype non_blocking copy', ours: 'cast({dtype|f32})' },
  {
    torch: 'type_as',
    takes: 'input other',
    ours: 'cast({input|it}, f32)',
    without: { other: 'its element type is not looked at' },
    note: 'name the element type that is wanted',
  },
  { torch: 'pi', ours: '3.141592653589793', bare: '3.141592653589793' },
  { torch: 'e', ours: '2.718281828459045', bare: '2.718281828459045' },
];

function list(text: string | undefined): string {
  return text === undefined ? 'a, b' : (/^[[(](.*)[\])]$/s.exec(text)?.[1] ?? text);
}

/** Over all axes where none is named; a list is written without its brackets. */
function reduced(ours: string): (call: FilledCall) => string {
  return (call) => {
    const axes = call.text('dim');
    const keep = call.text('keepdim');
    const parts = [call.text('input'), axes && list(axes), keep && `keepdims=${keep}`].filter(
      (part) => part !== undefined && part !== '',
    );
    return parts.length === 0 ? ours : `${ours}(${parts.join(', ')})`;
  };
}

/** By a size for all parts the number of parts, by a list the sizes. */
function split(call: FilledCall): string | undefined {
  const sections = call.text('split_size_or_sections');
  const size = whole(sections);
  if (size === undefined) return undefined;
  const x = call.text('tensor') ?? 'it';
  const axis = call.text('dim') ?? '0';
  return `split(${x === 'it' ? '' : `${x}, `}shape(${x})[${axis}] / ${sections}, axis=${axis})`;
}
