/**
 * Brings the nodes of an ONNX file to a newer opset, by the steps of `upgrade-steps.ts`. Files before 13 come to 13 this way, so
 * that whoever reads nodes knows one form of each operator; beyond 13 it serves `--opset` and `--raise`.
 */

import { cannotUpgrade, trainingForm } from '../diagnostics/catalogue/import.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { minOpset } from '../ir/opset.ts';
import type { Session } from '../tensor/session.ts';
import { FileValues } from './file-values.ts';
import { constantNode } from './make.ts';
import type { OnnxAttribute, OnnxFile, OnnxGraph, OnnxNode } from './model.ts';
import { attributeOf, intOf, type Step, steps, type Upgrading } from './upgrade-steps.ts';
import { versionsBetween } from './versions.ts';

/** Rewrites nodes of one file. */
export class Upgrader implements Upgrading {
  readonly values: FileValues;
  readonly #file: OnnxFile;
  readonly #to: number;
  readonly session: Session;
  #from = 0;
  /** Names of what is made of weights alone, in this graph and around it. */
  #fixed = new Set<string>();
  /** `fresh` makes free names where others than this file's are in use. */
  constructor(file: OnnxFile, to: number, fresh?: (base: string) => string) {
    this.session = file.session;
    this.#file = file;
    this.#to = to;
    this.values = new FileValues(file, fresh);
  }

  refuse(node: OnnxNode, found: string, expected: string): never {
    return fail(cannotUpgrade, {
      with: {
        operator: node.opType,
        from: this.#from,
        to: this.#to,
        file: this.#file.file,
        node: JSON.stringify(node.name || (node.outputs[0] ?? '')),
        found,
        expected,
        hint: 'export the model again at opset 13 or later, or convert it with onnx.version_converter and compare its results',
      },
    });
  }

  integers(
    base: string,
    values: readonly (number | bigint)[],
    scalar = false,
  ): { readonly node: OnnxNode; readonly output: string } {
    const output = this.values.fresh(base);
    const most = Number.MAX_SAFE_INTEGER;
    const data = values.map((v) => Math.max(-most, Math.min(most, Number(v))));
    return { node: constantNode(this.session, output, 'i64', scalar ? [] : [data.length], data), output };
  }

  /** The node, whose sub-graphs are done, at the wanted opset: one or more nodes in order. */
  node(node: OnnxNode, from: number): readonly OnnxNode[] {
    if (node.domain !== '') return [node];
    this.#from = from;
    if (node.opType === 'BatchNormalization' || node.opType === 'Dropout') this.#checkInference(node, from);
    for (const version of versionsBetween(node.opType, from, 7)) {
      if (!(Object.hasOwn(steps, node.opType) && steps[node.opType]?.some((step) => step.at === version)))
        this.refuse(node, `its form before opset ${version}`, `the form of opset ${version}`);
    }
    let main = node;
    const before: OnnxNode[] = [];
    const after: OnnxNode[] = [];
    let done = from;
    for (let next = this.#stepOf(main, done); next; next = this.#stepOf(main, done)) {
      const made = next.rewrite(main, this);
      before.push(...(made.before ?? []));
      after.unshift(...(made.after ?? []));
      main = made.node;
      done = next.at;
    }
    return main === node ? [node] : [...before, main, ...after];
  }

  /**
   * What an operator becomes (Upsample a Resize) is made in the form of opset 11 or later, which its own later steps go on from.
   */
  #stepOf(node: OnnxNode, done: number): Step | undefined {
    if (!Object.hasOwn(steps, node.opType)) return undefined;
    const next = steps[node.opType]?.find((step) => step.at > done && step.at <= this.#to);
    return node.opType === 'Resize' && attributeOf(node, 'coordinate_transformation_mode') ? undefined : next;
  }

  #checkInference(node: OnnxNode, from: number): void {
    const where = { file: this.#file.file, node: JSON.stringify(node.name || (node.outputs[0] ?? '')), operator: node.opType };
    if (from < 7 && intOf(node, 'is_test', 0) === 0) fail(trainingForm, { with: { ...where, found: 'is_test=0' } });
    if (node.opType === 'BatchNormalization') {
      if (from >= 14 && intOf(node, 'training_mode', 0) === 1 && !this.#fixed.has(node.inputs[0] ?? ''))
        fail(trainingForm, { with: { ...where, found: 'training_mode=1' } });
    } else if (from >= 12 && this.values.numbers(node.inputs[2])?.some((x) => x !== 0) === true)
      fail(trainingForm, { with: { ...where, found: 'input training_mode is true' } });
  }

  graph(graph: OnnxGraph, from: number): OnnxGraph {
    let changed = false;
    const nodes: OnnxNode[] = [];
    const outer = this.#fixed;
    this.#fixed = new Set(outer);
    const given = new Set(graph.inputs.map((one) => one.name));
    for (const { name } of graph.initializers) if (!given.has(name)) this.#fixed.add(name);
    for (const node of graph.nodes) {
      this.#markFixed(node);
      const inner = this.#inside(node, from);
      const made = this.node(inner, from);
      changed ||= made.length !== 1 || made[0] !== node;
      nodes.push(...made);
    }
    this.#fixed = outer;
    return changed ? { ...graph, nodes } : graph;
  }

  /**
   * What is made of weights alone. A batchnorm in training form over it standardises weights (Brock et al., arXiv:2101.08692) and
   * gives the same in every run, so that it may stay as it is. An initialiser that is an input, too, can be replaced and does not
   * count.
   */
  #markFixed(node: OnnxNode): void {
    if (node.opType.startsWith('Random') || ['Bernoulli', 'Multinomial', 'Dropout'].includes(node.opType)) return;
    if (node.domain !== '' || node.attributes.some((one) => one.kind === 'graph' || one.kind === 'graphs')) return;
    if (node.inputs.every((name) => name === '' || this.#fixed.has(name))) for (const name of node.outputs) this.#fixed.add(name);
  }

  /** The node with its sub-graphs done; the reader has bounded how deep they lie. */
  #inside(node: OnnxNode, from: number): OnnxNode {
    let changed = false;
    const attributes = node.attributes.map((attribute): OnnxAttribute => {
      if (attribute.kind === 'graph') {
        const value = this.graph(attribute.value, from);
        changed ||= value !== attribute.value;
        return { ...attribute, value };
      }
      if (attribute.kind === 'graphs') {
        const value = attribute.value.map((graph) => this.graph(graph, from));
        changed ||= value.some((graph, i) => graph !== attribute.value[i]);
        return { ...attribute, value };
      }
      return attribute;
    });
    return changed ? { ...node, attributes } : node;
  }
}

/**
 * The file at opset `target`, which is at least its own; nodes keep order and names. New constants are Constant nodes before
 * their reader. Functions must be inlined before. Throws RES0656 for training forms, at any opset, and RES0657 for what has no
 * newer form.
 */
export function upgradeFile(file: OnnxFile, target?: number): OnnxFile {
  const from = file.opsets.get('') ?? minOpset;
  const to = Math.max(minOpset, from, target ?? 0);
  const graph = new Upgrader(file, to).graph(file.graph, from);
  if (graph === file.graph && to === from) return file;
  const opsets = new Map(file.opsets).set('', to);
  return { ...file, graph, opsets };
}
