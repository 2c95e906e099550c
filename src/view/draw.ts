/**
 * Drawings of a graph: Graphviz DOT and Mermaid. Layers are boxes with the shape they give, scopes are frames around them, and a
 * shortcut is a dashed coloured line beside the body that it passes. Scopes deeper than `depth` are drawn as one box each, so
 * that a network of many blocks stays readable.
 */
import { cannotDraw } from '../diagnostics/catalogue/codegen.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { TensorType } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';

/** How much of a network is drawn. */
export interface DrawOptions {
  /** Scopes nested deeper than this are one box each; left out, the deepest level at which no more than 150 boxes come out. */
  readonly depth?: number;
}

/** Boxes that a reader can follow on one page. */
const mostBoxes = 150;

interface Box {
  readonly id: string;
  /** Frames around it, outermost first: `['layer1', 'layer1.0']`. */
  readonly frames: readonly string[];
  readonly title: string;
  /** How many nodes of the graph it stands for. */
  count: number;
  type: TensorType | undefined;
  readonly kind: 'input' | 'output' | 'layer' | 'sum' | 'scope';
}

interface Edge {
  readonly from: Box;
  readonly to: Box;
  readonly shortcut: boolean;
}

interface Drawing {
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
}

function segmentsOf(scope: string): readonly string[] {
  return scope === '' ? [] : scope.split('.');
}

/** The layer's own path when the node owns a weight, so that its box stands in the scope around it and carries its label. */
function placeOf(node: Node): { readonly frames: readonly string[]; readonly label: string } {
  const segments = segmentsOf(node.origin.scope);
  const prefix = `${node.origin.scope}.`;
  const owns =
    segments.length > 0 &&
    node.slots.some((use) => {
      const name = use?.value.def.kind === 'constant' ? use.value.name : undefined;
      return name?.startsWith(prefix) === true && !name.includes('.', prefix.length);
    });
  const label = owns ? (segments.at(-1) ?? '') : '';
  const inside = owns ? segments.slice(0, -1) : segments;
  return { frames: inside.map((_, i) => inside.slice(0, i + 1).join('.')), label };
}

function draw(graph: Graph, options: DrawOptions): Drawing {
  if (options.depth !== undefined) return drawAt(graph, options.depth);
  let deepest = 0;
  for (const node of graph.nodes()) deepest = Math.max(deepest, placeOf(node).frames.length);
  let drawing = drawAt(graph, deepest);
  for (let depth = deepest - 1; depth >= 1 && drawing.boxes.length > mostBoxes; depth--) drawing = drawAt(graph, depth);
  return drawing;
}

function drawAt(graph: Graph, depth: number): Drawing {
  const boxes: Box[] = [];
  const boxOf = new Map<Value, Box>();
  const scopes = new Map<string, Box>();
  const edges = new Map<string, Edge>();
  const add = (box: Omit<Box, 'id' | 'count'>): Box => {
    const made = { ...box, id: `n${boxes.length}`, count: 1 };
    boxes.push(made);
    return made;
  };
  const connect = (from: Box, to: Box, shortcut: boolean): void => {
    if (from === to) return;
    const key = `${from.id} ${to.id}`;
    const known = edges.get(key);
    // Where both a body and a shortcut join the same two boxes, the plain line stays: it is a body too.
    if (!known || (known.shortcut && !shortcut)) edges.set(key, { from, to, shortcut });
  };
  for (const input of graph.inputs) {
    boxOf.set(input, add({ frames: [], title: input.name ?? 'input', type: input.type, kind: 'input' }));
  }
  for (const node of graph.nodes()) {
    const { frames, label } = placeOf(node);
    const hidden = frames.length > depth ? frames[depth] : undefined;
    let box = hidden === undefined ? undefined : scopes.get(hidden);
    if (box) {
      box.count++;
      box.type = node.results[0]?.type;
    } else if (hidden !== undefined) {
      box = add({ frames: frames.slice(0, depth), title: hidden, type: node.results[0]?.type, kind: 'scope' });
      scopes.set(hidden, box);
    } else {
      const title = label === '' || label === node.op.name ? node.op.name : `${label}: ${node.op.name}`;
      box = add({ frames, title, type: node.results[0]?.type, kind: node.origin.residual?.part === 'sum' ? 'sum' : 'layer' });
    }
    for (const use of node.slots) {
      const from = use && boxOf.get(use.value);
      if (from && use) connect(from, box, isShortcut(node, use.value));
    }
    // What a sub-graph reads of the values around it comes to the node that owns it.
    for (const inner of node.regions.flatMap((region) => graphsIn(region))) {
      const read = [...inner.nodes()].flatMap((one) => one.slots.map((use) => use?.value));
      for (const value of [...read, ...inner.outputs.map((output) => output.value)]) {
        const from = value && boxOf.get(value);
        if (from) connect(from, box, false);
      }
    }
    for (const y of node.results) boxOf.set(y, box);
  }
  for (const { name, value } of graph.outputs) {
    const box = add({ frames: [], title: name, type: value.type, kind: 'output' });
    const from = boxOf.get(value);
    if (from) connect(from, box, false);
  }
  return { boxes, edges: [...edges.values()] };
}

