import { describe, expect, it } from 'vitest';
import { BugError } from '../../src/diagnostics/diagnostic.ts';
import { cloneGraph } from '../../src/ir/clone.ts';
import { Dim } from '../../src/ir/dim.ts';
import { Graph, type Node, Use, type Value } from '../../src/ir/graph.ts';
import { CheckFailure } from '../../src/ir/operator.ts';
import { statsOf } from '../../src/ir/stats.ts';
import { verifyGraph } from '../../src/ir/verifier.ts';
import * as w from '../support/tensors.ts';
import { add, conv, loop, nonzero, read, relu, settings, split } from './support.ts';

const origin = { scope: 's' };
const type = { elem: 'f32' as const, dims: [Dim.symbol('N'), Dim.of(4)] };

/** x → relu a → relu b → add(b, a) → y, and a loop whose body reads a. */
function sample(): { g: Graph; x: Value; a: Node; b: Node; sum: Node; body: Graph; inner: Node; owner: Node } {
  const g = new Graph('g');
  const x = g.input('x', type);
  const a = g.create(relu, [x], {}, origin);
  const b = g.create(relu, [a.y], {}, origin);
  const sum = g.create(add, [b.y, a.y], {}, origin);
  const body = new Graph('body', g);
  const inner = body.create(add, [body.input('i', type), a.y], {}, origin);
  body.output('o', inner.y);
  const owner = g.create(loop, [sum.y], {}, origin, undefined, [body]);
  g.output('y', owner.y);
  return { g, x, a, b, sum, body, inner, owner };
}

describe('the graph', () => {
  it('counts captured uses and lets go of them', () => {
    const { g, a, sum, owner, inner, body } = sample();
    expect(a.y.uses.size).toBe(3);
    expect(body.owner).toBe(owner);
    expect(body.root).toBe(g);
    g.replaceUses(owner.y, sum.y);
    expect(g.outputs[0]?.value).toBe(sum.y);
    g.erase(owner);
    expect(a.y.uses.size).toBe(2);
    expect(inner.y.outputs).toBe(0);
    expect(verifyGraph(g)).toEqual([]);
  });

  it('replaces what a sub-graph passes on', () => {
    const { g, a, b, body } = sample();
    body.output('outer', b.y);
    expect(b.y.soleUse).toBeUndefined();
    g.replaceUses(b.y, a.y);
    expect(body.outputs[1]?.value).toBe(a.y);
    expect([a.y.outputs, b.y.outputs]).toEqual([1, 0]);
    expect(b.y.isDead).toBe(true);
  });

  it('keeps the order of its list', () => {
    const { g, a, b, sum, owner } = sample();
    const c = g.create(relu, [a.y], {}, origin, b);
    expect([...g.nodes()]).toEqual([a, c, b, sum, owner]);
    g.move(c, owner);
    expect([...g.nodes()]).toEqual([a, b, sum, c, owner]);
    g.move(c, c);
    g.move(c, undefined);
    expect([...g.nodes()]).toEqual([a, b, sum, owner, c]);
    g.move(c, a);
    expect([...g.nodes()]).toEqual([c, a, b, sum, owner]);
    expect(g.last).toBe(owner);
  });

  it('can be walked while nodes go, also the next ones', () => {
    const g = new Graph('g');
    const x = g.input('x', type);
    const made = Array.from({ length: 6 }, () => g.create(relu, [x], {}, origin));
    const seen: (Node | undefined)[] = [];
    for (const node of g.nodes()) {
      seen.push(node);
      if (node !== made[1]) continue;
      for (const gone of made.slice(1, 4)) g.erase(gone);
    }
    expect(seen).toEqual([made[0], made[1], made[4], made[5]]);
    expect(g.nodeCount).toBe(3);
  });

  it('refuses what would break it', () => {
    const { g, a, b, sum } = sample();
    expect(() => g.erase(a)).toThrow(BugError);
    const gone = g.create(relu, [a.y], {}, origin);
    g.erase(gone);
    expect(() => g.erase(gone)).toThrow(BugError);
    expect(() => g.create(relu, [gone.y], {}, origin)).toThrow(BugError);
    expect(() => g.create(relu, [a.y], {}, origin, gone)).toThrow(BugError);
    expect(() => g.create(loop, [b.y], {}, origin, undefined, [new Graph('stray')])).toThrow(BugError);
    expect(() => g.create(add, [sum.y, g.input('z', { elem: 'f16', dims: [] })], {}, origin)).not.toThrow();
    expect(() => g.create(add, [sum.y, g.input('v', { elem: 'f16', dims: [Dim.one] })], {}, origin)).toThrow(CheckFailure);
  });

  it('completes attributes and checks their kinds', () => {
    const g = new Graph('g');
    const x = g.input('x', { elem: 'f32', dims: [Dim.one, Dim.of(3), Dim.of(8), Dim.of(9)] });
    const kernel = g.constant(w.leaf('w', [5, 3, 3, 3], 'f32'), 'parameter', 'w');
    expect(g.create(conv, [x, kernel], { stride: 2 }, origin).attrs).toEqual({ stride: [2, 2], pads: [0, 0, 0, 0], groups: 1 });
    for (const attrs of [
      { stride: 0 },
      { stride: [1, 2, 3] },
      { stride: 1.5 },
      { pads: [1, 1] },
      { groups: true },
      { toString: 1 },
    ]) {
      expect(() => g.create(conv, [x, kernel], attrs, origin), JSON.stringify(attrs)).toThrow(CheckFailure);
    }
    for (const attrs of [{ mode: 'cubic' }, { exact: 1 }, { to: 'f8' }, { perm: [0.5] }, { scales: 1 }, { eps: 'x' }]) {
      expect(() => g.create(settings, [x], attrs, origin), JSON.stringify(attrs)).toThrow(CheckFailure);
    }
  });

  it('names sizes of the run apart from all others', () => {
    const g = new Graph('g');
    const inner = new Graph('inner', g);
    expect(['n', 'n', '?n', 'n_1'].map((name) => inner.freshDim(name).toString())).toEqual(['?n', '?n_1', '?n_2', '?n_1_1']);
    expect(g.freshDim('n').toString()).toBe('?n_3');
    g.claimDim('?m');
    expect(g.freshDim('m').toString()).toBe('?m_1');
    expect(cloneGraph(g).freshDim('n').toString()).toBe('?n_4');
  });
});

