/**
 * An ONNX file as a graph: every node is a registry operator where a lift says it means the same, and a foreign operator, written back as it was,
 * everywhere else. Sizes that the file leaves open are symbols. Source of the rules: onnx/onnx, docs/IR.md.
 *
 * Nothing here recurses but over sub-graphs, whose depth the reader limits. Nodes that are dead because lifts took what they computed
 * (shape arithmetic) are removed at the end; everything else stays, used or not.
 */
import {
  importedCircle,
  importedOutput,
  importedTwice,
  importedUndefined,
  importedUnnamed,
  noSuchSize,
  wrongSize,
} from '../diagnostics/catalogue/import.ts';
import { bug, fail } from '../diagnostics/diagnostic.ts';
import { memorySource } from '../io/bytes.ts';
import { type Declarations, declarationKeys, readDeclarations } from '../ir/declarations.ts';
import { Dim, parseDim } from '../ir/dim.ts';
import type { ForeignAttribute, LazyBytes } from '../ir/foreign.ts';
import { Graph, hostOf, type Node, type Origin, type Value } from '../ir/graph.ts';
import type { AttrValue, Operator } from '../ir/operator.ts';
import { rangeProblem, type ValueRange } from '../ir/ranges.ts';
import { type ElemType, foreignTypeOf, type HostTensor, isFloat, type TensorType } from '../ir/types.ts';
import { tensorOfIntegers } from '../ir/wide.ts';
import { inferResults } from '../onnx/infer/infer.ts';
import {
  otherTensor,
  type PartialType,
  partialOfFile,
  partialOfType,
  rankLimit,
  unknownType,
  unrankedTensor,
} from '../onnx/infer/partial-type.ts';
import type { FileGraph, FileNode, FileTensor, FileType, OnnxFile } from '../onnx/model.ts';
import { AttributeError } from '../onnx/node-attributes.ts';
import { inOrder } from '../onnx/order.ts';
import { evaluateConstant, refusalOf } from '../ops/evaluate.ts';
import { foreignOperator } from '../ops/foreign.ts';
import type { WeightExpr } from '../tensor/expr.ts';
import { literal } from '../tensor/leaves.ts';
import { nameOnce } from '../tensor/stored.ts';
import { ConstantNumbers, evaluationOf, isWorthKnowing, rounded } from './ahead.ts';
import { type LiftBuilder, NotLifted } from './lift.ts';
import { lifts } from './lifts/table.ts';
import { type NarrowedInput, narrowedInputs } from './narrowed.ts';
import { NodeView } from './node-view.ts';
import { liveNames, mostAttempts, Pins, type Place, type Reader } from './refine.ts';
import { type Elements, KnownElements } from './sizes.ts';

export interface ImportOptions {
  /** Initialisers that are listed as inputs stay inputs with a default; otherwise they are constants, which a note says. */
  readonly keepInputs?: boolean;
  /** Numbers for open sizes: by the name of a dimension (`N`), or by input and axis (`x:0`). */
  readonly inputShapes?: ReadonlyMap<string, number>;
  /** Every node stays as it is, for a file of an opset whose forms are not known here. The reason, for `--explain`. */
  readonly asItIs?: string;
}

/** A node that no lift could say, for `--explain`. */
export interface LeftForeign {
  readonly domain: string;
  readonly opType: string;
  /** The node's name, or its first output's. */
  readonly name: string;
  readonly why: string;
}

/** An imported model. It is also the `EmitSource` that the emitter takes, to write back what is not in the graph. */
export interface ImportedModel {
  /** With the file's metadata; inputs, outputs, results and nodes have their names of the file. */
  readonly graph: Graph;
  /** Of ONNX's own domain: what the foreign nodes are written for. */
  readonly opset: number;
  readonly irVersion: number;
  /** Versions of the other domains. */
  readonly domains: ReadonlyMap<string, number>;
  readonly producerName: string;
  readonly producerVersion: string;
  /** Other fields of the ModelProto. */
  readonly rest: Uint8Array;
  /** Names that sizes have in the file, where their symbols are called otherwise. */
  readonly dimNames: ReadonlyMap<string, string>;
  /** What the user should be told, the reader's notes first. */
  readonly notes: readonly string[];
  /** In the order of the file, nodes of sub-graphs before their owner. */
  readonly foreign: readonly LeftForeign[];
  /** Inputs that take fewer sizes than the file says. */
  readonly narrowed: readonly NarrowedInput[];
}

/**
 * The graph of a file whose functions are inlined and whose opset is 13 or later, or older with `asItIs`. Throws `DiagnosticError` for names that are made twice or never,
 * circles of nodes, and sizes that the file does not have.
 */
export function importOnnx(file: OnnxFile, options: ImportOptions = {}): ImportedModel {
  const pins = new Pins();
  for (let attempt = 1; ; attempt++) {
    pins.learnt = false;
    const importer = new Importer(file, options, pins);
    const model = importer.run();
    if (!pins.learnt || attempt === mostAttempts) return model;
  }
}

/** What is known where a graph of the file is imported. */
interface Scope {
  readonly graph: Graph;
  readonly file: FileGraph;
  readonly outer: Scope | undefined;
  /** Distinguishes equal names of different sub-graphs, the same in every attempt. */
  readonly path: string;
  /** Names that the outputs of this graph are made of. */
  readonly live: ReadonlySet<string>;
  readonly values: Map<string, Value>;
  readonly initializers: Map<string, FileTensor>;
  readonly declared: Map<string, FileType>;
  /** What nodes of this graph make. */
  readonly made: Set<string>;
}

