/**
 * Drawings of a graph as texts that other programs lay out: Graphviz DOT and Mermaid. Shortcuts are coloured and dashed, and
 * panels that open blocks stand beside the network.
 */
import { checkArgument, checkOptions, depthKind, graphShape } from '../diagnostics/arguments.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import type { Graph } from '../ir/graph.ts';
import { drawBlocks } from './figure/blocks.ts';
import type { Box, Drawing, Frame, Panel } from './figure/drawing.ts';
import { frameText } from './figure/layout.ts';
import { drawScopes } from './figure/scopes.ts';

/** How much of a network is drawn. */
export interface DrawOptions {
  /**
   * Draws scopes as frames, and those nested deeper than this as one box each. Left out, the chain of the network is drawn, with
   * equal blocks once.
   */
  readonly depth?: number | undefined;
}

/** Lines as long as Graphviz and Mermaid have room for. */
const roomy = { lineLength: 34, blockLength: 34, stacked: false, rows: false };

function drawingOf(graph: Graph, { depth }: DrawOptions): Drawing {
  const [drawing] = depth === undefined ? drawBlocks(graph, [roomy]) : [drawScopes(graph, depth)];
  return drawing ?? bug('a network without a drawing');
}

/**
 * The same drawing from the roomiest to the tightest: a page takes the first that is no larger than it. Scopes have one form.
 */
export function drawingsOf(graph: Graph, { depth }: DrawOptions = {}): readonly Drawing[] {
  if (depth !== undefined) return [drawScopes(graph, depth)];
  const lengths = [44, 30, 20];
  const blockLengths = [34, 22, 14];
  const tightness = [
    { stacked: false, rows: false },
    { stacked: true, rows: false },
    { stacked: true, rows: true },
  ];
  const options = tightness.flatMap((tight) =>
    lengths.flatMap((lineLength) => blockLengths.map((blockLength) => ({ ...tight, lineLength, blockLength }))),
  );
  return drawBlocks(graph, options);
}

/** What stands in a box, and how often it does. */
function captionOf(box: Box): readonly string[] {
  const [first = '', ...rest] = box.lines;
  const head = [box.opens === undefined ? first : `${box.opens}  ${first}`, box.times === undefined ? '' : `×${box.times}`];
  return [head.filter((part) => part !== '').join('  '), ...rest, ...(box.shape === undefined ? [] : [box.shape])];
}

interface Tree {
  readonly frame: Frame | undefined;
  readonly inner: Tree[];
  readonly boxes: Box[];
}

/** Frames as a tree, in the order in which they came. */
function treeOf({ frames, boxes }: Panel): Tree {
  const root: Tree = { frame: undefined, inner: [], boxes: [] };
  const trees = new Map<string | undefined, Tree>([[undefined, root]]);
  for (const frame of frames) {
    const tree: Tree = { frame, inner: [], boxes: [] };
    trees.set(frame.id, tree);
    (trees.get(frame.parent) ?? root).inner.push(tree);
  }
  for (const box of boxes) (trees.get(box.frame) ?? root).boxes.push(box);
  return root;
}

/**
 * Opening and closing lines of all frames, with their boxes between. Walked with a stack of its own, because the nesting of
 * scopes is the user's.
 */
function walkFrames(
  root: Tree,
  visit: { open(frame: Frame, depth: number): void; box(box: Box, depth: number): void; close(depth: number): void },
): void {
  const stack: { readonly tree: Tree; readonly rest: Iterator<Tree> }[] = [];
  const enter = (tree: Tree): void => {
    if (tree.frame) visit.open(tree.frame, stack.length);
    for (const box of tree.boxes) visit.box(box, stack.length + 1);
    stack.push({ tree, rest: tree.inner.values() });
  };
  enter(root);
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const next = top.rest.next();
    if (!next.done) {
      enter(next.value);
      continue;
    }
    stack.pop();
    if (top.tree !== root) visit.close(stack.length);
  }
}

interface Line {
  readonly from: string;
  readonly to: string;
  readonly shortcut: boolean;
}

/** The join of a box with a shortcut round it, and what lies on the shortcut, are nodes of their own here. */
const joinOf = (box: Box): string => `${box.id}j`;
const sideOf = (box: Box): string => `${box.id}s`;

function linesOf({ boxes, edges }: Panel): readonly Line[] {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const lines: Line[] = [];
  for (const box of boxes) {
    if (!box.bypass) continue;
    lines.push({ from: box.id, to: joinOf(box), shortcut: false });
    if (box.bypass.lines.length > 0) lines.push({ from: sideOf(box), to: joinOf(box), shortcut: true });
  }
  for (const edge of edges) {
    const [from, to] = [byId.get(edge.from), byId.get(edge.to)];
    if (!from || !to) continue;
    const start = from.bypass ? joinOf(from) : from.id;
    lines.push({ from: start, to: to.id, shortcut: edge.shortcut });
    if (to.bypass) lines.push({ from: start, to: to.bypass.lines.length > 0 ? sideOf(to) : joinOf(to), shortcut: true });
  }
  return lines;
}

