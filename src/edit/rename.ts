/** A model with other names: of inputs, outputs, values between them, weights and nodes. */

import { followRule, type Rule, ruleOf } from '../checkpoint/map-rules.ts';
import { checkArgument, checkOptions, listOf, made, oneOf, onnxFileKind, text } from '../diagnostics/arguments.ts';
import { nameTaken, nothingRenamed } from '../diagnostics/catalogue/edit.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { renamedTensor } from '../onnx/make.ts';
import type { OnnxAttribute, OnnxFile, OnnxGraph, OnnxNode, OnnxValue } from '../onnx/model.ts';
import { graphsOf } from '../onnx/model.ts';
import { redeclared } from './declarations.ts';

/** What has a name in a file. A value is what a node makes and is no output. */
export const namedKinds = ['inputs', 'outputs', 'values', 'weights', 'nodes'] as const;
/** What is renamed: inputs, outputs, values within, weights, nodes. */
export type NamedKind = (typeof namedKinds)[number];

/** How names change. */
export interface RenameOptions {
  /** The kinds that are looked at; all when left out. */
  readonly only?: readonly NamedKind[] | undefined;
}

/** A model under other names, and which: old names with new ones, by kind. */
export interface Renamed {
  readonly model: OnnxFile;
  readonly names: Readonly<Record<NamedKind, ReadonlyMap<string, string>>>;
}

/** One renaming: `*` in `from` captures any run of characters, `*` in `to` puts it back, as `--map` has it for checkpoints. */
export interface RenameRule {
  readonly from: string;
  readonly to: string;
}

/** Names of a graph and of all below it. Values have one namespace over all of them, and so have nodes. */
class Names {
  readonly values = new Map<string, NamedKind>();
  readonly nodes: string[] = [];

  constructor(top: OnnxGraph) {
    const open = [top];
    for (let graph = open.pop(); graph; graph = open.pop()) {
      for (const { name } of graph.initializers) this.#add(name, 'weights');
      for (const { name } of graph.inputs) this.#add(name, graph === top ? 'inputs' : 'values');
      for (const node of graph.nodes) {
        if (node.name !== '') this.nodes.push(node.name);
        for (const name of node.outputs) this.#add(name, 'values');
        open.push(...graphsOf(node));
      }
    }
    for (const { name } of top.outputs) this.values.set(name, this.values.get(name) === 'inputs' ? 'inputs' : 'outputs');
  }

  #add(name: string, kind: NamedKind): void {
    if (name !== '' && !this.values.has(name)) this.values.set(name, kind);
  }
}

/**
 * The model under the names that the rules give; the first rule that matches a name is followed, and all change at once, so that
 * two names may be exchanged. Sub-graphs follow; names within functions stay.
 *
 * @throws DiagnosticError RES0124 for a rule that no name matches, RES0123 for a name that another one has.
 */
export function renameModel(file: OnnxFile, renamings: readonly RenameRule[], options: RenameOptions = {}): Renamed {
  checkArgument('renameModel', 'file', file, onnxFileKind);
  checkArgument(
    'renameModel',
    'renamings',
    renamings,
    listOf(made('{ from, to } of two texts', "{ from: 'a.*', to: 'b.*' }", { from: text, to: text })),
  );
  checkOptions('renameModel', options, { only: listOf(oneOf(...namedKinds)) });
  const rules = renamings.map(ruleOf);
  const names = new Names(file.graph);
  const kinds: ReadonlySet<NamedKind> = new Set(options.only ?? namedKinds);
  const changed: Record<NamedKind, Map<string, string>> = {
    inputs: new Map(),
    outputs: new Map(),
    values: new Map(),
    weights: new Map(),
    nodes: new Map(),
  };
  const follow = (name: string, kind: NamedKind): void => {
    if (!kinds.has(kind)) return;
    for (const rule of rules) {
      const to = followRule(rule, name);
      if (to === null || to === undefined) continue;
      if (to !== name) changed[kind].set(name, to);
      return;
    }
  };
  for (const [name, kind] of names.values) follow(name, kind);
  for (const name of names.nodes) follow(name, 'nodes');
  for (const rule of rules) if (!rule.used) unmatched(file, rule, names, kinds);
  const values = new Map([...changed.inputs, ...changed.outputs, ...changed.values, ...changed.weights]);
  checkFree(file, [...names.values.keys()], values, 'value');
  checkFree(file, names.nodes, changed.nodes, 'node');
  const to = (name: string): string => values.get(name) ?? name;
  const graph = renamedGraph(file.graph, to, (name) => changed.nodes.get(name) ?? name);
  return { model: { ...file, graph, metadata: redeclared(file.metadata, { inputs: to, outputs: to }) }, names: changed };
}

