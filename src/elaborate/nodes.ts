/** Nodes and parameters of the graph: made at the frame's place in the source, checked, and paid for. */

import { at } from '../diagnostics/at.ts';
import { enormous, layerShape, symbolicParameter, tieMismatch } from '../diagnostics/catalogue/shapes.ts';
import { duplicatePath } from '../diagnostics/catalogue/structure.ts';
import { badIndex, intOverflow } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { type Dim, DimOverflow, productOf, sameDims } from '../ir/dim.ts';
import { type ConstantRole, type Graph, hostOf, type Node, type Origin, type Value } from '../ir/graph.ts';
import { type AttrValue, CheckFailure, type Operator } from '../ir/operator.ts';
import { isOfRun } from '../ir/promise.ts';
import { type ElemType, isFloat, typeText } from '../ir/types.ts';
import { numberAttr } from '../ops/attrs.ts';
import { type ArgumentPlace, AxisFailure } from '../ops/axis-pattern.ts';
import { axisIn } from '../ops/common.ts';
import { operatorByName } from '../ops/lookup.ts';
import type { InitSpec } from '../ops/params.ts';
import { type Context, nodeCost } from './context.ts';
import { checkFinite } from './numbers.ts';
import type { Frame } from './scope.ts';
import { misread } from './size-reads.ts';
import { sourceText } from './values.ts';

const maxElements = 2 ** 40;

/** Makes a node at the frame's place in the source. A shape that does not fit is reported at `span`. */
function makeNode(
  c: Context,
  f: Frame,
  operator: Operator,
  operands: readonly (Value | undefined)[],
  attrs: Readonly<Record<string, AttrValue>>,
  span: Span,
): readonly Value[] {
  return guarded(c, f, operator.name, operands, span, () => create(c, f, operator, operands, attrs, span));
}

/** The result of a new node whose operator has one. */
export function makeValue(
  c: Context,
  f: Frame,
  operator: Operator,
  operands: readonly (Value | undefined)[],
  attrs: Readonly<Record<string, AttrValue>>,
  span: Span,
): Value {
  return at(makeNode(c, f, operator, operands, attrs, span), 0);
}

export function create(
  c: Context,
  f: Frame,
  operator: Operator,
  operands: readonly (Value | undefined)[],
  attrs: Readonly<Record<string, AttrValue>>,
  span: Span,
  regions: readonly Graph[] = [],
): readonly Value[] {
  const origin: Origin = { scope: f.path, span, residual: f.residual };
  c.nodes++;
  // Nodes have a few operands; a concat of a list has as many as that.
  c.spend(nodeCost + 4 * Math.max(0, operands.length - 4), span, f);
  const node = c.graph.create(operator, operands, attrs, origin, undefined, regions);
  checkAttributes(c, f, node, span);
  checkIndices(c, f, node, span);
  for (const { type } of node.results) {
    // Ranks and the operands of a concat are as large as a list is.
    c.spend(type.dims.length / 8, span, f);
    if (c.fits.has(type)) continue;
    const count = productOf(type.dims).lowerBound;
    if (count > maxElements) c.fail(enormous, f, { span, with: { found: `${operator.name} gives ${typeText(type)}` } });
    c.fits.add(type);
  }
  return node.results;
}

/** Numbers among the attributes are used in the type of the first float around. Infinite ones are bounds that are none. */
function checkAttributes(c: Context, f: Frame, node: Node, span: Span): void {
  const specs = node.op.attrs;
  for (const name in specs) {
    const value = node.attrs[name];
    if (specs[name]?.kind !== 'float' || typeof value !== 'number' || !Number.isFinite(value)) continue;
    const isOfFloats = (one: Value | undefined): boolean => one !== undefined && isFloat(one.type.elem);
    const first = node.slots.find((use) => isOfFloats(use?.value))?.value ?? node.results.find(isOfFloats);
    if (first) checkFinite(c, f, span, first.type.elem, value);
  }
}

/** Indices that are known now, as of `gather(x, [0, 2])`, lie on the axis that they count along. */
function checkIndices(c: Context, f: Frame, node: Node, span: Span): void {
  for (const [i, { indexes }] of node.op.operands.entries()) {
    if (!indexes) continue;
    const [indices, table] = [hostOf(node.operand(i)), node.operand(indexes.operand)];
    if (!indices || !table) continue;
    const { dims } = table.type;
    const axis = typeof indexes.axis === 'number' ? indexes.axis : axisIn(numberAttr(node.attrs, indexes.axis), dims.length);
    const size = at(dims, axis);
    const behind = size.upperBound + (indexes.low ?? 0);
    const wrong = indices.data.find((index) => index >= behind || index < -size.upperBound);
    if (wrong === undefined) continue;
    const last = Math.max(0, behind - 1);
    c.fail(badIndex, f, {
      span,
      with: {
        found: `index ${wrong} along axis ${axis} of ${typeText(table.type)}`,
        expected: behind > 0 ? `an index from ${indexes.low ?? -size.upperBound} to ${last}` : 'an axis that is not empty',
        hint: behind > 0 ? `write ${last} for the last, or another axis` : 'check how the tensor is made',
      },
    });
  }
}

