/** Loops that gather and hand on: `repeat … collect`, `repeat … with`, lists of tensors, and the networks that they are for. */
import { describe, expect, test } from 'vitest';
import { build, type CheckOptions, check } from '../../src/check.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { typeText } from '../../src/ir/types.ts';

function graphOf(source: string, options: CheckOptions = {}): Graph {
  const { graph, diagnostics } = build(source, options);
  expect(diagnostics).toEqual([]);
  if (!graph) throw new Error('no graph');
  return graph;
}
const inModel = (text: string, input: string): string => `model M { input x: ${input}  ${text}  output y }`;
const body = (text: string, input = 'f32[N, 4, 8, 8]'): Graph => graphOf(inModel(text, input));
const paths = (graph: Graph): readonly string[] => graph.constants().flatMap((v) => (v.name === undefined ? [] : [v.name]));
const output = (graph: Graph): string => graph.outputs.map((o) => typeText(o.value.type)).join();
const codes = (source: string, options: CheckOptions = {}): readonly string[] =>
  check(source, options).diagnostics.map((d) => d.code);
/** The same graph, whatever the places in the source. */
const same = (a: string, b: string, input = 'f32[N, 4, 8, 8]'): void =>
  expect(printGraph(body(a, input))).toBe(printGraph(body(b, input)));

describe('repeat … collect', () => {
  test('gives a list of what it was at the end of each turn, and hands it on', () => {
    same(
      'let all = repeat 3 collect { conv(4, 3x3) }  concat(all)',
      'conv(4, 3x3) let a = it  conv(4, 3x3) let b = it  conv(4, 3x3) let c = it  concat(a, b, c)',
    );
  });
  test('leaves `it` as it was where a let names the list, and sets it to the list without one', () => {
    same('let _ = repeat 2 collect { relu }  sigmoid', 'let a = { relu  relu }  sigmoid');
    same('repeat 2 collect { relu }  concat', 'relu let a = it  relu let b = it  concat(a, b)');
  });
  test('gathers what a turn returns, each value in a list of its own', () => {
    same(
      'let kept, rest = repeat 2 collect { conv(4, 1x1)  let keep, it = split(2)  conv(4, 1x1)  return keep, it }  concat(kept, rest[-1])',
      'conv(4, 1x1) let a, it = split(2) conv(4, 1x1)  conv(4, 1x1) let b, it = split(2) conv(4, 1x1)  concat(a, b, it)',
    );
  });
  test('goes over lists of tensors too', () => {
    same(
      'let xs = each [1, 2] as k { conv(4, 1x1) }  relu  let sums = repeat xs as y, i collect { it + y * (i + 1) }  sum(sums)',
      'let a = conv(4, 1x1)  let b = conv(4, 1x1)  relu  it + a * 1  let p = it  it + b * 2  p + it',
    );
  });
  test('without a turn the lists are empty, as many as the body returns', () => {
    same('let none = repeat 0 collect { relu }  concat([it], none)', 'concat(it)');
    same('let a, b = repeat 0 collect { return relu, it }  concat(a + b + [it])', 'concat(it)');
    same('let a, b = each 0 as _ { if true { return relu, it } else { return it, it } }  concat(a + b + [it])', 'concat(it)');
    expect(codes(inModel('let none = repeat 0 collect { relu }  concat(none)', 'f32[N, 4]'))).toEqual(['RES0415']);
  });
  test('labels, positions and sharing are those of a repeat', () => {
    expect(paths(body('let a = l: repeat 2 collect { conv(4, 1x1) }  sum(a)'))).toEqual(['l.0.conv.weight', 'l.1.conv.weight']);
    expect(paths(body('let a = l: repeat 2 shared collect { conv(4, 1x1) }  sum(a)'))).toEqual(['l.conv.weight']);
    expect(paths(body('s: sequential { relu  repeat 2 collect { conv(4, 1x1)  relu }  concat }'))).toEqual([
      's.1.weight',
      's.3.weight',
    ]);
    expect(paths(body('let a = l: repeat 2 collect { conv(4, 1x1) }  let b = reuse l  sum(a + b)'))).toEqual([
      'l.0.conv.weight',
      'l.1.conv.weight',
    ]);
  });
  test('collect and with are names everywhere else', () => {
    same('let with = it  let collect = relu  repeat 2 { with + collect }', 'let a = it  let b = relu  repeat 2 { a + b }');
    expect(paths(body('with: conv(4, 1x1)  repeat 2 as collect { collect{collect}: conv(4, 1x1) }'))).toEqual([
      'with.weight',
      'collect0.weight',
      'collect1.weight',
    ]);
  });
});

