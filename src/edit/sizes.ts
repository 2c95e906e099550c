/**
 * A model for other sizes of its inputs: another batch, a free one, other names. Where a size was a number, the network may hang
 * on it; reshapes whose target has the batch in it are brought along, and what else fixes it is said by name.
 */

import { onnxType } from '../codegen/to-onnx.ts';
import { checkArgument, checkOptions, either, onnxFileKind, recordOf, text, whole } from '../diagnostics/arguments.ts';
import { shapeMisfit } from '../diagnostics/catalogue/cli.ts';
import { fixedSize } from '../diagnostics/catalogue/import.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { shapeOfFile } from '../import/narrowed.ts';
import { readDeclarations } from '../ir/declarations.ts';
import { Dim } from '../ir/dim.ts';
import { parseDim } from '../ir/dim-text.ts';
import { checkSizes } from '../ir/evaluate.ts';
import { type TensorType, typeText } from '../ir/types.ts';
import type { OnnxDim, OnnxFile, OnnxNode, OnnxTensor, OnnxValue } from '../onnx/model.ts';
import { NodeAttributes } from '../onnx/node-attributes.ts';
import { literal } from '../tensor/leaves.ts';
import { materializeSync } from '../tensor/values.ts';
import { redeclared } from './declarations.ts';
import { importedFile, nodeName, TopValues } from './values.ts';

/** A number, a name for a size that stays open, or `free` for one that gets a name. */
export type NewSize = number | string;

/** Which sizes of the inputs become what. */
export interface ResizeOptions {
  /** Of the first axis of every input. `free` names it N. */
  readonly batch?: NewSize | undefined;
  /** By the name that the file has for a size (`H`), or by input and axis (`image:2`). */
  readonly sizes?: Readonly<Record<string, NewSize>> | undefined;
}

/** A model for other sizes. */
export interface Resized {
  readonly model: OnnxFile;
  /** Of every input that has another shape now. */
  readonly inputs: readonly { readonly name: string; readonly before: readonly OnnxDim[]; readonly after: readonly OnnxDim[] }[];
  /** Nodes whose target was brought along. */
  readonly mended: readonly string[];
}

/** An axis of an input that becomes something else. */
interface Change {
  readonly what: string;
  readonly input: string;
  readonly axis: number;
  readonly before: OnnxDim;
  readonly after: number | string;
}

export const isSizeName = (text: string): boolean => /^[A-Za-z_]\w*$/.test(text);

/**
 * The model with other sizes of its inputs. Types of its values are inferred anew.
 *
 * @throws DiagnosticError RES0709 for a size that the model has not, or inputs whose first axes are not one batch; RES0841 for a
 * number that breaks a promise of the model; RES0667, with the node, where the network fixes what is to be another.
 */
export function resizeModel(file: OnnxFile, options: ResizeOptions = {}): Resized {
  checkArgument('resizeModel', 'file', file, onnxFileKind);
  checkOptions('resizeModel', options, { batch: either(whole(0), text), sizes: recordOf(either(whole(0), text)) });
  const changes = changesOf(file, options);
  const opened = withInputs(file, changes, (change) => nameWhileOpen(change));
  const mended: string[] = [];
  let model: OnnxFile = { ...opened, graph: { ...opened.graph, valueInfo: [], outputs: opened.graph.outputs.map(unshaped) } };
  for (const change of changes) {
    // What had a name already was no number anywhere in the network.
    if (typeof change.before === 'number' && change.before !== change.after) model = followed(file, model, change, mended);
  }
  const closed = withInputs(model, changes, (change) => change.after);
  const types = typesIn(closed);
  const outputs = closed.graph.outputs.map((one) => typed(one, types));
  const inputs = shapesChanged(file, closed);
  const names = new Set(closed.graph.inputs.flatMap(({ type }) => (type?.dims ?? []).map(String)));
  const sizes = new Map(changes.flatMap(({ before, after }) => (typeof before === 'string' ? [[before, after] as const] : [])));
  const metadata = redeclared(file.metadata, {
    sizes: (name) => {
      const to = sizes.get(name) ?? name;
      return typeof to === 'string' && names.has(to) ? to : undefined;
    },
  });
  return { model: { ...closed, metadata, graph: { ...closed.graph, outputs } }, inputs, mended };
}

/** A number that is to be another number is followed through the network by a name, one for all axes that are one size. */
const nameWhileOpen = ({ before, after, what }: Change): number | string =>
  typeof before === 'number' && typeof after === 'number' && before !== after ? `rescc_${what.replace(/\W+/g, '_')}` : after;