/** The value comes to this node by a shortcut: the node belongs to one, or is the sum and the value was made outside the body. */
function isShortcut(node: Node, value: Value): boolean {
  const tag = node.origin.residual;
  if (!tag) return false;
  if (tag.part === 'shortcut') return true;
  if (tag.part !== 'sum') return false;
  let from = value.producer?.origin.residual;
  while (from && from.region !== tag.region) from = from.region.outer;
  return from?.part !== 'body';
}

function shapeText(type: TensorType | undefined): string {
  if (!type) return '';
  if (type.foreign) return type.foreign.text;
  return type.dims.length === 0 ? `${type.elem} scalar` : type.dims.map((d) => d.toString()).join(' × ');
}

function captionOf(box: Box): readonly string[] {
  const lines = [box.title];
  if (box.kind === 'scope') lines.push(box.count === 1 ? '1 node' : `${box.count} nodes`);
  const shape = shapeText(box.type);
  if (shape !== '') lines.push(shape);
  return lines;
}

interface Frame {
  readonly path: string;
  readonly inner: Map<string, Frame>;
  readonly boxes: Box[];
}

/** Frames as a tree, in the order in which their first box came. */
function framesOf(boxes: readonly Box[]): Frame {
  const root: Frame = { path: '', inner: new Map(), boxes: [] };
  for (const box of boxes) {
    let frame = root;
    for (const path of box.frames) {
      let next = frame.inner.get(path);
      if (!next) {
        next = { path, inner: new Map(), boxes: [] };
        frame.inner.set(path, next);
      }
      frame = next;
    }
    frame.boxes.push(box);
  }
  return root;
}

/**
 * Opening and closing lines of all frames, with their boxes between. Walked with a stack of its own, because the nesting of
 * scopes is the user's.
 */
function walkFrames(
  root: Frame,
  visit: { open(frame: Frame, depth: number): void; box(box: Box, depth: number): void; close(depth: number): void },
): void {
  const stack: { readonly frame: Frame; readonly rest: Iterator<Frame> }[] = [];
  const enter = (frame: Frame): void => {
    if (frame !== root) visit.open(frame, stack.length);
    for (const box of frame.boxes) visit.box(box, stack.length + 1);
    stack.push({ frame, rest: frame.inner.values() });
  };
  enter(root);
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const next = top.rest.next();
    if (!next.done) {
      enter(next.value);
      continue;
    }
    stack.pop();
    if (top.frame !== root) visit.close(stack.length);
  }
}

