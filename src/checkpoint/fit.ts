/**
 * How the tensors of one dict of a checkpoint fit the parameters of a graph: prefix, renaming rules, parts, and what is left
 * over.
 */

import { isLossless } from '../ir/elem.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { isFloat } from '../ir/types.ts';
import { followRule, type Rule } from './map-rules.ts';
import type { ForeignTensor, TensorDict, TensorEntry } from './nested.ts';
import { type Parts, partsOf, weightNorm } from './parametrized.ts';

export type Wanted = ReadonlyMap<string, readonly Value[]>;

/** Learned tensors and buffers of the graph and of the graphs inside its nodes, by path; tied ones are one value. */
export function parametersOf(graph: Graph): Wanted {
  const found = new Map<string, Value[]>();
  const seen = new Set<Value>();
  const take = (value: Value): void => {
    if (!value.isConstant || value.role === 'constant' || value.name === undefined || seen.has(value)) return;
    seen.add(value);
    const same = found.get(value.name);
    if (same) same.push(value);
    else found.set(value.name, [value]);
  };
  const graphs: Graph[] = [graph];
  for (let g = graphs.pop(); g; g = graphs.pop()) {
    for (const node of g.nodes()) {
      for (const use of node.slots) if (use) take(use.value);
      graphs.push(...node.regions);
    }
    for (const output of g.outputs) take(output.value);
  }
  return found;
}

/** Known, and no part of what a network computes at inference. */
const isCounter = (name: string): boolean => name === 'num_batches_tracked' || name.endsWith('.num_batches_tracked');
export const shapeText = (dims: readonly number[]): string => `[${dims.join(', ')}]`;
export const dimsOf = (value: Value): readonly number[] => value.content?.dims ?? [];

export interface Fit {
  readonly dict: TensorDict;
  /** Dropped from every name. */
  readonly prefix: string;
  /** By the model's names; those made of parts are among them. */
  readonly byName: ReadonlyMap<string, TensorEntry>;
  /** What is no tensor of a known type, by the model's names. */
  readonly foreign: ReadonlyMap<string, ForeignTensor>;
  /** Parameters that the file holds in parts, with the model's names of the parts. */
  readonly parts: ReadonlyMap<string, Parts>;
  /** Names of the model whose tensor is one of `foreign`. */
  readonly refused: readonly string[];
  /** Names of the model that the file holds in parts which are not computed. */
  readonly blocked: readonly string[];
  readonly matched: readonly string[];
  readonly missing: readonly string[];
  readonly misshapen: readonly string[];
  readonly mistyped: readonly string[];
  readonly unused: readonly string[];
  readonly collision: { readonly name: string; readonly first: string; readonly second: string } | undefined;
  /** The checkpoint's names by the model's. */
  readonly fromOf: ReadonlyMap<string, string>;
}

/** Names that a dict can give parameters to. */
function tensorNames(dict: TensorDict): readonly string[] {
  return [...dict.tensors.keys(), ...(dict.foreign?.keys() ?? [])].filter((name) => !isCounter(name));
}

/** The segments that all names begin with, each up to and with its dot; the last segment of a name is never one of them. */
function sharedPrefixes(dict: TensorDict): readonly string[] {
  const names = tensorNames(dict).filter((name) => dict.foreign?.get(name)?.object !== true);
  const [first] = names;
  const found = [''];
  if (first === undefined) return found;
  for (let at = first.indexOf('.') + 1; at > 0 && found.length <= 16; at = first.indexOf('.', at) + 1) {
    const prefix = first.slice(0, at);
    if (!names.every((name) => name.startsWith(prefix))) break;
    found.push(prefix);
  }
  return found;
}

/**
 * What wrappers of PyTorch put before every name: DataParallel, torch.compile, Lightning. Dropped also where nothing matches
 * after it.
 */
const wrappers = /^(?:(?:module|_orig_mod|model)\.)+$/;

/**
 * The fit without the prefix that lets most names match; `rulesFor` makes the rules afresh, because a fit notes which are used.
 */