function changesOf(file: OnnxFile, { batch, sizes = {} }: ResizeOptions): readonly Change[] {
  const values = new TopValues(file);
  const inputs = values.asked.flatMap((name) => {
    const found = values.inputs.get(name);
    return found ? [found] : [];
  });
  const changes = new Map<string, Change>();
  const taken = new Set(inputs.flatMap(({ type }) => (type?.dims ?? []).filter((d) => typeof d === 'string')));
  const put = (what: string, input: string, axis: number, before: OnnxDim, after: number | string): void => {
    changes.set(`${input}:${axis}`, { what, input, axis, before, after });
  };
  if (batch !== undefined) {
    const batched = inputs.filter(({ type }) => (type?.dims?.length ?? 0) > 0);
    const firsts = new Set(batched.map(({ type }) => type?.dims?.[0]));
    const [first] = firsts;
    const [input] = batched;
    if (!input || firsts.size > 1)
      fail(shapeMisfit, {
        with: {
          name: input?.name ?? inputs[0]?.name ?? 'none',
          found: batched.map(({ name, type }) => `${name}${shapeOfFile(type?.dims)}`).join(', ') || 'no input with axes',
          expected: 'first axes that are one batch, for --batch',
          hint: input ? `--size ${input.name}:0=${batch}` : 'leave --batch out',
        },
      });
    const free = ['N', 'batch', 'batch_size'].find((name) => name === first || !taken.has(name)) ?? 'N';
    for (const { name } of batched)
      put('the batch', name, 0, first, batch === 'free' ? (typeof first === 'string' ? first : free) : batch);
  }
  const { promises } = readDeclarations(new Map(file.metadata));
  for (const [key, size] of Object.entries(sizes)) {
    if (taken.has(key)) {
      if (typeof size === 'number') checkSizes(promises, { [key]: size });
      for (const { name, type } of inputs)
        type?.dims?.forEach((dim, axis) => {
          const after = typeof dim === 'string' ? substituted(dim, key, size === 'free' ? key : size) : undefined;
          if (after !== undefined) put(key, name, axis, dim, after);
        });
      continue;
    }
    const at = key.lastIndexOf(':');
    const axis = Number(key.slice(at + 1));
    const input = inputs.find(({ name }) => name === key.slice(0, at));
    const before = input?.type?.dims?.[axis];
    if (!input?.type?.dims || !Number.isInteger(axis) || axis < 0 || axis >= input.type.dims.length)
      fail(shapeMisfit, {
        with: {
          name: input?.name ?? key,
          found: `--size ${key}=${size}`,
          expected: `${taken.size > 0 ? `one of ${[...taken].join(', ')}, or ` : ''}an axis of an input: ${inputs.map(({ name, type }) => `${name}${shapeOfFile(type?.dims)}`).join(', ')}`,
          hint: `--size ${input?.name ?? inputs[0]?.name ?? 'image'}:0=${size}`,
        },
      });
    const own = `${isSizeName(input.name) ? input.name : 'size'}_${axis}`;
    put(key, input.name, axis, before, size === 'free' ? (typeof before === 'string' ? before : own) : size);
  }
  for (const { input, axis, before, after } of changes.values())
    if (typeof before === 'string' && typeof after === 'number' && promises.has(before))
      checkSizes(promises, { [before]: after });
    else if (typeof after === 'number' && !(Number.isSafeInteger(after) && after > 0))
      fail(shapeMisfit, {
        with: {
          name: input,
          found: `${after} for axis ${axis}`,
          expected: 'a whole number from 1 on, a name, or free',
          hint: '--batch free',
        },
      });
  return [...changes.values()];
}

/** `2*H` with H = 3 is 6, with H = K it is `2*K`; undefined where the size is not in it. */
function substituted(text: string, name: string, by: NewSize): number | string | undefined {
  if (text === name) return by;
  const parsed = parseDim(text);
  if (!parsed?.symbols().includes(name)) return undefined;
  const made = parsed.substitute(name, typeof by === 'number' ? Dim.of(by) : Dim.symbol(by));
  return made.constant ?? made.toString();
}

function withInputs(file: OnnxFile, changes: readonly Change[], size: (change: Change) => number | string): OnnxFile {
  const inputs = file.graph.inputs.map((one): OnnxValue => {
    const here = changes.filter(({ input }) => input === one.name);
    const { type } = one;
    if (here.length === 0 || !type?.dims) return one;
    const dims = type.dims.map((dim, axis): OnnxDim => {
      const change = here.find((found) => found.axis === axis);
      return change ? size(change) : dim;
    });
    return { ...one, type: { ...(type.elem && { elem: type.elem }), dims } };
  });
  return { ...file, graph: { ...file.graph, inputs } };
}

