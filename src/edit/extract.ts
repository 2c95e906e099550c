/** A part of a model as a model of its own: the nodes between some of its values, as they stand in the file. */
import { checkArgument, checkOptions, listOf, onnxFileKind, text } from '../diagnostics/arguments.ts';
import { openPart, untypedValue } from '../diagnostics/catalogue/import.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { OnnxFile, OnnxFunction, OnnxNode, OnnxType, OnnxValue } from '../onnx/model.ts';
import { allNodes } from '../onnx/model.ts';
import { inOrder, namesRead } from '../onnx/order.ts';
import { redeclared } from './declarations.ts';
import { nodeName, TopValues, withParts } from './values.ts';

/** Where a part begins and ends: names of values as they stand in the file. */
export interface ExtractOptions {
  /** Its inputs. Left out: those of the inputs that the part needs. */
  readonly from?: readonly string[] | undefined;
  /** Its outputs. Left out: all outputs of the model. */
  readonly to?: readonly string[] | undefined;
}

/** A part, and the names of its inputs and outputs in the order of the options. */
export interface Extracted {
  readonly model: OnnxFile;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];

/**
 * The nodes that compute `to` out of `from`, with their weights, names and attributes as the file has them; the types of the new
 * inputs and outputs are those that shape inference finds. Weights may be named in `from`: they become inputs.
 *
 * @throws DiagnosticError RES0122 for a name that the file has not, RES0665 where `to` hangs on more than `from` or not on it at
 * all, RES0666 for an input whose type nothing says.
 */
export function extractModel(file: OnnxFile, options: ExtractOptions = {}): Extracted {
  checkArgument('extractModel', 'file', file, onnxFileKind);
  checkOptions('extractModel', options, { from: listOf(text), to: listOf(text) });
  const values = new TopValues(file);
  const given = options.from && unique(options.from);
  const to = unique(options.to ?? [...values.outputs.keys()]);
  for (const name of [...(given ?? []), ...to]) values.check(name);
  const from = given ?? values.asked;
  const begins = new Set(from);
  for (const name of to) {
    if (!values.makers.has(name) || begins.has(name))
      openEnd(from, to, `${name} is ${begins.has(name) ? 'its beginning as well' : 'no result of a node'}`, {
        expected: 'ends that nodes make out of the beginnings',
        hint: to.length > 1 ? `--to ${to.filter((one) => one !== name).join(',')}` : '--to with a value behind it',
      });
  }
  const { nodes, read, missing } = between(values, begins, to);
  const idle = given?.filter((name) => !read.has(name)) ?? [];
  const used = from.filter((name) => read.has(name));
  if (idle.length > 0)
    openEnd(from, to, `nothing on the way to ${to.join(', ')} reads ${idle.join(', ')}`, {
      expected: 'beginnings that the ends come from',
      hint: used.length > 0 ? `--from ${used.join(',')}` : 'leave --from out, or name a value behind it in --to',
    });
  if (missing.size > 0) {
    const beside = besideOf(nodes, begins, missing);
    const [[name, by] = ['', undefined]] = [...beside];
    const rest = [...beside.keys()].slice(1);
    openEnd(
      from,
      to,
      `${by ? nodeName(by) : 'the end'} also hangs on ${name}${rest.length > 0 ? `, and others on ${rest.slice(0, 8).join(', ')}` : ''}`,
      {
        expected: `beginnings that all of it comes from, without ${[...missing.keys()].slice(0, 8).join(', ')}`,
        hint: `--from ${[...from, ...beside.keys()].join(',')}`,
      },
    );
  }
  const { graph } = file;
  const kept = new Set(nodes);
  const initializers = graph.initializers.filter(({ name }) => read.has(name) && !begins.has(name));
  const defaults = new Set(initializers.map(({ name }) => name));
  const ports = used.map((name) => portOf(values, name, 'input'));
  const made = withParts(graph, {
    nodes: graph.nodes.filter((node) => kept.has(node)),
    initializers,
    inputs: [...ports, ...graph.inputs.filter(({ name }) => defaults.has(name))],
    outputs: to.map((name) => portOf(values, name, 'output')),
  });
  const isInput = new Set(used);
  const isOutput = new Set(to);
  const metadata = redeclared(file.metadata, {
    inputs: (name) => (isInput.has(name) ? name : undefined),
    outputs: (name) => (isOutput.has(name) ? name : undefined),
    sizes: (name) => (ports.some(({ type }) => type?.dims?.includes(name)) ? name : undefined),
  });
  const model = { ...file, graph: made, functions: calledOf(file.functions, made.nodes), metadata };
  return { model, from: used, to };
}

