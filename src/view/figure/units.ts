/**
 * The nodes of a graph as a picture needs them: those that numbers of an input flow through, with what is said of each. What is
 * computed of weights alone is a weight, and is not drawn.
 */
import type { Graph, Node, Value } from '../../ir/graph.ts';
import { elementsIn } from '../../ir/memory.ts';
import { keepsNumbers } from '../../ir/operator.ts';
import type { TensorType } from '../../ir/types.ts';
import { graphsIn } from '../../ir/walk.ts';
import { detailsOf, scopesOf } from '../layer-text.ts';

export interface Unit {
  readonly index: number;
  readonly kind: 'input' | 'output' | 'layer';
  /** The node that it began with, and those that were put into the same box. */
  readonly nodes: Node[];
  /** Units whose results it reads, each once, in the order of the operands. */
  readonly from: number[];
  readonly to: number[];
  /** Scopes around it: `['layer1', '0']`, without the label of its own. */
  readonly scopes: readonly string[];
  readonly label: string;
  /** `conv 3×3, 64, /2`, and what follows in the same box. */
  readonly captions: string[];
  /** The captions without the numbers that differ from stage to stage. */
  readonly plain: string[];
  /** All that tells it from others of its operator. */
  exact: string;
  /** Of its last result. */
  type: TensorType | undefined;
  /** Which of the units that it reads come by a shortcut, as the source says. */
  readonly shortcuts: Set<number>;
}

export interface UnitGraph {
  readonly units: readonly Unit[];
  /** Sizes of the batch axis, which shapes leave out. */
  readonly batch: string | undefined;
}

/** What is left out and put together. */
export interface UnitOptions {
  /** Leaves out what only gives numbers another place or type, and puts norms and activations into the box in front. */
  readonly merged: boolean;
}

/** Values that a node and its sub-graphs read of the graph around. */
function readsOf(node: Node): Value[] {
  const read: Value[] = [];
  for (const use of node.slots) if (use) read.push(use.value);
  for (const inner of node.regions.flatMap((region) => graphsIn(region))) {
    for (const one of inner.nodes()) for (const use of one.slots) if (use) read.push(use.value);
    for (const { value } of inner.outputs) read.push(value);
  }
  return read;
}

export function unitsOf(graph: Graph, options: UnitOptions): UnitGraph {
  const units: Unit[] = [];
  const unitOf = new Map<Value, Unit>();
  const add = (unit: Omit<Unit, 'index' | 'to' | 'from' | 'shortcuts'>): Unit => {
    const made: Unit = { ...unit, index: units.length, from: [], to: [], shortcuts: new Set() };
    units.push(made);
    return made;
  };
  const connect = (from: Unit, to: Unit, shortcut: boolean): void => {
    if (from === to) return;
    if (!to.from.includes(from.index)) {
      to.from.push(from.index);
      from.to.push(to.index);
      if (shortcut) to.shortcuts.add(from.index);
    } else if (!shortcut) to.shortcuts.delete(from.index);
  };
  for (const input of graph.inputs) {
    const name = input.name ?? 'input';
    const unit = add({
      kind: 'input',
      nodes: [],
      scopes: [],
      label: '',
      captions: [name],
      plain: [name],
      exact: '',
      type: input.type,
    });
    unitOf.set(input, unit);
  }
  const computes = [...graph.nodes()].some((node) => readsOf(node).some((value) => unitOf.has(value)));
  for (const node of graph.nodes()) {
    const read = readsOf(node);
    const data = read.filter((value) => unitOf.has(value));
    if (computes && data.length === 0) continue;
    const [only] = data;
    const before = only && new Set(data.map((value) => unitOf.get(value))).size === 1 ? unitOf.get(only) : undefined;
    const first = node.operand(0);
    if (options.merged && before && data.length === 1 && only && only === first && node.results.length === 1) {
      const alike = sameCount(only.type, node.y.type);
      if (keepsNumbers(node.op) && alike) {
        const alone = onlyReader(before, node);
        before.nodes.push(node);
        unitOf.set(node.y, before);
        if (alone && before.kind === 'layer') before.type = node.y.type;
        continue;
      }
    }
    if (
      options.merged &&
      before &&
      data.length === 1 &&
      only &&
      before.kind === 'layer' &&
      follows(node, only, before) &&
      onlyReader(before, node)
    ) {
      const { caption, plain } = follower(node);
      before.nodes.push(node);
      before.captions.push(caption);
      before.plain.push(plain);
      before.exact += ` ${node.op.name} ${detailsOf(node)}`;
      before.type = node.y.type;
      unitOf.set(node.y, before);
      continue;
    }
    const { scopes, label } = scopesOf(node);
    const { caption, plain } = captionOf(node);
    const unit = add({
      kind: 'layer',
      nodes: [node],
      scopes,
      label,
      captions: [caption],
      plain: [plain],
      exact: `${caption} ${detailsOf(node)}`,
      type: node.results[0]?.type,
    });
    for (const value of data) {
      const from = unitOf.get(value);
      if (from) connect(from, unit, isShortcut(node, value));
    }
    for (const y of node.results) unitOf.set(y, unit);
  }
  for (const { name, value } of graph.outputs) {
    const unit = add({
      kind: 'output',
      nodes: [],
      scopes: [],
      label: '',
      captions: [name],
      plain: [name],
      exact: '',
      type: value.type,
    });
    const from = unitOf.get(value);
    if (from) connect(from, unit, false);
  }
  const [batch] = units.find((unit) => (unit.type?.dims.length ?? 0) > 1)?.type?.dims ?? [];
  return { units, batch: batch?.toString() };
}