/** Its element type alone. */
const unshaped = (one: OnnxValue): OnnxValue => (one.type?.elem ? { ...one, type: { elem: one.type.elem } } : one);

interface Types {
  readonly types: ReadonlyMap<string, TensorType>;
  readonly dimNames: ReadonlyMap<string, string>;
  /** Nodes that ask for one number where an input is open, by input and axis. */
  readonly narrowed: ReadonlyMap<string, readonly string[]>;
  /** Nodes that are not understood, with why. */
  readonly foreign: ReadonlyMap<string, string>;
}

function typesIn(file: OnnxFile, keepsOpen = false): Types {
  const types = new Map<string, TensorType>();
  const { dimNames, narrowed, foreign } = importedFile(file, {
    keepsOpen,
    onValues: (values) => {
      for (const [name, { type }] of values) types.set(name, type);
    },
  });
  const asked = narrowed.flatMap(({ name, before, after, by }) =>
    after.flatMap((size, axis) => (size === before?.[axis] ? [] : [[`${name}:${axis}`, by] as const])),
  );
  return {
    types,
    dimNames,
    narrowed: new Map(asked),
    foreign: new Map(foreign.map(({ name, opType, why }) => [name, `${name} (${opType}): ${why}`])),
  };
}

function typed(one: OnnxValue, { types, dimNames }: Types): OnnxValue {
  const found = types.get(one.name);
  const type = found && !found.foreign ? onnxType(found, dimNames, false) : undefined;
  return type ? { ...one, type } : one;
}

const shapesChanged = (before: OnnxFile, after: OnnxFile): Resized['inputs'] =>
  before.graph.inputs.flatMap(({ name, type }, i) => {
    const now = after.graph.inputs[i]?.type?.dims ?? [];
    return type?.dims?.some((dim, axis) => dim !== now[axis]) ? [{ name, before: type.dims, after: now }] : [];
  });

// ------------------------------------------------------------------------------------------------ numbers in the network

/** The model in which nothing hangs on the number that a size was. Throws RES0667 where something does. */
function followed(original: OnnxFile, opened: OnnxFile, change: Change, mended: string[]): OnnxFile {
  const name = String(nameWhileOpen(change));
  const number = Number(change.before);
  let model = opened;
  // Each round brings reshapes along that the round before made reachable, so that it ends with the last of them. Until then
  // nodes contradict each other.
  for (;;) {
    const next = mendedReshapes(model, typesIn(model, true).types, name, number, mended);
    if (next === model) break;
    model = next;
  }
  const found = typesIn(model);
  const open = found.narrowed.size > 0 ? typesIn(model, true) : found;
  const { types: before, foreign: known } = typesIn(original);
  // A node whose operands fit each other at the one number alone.
  const misfit = [...open.foreign].find(([node]) => !known.has(node))?.[1];
  const lost = firstLoss(model, before, open.types, name, number);
  const asked = found.narrowed.get(`${change.input}:${change.axis}`);
  if (asked || lost || misfit)
    fail(fixedSize, {
      with: {
        size: `${change.what} at ${number}`,
        found: lost ?? asked?.[0] ?? misfit ?? 'a node that runs every time',
        expected: `nodes that take any size in the place of ${number}`,
        hint: `export the model with this axis dynamic: dynamic_axes={"${change.input}": {${change.axis}: "${typeof change.after === 'string' ? change.after : 'N'}"}}`,
      },
    });
  return model;
}

function mendedReshapes(
  file: OnnxFile,
  types: ReadonlyMap<string, TensorType>,
  size: string,
  number: number,
  mended: string[],
): OnnxFile {
  const constants = constantsOf(file);
  const names = new Set<string>([...types.keys(), ...constants.keys()]);
  const more: OnnxTensor[] = [];
  const nodes = file.graph.nodes.map((node): OnnxNode => {
    const [data = '', target = ''] = node.inputs;
    const type = types.get(data);
    const numbers = constants.get(target);
    if (node.domain !== '' || !['Reshape', 'Expand'].includes(node.opType) || !type || type.foreign || !numbers) return node;
    const made =
      node.opType === 'Expand'
        ? expanded(type.dims, numbers, size, number)
        : reshaped(type.dims, numbers, size, number, new NodeAttributes(node).int('allowzero', 0) !== 0);
    if (!made) return node;
    let name = `${target}_any`;
    while (names.has(name)) name += '_';
    names.add(name);
    const expr = literal(file.session, { elem: 'i64', dims: [made.length], data: Float64Array.from(made) });
    more.push({ kind: 'tensor', name, expr });
    mended.push(nodeName(node));
    return { ...node, inputs: node.inputs.map((one, i) => (i === 1 ? name : one)) };
  });
  if (more.length === 0) return file;
  return { ...file, graph: { ...file.graph, nodes, initializers: [...file.graph.initializers, ...more] } };
}