function openEnd(
  from: readonly string[],
  to: readonly string[],
  found: string,
  rest: { readonly expected: string; readonly hint: string },
): never {
  return fail(openPart, { with: { from: from.join(', ') || 'nothing', to: to.join(', '), found, ...rest } });
}

/** The nodes on the way back from `to`, what they read, and the inputs of the model that they need beyond the beginnings. */
function between(
  values: TopValues,
  begins: ReadonlySet<string>,
  to: readonly string[],
): { readonly nodes: readonly OnnxNode[]; readonly read: ReadonlySet<string>; readonly missing: ReadonlyMap<string, OnnxNode> } {
  const nodes = new Set<OnnxNode>();
  const read = new Set<string>();
  const missing = new Map<string, OnnxNode>();
  const open = [...to];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const maker = begins.has(name) ? undefined : values.makers.get(name);
    if (!maker || nodes.has(maker)) continue;
    nodes.add(maker);
    for (const operand of namesRead(maker)) {
      if (operand === '' || read.has(operand)) continue;
      read.add(operand);
      if (begins.has(operand)) continue;
      if (values.makers.has(operand)) open.push(operand);
      else if (values.inputs.has(operand) && !values.initializers.has(operand)) missing.set(operand, maker);
    }
  }
  return { nodes: [...nodes], read, missing };
}

/**
 * What the nodes behind the beginnings read beside them and what hangs on an input that is none of these, with its first reader:
 * with it in `from` the part is closed. The inputs themselves where nothing of the part is behind a beginning.
 */
function besideOf(
  nodes: readonly OnnxNode[],
  begins: ReadonlySet<string>,
  missing: ReadonlyMap<string, OnnxNode>,
): ReadonlyMap<string, OnnxNode> {
  const behind = new Set(begins);
  const open = new Set(missing.keys());
  const out = new Map<string, OnnxNode>();
  const ordered = inOrder(nodes).nodes;
  for (const node of ordered) {
    const read = namesRead(node);
    const [isBehind, isOpen] = [read.some((name) => behind.has(name)), read.some((name) => open.has(name))];
    if (isBehind) for (const name of read) if (open.has(name) && !behind.has(name) && !out.has(name)) out.set(name, node);
    for (const name of node.outputs) {
      if (isBehind) behind.add(name);
      else if (isOpen) open.add(name);
    }
  }
  return out.size > 0 ? out : missing;
}

/** An input or an output. A runtime asks for the element type of an input. */
function portOf(values: TopValues, name: string, as: 'input' | 'output'): OnnxValue {
  const known = values.inputs.get(name) ?? values.outputs.get(name);
  const type: OnnxType | undefined = values.typeOf(name);
  if (as === 'input' && type?.elem === undefined && type?.proto === undefined) {
    const maker = values.makers.get(name);
    fail(untypedValue, {
      with: {
        name,
        found: maker ? `a result of ${nodeName(maker)}` : 'a value without a type',
        hint: 'a value behind it in --from',
      },
    });
  }
  return known && known.type === type ? known : { name, type };
}

/** Functions that the nodes call, and those that these call. */
function calledOf(functions: readonly OnnxFunction[], nodes: readonly OnnxNode[]): readonly OnnxFunction[] {
  const called = new Set<OnnxFunction>();
  const open: (readonly OnnxNode[])[] = [nodes];
  for (let list = open.pop(); list; list = open.pop()) {
    for (const node of allNodes(list)) {
      for (const one of functions) {
        if (one.name !== node.opType || one.domain !== node.domain || called.has(one)) continue;
        called.add(one);
        open.push(one.nodes);
      }
    }
  }
  return functions.filter((one) => called.has(one));
}

/** The whole with more outputs, of any of its values: what a part is compared with. */
export function withOutputs(file: OnnxFile, names: readonly string[]): OnnxFile {
  const values = new TopValues(file);
  const known = new Set(file.graph.outputs.map(({ name }) => name));
  // An input or a weight cannot be an output as it is in every runtime.
  const more = names.filter((name) => !known.has(name) && values.makers.has(name));
  const outputs = [...file.graph.outputs, ...unique(more).map((name) => ({ name, type: values.typeOf(name) }))];
  return { ...file, graph: { ...file.graph, outputs } };
}