export function fitOf(dict: TensorDict, wanted: Wanted, rulesFor: () => readonly Rule[]): { fit: Fit; rules: readonly Rule[] } {
  const attempts = sharedPrefixes(dict).map((prefix) => {
    const rules = rulesFor();
    return { fit: fitWithout(prefix, dict, wanted, rules), rules };
  });
  const known = (fit: Fit): number => (wrappers.test(fit.prefix) ? fit.prefix.length : 0);
  const hit = ({ matched, misshapen, mistyped }: Fit): number => matched.length + misshapen.length + mistyped.length;
  const best = attempts.reduce((a, b) => {
    const gain = b.fit.matched.length - a.fit.matched.length || hit(b.fit) - hit(a.fit);
    return gain > 0 || (gain === 0 && hit(a.fit) === 0 && known(b.fit) > known(a.fit)) ? b : a;
  });
  return best;
}

export function fitWithout(prefix: string, dict: TensorDict, wanted: Wanted, rules: readonly Rule[]): Fit {
  const strip = (name: string): string => (prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : name);
  const byName = new Map<string, TensorEntry>();
  const foreign = new Map<string, ForeignTensor>();
  const fromOf = new Map<string, string>();
  let collision: Fit['collision'];
  for (const name of tensorNames(dict)) {
    const entry = dict.tensors.get(name);
    const other = dict.foreign?.get(name);
    let target: string | undefined = strip(name);
    for (const rule of rules) {
      const whole = followRule(rule, name);
      const result = whole === null && prefix !== '' ? followRule(rule, strip(name)) : whole;
      if (result === null) continue;
      target = result === undefined ? undefined : strip(result);
      break;
    }
    if (target === undefined) continue;
    const first = fromOf.get(target);
    // A second name of one tensor is no other tensor.
    const twice = first !== undefined && (dict.tensors.get(first)?.expr ?? first) !== (entry?.expr ?? name);
    if (first !== undefined && twice) collision ??= { name: target, first, second: name };
    if (entry) byName.set(target, entry);
    else if (other) foreign.set(target, other);
    fromOf.set(target, name);
  }
  const matched: string[] = [];
  const missing: string[] = [];
  const misshapen: string[] = [];
  const mistyped: string[] = [];
  const refused: string[] = [];
  const blocked: string[] = [];
  const parts = new Map<string, Parts>();
  const usedParts = new Set<string>();
  const taken = new Set<number>();
  const has = (name: string): boolean => byName.has(name) || foreign.has(name);
  for (const [name, values] of wanted) {
    let entry = byName.get(name);
    if (!entry && !foreign.has(name)) {
      const found = partsOf(name, has);
      if (found) {
        const names = found.kind === 'weight norm' ? [found.g, found.v] : found.parts;
        for (const part of names) usedParts.add(part);
        const [g, v] = names.map((part) => byName.get(part));
        const computed = found.kind === 'weight norm' && g && v ? weightNorm(name, g, v) : undefined;
        const shapes = names.map((part) => shapeText((byName.get(part) ?? foreign.get(part))?.dims ?? [])).join(' and ');
        parts.set(
          name,
          found.kind === 'refused' || computed
            ? found
            : {
                kind: 'refused',
                what: `two parts of shapes ${shapes}, which are no weight norm`,
                parts: names,
                remedy: undefined,
              },
        );
        if (!computed) {
          blocked.push(name);
          continue;
        }
        byName.set(name, computed);
        for (const part of [g, v]) if (part) taken.add(part.expr.id);
        entry = computed;
      }
    }
    if (!entry) {
      (foreign.has(name) ? refused : missing).push(name);
      continue;
    }
    taken.add(entry.expr.id);
    const { dims, elem } = entry;
    if (values.some((value) => shapeText(dimsOf(value)) !== shapeText(dims))) misshapen.push(name);
    else if (values.some((value) => isFloat(value.type.elem) !== isFloat(elem) && !isLossless(elem, value.type.elem)))
      mistyped.push(name);
    else matched.push(name);
  }
  // A second name of a tensor that is taken (`lm_head.weight` beside `wte.weight`) is used too.
  const unused = [...byName]
    .filter(([name, entry]) => !wanted.has(name) && !usedParts.has(name) && !taken.has(entry.expr.id))
    .map(([name]) => name);
  for (const [name, { object }] of foreign) if (!wanted.has(name) && !usedParts.has(name) && object !== true) unused.push(name);
  return {
    dict,
    prefix,
    byName,
    foreign,
    parts,
    refused,
    blocked,
    matched,
    missing,
    misshapen,
    mistyped,
    unused,
    collision,
    fromOf,
  };
}