/** Turns a failed constraint into a diagnostic at the call, with a note where its operand was made. */
export function guarded<T>(
  c: Context,
  f: Frame,
  name: string,
  operands: readonly (Value | undefined)[],
  span: Span,
  work: () => T,
  spanOf: (place: ArgumentPlace) => Span = () => span,
): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DimOverflow) return c.fail(intOverflow, f, { span, with: { found: error.message } });
    if (!(error instanceof CheckFailure)) throw error;
    if (error instanceof AxisFailure) {
      const { axis, found, expected, hint = '' } = error;
      return c.fail(error.diagnostic, f, { span: spanOf(error.place), with: { layer: name, axis, found, expected, hint } });
    }
    const notes = operands.flatMap((value) => {
      const at = value?.producer?.origin.span;
      return value && at && (at.start !== span.start || at.file !== span.file)
        ? [{ span: at, text: `gives ${typeText(value.type)}` }]
        : [];
    });
    const [a, b] = operands;
    const read = operatorByName(name)?.traits.elementwise && a && b ? misread(c, a, b, false) : undefined;
    return c.fail(layerShape, f, {
      span,
      notes: [...notes.slice(-2), ...(read?.notes ?? [])],
      with: {
        layer: name,
        found: error.found,
        expected: error.expected,
        hint: read?.hint ?? error.hint ?? `rescc explain ${name}`,
      },
    });
  }
}

/** What a statement wants that makes a parameter and is run again. */
function againHint({ use }: Frame): string {
  const repeated = 'label the `repeat` or `each` around it, as in `layers: repeat 2 { … }`';
  const block = use && /^[A-Za-z_]\w*(?=\()/.exec(sourceText(use.span))?.[0];
  return block ? `${repeated}, or every call of the block, as in \`first: ${block}(…)\`` : repeated;
}

/** Creates the parameter at a path, or finds it where weights are shared. */
export function parameter(
  c: Context,
  f: Frame,
  path: string,
  dims: readonly Dim[],
  elem: ElemType,
  init: InitSpec,
  role: ConstantRole,
  span: Span,
  owner: string,
): Value {
  const sizes = dims.map((d) => d.constant).filter((n) => n !== undefined);
  const shape = (): string => `[${dims.map((d) => d.toString()).join(', ')}]`;
  if (sizes.length < dims.length) {
    const symbol = dims.flatMap((d) => d.symbols())[0] ?? 'the symbol';
    return c.fail(symbolicParameter, f, {
      span,
      with: {
        path,
        shape: shape(),
        hint: isOfRun(symbol)
          ? `reduce that axis before \`${owner}\`, or put it where the layer takes any size`
          : `fix \`${symbol}\` in the input type, or pool it away before \`${owner}\``,
      },
    });
  }
  if (sizes.reduce((a, b) => a * b, 1) > maxElements)
    c.fail(enormous, f, { span, with: { found: `parameter ${path} of shape ${shape()}` } });
  c.spend(path.length / 256, span, f);
  const before = c.parameters.get(path);
  if (before) {
    if (!f.share) {
      const again = before.span.start === span.start && before.span.file === span.file;
      return c.fail(duplicatePath, f, {
        span,
        notes: [{ span: before.span, text: again ? 'runs more than once' : 'the first one is created here' }],
        with: {
          path,
          hint: again ? againHint(f) : 'give one of the two a label of its own, or write `reuse` to share the weights',
        },
      });
    }
    const old = before.value.type;
    if (old.elem === elem && sameDims(old.dims, dims)) return before.value;
    return c.fail(tieMismatch, f, {
      span,
      notes: [{ span: before.span, text: `created here as ${typeText(old)}` }],
      with: { path, found: `${elem}${shape()}`, expected: typeText(old) },
    });
  }
  if (init.value !== undefined) checkFinite(c, f, span, elem, init.value);
  const value = c.graph.root.constant(c.content.initial(path, sizes, elem, init), role, path);
  c.parameters.set(path, { value, span });
  if (init.byDepth) c.ownInits.set(value, { path, dims: sizes, elem, init });
  return value;
}