/** Whether they have as many elements. Equal dimensions are one object. */
function sameCount(a: TensorType, b: TensorType): boolean {
  if (a.foreign || b.foreign) return a.foreign?.text === b.foreign?.text;
  const count = elementsIn(a);
  return count !== undefined && count === elementsIn(b);
}

/** Whether the node alone reads what the box in front gives. */
function onlyReader({ nodes }: Unit, reader: Node): boolean {
  return nodes.every((node) =>
    node.results.every((y) => y.outputs === 0 && [...y].every(({ user }) => user === reader || nodes.includes(user))),
  );
}

/**
 * What multiplies no matrix and keeps the shape, such as a norm or an activation, stands in the box of what it follows; of a join
 * only a function of single elements does, because a norm begins what comes next.
 */
function follows(node: Node, of: Value, before: Unit): boolean {
  const { cost, window, foreign, traits } = node.op;
  const { elementwise } = traits;
  if (of !== node.operand(0) && traits.commutative !== true) return false;
  return (
    node.results.length === 1 &&
    node.regions.length === 0 &&
    (elementwise === true || (before.from.length === 1 && cost === undefined && window === undefined && foreign === undefined)) &&
    sameCount(of.type, node.y.type)
  );
}

/** The last part of the name of the weight that a function of single elements takes; without one of a bias, which goes unsaid. */
function follower(node: Node): { caption: string; plain: string } {
  const weight = node.slots.map((use) => use?.value).find((value) => value?.isConstant);
  const learned = node.slots.length === 2 && weight?.isConstant && weight.role === 'parameter';
  const caption = learned ? `${node.op.name} ${weight.name?.split('.').at(-1) ?? ''}`.trim() : node.op.name;
  return { caption, plain: caption };
}

/** `conv 3×3, 64, /2`, `conv_transpose 2×2, 64, ×2`: kernel, width, stride and groups, as papers write them. */
function captionOf(node: Node): { caption: string; plain: string } {
  const { op, attrs } = node;
  const weights = node.slots.map((use) => use?.value).filter((value) => value?.isConstant);
  const [, weight] = node.slots;
  const sizes = weight?.value.type.dims.map((d) => d.constant ?? 0) ?? [];
  const window = op.window?.(attrs, sizes);
  // A window that makes the grid larger is none that slides over it, and has its kernel in the weight.
  const isWindowed = window !== undefined || Object.values(op.attrs).some(({ kind }) => kind === 'pads');
  const kernel = window?.kernel ?? (isWindowed ? sizes.slice(2) : []);
  const stride = window?.stride ?? (isWindowed && Array.isArray(attrs.stride) ? attrs.stride.map(Number) : []);
  const learned = weights.some((value) => value?.isConstant && value.role !== 'constant');
  const parts: string[] = [];
  if (kernel.length > 0) parts.push(kernel.join('×'));
  const plain = [op.name, ...parts].join(' ');
  const dims = node.results[0]?.type.dims ?? [];
  const width = isWindowed ? dims[1] : dims.at(-1);
  if (op.cost && learned && width?.constant !== undefined) parts.push(width.toString());
  if (stride.some((s) => s !== 1))
    parts.push(window ? `/${same(stride)}` : `×${stride.every((s) => s === stride[0]) ? same(stride) : `(${same(stride)})`}`);
  if (window?.dilation.some((s) => s !== 1)) parts.push(`dilation ${same(window.dilation)}`);
  const { groups } = attrs;
  if (typeof groups === 'number' && groups > 1) parts.push(groups === width?.constant ? 'depthwise' : `${groups} groups`);
  const table = node.operand(0);
  const name = table?.isConstant && table.role === 'parameter' ? table.name?.split('.').slice(-2, -1)[0] : undefined;
  if (name) parts.push(name);
  return { caption: [op.name, parts.join(', ')].filter((part) => part !== '').join(' '), plain };
}

function same(numbers: readonly number[]): string {
  return numbers.every((n) => n === numbers[0]) ? String(numbers[0]) : numbers.join('×');
}

/** The value comes to this node by a shortcut: the node belongs to one, or is the sum and the value was made outside the body. */
export function isShortcut(node: Node, value: Value): boolean {
  const tag = node.origin.residual;
  if (!tag) return false;
  if (tag.part === 'shortcut') return true;
  if (tag.part !== 'sum') return false;
  let from = value.producer?.origin.residual;
  while (from && from.region !== tag.region) from = from.region.outer;
  return from?.part !== 'body';
}

/** Longer sizes are left out of a picture. */
const longestSize = 12;

/** `64×56×56`: sizes without the batch. Of a quotient the rounding is left out, as papers do: `H/2`. */
export function shapeText(type: TensorType | undefined, batch: string | undefined): string {
  if (!type) return '';
  if (type.foreign) return type.foreign.text;
  const dims = type.dims.map((d) => d.toString());
  // Windows of a batch are more of a batch.
  if (dims.length > 1 && batch !== undefined && (dims[0] === batch || dims[0]?.endsWith(`*${batch}`))) dims.shift();
  return dims
    .map((text) => {
      const short = text.replace(/floordiv\((\w+)(?: [+-] \d+)?, (\d+)\)/g, '$1/$2');
      return short.length > longestSize ? '…' : short;
    })
    .join('×');
}

/** A unit and what it is computed of, as far as that lies inside. */
export function coneOf(index: number, inside: ReadonlySet<Unit>, units: readonly Unit[]): ReadonlySet<Unit> {
  const cone = new Set<Unit>();
  const open = [units[index]];
  for (let unit = open.pop(); unit; unit = open.pop()) {
    if (!inside.has(unit) || cone.has(unit)) continue;
    cone.add(unit);
    open.push(...unit.from.map((from) => units[from]));
  }
  return cone;
}
