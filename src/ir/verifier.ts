/**
 * Checks that a graph is sound. Every sentence it returns is a mistake of the compiler, of a pass most likely; what a user may
 * get wrong never comes so far. Runs after every pass in tests and under `--verify-ir`; linear in the size of the graph.
 */
import { CheckFailure, completeAttrs } from './attributes.ts';
import { Dim, DimOverflow } from './dim.ts';
import { type Graph, inferTypes, type Node, type Use, type Value } from './graph.ts';
import { freshSizes, isFresh, matchTypes } from './match-types.ts';
import type { SizePromise } from './promise.ts';
import { typeText } from './types.ts';
import { graphsIn } from './walk.ts';

/** More sentences than this help nobody. */
const maxProblems = 50;

class Verifier {
  readonly problems: string[] = [];
  /** Open graphs, outermost first, and what may be read now. */
  readonly #visible = new Set<Value>();
  readonly #seenUses = new Set<Use>();
  readonly #outputCounts = new Map<Value, number>();
  readonly #values = new Set<Value>();
  readonly #promises = new Map<string, SizePromise>();
  readonly #checkedDims = new Set<Dim>();
  readonly #root: Graph;

  constructor(root: Graph) {
    this.#root = root;
  }

  problem(what: string): void {
    this.problems.push(what);
  }

  run(): void {
    // Lists are followed by everything else, so that they are checked first.
    if (!this.#lists(this.#root)) return;
    this.#walk();
    this.#usesAndOutputs();
    this.#names();
  }

  #where(node: Node): string {
    const scope = node.origin.scope === '' ? '' : ` at ${node.origin.scope}`;
    return `${node.op.name}${scope} (node ${node.id})`;
  }