/** Graphviz DOT of the graph, top to bottom. */
export function toDot(graph: Graph, options: DrawOptions = {}): string {
  const { boxes, edges } = draw(graph, options);
  const lines = [
    `digraph ${dotText([graph.name])} {`,
    '  rankdir=TB; nodesep=0.3; ranksep=0.35; compound=true;',
    '  graph [fontname="Helvetica", fontsize=11, labeljust=l];',
    '  node [shape=box, style="rounded,filled", fillcolor="#f5f7fa", color="#8595a8", fontname="Helvetica", fontsize=10, margin="0.2,0.06"];',
    '  edge [color="#5b6776", arrowsize=0.6];',
  ];
  let clusters = 0;
  walkFrames(framesOf(boxes), {
    open: (frame, depth) => {
      const indent = '  '.repeat(depth);
      const shade = depth % 2 === 1 ? '#ffffff' : '#f0f4f8';
      lines.push(
        `${indent}subgraph cluster_${clusters++} {`,
        `${indent}  label=${dotText([frame.path])}; style="rounded,filled"; color="#b8c4d0"; fillcolor="${shade}";`,
      );
    },
    box: (box, depth) => {
      lines.push(`${'  '.repeat(depth)}${box.id} [label=${dotText(captionOf(box))}${dotStyles[box.kind]}];`);
    },
    close: (depth) => {
      lines.push(`${'  '.repeat(depth)}}`);
    },
  });
  for (const { from, to, shortcut } of edges) {
    // A weight of 0 lets the body keep the straight line; the shortcut goes round it.
    lines.push(
      `  ${from.id} -> ${to.id}${shortcut ? ' [style=dashed, color="#d1495b", penwidth=1.4, weight=0]' : ' [weight=4]'};`,
    );
  }
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

const dotStyles: Readonly<Record<Box['kind'], string>> = {
  input: ', shape=oval, fillcolor="#dcebdc"',
  output: ', shape=oval, fillcolor="#dcebdc"',
  layer: '',
  sum: ', fillcolor="#fbe3c0"',
  scope: ', peripheries=2, fillcolor="#e4ecf7"',
};

function dotText(lines: readonly string[]): string {
  return `"${lines.map((line) => line.replace(/\\/g, '\\\\').replace(/"/g, '\\"')).join('\\n')}"`;
}

/** Mermaid flowchart of the graph, top to bottom; shortcuts are dotted lines. */
export function toMermaid(graph: Graph, options: DrawOptions = {}): string {
  const { boxes, edges } = draw(graph, options);
  const lines = ['flowchart TB'];
  let frames = 0;
  walkFrames(framesOf(boxes), {
    open: (frame, depth) => {
      lines.push(`${'  '.repeat(depth)}subgraph s${frames++} [${mermaidText([frame.path])}]`);
    },
    box: (box, depth) => {
      const text = mermaidText(captionOf(box));
      const shape = { input: `([${text}])`, output: `([${text}])`, layer: `[${text}]`, sum: `[${text}]`, scope: `[[${text}]]` }[
        box.kind
      ];
      lines.push(`${'  '.repeat(depth)}${box.id}${shape}`);
    },
    close: (depth) => {
      lines.push(`${'  '.repeat(depth)}end`);
    },
  });
  const dotted: number[] = [];
  edges.forEach(({ from, to, shortcut }, i) => {
    lines.push(`  ${from.id} ${shortcut ? '-.->' : '-->'} ${to.id}`);
    if (shortcut) dotted.push(i);
  });
  if (dotted.length > 0) lines.push(`  linkStyle ${dotted.join(',')} stroke:#d1495b`);
  return `${lines.join('\n')}\n`;
}

/** Mermaid reads entities, written with # in the place of &, inside quotes. */
function mermaidText(lines: readonly string[]): string {
  const entities = (line: string): string => line.replace(/[#"&<>]/g, (c) => `#${c.charCodeAt(0)};`);
  return `"${lines.map(entities).join('<br/>')}"`;
}

/** Lays the drawing out and gives SVG. Imports Graphviz when it is first called. */
export async function toSvg(dot: string): Promise<string> {
  const { instance } = await import('@viz-js/viz');
  const result = (await instance()).render(dot, { format: 'svg', engine: 'dot' });
  if (result.status === 'success') return result.output;
  return fail(cannotDraw, { with: { reason: result.errors.map((e) => e.message).join('; ') } });
}
