/** A graph as the data of a page: every node with all that is said of it, the tree of scopes, tensors, costs. */
import { spanText } from '../../diagnostics/source.ts';
import type { Dim } from '../../ir/dim.ts';
import { atSizes, type Sizes } from '../../ir/evaluate.ts';
import type { ForeignAttribute } from '../../ir/foreign.ts';
import { countOf, type Graph, type Node, type Value } from '../../ir/graph.ts';
import { elementsIn } from '../../ir/memory.ts';
import type { Statistics } from '../../ir/statistics.ts';
import { elemBytes, elementCount, typeText } from '../../ir/types.ts';
import { isShortcut } from '../figure/units.ts';
import { detailsOf, scopesOf } from '../layer-text.ts';
import { scopeRuns } from '../scope-runs.ts';
import type { Cost, Family, PageModel, PageNode, PageOperand, PagePart, PageTensor } from './model.ts';

export interface PageModelOptions {
  /** Path or name of the file. */
  readonly file: string;
  /** A number for every symbol: costs are counted there. */
  readonly sizes: Sizes;
  readonly statistics: ReadonlyMap<Value, Statistics>;
  /** What an attribute says that the graph only carries. */
  readonly attributeText?: ((attribute: ForeignAttribute) => string) | undefined;
}

interface Unit {
  readonly index: number;
  readonly node: PageNode;
  readonly scopes: readonly string[];
  readonly from: number[];
  readonly to: number[];
  readonly isSum: boolean;
}

/** A page's model, and where the nodes of the graph are in it. */
export interface MadeModel {
  readonly model: PageModel;
  readonly places: ReadonlyMap<Node, number>;
  /** By the values that are inputs or constants; those of outputs by their place. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export function pageModel(graph: Graph, options: PageModelOptions): MadeModel {
  return new Maker(options).make(graph);
}

/** Numbers for the symbols of a graph; ones that the page has to choose say so in `sizes`. */
const numberAt = (dim: Dim | undefined, sizes: Sizes): number | null => (dim && atSizes(dim, sizes)?.constant) ?? null;

class Maker {
  readonly #options: PageModelOptions;
  readonly #units: Unit[] = [];
  readonly #made = new Map<Value, readonly [unit: number, result: number]>();
  readonly #places = new Map<Node, number>();
  readonly #tensors: PageTensor[] = [];
  readonly #tensorOf = new Map<Value, number>();
  readonly #types: string[] = [];
  readonly #typeOf = new Map<string, number>();
  #bytes = 0;

  constructor(options: PageModelOptions) {
    this.#options = options;
  }

  make(graph: Graph): MadeModel {
    const { inputs, outputs } = this.#graph(graph, []);
    const { file, sizes } = this.#options;
    const model: PageModel = {
      name: graph.name,
      file,
      nodes: this.#units.map(({ node }) => node),
      parts: this.#parts(graph.name),
      tensors: this.#tensors,
      types: this.#types,
      sizes: Object.entries(sizes)
        .map(([name, size]) => `${name} = ${size}`)
        .join(', '),
      bytes: this.#bytes,
    };
    return { model, places: this.#places, inputs, outputs };
  }

  /** Sub-graphs nest no deeper than an import allows. Their outputs are read by the node that owns them. */
  #graph(graph: Graph, around: readonly string[]): { readonly inputs: number[]; readonly outputs: number[] } {
    const inputs = graph.inputs.map((value) => this.#input(value, around));
    for (const node of graph.nodes()) {
      const place = scopesOf(node);
      const { label } = place;
      // A sub-graph's nodes are named within it, whatever is around.
      const scopes = [...around, ...place.scopes];
      const results: (readonly [unit: number, name: string])[] = [];
      node.regions.forEach((region, i) => {
        const own = node.origin.name ?? node.op.name;
        const inner = this.#graph(region, [...scopes, `${own}: ${region.name === '' ? `sub-graph ${i + 1}` : region.name}`]);
        for (const at of inner.outputs) results.push([at, region.name]);
      });
      const operands = this.#operands(node);
      const inner = results.map(([unit, name]): PageOperand => ({ name, node: unit, result: 0 }));
      const unit = this.#unit(
        this.#layer(node, label, scopes, [...operands, ...inner]),
        scopes,
        node.origin.residual?.part === 'sum',
      );
      this.#places.set(node, unit);
      for (const [i, y] of node.results.entries()) this.#made.set(y, [unit, i]);
    }
    const outputs = graph.outputs.map(({ name, value }) => {
      const operands = [this.#operand('value', value, false)];
      const said = { family: 'output', title: name, name: '', path: around.join('.'), details: '', attributes: [] } as const;
      return this.#unit({ ...said, operands, types: [this.#type(typeText(value.type))], cost: [0, 0, 0] }, around, false);
    });
    return { inputs, outputs };
  }

  #input(value: Value, scopes: readonly string[]): number {
    const said = { family: 'input', name: '', path: scopes.join('.'), details: '', operands: [], attributes: [] } as const;
    const types = [this.#type(typeText(value.type))];
    const unit = this.#unit({ ...said, title: value.name ?? 'input', types, cost: [0, 0, 0] }, scopes, false);
    this.#made.set(value, [unit, 0]);
    return unit;
  }

  #unit(node: PageNode, scopes: readonly string[], isSum: boolean): number {
    const unit: Unit = { index: this.#units.length, node, scopes, from: [], to: [], isSum };
    this.#units.push(unit);
    for (const { node: from } of node.operands) {
      if (from === undefined || unit.from.includes(from)) continue;
      unit.from.push(from);
      this.#units[from]?.to.push(unit.index);
    }
    return unit.index;
  }

  #layer(node: Node, label: string, scopes: readonly string[], operands: readonly PageOperand[]): PageNode {
    const { span, name } = node.origin;
    return {
      family: familyOf(node),
      title: node.op.foreign?.opType ?? node.op.name,
      name: name ?? label,
      path: scopes.join('.'),
      details: detailsOf(node),
      operands,
      types: node.results.map(({ type }) => this.#type(typeText(type))),
      attributes: [
        ...Object.entries(node.attrs).flatMap(([key, value]) =>
          value === undefined ? [] : [[key, attributeText(value)] as const],
        ),
        ...(node.op.foreign?.attributes ?? []).map((one) => [one.name, this.#options.attributeText?.(one) ?? one.kind] as const),
      ],
      cost: this.#cost(node),
      ...(span && { place: spanText(span) }),
    };
  }

  #cost(node: Node): Cost {
    const { sizes } = this.#options;
    let parameters = 0;
    for (const use of node.slots) {
      // A tensor that several nodes share counts where it is first read.
      if (!use?.value.isConstant || use.value.role !== 'parameter' || use.value.first !== use) continue;
      parameters += countOf(use.value.type) ?? 0;
    }
    let activations: number | null = 0;
    for (const { type } of node.results) {
      const elements = numberAt(elementsIn(type), sizes);
      activations = elements === null || activations === null ? null : activations + elements;
    }
    return [node.op.foreign ? null : numberAt(node.madds, sizes), parameters, activations];
  }

  #operands(node: Node): readonly PageOperand[] {
    const { operands } = node.op;
    const variadic = operands.length - 1;
    return node.slots.flatMap((use, i) => {
      if (!use) return [];
      const spec = operands[Math.min(i, variadic)];
      const name = spec?.variadic ? `${spec.name}[${i - variadic}]` : (spec?.name ?? String(i));
      return [this.#operand(name, use.value, isShortcut(node, use.value))];
    });
  }

  #operand(name: string, value: Value, shortcut: boolean): PageOperand {
    if (value.isConstant) return { name, tensor: this.#tensor(value) };
    const [node, result] = this.#made.get(value) ?? [];
    return { name, ...(node !== undefined && { node }), ...(result !== undefined && { result }), ...(shortcut && { shortcut }) };
  }

  #tensor(value: Value): number {
    const known = this.#tensorOf.get(value);
    if (known !== undefined) return known;
    const { content, role } = value;
    const index = this.#tensors.length;
    this.#tensorOf.set(value, index);
    const bytes = content ? elementCount(content.dims) * elemBytes[content.elem] : 0;
    this.#bytes += bytes;
    const statistics = this.#options.statistics.get(value);
    this.#tensors.push({
      name: value.name ?? '',
      type: typeText(value.type),
      role,
      bytes,
      ...(statistics && { statistics }),
    });
    return index;
  }

