/**
 * A network drawn by its scopes: frames down to a depth, and one box for each scope below it. What becomes one box or one frame
 * is a run of an order in which the network can be computed, so that no picture has a cycle that the network has not: a scope
 * that is left and entered again is drawn in several parts.
 */

import type { Graph } from '../../ir/graph.ts';
import { type ScopeRun, scopeRuns } from '../scope-runs.ts';
import type { Box, Drawing, Edge, Frame } from './drawing.ts';
import { shapeText, type Unit, type UnitGraph, unitsOf } from './units.ts';

/** Boxes that a reader can follow on one page. */
const mostBoxes = 150;

/** The deepest drawing of at most 150 boxes, or the one of the depth that is asked for. */
export function drawScopes(graph: Graph, depth: number | undefined): Drawing {
  const of = unitsOf(graph, { merged: false });
  if (depth !== undefined) return drawAt(graph.name, of, depth);
  const deepest = of.units.reduce((most, { scopes }) => Math.max(most, scopes.length), 0);
  let drawing = drawAt(graph.name, of, deepest);
  for (let at = deepest - 1; at >= 0 && (drawing.panels[0]?.boxes.length ?? 0) > mostBoxes; at--)
    drawing = drawAt(graph.name, of, at);
  return drawing;
}

function drawAt(name: string, { units }: UnitGraph, depth: number): Drawing {
  const boxes: Box[] = [];
  const frames: Frame[] = [];
  const boxOf = new Map<number, Box>();
  const box = (made: Omit<Box, 'id'>, of: readonly Unit[]): void => {
    const one = { ...made, id: `n${boxes.length}` };
    boxes.push(one);
    for (const unit of of) boxOf.set(unit.index, one);
  };
  const single = (unit: Unit, frame: string | undefined): void => {
    const [caption = ''] = unit.captions;
    const title = unit.label === '' || unit.label === caption ? caption : `${unit.label}: ${caption}`;
    const shape = shapeText(unit.type, undefined);
    box(
      {
        kind: unit.kind !== 'layer' ? unit.kind : unit.nodes[0]?.origin.residual?.part === 'sum' ? 'join' : 'layer',
        lines: shape === '' ? [title] : [title, shape],
        frame,
        path: unit.scopes.join('.'),
        nodes: unit.nodes.map((node) => node.id),
      },
      [unit],
    );
  };
  // A stack of its own, because the nesting of scopes is the user's.
  const stack: {
    readonly parts: readonly ScopeRun<Unit>[];
    next: number;
    readonly level: number;
    readonly frame: string | undefined;
  }[] = [{ parts: scopeRuns(units, 0), next: 0, level: 0, frame: undefined }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const part = top.parts[top.next++];
    if (!part) {
      stack.pop();
      continue;
    }
    const [first] = part.units;
    if (part.scope === undefined || !first) {
      for (const unit of part.units) single(unit, top.frame);
      continue;
    }
    const path = first.scopes.slice(0, top.level + 1).join('.');
    if (top.level >= depth) {
      const nodes = part.units.flatMap((unit) => unit.nodes.map((node) => node.id));
      const shape = shapeText(part.units.at(-1)?.type, undefined);
      const count = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;
      const bypass = shortcutAround(part.units);
      box(
        { kind: 'block', lines: [path, count, ...(shape === '' ? [] : [shape])], frame: top.frame, path, nodes, bypass },
        part.units,
      );
      continue;
    }
    const frame = { id: `f${frames.length}`, parent: top.frame, title: path };
    frames.push(frame);
    stack.push({ parts: scopeRuns(part.units, top.level + 1), next: 0, level: top.level + 1, frame: frame.id });
  }
  return { name, panels: [{ id: '', title: '', boxes, frames, edges: edgesOf(units, boxOf) }] };
}

/** What a shortcut within the part joins, if one is there: it is drawn beside the box. */
function shortcutAround(units: readonly Unit[]): Box['bypass'] {
  const sum = units.findLast((unit) => unit.nodes.some((node) => node.origin.residual?.part === 'sum'));
  return sum && { lines: [], join: sum.captions[0] ?? '' };
}

/** Edges between different boxes, each once; a body and a shortcut between the same two are a body. */
export function edgesOf(units: readonly Unit[], boxOf: ReadonlyMap<number, Box>): readonly Edge[] {
  const edges = new Map<string, Edge>();
  for (const unit of units) {
    const to = boxOf.get(unit.index);
    for (const index of unit.from) {
      const from = boxOf.get(index);
      const source = units[index];
      if (!from || !to || from === to || !source) continue;
      const shortcut = unit.shortcuts.has(index);
      const key = `${from.id} ${to.id}`;
      const known = edges.get(key);
      if (!known || (known.shortcut && !shortcut)) edges.set(key, { from: from.id, to: to.id, shortcut });
    }
  }
  return [...edges.values()];
}