describe('a copy', () => {
  it('shares nothing that changes', () => {
    const { g, a, b } = sample();
    const copy = cloneGraph(g);
    g.replaceUses(b.y, a.y);
    g.erase(b);
    g.metadata.late = 'x';
    expect(verifyGraph(copy)).toEqual([]);
    expect(copy.nodeCount).toBe(4);
    expect(copy.metadata).toEqual({});
    const inside = new Set([...copy.nodes()].flatMap((node) => [node.graph, ...node.regions.map((region) => region.root)]));
    expect(inside).toEqual(new Set([copy]));
  });

  it('of a body alone still reads the graph around it', () => {
    const { a, body } = sample();
    const copy = cloneGraph(body);
    expect(copy.first?.operand(1)).toBe(a.y);
    expect(a.y.uses.size).toBe(4);
  });
});

describe('stats', () => {
  it('count tied weights and equal contents once', () => {
    const graph = read(`graph @g
  %x = input : f32[N, 3, 8, 8]
  %0 = conv(%x, #.weight[16, 3, 3, 3], #.bias[16]) {pads=1}  @a
  %1 = conv(%x, #a.weight[16, 3, 3, 3], const f32[16] 0) {pads=1}  @b
  %2 = add(%0, const f32[] 0.5)
  %3 = add(%1, const f32[] 0.5)
  %4 = add(%3, #b.running_mean[]:buffer)
  %5 = loop(%4)
    region @body
      %6 = conv(%x, #other.weight[16, 3, 3, 3]:buffer=a.weight[16, 3, 3, 3]) {pads=1}
      output y = %6
    end
  output y = %2
  output z = %5
  output c = #unused[7]
`);
    const stats = statsOf(graph);
    expect(stats.nodes).toBe(7);
    expect(stats.parameters).toBe(16 * 27 + 16 + 7);
    expect(stats.buffers).toBe(1 + 16 * 27);
    expect(stats.bytes).toBe(4 * (16 * 27 + 16 + 16 + 1 + 1 + 7));
    expect(stats.madds?.toString()).toBe(`${3 * 16 * 64 * 27}*N`);
    expect([...stats.byOperator]).toEqual([
      ['add', 3],
      ['conv', 3],
      ['loop', 1],
    ]);
  });
});