describe('repeat … with', () => {
  test('hands several values on, and gives their last', () => {
    same(
      'let a, b = repeat 2 with hr = x, lr = relu { let h = hr + lr  let l = lr -> sigmoid  return h, l }  a * b',
      'let r = relu  let h0 = x + r  let l0 = r -> sigmoid  let h1 = h0 + l0  let l1 = l0 -> sigmoid  h1 * l1',
    );
  });
  test('begins with what a name means outside, where no value is written', () => {
    same('let hr = relu  let a = repeat 2 with hr { return hr + x }  a', 'let hr = relu  hr + x + x');
  });
  test('it is as it was before in every turn, unless it is among the names', () => {
    same(
      'relu  let h = repeat 2 with h = x { sigmoid  it + h }  h',
      'relu  let p = sigmoid  let a = p + x  let q = sigmoid  q + a',
    );
    same('let it, n = repeat 2 with it, n = 1 { it + x  return it, n + 1 }  it * n', 'it + x  it + x  it * 3');
    same('let n = repeat 3 with n = 2 { return 2 * n }  it * n', 'it * 16');
  });
  test('collect gathers all values of the turns, the handed on ones first', () => {
    same(
      'let hs, ys = repeat 2 with h = x collect { let g = h + 1  return g, g -> relu }  concat(hs, ys)',
      'let a = x + 1  let p = a -> relu  let b = a + 1  let q = b -> relu  concat(a, b, p, q)',
    );
  });
  test('no turn gives what it began with', () => {
    same('let a, b = repeat 0 with p = x, q = relu { return q, p }  a + b', 'let r = relu  x + r');
    same('let a = repeat 0 with p = x collect { return p }  concat([it] + a)', 'concat(it)');
  });
  test('lists are handed on like anything else', () => {
    same(
      'let all = repeat 2 with all = [it] { let y = concat(all) -> conv(4, 1x1)  return all + [y] }  concat(all)',
      'let a = concat(it) -> conv(4, 1x1)  let b = concat(x, a) -> conv(4, 1x1)  concat(x, a, b)',
    );
  });
  test('weights are shared where that is said', () => {
    const text =
      'let h, c = cell: repeat 3 with h = x, c = x shared { let s = h + c -> w: conv(4, 1x1)  return s, s -> tanh }  h + c';
    expect(paths(body(text))).toEqual(['cell.w.weight']);
    expect(
      codes(inModel('let h = cell: repeat 2 with h = x shared { return concat(h, h) -> w: conv(8, 1x1) }  h', 'f32[N, 4, 8, 8]')),
    ).toEqual(['RES0308']);
  });
  test('the names may be those around, and are not in two places of one loop', () => {
    same('repeat 2 as i { repeat 2 as j with x = it { x + (i + j) } }', 'let a = it + 0  let b = a + 1  let c = b + 1  c + 2');
    expect(codes(inModel('repeat 2 as i with i = 1 { return i }', 'f32[N]'))).toContain('RES0103');
    expect(codes(inModel('let a, b = repeat 2 with i = 1, i = 2 { return i, i }', 'f32[N]'))).toContain('RES0103');
  });
  test('a turn that gives too few or too many values is told once', () => {
    for (const text of [
      'let a, b = repeat 3 with p = x, q = x { relu }  a',
      'let a = repeat 3 with p = x { return p, p }  a',
      'let a = repeat 3 with p = x, q = x collect { return p }  a',
    ])
      expect(codes(inModel(text, 'f32[N]')), text).toEqual(['RES0417']);
  });
});

