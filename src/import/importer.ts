/**
 * The way of a file into a graph, node by node. Where a later node says more of an earlier value than was known
 * (`constraints.ts`), the import goes back to where that value is made and on from there (`trail.ts`); what stands before stays.
 *
 * Nothing here recurses but over sub-graphs, whose depth the reader limits. Nodes that are dead because lifts took what they
 * computed (shape arithmetic) are removed at the end; everything else stays, used or not.
 */
import { importedCircle, importedOutput, importedUndefined, importedUnnamed } from '../diagnostics/catalogue/import.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { everySo } from '../diagnostics/progress.ts';
import { attributeSizes, bornBy } from '../ir/births.ts';
import { type Declarations, declarationKeys, readDeclarations } from '../ir/declarations.ts';
import { Dim } from '../ir/dim.ts';
import { parseDim } from '../ir/dim-text.ts';
import type { ForeignAttribute } from '../ir/foreign.ts';
import { Graph, hostOf, type Node, type Value } from '../ir/graph.ts';
import { holds, type Operator } from '../ir/operator.ts';
import { rangeProblem, type ValueRange } from '../ir/ranges.ts';
import { foreignTypeOf, type TensorType } from '../ir/types.ts';
import { attributeBytes } from '../onnx/encode.ts';
import { type PartialType, partialOfFile } from '../onnx/infer/partial-type.ts';
import type { OnnxFile, OnnxGraph, OnnxNode, OnnxTensor, OnnxType } from '../onnx/model.ts';
import { AttributeError } from '../onnx/node-attributes.ts';
import { inOrder } from '../onnx/order.ts';
import { protoOf } from '../onnx/types.ts';
import { comesLater } from '../onnx/versions.ts';
import { refusalOf } from '../ops/evaluate.ts';
import { ConstantNumbers, evaluationOf } from './ahead.ts';
import { type ImportState, NodeBuilder } from './builder.ts';
import { Constants } from './constants.ts';
import { Constraints } from './constraints.ts';
import { Dimensions, isName } from './dimensions.ts';
import { foreignNode } from './foreign-node.ts';
import type { ImportedModel, ImportOptions, LeftForeign } from './imported-model.ts';
import { NotLifted } from './lift.ts';
import { lifts } from './lifts/table.ts';
import { type NarrowedInput, narrowedInputs } from './narrowed.ts';
import { NodeView } from './node-view.ts';
import { innerTypes, ownerNode, ownerOf } from './owners.ts';
import { dimKey, innerPath, isLive, madeTwice, namesUsed, nodeText, openScope, rankKey, type Scope, sizeKey } from './scope.ts';
import { KnownElements } from './sizes.ts';
import { GoBack, Trail } from './trail.ts';
import { ValueTypes } from './value-types.ts';

/** Nodes are imported at most this often, on average; then what is open stays so. Files that people have need 1 and a little. */
const mostVisits = 8;

export class Importer implements ImportState {
  readonly graph: Graph;
  readonly opset: number;
  readonly trail = new Trail();
  readonly elements = new KnownElements();
  readonly dimensions: Dimensions;
  readonly types: ValueTypes;
  readonly constants: Constants;
  readonly expected = new Set<Value>();
  readonly numbers = new ConstantNumbers();
  readonly #constraints = new Constraints();
  readonly #file: OnnxFile;
  readonly #options: ImportOptions;
  readonly #used: ReadonlySet<string>;
  readonly #notes: string[];
  readonly #foreign: LeftForeign[] = [];
  /** Owners of sub-graphs that no operator says, with the reason. */
  readonly #notSaid = new Map<OnnxNode, string>();
  /** What the metadata says of inputs, outputs and sizes. */
  readonly #declared: Declarations;
  /** Steps that were taken, and those that were taken once more, which are bounded. */
  #visits = 0;
  #again = 0;
  #steps = 0;