/** Small integers that are stored, by the value that has them. */
function constantsOf({ graph }: OnnxFile): ReadonlyMap<string, readonly number[]> {
  const out = new Map<string, readonly number[]>();
  const add = (name: string, tensor: OnnxTensor | undefined): void => {
    if (tensor?.kind !== 'tensor' || tensor.expr.elem !== 'i64' || tensor.expr.dims.length !== 1 || tensor.expr.count > 64)
      return;
    const host = materializeSync(tensor.expr);
    if (host) out.set(name, [...host.data]);
  };
  for (const tensor of graph.initializers) add(tensor.name, tensor);
  for (const node of graph.nodes) {
    if (node.domain !== '' || node.opType !== 'Constant') continue;
    const attributes = new NodeAttributes(node);
    const ints = attributes.get('value_ints');
    if (ints?.kind === 'ints') out.set(node.outputs[0] ?? '', ints.value.map(Number));
    const value = attributes.get('value');
    if (value?.kind === 'tensor') add(node.outputs[0] ?? '', value.value);
  }
  return out;
}

/**
 * The target of a reshape that takes any size where it said the number; undefined where it says none. The elements of a tensor
 * lie in the order of its axes, so that the size, wherever it stands in the operand, comes out of the axis before which the
 * target has as many elements as the operand has.
 */
function reshaped(
  dims: readonly Dim[],
  target: readonly number[],
  size: string,
  number: number,
  allowZero: boolean,
): readonly number[] | undefined {
  const axis = dims.findIndex((dim) => dim.symbols().includes(size));
  const own = dims[axis];
  if (!own || dims.some((dim, i) => i !== axis && dim.symbols().includes(size))) return undefined;
  const said = target.map((one, i) => (one === 0 && !allowZero ? (dims[i] ?? Dim.one) : Dim.of(one)));
  const product = (list: readonly Dim[]): Dim => list.reduce((all, one) => all.times(one), Dim.one);
  const before = product(dims.slice(0, axis));
  for (let j = 0; j < said.length; j++) {
    if (target[j] === -1) return undefined;
    if (product(said.slice(0, j)) !== before) continue;
    const here = said[j];
    // It copies the axis with the size, or the size went on to another axis before.
    if (here === own) return undefined;
    const times = own.divideExactly(Dim.symbol(size))?.constant;
    const count = here?.constant;
    if (count === undefined || times === undefined || count % number !== 0 || target[j] === 0) continue;
    if (!target.includes(-1)) return target.map((one, i) => (i === j ? -1 : one));
    return !allowZero && j === axis && count === times * number ? target.map((one, i) => (i === j ? 0 : one)) : undefined;
  }
  return undefined;
}

/** An expand leaves an axis as it is where its target is 1. */
function expanded(dims: readonly Dim[], target: readonly number[], size: string, number: number): readonly number[] | undefined {
  const offset = target.length - dims.length;
  const made = target.map((one, i) => (one === number && number !== 1 && dims[i - offset]?.plain?.name === size ? 1 : one));
  return made.some((one, i) => one !== target[i]) ? made : undefined;
}

/** The first node that makes a value of the one number out of values of any, on the way to an output that had it. */
function firstLoss(
  { graph }: OnnxFile,
  before: ReadonlyMap<string, TensorType>,
  after: ReadonlyMap<string, TensorType>,
  size: string,
  number: number,
): string | undefined {
  const has = (name: string): boolean => after.get(name)?.dims.some((dim) => dim.symbols().includes(size)) ?? false;
  const known = (name: string): boolean => after.has(name) && !after.get(name)?.foreign;
  const lost = graph.outputs.filter(({ name }) => known(name) && !has(name) && before.get(name)?.dims[0]?.constant === number);
  if (lost.length === 0) return undefined;
  const values = new Set<string>();
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const open = lost.map(({ name }) => name);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (values.has(name)) continue;
    values.add(name);
    open.push(...(makers.get(name)?.inputs ?? []));
  }
  for (const node of graph.nodes) {
    const [made] = node.outputs;
    const operand = node.inputs.find(has);
    const [from, to] = [operand && after.get(operand), made !== undefined && after.get(made)];
    if (!made || !values.has(made) || !from || !to || has(made) || ['Shape', 'Size'].includes(node.opType)) continue;
    return `${nodeName(node)} makes ${typeText(to)} out of ${typeText(from)}`;
  }
  return `output ${lost[0]?.name} stays ${number} in its first axis`;
}