  #lists(root: Graph): boolean {
    const seen = new Set<Graph>();
    const queue = [root];
    for (let graph = queue.pop(); graph; graph = queue.pop()) {
      if (seen.has(graph)) {
        this.problem(`graph ${graph.name} is a sub-graph twice`);
        return false;
      }
      seen.add(graph);
      let count = 0;
      let previous: Node | undefined;
      for (let node = graph.first; node; node = node.next) {
        count++;
        if (count > graph.nodeCount) {
          this.problem(`graph ${graph.name} lists more nodes than its ${graph.nodeCount}`);
          return false;
        }
        if (node.prev !== previous) this.problem(`${this.#where(node)} does not point back to the node before it`);
        if (!node.attached) this.problem(`${this.#where(node)} is in the list and erased`);
        if (node.graph !== graph) this.problem(`${this.#where(node)} is in the list of another graph`);
        for (const region of node.regions) {
          if (region.owner !== node || region.outer !== graph)
            this.problem(`a sub-graph of ${this.#where(node)} belongs elsewhere`);
          queue.push(region);
        }
        previous = node;
      }
      if (count !== graph.nodeCount) this.problem(`graph ${graph.name} counts ${graph.nodeCount} nodes and lists ${count}`);
      if (graph.last !== previous) this.problem(`graph ${graph.name} ends before its last node`);
    }
    return this.problems.length === 0;
  }

  #walk(): void {
    interface Frame {
      readonly graph: Graph;
      node: Node | undefined;
      regions: Graph[];
      /** Whose sub-graphs are open. */
      owner: Node | undefined;
      readonly made: Value[];
    }
    const stack: Frame[] = [];
    const enter = (graph: Graph): void => {
      const frame: Frame = { graph, node: graph.first, regions: [], owner: undefined, made: [] };
      for (const value of graph.inputs) {
        if (!value.isInput || value.graph !== graph) this.problem(`input ${value.name} of graph ${graph.name} is not its own`);
        this.#values.add(value);
        this.#visible.add(value);
        this.#dims(value);
        frame.made.push(value);
      }
      for (const [value, content] of graph.defaults) {
        const type = typeText({ elem: content.elem, dims: content.dims.map((n) => Dim.of(n)) });
        if (graph.outer || !graph.inputs.includes(value))
          this.problem(`graph ${graph.name} has a default for ${value.name}, which is no input of the outermost graph`);
        else if (!value.type.foreign && type !== typeText(value.type))
          this.problem(`the default of input ${value.name} is ${type}, the input ${typeText(value.type)}`);
      }
      stack.push(frame);
    };
    const finish = (frame: Frame, node: Node): void => {
      for (const value of node.results) {
        this.#values.add(value);
        this.#visible.add(value);
        frame.made.push(value);
      }
      this.#types(node);
    };
    enter(this.#root);
    for (let frame = stack[stack.length - 1]; frame; frame = stack[stack.length - 1]) {
      if (this.problems.length > maxProblems) return;
      const region = frame.regions.shift();
      if (region) {
        enter(region);
        continue;
      }
      // Results come to be after the sub-graphs, which must not read them.
      if (frame.owner) finish(frame, frame.owner);
      frame.owner = undefined;
      const { node } = frame;
      if (node) {
        frame.node = node.next;
        this.#operands(node, frame.graph);
        if (node.regions.length === 0) finish(frame, node);
        else {
          frame.owner = node;
          frame.regions = [...node.regions];
        }
        continue;
      }
      for (const { name, value } of frame.graph.outputs) {
        this.#outputCounts.set(value, (this.#outputCounts.get(value) ?? 0) + 1);
        if (!value.outputOf?.has(frame.graph)) this.problem(`the value of output ${name} does not know that it is one`);
        if (!this.#canRead(value))
          this.problem(`output ${name} of graph ${frame.graph.name} is a value that its graph does not have`);
      }
      for (const value of frame.made) this.#visible.delete(value);
      stack.pop();
    }
  }

  #canRead(value: Value): boolean {
    const { content } = value;
    if (!content) return this.#visible.has(value);
    if (!this.#values.has(value)) {
      this.#values.add(value);
      if (value.type.foreign) {
        if (!value.type.foreign.tensor || content.elem !== 'u8' || content.dims.length !== 1)
          this.problem(
            `constant ${value.name ?? content.text()} is ${typeText(value.type)}, and its content no bytes of such a tensor`,
          );
        return value.graph.root === this.#root.root;
      }
      const type = typeText({ elem: content.elem, dims: content.dims.map((n) => Dim.of(n)) });
      if (type !== typeText(value.type))
        this.problem(`constant ${value.name ?? content.text()} is ${typeText(value.type)}, its content ${type}`);
    }
    return value.graph.root === this.#root.root;
  }

  #operands(node: Node, graph: Graph): void {
    const where = this.#where(node);
    const { operands } = node.op;
    const variadic = operands.some((spec) => spec.variadic);
    if (!variadic && node.slots.length > operands.length)
      this.problem(`${where} has ${node.slots.length} operands, ${operands.length} at most`);
    operands.forEach((spec, i) => {
      if (!spec.optional && !node.slots[i]) this.problem(`${where} has no operand ${spec.name}`);
    });
    node.slots.forEach((use, i) => {
      if (!use) return;
      this.#seenUses.add(use);
      const { value } = use;
      const name = operands[Math.min(i, operands.length - 1)]?.name ?? String(i);
      if (value.type.foreign && !node.op.foreign)
        this.problem(`operand ${name} of ${where} is ${typeText(value.type)}, which only imported operators read`);
      if (use.user !== node || use.index !== i) this.problem(`operand ${name} of ${where} is a use of another slot`);
      if (!value.uses.has(use)) this.problem(`operand ${name} of ${where} is not among the uses of its value`);
      const { producer } = value;
      if (producer && !producer.attached)
        this.problem(`operand ${name} of ${where} is a result of ${this.#where(producer)}, which is erased`);
      else if (!this.#canRead(value)) {
        const source = producer ? `a result of ${this.#where(producer)}` : `input ${value.name}`;
        const why = producer && producer.graph === graph ? 'which comes later' : 'which is in a graph that it does not see';
        this.problem(`operand ${name} of ${where} is ${source}, ${why}`);
      }
    });
    node.results.forEach((value, i) => {
      if (value.producer !== node) this.problem(`result ${i} of ${where} says that it is another's`);
    });
  }

  #types(node: Node): void {
    const where = this.#where(node);
    const operands = node.operands;
    for (const value of node.results) this.#dims(value);
    const { foreign } = node.op;
    if (foreign) {
      // Nobody infers what it gives; its types were said by the file, or found later.
      if (foreign.outputs.length !== node.results.length)
        this.problem(`${where} has ${node.results.length} results, of which its source has ${foreign.outputs.length}`);
      const owned = foreign.attributes.flatMap((attr) => (attr.kind === 'graphs' ? attr.regions : []));
      const wanted = node.regions.map((_, i) => i).join();
      if ([...owned].sort((a, b) => a - b).join() !== wanted)
        this.problem(`${where} owns ${node.regions.length} sub-graphs, and its attributes hold [${owned.join(', ')}]`);
      return;
    }
    for (const value of node.results) {
      if (value.type.foreign) this.problem(`${where} is ${typeText(value.type)}, which only imported operators make`);
    }
    if (node.op.operands.some((spec, i) => !spec.optional && !operands[i])) return;
    try {
      const attrs = completeAttrs(node.op, node.attrs, operands[0]?.type);
      const missing = Object.keys(attrs).filter((name) => !Object.hasOwn(node.attrs, name));
      if (missing.length > 0) this.problem(`${where} has no attribute ${missing.join(', ')}`);
      const inferred = inferTypes(node.op, operands, attrs, node.regions, freshSizes());
      const stated = node.results.map((value) => value.type);
      if (!matchTypes(inferred, stated, isFresh)) {
        this.problem(`${where} is ${stated.map(typeText).join(', ')}, inferred ${inferred.map(typeText).join(', ')}`);
      }
    } catch (error) {
      if (error instanceof CheckFailure || error instanceof DimOverflow)
        this.problem(`${where} does not fit its operands: ${error.message}`);
      else throw error;
    }
  }

  /** One symbol has one promise: H and H/16 would print alike and be different. */
  #dims(value: Value): void {
    for (const dim of value.type.dims) {
      if (dim.constant !== undefined || this.#checkedDims.has(dim)) continue;
      this.#checkedDims.add(dim);
      for (const [name, promise] of dim.promises()) {
        const known = this.#promises.get(name);
        if (known === undefined) this.#promises.set(name, promise);
        else if (known.multiple !== promise.multiple)
          this.problem(`dimension ${name} is promised to be a multiple of ${known.multiple} and of ${promise.multiple}`);
        else if (known.least !== promise.least || known.most !== promise.most || known.within !== promise.within)
          this.problem(`dimension ${name} has other bounds in one place than in another`);
      }
    }
  }

  #usesAndOutputs(): void {
    if (this.problems.length > maxProblems) return;
    for (const value of this.#values) {
      const name = value.name ?? (value.producer ? `of ${this.#where(value.producer)}` : 'without a name');
      for (const use of value.uses) {
        if (!this.#seenUses.has(use)) this.problem(`value ${name} has a use that no node of the graph has`);
        else if (use.value !== value) this.problem(`value ${name} has a use that reads another value`);
      }
      const counted = this.#outputCounts.get(value) ?? 0;
      if (counted !== value.outputs) this.problem(`value ${name} counts ${value.outputs} outputs and is ${counted}`);
    }
  }

  #names(): void {
    const parameters = new Map<string, Value>();
    for (const value of this.#values) {
      if (!value.isConstant || value.name === undefined) continue;
      if (parameters.has(value.name)) this.problem(`two constants have the path ${value.name}`);
      parameters.set(value.name, value);
    }
    for (const graph of graphsIn(this.#root)) {
      const unique = (what: string, names: readonly (string | undefined)[]): void => {
        const seen = new Set<string | undefined>();
        for (const name of names) {
          if (name === undefined || name === '') this.problem(`an ${what} of graph ${graph.name} has no name`);
          else if (seen.has(name)) this.problem(`graph ${graph.name} has two ${what}s named ${name}`);
          seen.add(name);
        }
      };
      unique(
        'input',
        graph.inputs.map((value) => value.name),
      );
      unique(
        'output',
        graph.outputs.map((output) => output.name),
      );
    }
  }
}

/** What is wrong with the graph, a sentence each; empty when it is sound. */
export function verifyGraph(graph: Graph): readonly string[] {
  const verifier = new Verifier(graph);
  verifier.run();
  return verifier.problems.slice(0, maxProblems);
}