  #type(text: string): number {
    const known = this.#typeOf.get(text);
    if (known !== undefined) return known;
    this.#types.push(text);
    this.#typeOf.set(text, this.#types.length - 1);
    return this.#types.length - 1;
  }

  /** The tree of scopes, with a stack of its own: how deep scopes nest is the user's choice. */
  #parts(name: string): readonly PagePart[] {
    const parts: { -readonly [K in keyof PagePart]: PagePart[K] }[] = [];
    const begin = (title: string, path: string, parent: number, units: readonly Unit[]): number => {
      const cost = [0, 1, 2].map((i) => sumOf(units.map(({ node }) => node.cost[i] ?? null)));
      const [madds = 0, parameters = 0, activations = 0] = cost;
      const residual = units.some(({ isSum }) => isSum);
      parts.push({ title, path, parent, items: [], cost: [madds, parameters, activations], count: units.length, residual });
      return parts.length - 1;
    };
    const open = [{ part: begin(name, '', -1, this.#units), units: this.#units as readonly Unit[], level: 0 }];
    for (let top = open.pop(); top; top = open.pop()) {
      const { part, units, level } = top;
      const path = parts[part]?.path ?? '';
      const runs = scopeRuns(units, level);
      const times = new Map<string, number>();
      const items = runs.flatMap(({ scope, units: inner }): readonly number[] => {
        if (scope === undefined) return inner.map(({ index }) => index);
        const nth = (times.get(scope) ?? 0) + 1;
        times.set(scope, nth);
        const title = nth === 1 ? scope : `${scope} (${nth})`;
        const made = begin(title, path === '' ? scope : `${path}.${scope}`, part, inner);
        open.push({ part: made, units: inner, level: level + 1 });
        return [-1 - made];
      });
      const own = parts[part];
      if (own) own.items = items;
    }
    return parts;
  }
}

function sumOf(costs: readonly (number | null)[]): number | null {
  // An operator whose cost nobody knows counts as nothing.
  return costs.reduce((sum: number, cost) => sum + (cost ?? 0), 0);
}

function attributeText(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(String).join(', ')}]` : String(value);
}

/** Told by what its operator is known to do, never by its name. */
function familyOf(node: Node): Family {
  const { op } = node;
  const { elementwise, channelwise, moves } = op.traits;
  const data = node.slots.filter((use) => use && !use.value.isConstant).length;
  if (op.foreign) return 'other';
  if (op.cost && data < node.slots.length) return 'weights';
  if (data > 1 && (elementwise === true || op.operands.at(-1)?.variadic)) return 'join';
  if (op.cost) return 'weights';
  if (op.window) return 'window';
  if (elementwise === true) return 'function';
  if (moves !== 'no' && moves !== 'unknown') return 'moves';
  return channelwise === true || node.slots.length > data ? 'channels' : 'other';
}
