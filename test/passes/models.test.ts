/** The examples that ship, through the whole pipeline: what each must come out as. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { build } from '../../src/check.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { statsOf } from '../../src/ir/stats.ts';
import { run } from './support.ts';

function graphOf(file: string, model: string): Graph {
  const path = new URL(`../../examples/${file}.res`, import.meta.url);
  if (!existsSync(path)) throw new Error(`examples/${file}.res is missing`);
  const { graph, diagnostics } = build({ name: `${file}.res`, text: readFileSync(path, 'utf8') }, { model });
  return graph ?? expect.unreachable(diagnostics.map((d) => `${d.code} ${d.title}`).join('\n'));
}

function operatorsOf(graph: Graph): Readonly<Record<string, number>> {
  return Object.fromEntries(statsOf(graph).byOperator);
}

describe('models of the examples', () => {
  it('RepVGG-A0 is a plain chain of convs', () => {
    const graph = graphOf('repvgg', 'RepVGG_A0');
    run(graph, {});
    const { conv, relu, ...others } = operatorsOf(graph);
    expect(conv).toBe(22);
    expect(relu).toBe(22);
    expect(others).toEqual({ global_avgpool: 1, linear: 1, reshape: 1 });
    let reader = graph.first;
    while (reader?.next) {
      expect(reader.next.operand(0)).toBe(reader.y);
      reader = reader.next;
    }
  });

  it('ResNet-20 with option A has no batchnorm, and its shortcuts are pools or, on a CPU, convs', () => {
    const portable = graphOf('resnet_cifar', 'ResNet20');
    run(portable, {});
    expect(operatorsOf(portable)).toEqual({
      add: 9,
      conv: 19,
      global_avgpool: 1,
      linear: 1,
      maxpool: 2,
      pad: 2,
      relu: 19,
      reshape: 1,
    });
    const cpu = graphOf('resnet_cifar', 'ResNet20');
    run(cpu, { target: 'cpu' });
    expect(operatorsOf(cpu)).toEqual({ add: 9, conv: 21, global_avgpool: 1, linear: 1, relu: 19, reshape: 1 });
  });

  it('ResNet-50 has a conv, a relu, an add, and what is around them', () => {
    const graph = graphOf('resnet', 'ResNet50');
    const before = statsOf(graph).madds;
    run(graph, {});
    expect(operatorsOf(graph)).toEqual({ add: 16, conv: 53, global_avgpool: 1, linear: 1, maxpool: 1, relu: 49, reshape: 1 });
    expect(statsOf(graph).madds).toBe(before);
  });

  it('ResNet-50 at -O2 joins the shortcuts that are convs to the bodies, which costs the host of a CUDA device more than it saves', () => {
    const of = (target: 'portable' | 'cuda'): Readonly<Record<string, number>> => {
      const graph = graphOf('resnet', 'ResNet50');
      run(graph, { level: 2, target });
      return operatorsOf(graph);
    };
    expect(of('portable')).toMatchObject({ concat: 4, conv: 49, add: 12 });
    expect(of('cuda')).toMatchObject({ conv: 53, add: 16 });
    expect(of('cuda').concat).toBeUndefined();
  });

  it('of the batchnorms of a pre-activation network those stay that a relu reads and no conv makes', () => {
    const graph = graphOf('preact_resnet', 'ResNet164');
    run(graph, {});
    const { batchnorm = 0, conv = 0 } = operatorsOf(graph);
    expect(conv).toBeGreaterThan(batchnorm);
    for (const node of graph.nodes()) {
      if (node.op.name !== 'batchnorm') continue;
      const producer = node.x.producer;
      expect(producer?.op.name === 'conv' && node.x.uses.size === 1).toBe(false);
    }
  });

  it.each([
    ['vgg', 'VGG16_bn'],
    ['resnet', 'ResNeXt50_32x4d'],
    ['resnet_cifar', 'ResNet20B'],
    ['preact_resnet', 'ResNet164'],
    ['wide_resnet', 'WRN_40_4'],
  ])('%s %s: twice is once', (file, model) => {
    const graph = graphOf(file, model);
    run(graph, { level: 2 });
    const text = printGraph(graph);
    const again = run(graph, { level: 2 });
    expect(again.passes.flatMap((pass) => Object.keys(pass.fired))).toEqual([]);
    expect(printGraph(graph)).toBe(text);
    const other = graphOf(file, model);
    run(other, { level: 2 });
    expect(printGraph(other)).toBe(text);
  });
});
