import { expect, test } from 'vitest';
import { memorySource } from '../../src/io/bytes.ts';
import { cloneGraph } from '../../src/ir/clone.ts';
import { Dim } from '../../src/ir/dim.ts';
import type { ForeignNode } from '../../src/ir/foreign.ts';
import { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { statsOf } from '../../src/ir/stats.ts';
import { foreignTypeOf } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import { relu } from '../../src/ops/activation.ts';
import { foreignOperator } from '../../src/ops/foreign.ts';
import { linear } from '../../src/ops/linear.ts';
import { summarize } from '../../src/summarize.ts';
import { toMermaid } from '../../src/view/draw.ts';
import { summaryText } from '../../src/view/summary-text.ts';
import { golden } from '../golden.ts';
import { leaf, literal } from '../support/tensors.ts';
import { complaints, read } from './support.ts';

const f32 = (...dims: readonly (string | number)[]) => ({
  elem: 'f32' as const,
  dims: dims.map((d) => (typeof d === 'string' ? Dim.symbol(d) : Dim.of(d))),
});
const list = foreignTypeOf({ text: 'seq(tensor(float))' });

function foreign(opType: string, more: Partial<ForeignNode> = {}): ForeignNode {
  return { domain: '', opType, attributes: [], outputs: [true], rest: new Uint8Array(), ...more };
}

/** A branch over foreign types and constants, an input with a default, results and nodes with names of their own. */
function imported(): Graph {
  const g = new Graph('torch_jit');
  const x = g.input('x.1', f32('?x_0', 4));
  const scale = g.input('scale', f32(2));
  g.defaults.set(scale, literal({ elem: 'f32', dims: [2], data: Float64Array.of(0.5, 2) }));
  const w = g.constant(leaf('fc.weight', [4, 4], 'f32'), 'parameter', 'fc.weight');
  const fp8 = g.constant(leaf('scales', [3], 'u8'), 'parameter', 'scales');
  fp8.type = foreignTypeOf({ text: 'float8e4m3fn[3]', tensor: { dataType: 17, dims: [3] } });
  const y = g.create(linear, [x, w, undefined], {}, { scope: '/fc/MatMul', name: '/fc/MatMul' }).y;
  y.name = '/fc/MatMul_output_0';
  const attributes = [{ kind: 'bytes' as const, name: 'axis', bytes: memorySource('axis', new Uint8Array(12)) }];
  const made = g.create(
    foreignOperator(foreign('Split', { attributes, outputs: [true, false] }), [list, f32('?n')]),
    [y, undefined, fp8, scale],
    {},
    { scope: 'split' },
  );
  const branch = new Graph('then', g);
  const inner = branch.create(foreignOperator(foreign('ConcatFromSequence'), [f32('?m')]), [made.y], {}, { scope: 'concat' }).y;
  branch.output('out', branch.create(relu, [inner], {}, { scope: 'relu' }).y);
  const other = new Graph('else', g);
  other.output('out', w);
  const both = foreign('If', {
    domain: 'com.acme',
    attributes: [
      { kind: 'graphs', name: 'then_branch', regions: [0], plural: false },
      { kind: 'graphs', name: 'else_branch', regions: [1], plural: false },
    ],
  });
  const flag = g.constant(literal({ elem: 'bool', dims: [], data: Float64Array.of(1) }));
  g.output('out', g.create(foreignOperator(both, [f32('?k')]), [flag], {}, { scope: 'if' }, undefined, [branch, other]).y);
  g.output('rest', made.y);
  return g;
}

test('the text form shows what passes through, and a copy prints alike', () => {
  const g = imported();
  golden('ir/imported.ir', printGraph(g));
  const copy = cloneGraph(g);
  expect(printGraph(copy)).toBe(printGraph(g));
  expect(verifyGraph(g)).toEqual([]);
  expect(verifyGraph(copy)).toEqual([]);
  const named = copy.first?.y;
  expect([named?.name, copy.first?.origin.name]).toEqual(['/fc/MatMul_output_0', '/fc/MatMul']);
});

test('such a text is refused once, and one with a default alone is read back', () => {
  const known = printGraph(imported()).replace(/linear\(.*_\)/, 'relu(%x.1)');
  expect(complaints(known)).toEqual([
    'RES0911:5 `onnx.Split`, whose attributes this text does not hold',
    'RES0911:6 `onnx.com.acme.If`, whose attributes this text does not hold',
  ]);
  const text =
    'graph @g\n  %x = input : f32[N]\n  %w = input : f32[2] = const f32[2] [1, 2]\n  %0 = relu(%w)  : f32[2]\n  output y = %0\n';
  const graph = read(text);
  expect([...graph.defaults].map(([value, content]) => [value.name, content.text()])).toEqual([['w', '[1, 2]']]);
  expect(printGraph(graph)).toBe(text);
  expect(complaints(text.replace('const f32[2] [1, 2]', 'const f32[3] 0'))).toEqual(['RES0909:3 f32[3]']);
  expect(complaints(text.replace('const f32[2] [1, 2]', '%x'))).toEqual(['RES0909:3 no constant']);
});

test('the verifier keeps foreign values among foreign nodes', () => {
  const problems = (change: (g: Graph) => void): readonly string[] => {
    const g = imported();
    change(g);
    return verifyGraph(g);
  };
  const nodeOf = (g: Graph, name: string) => [...g.nodes()].find((n) => n.op.name === name);
  expect(
    problems((g) => {
      const split = nodeOf(g, 'onnx.Split');
      if (split) g.output('bad', g.createTyped(relu, [split.y], {}, [list], { scope: 'bad' }).y);
    }),
  ).toEqual([
    'operand x of relu at bad (node 3) is foreign("seq(tensor(float))"), which only imported operators read',
    'relu at bad (node 3) is foreign("seq(tensor(float))"), which only imported operators make',
    'relu at bad (node 3) does not fit its operands: c1: found foreign("seq(tensor(float))"), expected a float tensor',
  ]);
  expect(
    problems((g) => {
      g.createTyped(foreignOperator(foreign('Two', { outputs: [true, true] }), [list]), [], {}, [list], { scope: 'two' });
    }),
  ).toEqual(['onnx.Two at two (node 3) has 1 results, of which its source has 2']);
  expect(
    problems((g) => {
      g.createTyped(foreignOperator(foreign('Lost'), [list]), [], {}, [list], { scope: 'lost' }, undefined, [new Graph('r', g)]);
    }),
  ).toEqual(['onnx.Lost at lost (node 3) owns 1 sub-graphs, and its attributes hold []']);
  expect(
    problems((g) => {
      const split = nodeOf(g, 'onnx.Split')?.operand(2);
      if (split) split.type = foreignTypeOf({ text: 'unknown' });
    }),
  ).toEqual(['constant scales is foreign("unknown"), and its content no bytes of such a tensor']);
  expect(
    problems((g) => {
      const [x] = g.inputs;
      if (x) g.defaults.set(x, literal({ elem: 'f32', dims: [2], data: Float64Array.of(1, 2) }));
    }),
  ).toEqual(['the default of input x.1 is f32[2], the input f32[?x_0, 4]']);
  expect(
    problems((g) => {
      if (g.first) g.defaults.set(g.first.y, literal({ elem: 'f32', dims: [2], data: Float64Array.of(1, 2) }));
    }),
  ).toEqual(['graph torch_jit has a default for /fc/MatMul_output_0, which is no input of the outermost graph']);
});

test('summaries, statistics and drawings count what passes through and do not know what it costs', () => {
  const g = imported();
  expect([...statsOf(g).byOperator]).toEqual([
    ['linear', 1],
    ['onnx.ConcatFromSequence', 1],
    ['onnx.Split', 1],
    ['onnx.com.acme.If', 1],
    ['relu', 1],
  ]);
  golden('ir/imported.summary', summaryText(summarize(g)));
  golden('ir/imported.mmd', toMermaid(g));
});