/** Graphviz DOT of the graph, top to bottom. */
export function toDot(graph: Graph, options: DrawOptions = {}): string {
  checkArgument('toDot', 'graph', graph, graphShape);
  checkOptions('toDot', options, { depth: depthKind });
  const { name, panels } = drawingOf(graph, options);
  const lines = [
    `digraph ${dotText([name])} {`,
    '  rankdir=TB; nodesep=0.3; ranksep=0.35; compound=true;',
    '  graph [fontname="Helvetica", fontsize=11, labeljust=l];',
    '  node [shape=box, style="rounded,filled", fillcolor="#f4f6f8", color="#8b98a6", fontname="Helvetica", fontsize=10, margin="0.2,0.06"];',
    '  edge [color="#5a6775", arrowsize=0.6];',
  ];
  let clusters = 0;
  const open = (title: string, depth: number): void => {
    const indent = '  '.repeat(depth);
    const shade = depth % 2 === 1 ? '#fafbfc' : '#ffffff';
    lines.push(
      `${indent}subgraph cluster_${clusters++} {`,
      `${indent}  label=${dotText([title])}; style="rounded,filled"; color="#b4bec8"; fillcolor="${shade}";`,
    );
  };
  for (const panel of panels) {
    const extra = panel.id === '' ? 0 : 1;
    if (extra > 0) open(panel.title, 1);
    walkFrames(treeOf(panel), {
      open: (frame, depth) => open(frameText(frame), depth + extra),
      box: (box, depth) => {
        const indent = '  '.repeat(depth + extra);
        lines.push(`${indent}${box.id} [label=${dotText(captionOf(box))}${dotStyles[box.kind]}];`);
        if (!box.bypass) return;
        lines.push(`${indent}${joinOf(box)} [label=${dotText([box.bypass.join])}${dotStyles.join}];`);
        if (box.bypass.lines.length > 0) lines.push(`${indent}${sideOf(box)} [label=${dotText(box.bypass.lines)}];`);
      },
      close: (depth) => {
        lines.push(`${'  '.repeat(depth + extra)}}`);
      },
    });
    for (const { from, to, shortcut } of linesOf(panel)) {
      // A weight of 0 lets the body keep the straight line; the shortcut goes round it.
      const style = shortcut ? ' [style=dashed, color="#c2410c", penwidth=1.4, weight=0]' : ' [weight=4]';
      lines.push(`${'  '.repeat(1 + extra)}${from} -> ${to}${style};`);
    }
    if (extra > 0) lines.push('  }');
  }
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

const dotStyles: Readonly<Record<Box['kind'], string>> = {
  input: ', shape=oval, fillcolor="#ffffff"',
  output: ', shape=oval, fillcolor="#ffffff"',
  tap: ', shape=oval, fillcolor="#ffffff", color="#c2410c"',
  layer: '',
  join: ', fillcolor="#fdf0e3", color="#d08a4e"',
  block: ', fillcolor="#e3edf7", color="#4f7fae"',
};

function dotText(lines: readonly string[]): string {
  return `"${lines.map((line) => line.replace(/\\/g, '\\\\').replace(/"/g, '\\"')).join('\\n')}"`;
}

/** Mermaid flowchart of the graph, top to bottom; shortcuts are dotted lines. */
export function toMermaid(graph: Graph, options: DrawOptions = {}): string {
  checkArgument('toMermaid', 'graph', graph, graphShape);
  checkOptions('toMermaid', options, { depth: depthKind });
  const { panels } = drawingOf(graph, options);
  const lines = ['flowchart TB'];
  let frames = 0;
  let drawn = 0;
  const dotted: number[] = [];
  for (const panel of panels) {
    const extra = panel.id === '' ? 0 : 1;
    if (extra > 0) lines.push(`  subgraph s${frames++} [${mermaidText([panel.title])}]`);
    walkFrames(treeOf(panel), {
      open: (frame, depth) => {
        lines.push(`${'  '.repeat(depth + extra)}subgraph s${frames++} [${mermaidText([frameText(frame)])}]`);
      },
      box: (box, depth) => {
        const indent = '  '.repeat(depth + extra);
        const [before, behind] = mermaidShapes[box.kind];
        lines.push(`${indent}${box.id}${before}${mermaidText(captionOf(box))}${behind}`);
        if (!box.bypass) return;
        lines.push(`${indent}${joinOf(box)}([${mermaidText([box.bypass.join])}])`);
        if (box.bypass.lines.length > 0) lines.push(`${indent}${sideOf(box)}[${mermaidText(box.bypass.lines)}]`);
      },
      close: (depth) => {
        lines.push(`${'  '.repeat(depth + extra)}end`);
      },
    });
    for (const { from, to, shortcut } of linesOf(panel)) {
      lines.push(`${'  '.repeat(1 + extra)}${from} ${shortcut ? '-.->' : '-->'} ${to}`);
      if (shortcut) dotted.push(drawn);
      drawn++;
    }
    if (extra > 0) lines.push('  end');
  }
  if (dotted.length > 0) lines.push(`  linkStyle ${dotted.join(',')} stroke:#c2410c`);
  return `${lines.join('\n')}\n`;
}

const mermaidShapes: Readonly<Record<Box['kind'], readonly [string, string]>> = {
  input: ['([', '])'],
  output: ['([', '])'],
  tap: ['([', '])'],
  join: ['([', '])'],
  layer: ['[', ']'],
  block: ['[[', ']]'],
};

/** Mermaid reads entities, written with # in the place of &, inside quotes. */
function mermaidText(lines: readonly string[]): string {
  const entities = (line: string): string => line.replace(/[#"&<>]/g, (c) => `#${c.charCodeAt(0)};`);
  return `"${lines.map(entities).join('<br/>')}"`;
}