describe('verify', () => {
  it('finds nothing in a sound graph', () => {
    expect(verifyGraph(sample().g)).toEqual([]);
  });

  const broken: Record<string, (s: ReturnType<typeof sample>) => string> = {
    'an operand that comes later': ({ g, a, b }) => {
      g.move(a, undefined);
      void b;
      return 'which comes later';
    },
    'an operand out of a sub-graph': ({ g, inner, sum }) => {
      g.setOperand(sum, 1, inner.y);
      return 'which is in a graph that it does not see';
    },
    'a sub-graph that reads its own node': ({ g, body, inner, owner }) => {
      body.setOperand(inner, 1, owner.y);
      void g;
      return 'which is in a graph that it does not see';
    },
    'a value of another graph': ({ g, sum }) => {
      g.setOperand(sum, 1, new Graph('other').input('q', type));
      return 'input q, which is in a graph that it does not see';
    },
    'a constant of another graph': ({ g, sum }) => {
      g.setOperand(sum, 1, new Graph('other').constant(w.leaf('p', [], 'f32'), 'parameter', 'p'));
      return 'which is in a graph that it does not see';
    },
    'a result of an erased node': ({ g, b, sum }) => {
      const use = sum.slots[0];
      g.replaceUses(b.y, sum.operand(1) ?? b.y);
      g.erase(b);
      if (use) use.value = b.y;
      return 'which is erased';
    },
    'a use that its value does not know': ({ a, sum }) => {
      const use = sum.slots[1];
      if (use) a.y.uses.delete(use);
      return 'is not among the uses of its value';
    },
    'a use that no node has': ({ a, b }) => {
      a.y.uses.add(new Use(b, 0, a.y));
      return 'has a use that no node of the graph has';
    },
    'a slot left empty': ({ g, sum }) => {
      g.setOperand(sum, 1, undefined);
      return 'has no operand y';
    },
    'a type that is not inferred': ({ a }) => {
      a.y.type = { elem: 'f32', dims: [Dim.of(2), Dim.of(4)] };
      return 'is f32[2, 4], inferred f32[N, 4]';
    },
    'operands that do not fit': ({ x, a }) => {
      x.type = { elem: 'f16', dims: type.dims };
      void a;
      return 'inferred f16[N, 4]';
    },
    'attributes of another operator': ({ a }) => {
      a.attrs = { stride: 1 };
      return 'does not fit its operands: attrs';
    },
    'a missing attribute': ({ g, x }) => {
      g.create(settings, [x], {}, origin).attrs = {};
      return 'has no attribute mode';
    },
    'a wrong count of outputs': ({ a }) => {
      a.y.outputs = 1;
      return 'counts 1 outputs and is 0';
    },
    'two outputs of one name': ({ g, a }) => {
      g.output('y', a.y);
      return 'two outputs named y';
    },
    'two inputs of one name': ({ g }) => {
      g.input('x', type);
      return 'two inputs named x';
    },
    'two constants of one path': ({ g, a }) => {
      for (let i = 0; i < 2; i++) g.create(add, [a.y, g.constant(w.leaf('p', [], 'f32'), 'parameter', 'p')], {}, origin);
      return 'two constants have the path p';
    },
    'a constant unlike its content': ({ g, a }) => {
      const value = g.constant(w.leaf('p', [], 'f32'), 'parameter', 'p');
      g.create(add, [a.y, value], {}, origin);
      g.setContent(value, w.leaf('p', [2], 'f32'));
      return 'constant p is f32[], its content f32[2]';
    },
    'an output that its graph does not have': ({ g, inner }) => {
      g.output('z', inner.y);
      return 'a value that its graph does not have';
    },
    'a broken list': ({ b }) => {
      b.prev = undefined;
      return 'does not point back';
    },
    'a ring': ({ a, sum }) => {
      sum.next = a;
      return 'lists more nodes';
    },
    'a wrong count of nodes': ({ g }) => {
      g.nodeCount++;
      return 'counts 5 nodes and lists 4';
    },
    'two promises for one symbol': ({ g }) => {
      g.input('h', { elem: 'f32', dims: [Dim.symbol('H', 2), Dim.symbol('H', 4)] });
      return 'promised to be a multiple of 2 and of 4';
    },
  };
  it.each(Object.entries(broken))('finds %s', (_, breakIt) => {
    const parts = sample();
    const sentence = breakIt(parts);
    expect(verifyGraph(parts.g).join('\n')).toContain(sentence);
  });

  it('knows a size of the run by another name, and no other', () => {
    const g = new Graph('g');
    const node = g.create(nonzero, [g.input('x', type)], {}, origin);
    g.create(split, [node.y], {}, origin);
    expect(verifyGraph(g)).toEqual([]);
    node.y.type = { elem: 'i64', dims: [Dim.of(2), Dim.symbol('N')] };
    expect(verifyGraph(g).length).toBeGreaterThan(0);
  });
});