class Importer {
  readonly graph: Graph;
  readonly opset: number;
  readonly known = new KnownElements();
  readonly #numbers = new ConstantNumbers();
  readonly pins: Pins;
  readonly #file: OnnxFile;
  readonly #options: ImportOptions;
  readonly #used = new Set<string>();
  readonly #notes: string[];
  readonly #foreign: LeftForeign[] = [];
  /** Names of constants of all graphs. */
  readonly #constantNames = new Set<string>();
  readonly #derived = new Map<string, Value>();
  readonly #derivedFrom: { readonly value: Value; readonly from: Value }[] = [];
  /** Where a symbol stands, for pins: the value and axis, or the name of a dimension. */
  readonly #places = new Map<string, Place>();
  /** Symbols of dimensions that the file names, and the values that a size in it was given. */
  readonly #namedDims = new Map<string, Dim>();
  readonly #inputDimNames = new Set<string>();
  readonly #askedSizes = new Map<string, number>();
  readonly #dimNames = new Map<string, string>();
  /** Symbols that the shapes of the graph's inputs tell. */
  readonly #readable = new Set<string>();
  readonly #ranks = new Map<Value, Place>();
  readonly #elems = new Map<Value, ElemType>();
  /** Integer constants beyond 2^53, with what a slice makes of them. */
  readonly #saturated = new Map<Value, readonly Dim[]>();
  readonly #expected = new Set<Value>();
  /** What the metadata says of inputs, outputs and sizes. */
  readonly #declared: Declarations;

  constructor(file: OnnxFile, options: ImportOptions, pins: Pins) {
    this.#file = file;
    this.#options = options;
    this.pins = pins;
    this.#declared = readDeclarations(new Map(file.metadata));
    this.graph = new Graph(file.graph.name);
    this.graph.session = file.session;
    this.opset = file.opsets.get('') ?? 1;
    this.#notes = [...file.notes];
  }