describe('lists of tensors', () => {
  test('reverse begins at the end', () => {
    same('let a = reverse(split(4))  concat(a)', 'let a, b, c, d = split(4)  concat(d, c, b, a)');
    expect(codes(inModel('relu  it * reverse(3)', 'f32[N]'))).toEqual(['RES0204']);
  });
  test('a block returned alone is returned whole', () => {
    const source =
      'block A { return it, relu }  block B { return A }  model M { input x: f32[N]  let p, q = B  p + q  output y }';
    expect(output(graphOf(source))).toBe('f32[N]');
    expect(codes(source.replace('return A', 'return A, it'))).toEqual(['RES0405']);
  });
  test('split gives a list, of one part too', () => {
    same('let parts = split(4)  sum(parts)', 'let a, b, c, d = split(4)  a + b + c + d');
    same('split(2)  concat', 'let a, b = split(2)  concat(a, b)');
    same('let parts = split(1)  parts[0]', 'split(1)[0]');
    same('concat(split(4)[1], split(2), x)', 'let a, b, c, d = split(4)  let e, f = split(2)  concat(b, e, f, x)');
    same('sum(split(4))', 'let a, b, c, d = split(4)  a + b + c + d');
    same('let parts = split(4)  concat(parts[1:], parts[0])', 'let a, b, c, d = split(4)  concat(b, c, d, a)');
  });
  test('sum adds tensors and numbers, alone or in lists', () => {
    same('sum(x, relu, it)', 'x + relu + it');
    same('sum([it])', '');
    same('it * sum([1, 2, 3]) * sum(2, 0.5)', 'it * 6 * 2.5');
    same('split(1)  sum', 'split(1)[0]');
    same('let parts = split(4)  parts -> sum', 'let a, b, c, d = split(4)  a + b + c + d');
    expect(codes(inModel('sum', 'f32[N]'))).toEqual(['RES0301']);
    expect(codes(inModel('sum([])', 'f32[N]'))).toEqual(['RES0415']);
    expect(output(body('reshape(sum(shape(it)[1:]), -1)', 'f32[8, 3, 5]'))).toBe('f32[8, 15]');
  });
  test('any number of discards', () => {
    same('let _, b, _ = split(3)  b', 'let a, b, c = split(3)  b', 'f32[N, 6]');
    same(
      'let _ = relu  let _ = tanh  repeat 2 as _ { relu }  let xs = each [1, 2] as _, _ { relu }  sum(xs)',
      'let a = relu  let b = tanh  repeat 2 { relu }  let p = relu  let q = relu  p + q',
    );
    expect(codes(inModel('let _ = relu  it + _', 'f32[N]'))).toEqual(['RES0101']);
  });
});