function unmatched(file: OnnxFile, rule: Rule, names: Names, kinds: ReadonlySet<NamedKind>): never {
  const known = [...[...names.values].filter(([, kind]) => kinds.has(kind)).map(([name]) => name)];
  if (kinds.has('nodes')) known.push(...names.nodes);
  const { from, to } = rule.rule;
  const near = nearest(from, new Set(known));
  const elsewhere =
    [...names.values].find(([name]) => followRule(rule, name) !== null)?.[1] ??
    (names.nodes.some((name) => followRule(rule, name) !== null) ? 'nodes' : undefined);
  return fail(nothingRenamed, {
    with: {
      file: file.file,
      found: `${from}=${to}${elsewhere ? `, which matches ${elsewhere} alone` : ''}`,
      expected: `the name of one of its ${[...kinds].join(', ')}, or a pattern that matches some`,
      hint: elsewhere
        ? `--only ${[...kinds, elsewhere].join(',')}`
        : near === undefined
          ? !from.includes('*') && known.some((name) => name.includes(from))
            ? `"*${from}*=*${to}*" for a part of a name`
            : `${known[0] ?? 'NAME'}=${to}`
          : `${near}=${to}`,
    },
  });
}

/** Whether every new name is one of its own. */
function checkFree(file: OnnxFile, all: readonly string[], changed: ReadonlyMap<string, string>, what: string): void {
  const stay = new Set(all.filter((name) => !changed.has(name)));
  const taken = new Map<string, string>();
  for (const [from, to] of changed) {
    const other = stay.has(to) ? to : taken.get(to);
    if (to === '' || other !== undefined)
      fail(nameTaken, {
        with: {
          file: file.file,
          name: to === '' ? 'nothing' : to,
          found:
            to === ''
              ? `${from} → no name`
              : other === to
                ? `${from} → ${to}, and a ${what} ${to} that keeps its name`
                : `${from} → ${to} and ${other} → ${to}`,
          hint: to === '' ? `${from}=NAME` : other === to ? `${to}=${to}_before as well` : `${from}=${to}_2`,
        },
      });
    taken.set(to, from);
  }
}

function renamedGraph(graph: OnnxGraph, value: (name: string) => string, node: (name: string) => string): OnnxGraph {
  const ports = (list: readonly OnnxValue[]): readonly OnnxValue[] =>
    list.map((one) => (value(one.name) === one.name ? one : { ...one, name: value(one.name) }));
  const inner = (attribute: OnnxAttribute): OnnxAttribute => {
    if (attribute.kind === 'graph') return { ...attribute, bytes: undefined, value: renamedGraph(attribute.value, value, node) };
    if (attribute.kind !== 'graphs') return attribute;
    return { ...attribute, bytes: undefined, value: attribute.value.map((one) => renamedGraph(one, value, node)) };
  };
  return {
    ...graph,
    nodes: graph.nodes.map((one): OnnxNode => {
      const attributes = graphsOf(one).length > 0 ? one.attributes.map(inner) : one.attributes;
      return { ...one, name: node(one.name), inputs: one.inputs.map(value), outputs: one.outputs.map(value), attributes };
    }),
    initializers: graph.initializers.map((tensor) => renamedTensor(tensor, value(tensor.name))),
    inputs: ports(graph.inputs),
    outputs: ports(graph.outputs),
    valueInfo: ports(graph.valueInfo),
  };
}