  run(): ImportedModel {
    const { graph } = this;
    for (const [key, value] of this.#file.metadata) graph.metadata[key] = value;
    this.#collectUsed();
    this.#sizesOfInputs();
    const scope = this.#open(graph, this.#file.graph, undefined, '');
    this.#inputs(scope);
    this.#body(scope);
    this.#outputs(scope);
    this.#declare();
    this.#sweep();
    this.#nameDerived();
    if (this.known.exhausted)
      this.#notes.push('sizes are followed up to a limit of work, which this file passes: some nodes stay as they are');
    const domains = new Map([...this.#file.opsets].filter(([domain]) => domain !== ''));
    return {
      graph,
      opset: this.opset,
      irVersion: this.#file.irVersion,
      domains,
      producerName: this.#file.producerName,
      producerVersion: this.#file.producerVersion,
      rest: this.#file.rest,
      dimNames: this.#dimNames,
      notes: this.#notes,
      foreign: this.#foreign,
      narrowed: this.#narrowed(scope),
    };
  }

  #narrowed(scope: Scope): readonly NarrowedInput[] {
    return narrowedInputs(scope.file, this.graph, {
      isAsked: (input, axis, dim) => {
        const names = typeof dim === 'string' ? [dim, ...(parseDim(dim)?.symbols() ?? [])] : [];
        return [`${input}:${axis}`, ...names].some((key) => this.#askedSizes.has(key));
      },
      saidBy: (input, axis, dim) => {
        if (scope.initializers.has(input)) return 'its default';
        if (axis === undefined) return this.pins.saidBy(rankKey(scope, input));
        const names = typeof dim === 'string' && isName(dim) ? [dim, ...(parseDim(dim)?.symbols() ?? [])] : [];
        const keys = [...names.map(dimKey), sizeKey(scope, input, axis)];
        return keys.map((key) => this.pins.saidBy(key)).find((by) => by !== undefined);
      },
    });
  }

  // ---------------------------------------------------------------------------------------------------------- names and sizes

  /** Names that anything reads, in whatever graph: more than needed where a sub-graph uses a name of its own, which does no harm. */
  #collectUsed(): void {
    const graphs = [this.#file.graph];
    for (let graph = graphs.pop(); graph; graph = graphs.pop()) {
      for (const { name } of graph.outputs) this.#used.add(name);
      for (const node of graph.nodes) {
        for (const name of node.inputs) this.#used.add(name);
        for (const attribute of node.attributes) {
          if (attribute.kind === 'graph') graphs.push(attribute.value);
          else if (attribute.kind === 'graphs') for (const inner of attribute.value) graphs.push(inner);
        }
      }
    }
  }

  /**
   * The dimensions that inputs name, and the sizes asked for. Texts such as `2*H + 1` mean what they say where H itself is a size of an
   * input, because the arithmetic on sizes can then be written; others are opaque names.
   */
  #sizesOfInputs(): void {
    const named = new Set<string>();
    const constants = new Set(this.#file.graph.initializers.map((one) => one.name));
    for (const { name, type } of this.#file.graph.inputs) {
      if (constants.has(name) && !this.#options.keepInputs) continue;
      for (const d of type?.dims ?? []) if (typeof d === 'string') named.add(d);
    }
    for (const name of named) this.#inputDimNames.add(name);
    for (const [key, size] of this.#options.inputShapes ?? []) this.#ask(key, size, named);
    for (const name of named) {
      if (!isName(name)) continue;
      const size = this.#askedSizes.get(name) ?? this.pins.sizeAt(dimKey(name));
      if (size !== undefined) {
        this.#namedDims.set(name, Dim.of(size));
        continue;
      }
      const parsed = parseDim(name);
      const parts = parsed?.symbols() ?? [];
      const isText = parsed !== undefined && parsed !== Dim.symbol(name) && parts.length > 0;
      if (isText && parts.every((one) => one !== name && named.has(one) && parseDim(one) === Dim.symbol(one))) continue;
      const multiple = this.#declared.promises.get(name) ?? 1;
      this.#namedDims.set(name, Dim.symbol(name, multiple).times(multiple));
      this.#places.set(name, { key: dimKey(name), body: this.graph });
    }
    for (const name of named) {
      if (!isName(name) || this.#namedDims.has(name)) continue;
      const text = parseDim(name);
      const sizes = new Map<string, Dim>();
      for (const one of text?.symbols() ?? []) sizes.set(one, this.#namedDims.get(one) ?? Dim.symbol(one));
      this.#namedDims.set(name, text?.substituteAll(sizes) ?? Dim.symbol(name));
    }
  }

  #ask(key: string, size: number, named: ReadonlySet<string>): void {
    const found = `--input-shape ${key}=${size}`;
    const { file } = this.#file;
    if (!Number.isSafeInteger(size) || size < 0)
      fail(wrongSize, { with: { file, found, name: key, asked: size, expected: 'a whole number of at least 0' } });
    const promised = (name: string): void => {
      const multiple = this.#declared.promises.get(name) ?? 1;
      if (size % multiple === 0) return;
      const expected = `a multiple of ${multiple}, as the metadata of the file promises of ${name}`;
      fail(wrongSize, { with: { file, found, name: key, asked: size, expected } });
    };
    if (named.has(key)) {
      promised(key);
      this.#askedSizes.set(key, size);
      return;
    }
    const axis = /^(.*?)\s*:\s*(\d+)$/s.exec(key);
    const input = axis && this.#file.graph.inputs.find((one) => one.name === axis[1]);
    const dim = input?.type?.dims?.[Number(axis?.[2])];
    const known = [...named].map((name) => `${name}`);
    const places = this.#file.graph.inputs.flatMap((one) =>
      (one.type?.dims ?? []).flatMap((d, i) => (typeof d === 'number' ? [] : [`${one.name}:${i}`])),
    );
    const expected = [...known, ...places].slice(0, 12).join(', ');
    if (!input || Number(axis?.[2]) >= (input.type?.dims?.length ?? 0))
      return fail(noSuchSize, {
        with: {
          file,
          found,
          name: key,
          expected: expected === '' ? 'no size: the file fixes all of them' : `one of ${expected}`,
        },
      });
    if (typeof dim === 'number' && dim >= 0) {
      if (dim !== size)
        fail(wrongSize, { with: { file, found, name: key, asked: size, expected: `${dim}, which the file fixes` } });
      return;
    }
    if (typeof dim === 'string' && isName(dim)) {
      promised(dim);
      this.#askedSizes.set(dim, size);
    } else this.#askedSizes.set(`${input.name}:${axis?.[2]}`, size);
  }

  /** Takes over the ranges that the metadata declares, where they fit the inputs and outputs that the file has today. */
  #declare(): void {
    const { graph } = this;
    const { inputs, outputs, broken } = this.#declared;
    const left = [...broken];
    const take = (
      key: string,
      name: string,
      range: ValueRange,
      type: TensorType | undefined,
      to: Map<string, ValueRange>,
    ): void => {
      const problem = type ? rangeProblem(type, range) : undefined;
      if (type && !problem) to.set(name, range);
      else left.push(`${key}: ${name}, ${problem ? problem.found : 'which the file has not'}`);
    };
    for (const [name, range] of inputs) {
      const type = graph.inputs.find((input) => input.name === name)?.type;
      take(declarationKeys.inputs, name, range, type, graph.inputRanges);
    }
    for (const [name, range] of outputs) {
      const type = graph.outputs.find((output) => output.name === name)?.value.type;
      take(declarationKeys.outputs, name, range, type, graph.outputRanges);
    }
    // What the graph holds is written from there.
    for (const key of Object.values(declarationKeys)) delete graph.metadata[key];
    if (left.length > 0) this.#notes.push(`metadata that does not fit is left out: ${left.join('; ')}`);
  }

  /** The symbol of a dimension that the file names; outside the inputs a name is a symbol of its own, which nothing else is equal to. */
  #dim(name: string): Dim | undefined {
    if (!isName(name)) return undefined;
    const known = this.#namedDims.get(name);
    if (known) return known;
    const parsed = parseDim(name);
    const parts = parsed?.symbols() ?? [];
    let dim: Dim;
    if (parsed && parts.length > 0 && parts.every((one) => this.#inputDimNames.has(one) && isName(one))) {
      dim = parsed.substituteAll(new Map(parts.map((one) => [one, this.#namedDims.get(one) ?? Dim.symbol(one)])));
    } else {
      dim = this.graph.freshDim(symbolText(name));
      this.#dimNames.set(dim.toString(), name);
    }
    this.#namedDims.set(name, dim);
    return dim;
  }

  /** A size of which nothing is known, of an axis of a named value. */
  #openSize(scope: Scope, name: string, axis: number): Dim {
    const key = sizeKey(scope, name, axis);
    const size = this.pins.sizeAt(key);
    if (size !== undefined) return Dim.of(size);
    const dim = this.graph.freshDim(`${symbolText(name)}.${axis}`);
    const symbol = dim.symbols()[0] ?? bug('a fresh dimension without a name');
    this.#places.set(symbol, { key, body: scope.graph });
    return dim;
  }

  /** The type of a value, from what is known of it, what the file says, and what its readers need. */
  #typeOf(scope: Scope, name: string, known: PartialType): TensorType {
    const said = partialOfFile(scope.declared.get(name), (d) => this.#dim(d));
    const elem = known.elem ?? (known.foreign ? undefined : said.elem);
    if (elem === undefined) {
      const pinned = known.foreign && known.foreign !== unknownType ? undefined : this.pins.rankOf(rankKey(scope, name));
      if (pinned?.elem && !said.foreign) return this.#ranked(scope, name, pinned.elem, pinned.rank);
      return foreignTypeOf(known.foreign ?? said.foreign ?? unknownType);
    }
    const agree = said.elem === elem ? said.dims : undefined;
    const dims = known.dims && known.dims.length <= rankLimit ? known.dims : agree;
    if (!dims) {
      const pinned = this.pins.rankOf(rankKey(scope, name));
      return pinned ? this.#ranked(scope, name, elem, pinned.rank) : foreignTypeOf(unrankedTensor(elem));
    }
    const other = agree?.length === dims.length ? agree : undefined;
    return { elem, dims: dims.map((d, axis) => d ?? other?.[axis] ?? this.#openSize(scope, name, axis)) };
  }

  #ranked(scope: Scope, name: string, elem: ElemType, rank: number): TensorType {
    return { elem, dims: Array.from({ length: rank }, (_, axis) => this.#openSize(scope, name, axis)) };
  }

  /** Remembers what an unknown type may be pinned by. */
  #enter(scope: Scope, name: string, value: Value, known: PartialType): void {
    const { foreign } = value.type;
    if (!foreign) return;
    const elem = known.elem ?? partialOfFile(scope.declared.get(name), () => undefined).elem;
    if (elem) this.#elems.set(value, elem);
    if (elem || foreign === unknownType) this.#ranks.set(value, { key: rankKey(scope, name), body: scope.graph });
  }

  // ---------------------------------------------------------------------------------------------------------- graphs

  #open(graph: Graph, file: FileGraph, outer: Scope | undefined, path: string, isRead = true): Scope {
    const scope: Scope = {
      graph,
      file,
      outer,
      path,
      live: isRead ? liveNames(file) : new Set(),
      values: new Map(),
      initializers: new Map(),
      declared: new Map(),
      made: new Set(),
    };
    if (file.rest.length > 0 && graph !== outer?.graph) graph.rest = file.rest;
    for (const { name, type } of [...file.valueInfo, ...file.outputs]) if (type && name !== '') scope.declared.set(name, type);
    for (const tensor of file.initializers) {
      if (scope.initializers.has(tensor.name)) this.#twice(tensor.name, 'two initializers');
      scope.initializers.set(tensor.name, tensor);
    }
    for (const node of file.nodes) {
      for (const name of node.outputs) {
        if (name === '') continue;
        if (scope.made.has(name)) this.#twice(name, `two nodes make it, one of them ${nodeText(node)}`);
        if (scope.initializers.has(name)) this.#twice(name, `${nodeText(node)} makes it, and it is an initializer`);
        scope.made.add(name);
      }
    }
    return scope;
  }

  #twice(name: string, found: string): never {
    return fail(importedTwice, { with: { file: this.#file.file, name: JSON.stringify(name), found } });
  }

  #inputs(scope: Scope): void {
    const constants: string[] = [];
    const seen = new Set<string>();
    for (const { name, type } of scope.file.inputs) {
      if (name === '') fail(importedUnnamed, { with: { file: this.#file.file, found: 'an input with an empty name' } });
      if (seen.has(name)) this.#twice(name, 'two inputs');
      seen.add(name);
      if (scope.made.has(name)) this.#twice(name, 'an input, and a node makes it');
      const tensor = scope.initializers.get(name);
      if (tensor && !this.#options.keepInputs) {
        constants.push(name);
        continue;
      }
      const value = scope.graph.input(name, this.#inputType(scope, name, type, tensor));
      this.#enter(
        scope,
        name,
        value,
        partialOfFile(type, () => undefined),
      );
      scope.values.set(name, value);
      for (const d of value.type.dims) this.#tell(d);
      if (tensor?.kind === 'tensor') scope.graph.defaults.set(value, tensor.expr);
    }
    if (constants.length > 0) {
      const shown = constants.slice(0, 4).join(', ');
      this.#notes.push(
        `${constants.length} initializers are listed as inputs too and taken as constants: ${shown}${constants.length > 4 ? ', …' : ''} (--keep-inputs keeps them)`,
      );
    }
  }

  #inputType(scope: Scope, name: string, type: FileType | undefined, tensor: FileTensor | undefined): TensorType {
    if (tensor?.kind === 'tensor') return { elem: tensor.expr.elem, dims: tensor.expr.dims.map((d) => Dim.of(d)) };
    const known = partialOfFile(type, (d) => this.#dim(d));
    const dims = known.dims?.map((d, axis) => {
      const asked = this.#askedSizes.get(`${name}:${axis}`);
      return asked === undefined ? d : Dim.of(asked);
    });
    const found = this.#typeOf(scope, name, { ...known, dims });
    // What the file says of a type that is none of ours goes back as it is.
    return found.foreign && type ? foreignTypeOf({ text: found.foreign.text, proto: type.proto }) : found;
  }

  /** A size of an input tells a symbol where it is a multiple of it and a number more. */
  #tell(d: Dim): void {
    const symbol = solvedSymbol(d);
    if (symbol !== undefined) this.#readable.add(symbol);
  }

  #body(scope: Scope): void {
    const { nodes, circle } = inOrder(scope.file.nodes);
    if (circle)
      fail(importedCircle, { with: { file: this.#file.file, found: `${nodeText(circle)} reads what follows from its result` } });
    if (nodes !== scope.file.nodes) this.#notes.push(`the nodes of graph ${scope.file.name} were not in order and are sorted`);
    for (const node of nodes) this.#node(scope, node);
  }

  #outputs(scope: Scope): void {
    const seen = new Set<string>();
    for (const { name } of scope.file.outputs) {
      if (name === '') fail(importedUnnamed, { with: { file: this.#file.file, found: 'an output with an empty name' } });
      // Some exporters list one output twice, with two types; readers take it by its name.
      if (seen.has(name) && !scope.outer) {
        this.#notes.push(`output ${name} is listed twice and written once`);
        continue;
      }
      seen.add(name);
      const value = this.#find(scope, name);
      scope.graph.output(name, value ?? this.#noOutput(scope.file, name));
    }
  }

  /** A name in a graph or the graphs around it. Initialisers become constants when they are first asked for. */
  #find(scope: Scope, name: string): Value | undefined {
    for (let one: Scope | undefined = scope; one; one = one.outer) {
      const value = one.values.get(name);
      if (value) return value;
      const tensor = one.initializers.get(name);
      if (tensor) {
        const made = this.#constant(one, tensor, name);
        one.values.set(name, made);
        return made;
      }
    }
    return undefined;
  }

  #operand(scope: Scope, node: FileNode, name: string): Value | undefined {
    if (name === '') return undefined;
    const value = this.#find(scope, name);
    if (value) return value;
    const found = `${nodeText(node)} reads ${JSON.stringify(name)}`;
    return fail(importedUndefined, { with: { file: this.#file.file, name: JSON.stringify(name), found } });
  }

  // ---------------------------------------------------------------------------------------------------------- constants

  #constantName(name: string): string {
    let free = name;
    for (let n = 1; this.#constantNames.has(free); n++) free = `${name}_${n}`;
    this.#constantNames.add(free);
    return free;
  }

  #constant(scope: Scope, tensor: FileTensor, name: string): Value {
    switch (tensor.kind) {
      case 'tensor':
        // Tensors of attributes have no name of their own.
        if (tensor.name === '') nameOnce(tensor.expr, name);
        return this.#stored(scope, tensor.expr, name);
      case 'other': {
        const { dataType, dims, raw } = tensor;
        const value = scope.graph.constant(raw, 'constant', this.#constantName(name));
        value.type = foreignTypeOf({ ...otherTensor(dataType, dims), tensor: { dataType, dims } });
        return value;
      }
      default: {
        const attributes = [{ kind: 'bytes' as const, name: 'value', bytes: tensorAttribute(tensor.bytes) }];
        return this.#constantNode(
          scope,
          name,
          attributes,
          foreignTypeOf({ text: tensor.text, proto: otherTensor(8, undefined).proto ?? new Uint8Array() }),
        );
      }
    }
  }

  #stored(scope: Scope, expr: WeightExpr, name: string): Value {
    const role = isFloat(expr.elem) && expr.dims.length > 0 ? 'parameter' : 'constant';
    return this.#saturate(scope.graph.constant(expr, role, this.#constantName(name)));
  }

  /** Remembers what integers beyond 2^53 mean as bounds of a slice. */
  #saturate(value: Value): Value {
    const { wide } = value.content ?? {};
    if (!wide) return value;
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    this.#saturated.set(
      value,
      Array.from(wide, (n: bigint) => Dim.of(Number(n > most ? most : n < -most ? -most : n))),
    );
    return value;
  }

  /** A node without operands, for constants that have no content here: strings. */
  #constantNode(scope: Scope, name: string, attributes: readonly ForeignAttribute[], type: TensorType): Value {
    const operator = foreignOperator({ domain: '', opType: 'Constant', attributes, outputs: [true], rest: new Uint8Array() }, [
      type,
    ]);
    const value = scope.graph.createTyped(operator, [], {}, [type], { scope: name }).y;
    value.name = name;
    return value;
  }

  /** The value of a Constant node; undefined where it has to stay a node. */
  #constantOf(scope: Scope, node: FileNode): Value | undefined {
    const name = node.outputs[0] ?? '';
    const [attribute, ...more] = node.attributes;
    if (!attribute || more.length > 0 || node.inputs.length > 0) return undefined;
    const numbers = (elem: ElemType, dims: readonly number[], list: readonly number[]): Value =>
      scope.graph.constant(
        literal(this.#file.session, { elem, dims, data: Float64Array.from(list) }),
        'constant',
        this.#constantName(name),
      );
    const integers = (dims: readonly number[], list: readonly bigint[]): Value =>
      this.#saturate(
        scope.graph.constant(
          literal(this.#file.session, tensorOfIntegers('i64', dims, list)),
          'constant',
          this.#constantName(name),
        ),
      );
    switch (attribute.kind) {
      case 'tensor':
        return attribute.value.kind === 'proto' ? undefined : this.#constant(scope, attribute.value, name);
      case 'int':
        return integers([], [attribute.value]);
      case 'ints':
        return integers([attribute.value.length], attribute.value);
      case 'float':
        return numbers('f32', [], [attribute.value]);
      case 'floats':
        return numbers('f32', [attribute.value.length], attribute.value);
      default:
        return undefined;
    }
  }

  // ---------------------------------------------------------------------------------------------------------- nodes

  #node(scope: Scope, file: FileNode): void {
    const values = file.inputs.map((name) => this.#operand(scope, file, name));
    const view = new NodeView(file, values, this.#used);
    const results = file.domain === '' ? this.#simple(scope, view) : undefined;
    const made = results ?? this.#foreignNode(scope, view);
    if (made[0]) this.#saturatedElements(view, made[0]);
    file.outputs.forEach((name, i) => {
      const value = made[i];
      if (name === '' || !value) return;
      if (scope.values.has(name)) this.#twice(name, `${nodeText(file)} makes it, and so does another`);
      scope.values.set(name, value);
      if (value.producer && value.name === undefined && value.graph === scope.graph) value.name = name;
    });
  }

  /** Constants, what hands its operand on, and what a lift can say. */
  #simple(scope: Scope, view: NodeView): readonly (Value | undefined)[] | undefined {
    const { opType } = view;
    if (opType === 'Constant') {
      const value = view.outputCount === 1 ? this.#constantOf(scope, view.file) : undefined;
      return value && [value];
    }
    if (opType === 'Identity' && view.values[0] && view.outputCount === 1) return [view.values[0]];
    if (opType === 'If') {
      const taken = this.#decided(view);
      if (taken) return this.#inline(scope, view, taken);
    }
    if (this.#options.asItIs !== undefined) {
      this.#leave(view, this.#options.asItIs);
      return undefined;
    }
    const lift = lifts.get(opType);
    if (!lift) {
      this.#leave(view, 'no operator here says it');
      return undefined;
    }
    const builder = new Builder(this, scope, view);
    try {
      const results = lift(view, builder);
      view.file.outputs.forEach((_, i) => {
        if (view.outputUsed(i) && !results[i]) throw new NotLifted(`output ${i} is read`);
      });
      return builder.finish(results);
    } catch (error) {
      builder.undo();
      if (!(error instanceof NotLifted || error instanceof AttributeError)) refusalOf(error);
      this.#leave(view, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** The branch of an If whose condition is known, often because it asks for a size. */
  #decided(view: NodeView): FileGraph | undefined {
    const condition = view.values[0];
    const holds = condition && !condition.type.foreign ? hostOf(condition)?.data : undefined;
    if (holds?.length !== 1) return undefined;
    const branch = view.attribute(holds[0] === 0 ? 'else_branch' : 'then_branch');
    const fits = branch?.kind === 'graph' && branch.value.outputs.length === view.file.outputs.length;
    return fits && branch.value.inputs.length === 0 ? branch.value : undefined;
  }

  /** The nodes of a sub-graph in the place of the node that owns it. */
  #inline(scope: Scope, view: NodeView, file: FileGraph): readonly (Value | undefined)[] {
    const inner = this.#open(scope.graph, file, scope, innerPath(scope, view.file, 'taken'), isLive(scope, view.file));
    this.#body(inner);
    return file.outputs.map(({ name }) => this.#find(inner, name) ?? this.#noOutput(file, name));
  }

  #noOutput(file: FileGraph, name: string): never {
    const found = `output ${name} of graph ${file.name}`;
    return fail(importedOutput, { with: { file: this.#file.file, name: JSON.stringify(name), found } });
  }

  #leave(view: NodeView, why: string): void {
    const name = view.name === '' ? (view.file.outputs[0] ?? '') : view.name;
    this.#foreign.push({ domain: view.domain, opType: view.opType, name, why });
  }

  #foreignNode(scope: Scope, view: NodeView): readonly Value[] {
    const { file, values } = view;
    if (file.domain !== '') this.#leave(view, `the domain ${file.domain} has no operators here`);
    const regions: Graph[] = [];
    const attributes = file.attributes.map((one): ForeignAttribute => {
      if (one.kind !== 'graph' && one.kind !== 'graphs') return { kind: 'bytes', name: one.name, bytes: one.bytes };
      const graphs = one.kind === 'graph' ? [one.value] : one.value;
      const places = graphs.map((graph) => {
        regions.push(this.#region(scope, view, graph, regions.length));
        return regions.length - 1;
      });
      return { kind: 'graphs', name: one.name, regions: places, plural: one.kind === 'graphs' };
    });
    const inferred = this.#inferred(view, regions);
    // The forms are those from opset 13 on.
    const evaluate = this.#options.asItIs === undefined ? evaluationOf(view, this.opset) : undefined;
    const known = evaluate && this.#ahead(scope, view, evaluate, inferred);
    if (known) return known;
    const types = file.outputs.map((name, i) => this.#typeOf(scope, name, inferred[i] ?? {}));
    const foreign = {
      domain: file.domain,
      opType: file.opType,
      attributes,
      outputs: file.outputs.map((name) => name !== ''),
      rest: file.rest,
    };
    const node = scope.graph.createTyped(
      foreignOperator(foreign, types, evaluate),
      values,
      {},
      types,
      originOf(file),
      undefined,
      regions,
    );
    node.results.forEach((value, i) => {
      const name = file.outputs[i] ?? '';
      if (name !== '') this.#enter(scope, name, value, inferred[i] ?? {});
      if (name !== '' && this.#used.has(name)) this.#expected.add(value);
    });
    this.#foreignElements(view, node);
    return node.results;
  }

  /** The results of a node over constants, where their sizes are open without them. */
  #ahead(
    scope: Scope,
    { file, values }: NodeView,
    evaluate: (operands: readonly (HostTensor | undefined)[]) => readonly HostTensor[],
    inferred: readonly PartialType[],
  ): readonly Value[] | undefined {
    const operands = values.map((value) => value && this.#numbers.of(value));
    if (values.length === 0 || values.some((value, i) => value && !operands[i])) return undefined;
    const bare = { domain: '', opType: file.opType, attributes: [], outputs: [], rest: new Uint8Array() };
    const found = evaluateConstant(foreignOperator(bare, [], evaluate), operands, {});
    if (found.kind === 'refused' || !isWorthKnowing(inferred, found.results)) return undefined;
    return found.results.map((tensor, i) => this.computed(scope, rounded(tensor), file.outputs[i] ?? ''));
  }

  /** What is known of a foreign node's results; nothing where a size cannot be held. */
  #inferred(view: NodeView, regions: readonly Graph[]): readonly PartialType[] {
    const { values } = view;
    // The rules are those of the forms from opset 13 on.
    if (this.#options.asItIs !== undefined) return [];
    return inferResults({
      domain: view.domain,
      opType: view.opType,
      attributes: view.attributes,
      operandCount: values.length,
      resultCount: view.file.outputs.length,
      has: (i) => values[i] !== undefined,
      operand: (i) => this.typeOf(values[i]),
      elements: (i) => this.known.of(values[i])?.data,
      bounds: (i) => (values[i] && this.#saturated.get(values[i])) ?? this.known.of(values[i])?.data,
      numbers: (i) => {
        const host = values[i]?.type.foreign ? undefined : hostOf(values[i]);
        return host?.wide ? undefined : host?.data;
      },
      bodies: regions.map((region) => region.outputs.map(({ value }) => this.typeOf(value))),
    });
  }

  /** Exporters write an end that is never reached as a scalar of 2^63 - 1 that is unsqueezed, and joined with the ends of other axes. */
  #saturatedElements(view: NodeView, y: Value): void {
    const [x] = view.values;
    // torch.export casts the number to what it is.
    const keeps = view.opType === 'Cast' || view.opType === 'CastLike';
    const kept = keeps && x && y.type.elem === 'i64' && (this.#elems.get(x) ?? x.type.elem) === 'i64';
    if (view.domain !== '' || !(kept || movesInOrder.has(view.opType))) return;
    const sources = view.opType === 'Concat' ? view.values : view.values.slice(0, 1);
    if (!sources.some((value) => value && this.#saturated.has(value))) return;
    const elements: Dim[] = [];
    for (const value of sources) {
      const own = value && (this.#saturated.get(value) ?? this.known.of(value)?.data);
      if (!own) return;
      for (const d of own) {
        if (!d) return;
        elements.push(d);
      }
    }
    this.#saturated.set(y, elements);
  }

  /** The number of elements, and remainders of sizes, which no operator here says. */
  #foreignElements(view: NodeView, node: Node): void {
    if (view.domain !== '') return;
    const [x, y] = view.values;
    const set = (data: readonly (Dim | undefined)[], dims: readonly number[], elem: ElemType): void => {
      if (data.every((d) => d !== undefined)) this.known.set(node.y, { elem, dims, data });
    };
    try {
      if (view.opType === 'Size' && x && !x.type.foreign) {
        set([x.type.dims.reduce((n, d) => n.times(d), Dim.one)], [], 'i64');
      } else if (view.opType === 'Mod') {
        const [a, b] = [this.known.of(x), this.known.of(y)];
        if (!a || !b || (b.data.length !== 1 && b.data.length !== a.data.length) || b.dims.length > a.dims.length) return;
        const data = a.data.map((d, i) => {
          const divisor = b.data[b.data.length === 1 ? 0 : i];
          return d && divisor && d.lowerBound >= 0 && divisor.lowerBound >= 1 ? d.mod(divisor) : undefined;
        });
        set(data, a.dims, a.elem);
      }
    } catch (error) {
      refusalOf(error);
    }
  }

  typeOf(value: Value | undefined): PartialType {
    if (!value) return {};
    const elem = this.#elems.get(value);
    if (elem === undefined) return partialOfType(value.type);
    const dims = value.type.foreign?.tensor?.dims.map((d) => Dim.of(d));
    return { elem, dims };
  }

  #region(scope: Scope, view: NodeView, file: FileGraph, index: number): Graph {
    const graph = new Graph(file.name, scope.graph);
    const inner = this.#open(graph, file, scope, innerPath(scope, view.file, String(index)));
    file.inputs.forEach(({ name, type }, i) => {
      if (name === '')
        fail(importedUnnamed, { with: { file: this.#file.file, found: `an input of graph ${file.name} has an empty name` } });
      if (inner.values.has(name)) this.#twice(name, `two inputs of graph ${file.name}`);
      if (inner.made.has(name)) this.#twice(name, 'an input, and a node makes it');
      const known = this.#innerInput(view, i, type);
      const value = graph.input(name, this.#typeOf(inner, name, known));
      this.#enter(inner, name, value, known);
      inner.values.set(name, value);
    });
    this.#body(inner);
    this.#outputs(inner);
    return graph;
  }

  /**
   * Inputs of a body. Names of dimensions say nothing inside, because another step may have another size; of what a Loop carries the element type
   * stays what it was.
   */
  #innerInput(view: NodeView, index: number, type: FileType | undefined): PartialType {
    const said = partialOfFile(type, () => undefined);
    if (view.domain !== '' || view.opType !== 'Loop' || said.elem !== undefined || said.foreign) return said;
    if (index === 0) return { elem: 'i64', dims: [] };
    if (index === 1) return { elem: 'bool', dims: [] };
    const outer = this.typeOf(view.values[index]);
    return outer.foreign ? { foreign: outer.foreign } : { elem: outer.elem };
  }

  // ---------------------------------------------------------------------------------------------------------- what builders ask

  isReadable(symbol: string): boolean {
    return this.#readable.has(symbol);
  }

  saturated(value: Value): readonly Dim[] | undefined {
    return this.#saturated.get(value);
  }

  expect(value: Value): void {
    this.#expected.add(value);
  }

  /** A node that runs and says what it must be given. */
  #reader(scope: Scope, { file }: NodeView): Reader {
    return { body: scope.graph, live: isLive(scope, file), name: nodeText(file) };
  }

  pinSize(scope: Scope, view: NodeView, value: Value, axis: number, dim: Dim): void {
    const own = value.type.dims[axis];
    const size = dim.constant;
    if (!own || size === undefined || own.constant !== undefined) return;
    const [symbol] = own.symbols();
    if (symbol === undefined || own !== Dim.symbol(symbol)) return;
    const place = this.#places.get(symbol);
    if (place !== undefined) this.pins.pinSize(place, size, this.#reader(scope, view));
  }

  pinRank(scope: Scope, view: NodeView, value: Value, rank: number, elem: ElemType | undefined): void {
    const place = this.#ranks.get(value);
    if (place === undefined) return;
    this.pins.pinRank(place, { rank, elem: this.#elems.get(value) ?? elem }, this.#reader(scope, view));
  }

  computed(scope: Scope, tensor: HostTensor, name: string): Value {
    const value = scope.graph.constant(
      literal(this.#file.session, tensor),
      'constant',
      name === '' ? undefined : this.#constantName(name),
    );
    this.known.markComputed(value);
    return value;
  }

  derived(from: Value, content: WeightExpr): Value {
    const key = `${from.id}|${content.id}|${from.graph === this.graph ? '' : from.graph.name}`;
    const known = this.#derived.get(key);
    if (known?.graph === from.graph) return known;
    const role = from.def.kind === 'constant' ? from.def.role : 'constant';
    const value = from.graph.constant(content, role);
    this.#derived.set(key, value);
    this.#derivedFrom.push({ value, from });
    return value;
  }

  // ---------------------------------------------------------------------------------------------------------- at the end

  /** A derived constant has the name of the one that it came from, unless that one is still read. */
  #nameDerived(): void {
    const given = new Set<Value>();
    for (const { value, from } of this.#derivedFrom) {
      if (value.isDead || from.name === undefined) continue;
      if (from.isDead && !given.has(from)) {
        given.add(from);
        value.name = from.name;
      } else value.name = this.#constantName(`${from.name}.transposed`);
    }
  }

  /** Removes what only lifted nodes read: the arithmetic on sizes. What the file itself never reads stays. */
  #sweep(): void {
    const graphs = [this.graph];
    const all: Graph[] = [];
    for (let graph = graphs.pop(); graph; graph = graphs.pop()) {
      all.push(graph);
      if (graph.ownerCount > 0) for (const node of graph.nodes()) for (const inner of node.regions) graphs.push(inner);
    }
    for (const graph of all.reverse()) {
      let node = graph.last;
      while (node) {
        const previous: Node | undefined = node.prev;
        if (node.results.every((y) => y.isDead) && node.results.some((y) => this.#expected.has(y))) graph.erase(node);
        node = previous;
      }
    }
  }
}

class Builder implements LiftBuilder {
  readonly graph: Graph;
  readonly opset: number;
  readonly #importer: Importer;
  readonly #scope: Scope;
  readonly #view: NodeView;
  readonly #made: Node[] = [];
  readonly #origin: Origin;

  constructor(importer: Importer, scope: Scope, view: NodeView) {
    this.#importer = importer;
    this.#scope = scope;
    this.#view = view;
    this.graph = scope.graph;
    this.opset = importer.opset;
    this.#origin = { ...originOf(view.file), ...(view.opType === 'Sum' && view.values.length > 2 && { isTerm: true }) };
  }

  op(operator: Operator, operands: readonly (Value | undefined)[], attrs: Readonly<Record<string, AttrValue>> = {}): Value {
    return this.ops(operator, operands, attrs)[0] ?? bug(`${operator.name} has no result`);
  }

  ops(
    operator: Operator,
    operands: readonly (Value | undefined)[],
    attrs: Readonly<Record<string, AttrValue>> = {},
  ): readonly Value[] {
    let count = operands.length;
    while (count > 0 && operands[count - 1] === undefined) count--;
    const node = this.graph.create(operator, operands.slice(0, count), attrs, this.#origin);
    this.#made.push(node);
    if (node.results.some((y) => y.type.dims.length > rankLimit)) throw new NotLifted(`a tensor of more than ${rankLimit} axes`);
    this.#importer.known.track(node);
    return node.results;
  }

  derived(from: Value, content: WeightExpr): Value {
    return this.#importer.derived(from, content);
  }

  sizes(value: Value | undefined): readonly Dim[] | undefined {
    const found: Elements | undefined = this.#importer.known.of(value);
    if (!found || found.dims.length > 1) return undefined;
    const all: Dim[] = [];
    for (const d of found.data) {
      if (!d) return undefined;
      all.push(d);
    }
    return all;
  }

  bounds(index: number): readonly Dim[] | undefined {
    const value = this.#view.values[index];
    return value && (this.#importer.saturated(value) ?? this.sizes(value));
  }

  needSizes(value: Value | undefined, what: string): readonly Dim[] {
    const found = this.sizes(value);
    if (!found) throw new NotLifted(`${what}: numbers that are only known when it runs`);
    return found;
  }

  needHost(value: Value | undefined, what: string): HostTensor {
    const found = value?.type.foreign ? undefined : hostOf(value);
    if (!found) throw new NotLifted(`${what}: numbers that are only known when it runs`);
    if (found.wide) throw new NotLifted(`${what}: an integer beyond 2^53`);
    return found;
  }

  checkWritable(sizes: readonly Dim[], near: Value | undefined): void {
    for (const d of sizes) {
      if (d.constant !== undefined) continue;
      for (const symbol of d.symbols()) {
        if (this.#importer.isReadable(symbol)) continue;
        if (near?.type.dims.some((own) => solvedSymbol(own) === symbol)) continue;
        throw new NotLifted(`the size ${d}, which only the run knows`);
      }
    }
  }

  pin(value: Value, axis: number, dim: Dim): void {
    if (!value.type.foreign) this.#importer.pinSize(this.#scope, this.#view, value, axis, dim);
  }

  pinRank(index: number, rank: number, exact = true): void {
    const value = this.#view.values[index];
    if (!value?.type.foreign) return;
    const elem = this.#view.values.find((one) => one && !one.type.foreign)?.type.elem;
    if (exact || value.def.kind !== 'input') this.#importer.pinRank(this.#scope, this.#view, value, rank, elem);
    throw new NotLifted(`operand ${index} is ${value.type.foreign.text}`);
  }

  /** Erases what was made, latest first. */
  undo(): void {
    for (const node of this.#made.reverse()) this.graph.erase(node);
    this.#made.length = 0;
  }

  /** What follows from sizes alone is a constant; the node that makes the first result has the name. */
  finish(results: readonly (Value | undefined)[]): readonly (Value | undefined)[] {
    const last = this.#made.at(-1);
    if (last && results.length > 0 && results.every((value, i) => value === last.results[i])) {
      const numbers = this.#importer.known.numbers(last);
      if (numbers && numbers.length === results.length) {
        const names = this.#view.file.outputs;
        const constants = numbers.map((tensor, i) => this.#importer.computed(this.#scope, tensor, names[i] ?? ''));
        this.undo();
        return constants;
      }
    }
    for (const [i, value] of results.entries()) if (value?.producer && this.#view.outputUsed(i)) this.#importer.expect(value);
    return results;
  }
}

/** Keys of what readers may pin. A path begins with a quotation mark, and a text in quotation marks ends where it ends, so that none is two. */
const dimKey = (name: string): string => `dim ${name}`;
const rankKey = (scope: Scope, name: string): string => `${scope.path}|${name}`;
const sizeKey = (scope: Scope, name: string, axis: number): string => `${axis}${rankKey(scope, name)}`;

/** By what a node makes, because nodes may be named alike. One that makes nothing is nothing that a value lies in. */
const innerPath = (scope: Scope, { outputs }: FileNode, part: string): string =>
  `${scope.path}${JSON.stringify(outputs.find((name) => name !== '') ?? '')}${part}`;

const isLive = ({ live }: Scope, { outputs }: FileNode): boolean => outputs.some((name) => live.has(name));

/** Names of dimensions that name nothing: some exporters write a question mark for every open size. */
function isName(name: string): boolean {
  return name !== '' && !name.startsWith('?');
}

/** A text as a part of a symbol's name that prints without quotes. */
function symbolText(name: string): string {
  const text = name.replace(/[^\w.]+/g, '_').slice(0, 64);
  return /^[A-Za-z_]/.test(text) ? text : `_${text}`;
}

/** The symbol s where the size is c·s + d, so that the size tells it. */
function solvedSymbol(d: Dim): string | undefined {
  const [symbol, ...more] = d.symbols();
  if (symbol === undefined || more.length > 0) return undefined;
  const last = d.terms.at(-1);
  const shift = last?.factors.length === 0 ? last.coefficient : 0;
  return d.minus(shift).divideExactly(Dim.symbol(symbol))?.constant === undefined ? undefined : symbol;
}

function nodeText(node: FileNode): string {
  const name = node.name === '' ? '' : ` ${JSON.stringify(node.name)}`;
  return `${node.opType}${name}`;
}

function originOf(node: FileNode): Origin & { scope: string; name?: string } {
  return node.name === '' ? { scope: node.opType.toLowerCase() } : { scope: node.name, name: node.name };
}

/** AttributeProto { name = 1: "value", t = 5: the tensor, type = 20: TENSOR = 4 }, onnx.proto. */
function tensorAttribute(tensor: LazyBytes): LazyBytes {
  const length: number[] = [];
  let rest = tensor.size;
  while (rest >= 128) {
    length.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  length.push(rest);
  const head = Uint8Array.from([0x0a, 5, 0x76, 0x61, 0x6c, 0x75, 0x65, 0xa0, 1, 4, 0x2a, ...length]);
  const front = memorySource('attribute', head);
  return {
    size: head.length + tensor.size,
    async read(start, count) {
      const out = new Uint8Array(count);
      const inFront = Math.max(0, Math.min(count, head.length - start));
      if (inFront > 0) out.set(await front.read(start, inFront));
      if (count > inFront) out.set(await tensor.read(start + inFront - head.length, count - inFront), inFront);
      return out;
    },
  };
}

/** What leaves elements in their order; a `Concat` of what slices read is of vectors. */
const movesInOrder: ReadonlySet<string> = new Set(['Unsqueeze', 'Squeeze', 'Reshape', 'Identity', 'Concat']);