/** What loops make of networks that were written by hand before them: the same graph in so many lines less. */
describe('networks by hand and by loops', () => {
  const blocks = (text: string, uses: string, input = 'f32[N, 16, 16, 16]'): string =>
    printGraph(graphOf(`${text}\nmodel M { input x: ${input}  ${uses}  output y }`));

  test('IMDN: 13 lines, now 8', () => {
    const byHand = `block D(width) {
      let part = width / 4
      c1: conv(width, 3x3, bias=true)  leaky_relu(0.05)
      let k1, it = split(sizes=[part, 3 * part])
      c2: conv(width, 3x3, bias=true)  leaky_relu(0.05)
      let k2, it = split(sizes=[part, 3 * part])
      c3: conv(width, 3x3, bias=true)  leaky_relu(0.05)
      let k3, it = split(sizes=[part, 3 * part])
      c4: conv(part, 3x3, bias=true)
      let k4 = it
      concat(k1, k2, k3, k4)
      c5: conv(width, 1x1, bias=true)
    }`;
    const looped = `block D(width) {
      let kept, rest = repeat 3 as i collect {
        c{i + 1}: conv(width, 3x3, bias=true)  leaky_relu(0.05)
        let keep, it = split(sizes=[width / 4, 3 * width / 4])
        return keep, it
      }
      concat(kept, rest[-1] -> c4: conv(width / 4, 3x3, bias=true))  c5: conv(width, 1x1, bias=true)
    }`;
    expect(blocks(looped, 'D(16)')).toBe(blocks(byHand, 'D(16)'));
  });

  test('U-Net++ of four levels: 16 lines for each size, now 9 for any', () => {
    const unit = 'block U(w) { conv(w, 3x3)  relu }\n';
    const byHand = `${unit}block Net {
      conv0_0: U(4)
      let x00 = it
      maxpool(2x2)  conv1_0: U(8)
      let x10 = it
      maxpool(2x2)  conv2_0: U(16)
      let x20 = it
      maxpool(2x2)  conv3_0: U(32)
      let x30 = it
      let x01 = concat(x00, x10 -> resize(scale=2)) -> conv0_1: U(4)
      let x11 = concat(x10, x20 -> resize(scale=2)) -> conv1_1: U(8)
      let x21 = concat(x20, x30 -> resize(scale=2)) -> conv2_1: U(16)
      let x02 = concat(x00, x01, x11 -> resize(scale=2)) -> conv0_2: U(4)
      let x12 = concat(x10, x11, x21 -> resize(scale=2)) -> conv1_2: U(8)
      concat(x00, x01, x02, x12 -> resize(scale=2)) -> conv0_3: U(4)
    }`;
    const looped = `${unit}block Net(widths: int[] = [4, 8, 16, 32]) {
      let down = repeat widths as width, i collect {
        if i > 0 { maxpool(2x2) }
        conv{i}_0: U(width)
      }
      let rows = repeat len(widths) - 1 as j with rows = each down as x { return [x] } {
        return each rows[:-1] as row, i { return row + [concat(row, rows[i + 1][-1] -> resize(scale=2)) -> conv{i}_{j + 1}: U(widths[i])] }
      }
      rows[0][-1]
    }`;
    expect(blocks(looped, 'Net')).toBe(blocks(byHand, 'Net'));
  });

  test('a one-shot aggregation: 8 lines, now 2', () => {
    const byHand = `block A { c0: conv(8, 3x3)
      let a = it
      c1: conv(8, 3x3)
      let b = it
      c2: conv(8, 3x3)
      let c = it
      concat(x, a, b, c)
    }`;
    const looped = 'block A { let all = repeat 3 as i collect { c{i}: conv(8, 3x3) }\n concat(it, all) }';
    expect(blocks(looped, 'A')).toBe(
      blocks(byHand.replace('concat(x,', 'concat(first,').replace('{ c0', '{ let first = it  c0'), 'A'),
    );
  });

  test('HRNet: branches are a list that each module hands on, one longer from stage to stage', () => {
    const exchange = `block Exchange(grids: tensor[], width) {
      let done = each grids as x, i { x -> branches.{i}: { conv(width * pow(2, i), 3x3)  relu } }
      return each grids as _, i {
        return sum(each done as x, j {
          if j > i { x -> fuse_layers.{i}.{j}: conv(width * pow(2, i), 1x1) -> resize(scale=pow(2, j - i)) }
          else if j < i { x -> fuse_layers.{i}.{j}: conv(width * pow(2, i), 3x3, stride=pow(2, i - j)) }
          else { x }
        }) -> relu
      }
    }
    block Net(width, modules: int[]) {
      let grids = repeat modules as n, s with grids = [it] {
        let wider = grids + [grids[-1] -> transition{s + 1}: conv(width * pow(2, s + 1), 3x3, stride=2)]
        return stage{s + 2}: repeat n with wider { return Exchange(wider, width) }
      }
      concat(each grids as x, i { x -> resize(scale=pow(2, i)) })
    }`;
    const source = `${exchange}\nmodel M { input x: f32[N, 8, 32, 32]  Net(8, [1, 4, 3])  output y }`;
    const graph = graphOf(source);
    expect(output(graph)).toBe('f32[N, 120, 32, 32]');
    const names = paths(graph);
    expect(names).toContain('stage4.2.fuse_layers.3.0.weight');
    // Each module of k branches has k convolutions and k·(k − 1) between them; each stage one more for its new grid.
    expect(names.length).toBe(1 * (2 + 2) + 4 * (3 + 6) + 3 * (4 + 12) + 3);
  });
});

describe('what a loop may cost', () => {
  test('is known before it is unrolled', () => {
    for (const text of [
      'let a = repeat 100000000 collect { relu }  sum(a)',
      'let a, b = repeat 100000000 with p = x, q = x { return p + q, q }  a + b',
      'let a = repeat 10 with p = repeat 100000000 { relu } { return p }  a',
    ])
      expect(codes(inModel(text, 'f32[N]')), text).toEqual(['RES0414']);
    // Lists that grow are paid for by their elements: 2,000 turns make two million.
    expect(codes(inModel('let a = repeat 3000 with a = [it] { return a + [it] }  sum(a)', 'f32[N]'))).toEqual(['RES0414']);
    expect(codes(inModel('let a = repeat 3000 collect { relu }  sum(a)', 'f32[N]'))).toEqual([]);
  });
});