  constructor(file: OnnxFile, options: ImportOptions) {
    this.#file = file;
    this.#options = options;
    this.#declared = readDeclarations(new Map(file.metadata));
    this.#used = namesUsed(file.graph);
    this.#notes = [...file.notes];
    if (file.training) this.#notes.push('training_info is left out: the model is optimised for inference');
    if (options.keepsOpen) this.#constraints.closed = true;
    this.graph = new Graph(file.graph.name);
    this.graph.session = file.session;
    this.opset = file.opsets.get('') ?? 1;
    this.dimensions = new Dimensions(file, this.graph, options, this.#declared.promises, this.trail, this.#constraints);
    this.types = new ValueTypes(this.dimensions, this.#constraints);
    this.constants = new Constants(file.session, this.graph, this.elements, this.trail);
  }

  run(): ImportedModel {
    const { graph } = this;
    for (const [key, value] of this.#file.metadata) graph.metadata[key] = value;
    const scope = openScope(this.#file.file, graph, this.#file.graph, undefined, '');
    this.#body(scope, () => {
      this.dimensions.nameInputs();
      this.#inputs(scope);
    });
    this.#outputs(scope);
    this.#options.onValues?.(scope.values);
    this.#declare();
    this.#sweep();
    this.constants.nameDerived();
    if (this.elements.exhausted)
      this.#notes.push('sizes are followed up to a limit of work, which this file passes: some nodes stay as they are');
    return {
      graph,
      opset: this.opset,
      irVersion: this.#file.irVersion,
      domains: new Map([...this.#file.opsets].filter(([domain]) => domain !== '')),
      producerName: this.#file.producerName,
      producerVersion: this.#file.producerVersion,
      ...(this.#file.rest && { rest: this.#file.rest }),
      dimNames: this.dimensions.fileNames,
      notes: this.#notes,
      foreign: this.#foreign,
      narrowed: this.#narrowed(scope),
      visits: this.#visits,
    };
  }

  #narrowed(scope: Scope): readonly NarrowedInput[] {
    const symbolsOf = (dim: string): readonly string[] => [dim, ...(parseDim(dim)?.symbols() ?? [])];
    return narrowedInputs(scope.file, this.graph, {
      isAsked: (input, axis, dim) =>
        this.dimensions.askedOf(input, axis) !== undefined ||
        (typeof dim === 'string' && symbolsOf(dim).some((name) => this.dimensions.isAsked(name))),
      saidBy: (input, axis, dim) => {
        if (scope.initializers.has(input)) return 'its default';
        if (axis === undefined) return this.#constraints.saidBy(rankKey(scope, input));
        const names = typeof dim === 'string' && isName(dim) ? symbolsOf(dim) : [];
        const keys = [...names.map(dimKey), sizeKey(scope, input, axis)];
        return keys.map((key) => this.#constraints.saidBy(key)).find((by) => by !== undefined);
      },
    });
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

  // ---------------------------------------------------------------------------------------------------------- graphs

  /** The inputs and the nodes of a graph. */
  #body(scope: Scope, inputs: () => void): void {
    const { nodes, circle } = inOrder(scope.file.nodes);
    const { onProgress } = this.#options;
    const tell = scope.outer ? undefined : everySo(onProgress, 'importing', nodes.length, 'nodes');
    this.#inSteps(nodes.length + 1, (i) => {
      const node = nodes[i - 1];
      tell?.(i);
      if (node) this.#node(scope, node);
      else {
        inputs();
        const found = circle && `${nodeText(circle)} reads what follows from its result`;
        if (found) fail(importedCircle, { with: { file: this.#file.file, found } });
        if (nodes !== scope.file.nodes)
          this.trail.push(this.#notes, `the nodes of graph ${scope.file.name} were not in order and are sorted`);
      }
    });
  }

  /** Takes the steps in order, and goes back to an earlier one where a later one says more of what it made. */
  #inSteps(count: number, step: (index: number) => void): void {
    const starts: { readonly mark: number; readonly symbols: number }[] = [];
    this.#steps += count;
    for (let i = 0; i < count; ) {
      starts[i] = { mark: this.trail.mark, symbols: this.graph.freshDims };
      this.#visits++;
      try {
        step(i);
        i++;
      } catch (error) {
        const [first] = starts;
        if (!(error instanceof GoBack) || !first || error.to < first.mark) throw error;
        const from = i;
        while (i > 0 && (starts[i]?.mark ?? 0) > error.to) i--;
        const start = starts[i] ?? first;
        this.trail.undoTo(start.mark);
        this.graph.forgetDims(start.symbols);
        this.#again += from - i + 1;
        if (this.#again > mostVisits * this.#steps) this.#constraints.closed = true;
      }
    }
  }

  #inputs(scope: Scope): void {
    const constants: string[] = [];
    const seen = new Set<string>();
    for (const { name, type } of scope.file.inputs) {
      if (name === '') fail(importedUnnamed, { with: { file: this.#file.file, found: 'an input with an empty name' } });
      if (seen.has(name)) madeTwice(this.#file.file, name, 'two inputs');
      seen.add(name);
      if (scope.made.has(name)) madeTwice(this.#file.file, name, 'an input, and a node makes it');
      const tensor = scope.initializers.get(name);
      if (tensor && !this.#options.keepInputs) {
        constants.push(name);
        continue;
      }
      const { mark } = this.trail;
      const known = partialOfFile(type, () => undefined);
      const value = this.#input(scope, name, this.#inputType(scope, name, type, tensor), known, mark);
      for (const d of value.type.dims) this.dimensions.tell(d);
      if (tensor?.kind === 'tensor') this.trail.put(scope.graph.defaults, value, tensor.expr);
    }
    if (constants.length === 0) return;
    const shown = `${constants.slice(0, 4).join(', ')}${constants.length > 4 ? ', …' : ''}`;
    const what = `${constants.length} initializers are listed as inputs too and taken as constants`;
    this.trail.push(this.#notes, `${what}: ${shown} (--keep-inputs keeps them)`);
  }

  #input(scope: Scope, name: string, type: TensorType, known: PartialType, mark: number): Value {
    const value = scope.graph.input(name, type);
    this.trail.grew(scope.graph.inputs);
    this.types.enter(scope, name, value, known, mark);
    this.trail.put(scope.values, name, value);
    return value;
  }

  #inputType(scope: Scope, name: string, type: OnnxType | undefined, tensor: OnnxTensor | undefined): TensorType {
    if (tensor?.kind === 'tensor') return { elem: tensor.expr.elem, dims: tensor.expr.dims.map((d) => Dim.of(d)) };
    const known = partialOfFile(type, (d) => this.dimensions.named(d));
    const dims = known.dims?.map((d, axis) => {
      const asked = this.dimensions.askedOf(name, axis);
      return asked === undefined ? d : Dim.of(asked);
    });
    const found = this.types.typeOf(scope, name, { ...known, dims });
    // What the file says of a type that is none of ours goes back as it is.
    return found.foreign && type ? foreignTypeOf({ text: found.foreign.text, proto: protoOf(type) }) : found;
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
      scope.graph.output(name, this.#find(scope, name) ?? this.#noOutput(scope.file, name));
      if (scope.outer) this.trail.output(scope.graph);
    }
  }

  #noOutput(file: OnnxGraph, name: string): never {
    const found = `output ${name} of graph ${file.name}`;
    return fail(importedOutput, { with: { file: this.#file.file, name: JSON.stringify(name), found } });
  }

  /** A name in a graph or the graphs around it. Initialisers become constants when they are first asked for. */
  #find(scope: Scope, name: string): Value | undefined {
    for (let one: Scope | undefined = scope; one; one = one.outer) {
      const value = one.values.get(name);
      if (value) return value;
      const tensor = one.initializers.get(name);
      if (tensor) {
        const made = this.constants.of(one, tensor, name);
        this.trail.put(one.values, name, made);
        return made;
      }
    }
    return undefined;
  }

  #operand(scope: Scope, node: OnnxNode, name: string): Value | undefined {
    if (name === '') return undefined;
    const value = this.#find(scope, name);
    if (value) return value;
    const found = `${nodeText(node)} reads ${JSON.stringify(name)}`;
    return fail(importedUndefined, { with: { file: this.#file.file, name: JSON.stringify(name), found } });
  }

  // ---------------------------------------------------------------------------------------------------------- nodes

  #node(scope: Scope, file: OnnxNode): void {
    const values = file.inputs.map((name) => this.#operand(scope, file, name));
    const view = new NodeView(file, values, this.#used);
    const results = file.domain === '' ? this.#simple(scope, view) : undefined;
    const made = results ?? this.#foreignNode(scope, view);
    if (results?.[0]?.producer) this.#followSaturated(results[0].producer);
    file.outputs.forEach((name, i) => {
      const value = made[i];
      if (name === '' || !value) return;
      if (scope.values.has(name)) madeTwice(this.#file.file, name, `${nodeText(file)} makes it, and so does another`);
      this.trail.put(scope.values, name, value);
      if (value.producer && value.name === undefined && value.graph === scope.graph) value.name = name;
    });
  }

  /** Constants, what hands its operand on, and what a lift can say. */
  #simple(scope: Scope, view: NodeView): readonly (Value | undefined)[] | undefined {
    const { opType } = view;
    if (comesLater(opType, this.opset)) this.graph.ahead.add(opType);
    if (opType === 'Constant') {
      const value = view.outputCount === 1 ? this.constants.ofNode(scope, view.file) : undefined;
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
    const owner = ownerOf(view);
    if (owner) return this.#owner(scope, view, owner);
    if (!lifts.has(opType)) {
      this.#leave(view, 'no operator here says it');
      return undefined;
    }
    const results = this.#lift(scope, view);
    const earlier = this.#constraints.takeEarliest();
    if (earlier !== undefined) throw new GoBack(earlier);
    return results;
  }

  #lift(scope: Scope, view: NodeView): readonly (Value | undefined)[] | undefined {
    const builder = new NodeBuilder(this, scope, view);
    try {
      const results = lifts.get(view.opType)?.(view, builder) ?? [];
      view.file.outputs.forEach((_, i) => {
        if (view.outputUsed(i) && !results[i]) throw new NotLifted(`output ${i} is read`);
      });
      // What is computed ahead has its size, and whoever reads that.
      const born = results.some((value) => value?.producer && bornBy(value.producer).size > 0);
      if (born && view.values.every((value) => !value || this.numbers.of(value)) && evaluationOf(view, this.opset))
        throw new NotLifted('its numbers are known');
      return builder.finish(results);
    } catch (error) {
      builder.undo();
      if (!(error instanceof NotLifted || error instanceof AttributeError)) refusalOf(error);
      this.#leave(view, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /**
   * With its sub-graphs imported for that; where it cannot be said they are imported once more, and no third time, so that the
   * work grows with how deep sub-graphs nest and no more.
   */
  #owner(scope: Scope, view: NodeView, owner: Operator): readonly Value[] | undefined {
    const known = this.#notSaid.get(view.file);
    if (known !== undefined) {
      this.#leave(view, known);
      return undefined;
    }
    const { mark } = this.trail;
    const symbols = this.graph.freshDims;
    try {
      const assumed = innerTypes(view);
      const regions = (owner.regions ?? []).flatMap((name, i) => {
        const body = view.attribute(name);
        return body?.kind === 'graph' ? [this.#region(scope, view, body.value, i, assumed)] : [];
      });
      return ownerNode(this, scope, view, owner, regions);
    } catch (error) {
      if (error instanceof GoBack) throw error;
      if (!(error instanceof NotLifted || error instanceof AttributeError)) refusalOf(error);
      this.trail.undoTo(mark);
      this.graph.forgetDims(symbols);
      const why = error instanceof Error ? error.message : String(error);
      this.#notSaid.set(view.file, why);
      this.#leave(view, why);
      return undefined;
    }
  }

  /** The branch of an If whose condition is known, often because it asks for a size. */
  #decided(view: NodeView): OnnxGraph | undefined {
    const condition = view.values[0];
    const known = condition && !condition.type.foreign ? hostOf(condition)?.data : undefined;
    if (known?.length !== 1) return undefined;
    const branch = view.attribute(known[0] === 0 ? 'else_branch' : 'then_branch');
    const fits = branch?.kind === 'graph' && branch.value.outputs.length === view.file.outputs.length;
    return fits && branch.value.inputs.length === 0 ? branch.value : undefined;
  }

  /** The nodes of a sub-graph in the place of the node that owns it. */
  #inline(scope: Scope, view: NodeView, file: OnnxGraph): readonly (Value | undefined)[] {
    const path = innerPath(scope, view.file, 'taken');
    const inner = openScope(this.#file.file, scope.graph, file, scope, path, isLive(scope, view.file));
    this.#body(inner, () => {});
    return file.outputs.map(({ name }) => this.#find(inner, name) ?? this.#noOutput(file, name));
  }

  #leave(view: NodeView, why: string): void {
    const name = view.name === '' ? (view.file.outputs[0] ?? '') : view.name;
    this.trail.push(this.#foreign, { domain: view.domain, opType: view.opType, name, why });
  }

  #foreignNode(scope: Scope, view: NodeView): readonly Value[] {
    const { file } = view;
    if (file.domain !== '') this.#leave(view, `the domain ${file.domain} has no operators here`);
    const regions: Graph[] = [];
    const attributes = file.attributes.map((one): ForeignAttribute => {
      if (one.kind !== 'graph' && one.kind !== 'graphs')
        return { kind: 'bytes', name: one.name, bytes: attributeBytes(one), attribute: one };
      const graphs = one.kind === 'graph' ? [one.value] : one.value;
      const places = graphs.map((graph) => {
        regions.push(this.#region(scope, view, graph, regions.length));
        return regions.length - 1;
      });
      return { kind: 'graphs', name: one.name, regions: places, plural: one.kind === 'graphs' };
    });
    return foreignNode(this, this.numbers, scope, view, attributes, regions, this.#options.asItIs !== undefined);
  }

  /**
   * Integers beyond 2^53 as bounds of a slice, through what only gives them another shape, casts them to what they are, or joins
   * vectors.
   */
  #followSaturated(node: Node): void {
    const { traits } = node.op;
    if (node.regions.length > 0) return;
    if (traits.moves === 'all' && node.y.type.dims.length === 1) this.constants.joinSaturated(node.operands, node.y);
    else if (
      node.slots.length > 0 &&
      (traits.keepsOrder === true || (isSameType(node.x.type, node.y.type) && holds(traits.handsOn, node)))
    )
      this.constants.joinSaturated([node.x], node.y);
  }

  /** `assumed` has the types of the inputs, where they follow from the operands of the node. */
  #region(
    scope: Scope,
    view: NodeView,
    file: OnnxGraph,
    index: number,
    assumed: readonly (TensorType | undefined)[] = [],
  ): Graph {
    const graph = new Graph(file.name, scope.graph);
    const inner = openScope(this.#file.file, graph, file, scope, innerPath(scope, view.file, String(index)));
    this.#body(inner, () => {
      file.inputs.forEach(({ name, type }, i) => {
        if (name === '')
          fail(importedUnnamed, { with: { file: this.#file.file, found: `an input of graph ${file.name} has an empty name` } });
        if (inner.values.has(name)) madeTwice(this.#file.file, name, `two inputs of graph ${file.name}`);
        if (inner.made.has(name)) madeTwice(this.#file.file, name, 'an input, and a node makes it');
        const { mark } = this.trail;
        const known = this.#innerInput(view, i, type);
        this.#input(inner, name, assumed[i] ?? this.types.typeOf(inner, name, known), known, mark);
      });
    });
    this.#outputs(inner);
    return graph;
  }

  /**
   * Inputs of a body. Names of dimensions say nothing inside, because another step may have another size; of what a Loop carries
   * the element type stays what it was.
   */
  #innerInput(view: NodeView, index: number, type: OnnxType | undefined): PartialType {
    const said = partialOfFile(type, () => undefined);
    if (view.domain !== '' || view.opType !== 'Loop' || said.elem !== undefined || said.foreign) return said;
    if (index === 0) return { elem: 'i64', dims: [] };
    if (index === 1) return { elem: 'bool', dims: [] };
    const outer = this.types.partial(view.values[index]);
    return outer.foreign ? { foreign: outer.foreign } : { elem: outer.elem };
  }

  /**
   * Removes what only lifted nodes read: the arithmetic on sizes. What the file itself never reads stays, and what says a size
   * that an attribute has.
   */
  #sweep(): void {
    const graphs = [this.graph];
    const all: Graph[] = [];
    for (let graph = graphs.pop(); graph; graph = graphs.pop()) {
      all.push(graph);
      if (graph.ownerCount > 0) for (const node of graph.nodes()) for (const inner of node.regions) graphs.push(inner);
    }
    const sizes = new Set<string>();
    for (const graph of all.reverse()) {
      let node = graph.last;
      while (node) {
        const previous: Node | undefined = node.prev;
        const isUnread = node.results.every((y) => y.isDead) && node.results.some((y) => this.expected.has(y));
        if (isUnread && ![...bornBy(node)].some((size) => sizes.has(size))) graph.erase(node);
        else for (const size of attributeSizes(node)) sizes.add(size);
        node = previous;
      }
    }
  }
}

function isSameType(a: TensorType, b: TensorType): boolean {
  return a.elem === b.elem && a.dims.length === b.dims.length && a.dims.every((d, i) => d === b.dims[i]);
}
