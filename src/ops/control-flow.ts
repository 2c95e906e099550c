/**
 * Operators that own sub-graphs, which read values of the graphs around them as they are. ONNX If-13 (-16, -19, …), Loop-13
 * (-16, -19, …). They stand beside the operators of the registry that are functions of their operands alone: `operatorByName`
 * knows both.
 */
import { bug } from '../diagnostics/diagnostic.ts';
import { bornIn } from '../ir/births.ts';
import { Dim } from '../ir/dim.ts';
import { type Graph, hostOf, type Node } from '../ir/graph.ts';
import { type Check, CheckFailure, type InferContext, type Operator } from '../ir/operator.ts';
import { elementCount, type HostTensor, sameType, type TensorType, typeText } from '../ir/types.ts';
import { graphsIn } from '../ir/walk.ts';
import { integersOf, isWideElem, tensorOfIntegers } from '../ir/wide.ts';
import { boolAttr, dimsAttr, given } from './attrs.ts';
import { defineOperator } from './define.ts';
import { unknownTraits } from './traits.ts';
import { turnsOf } from './turns.ts';

/** A run takes no more turns of a loop than this. */
const mostTurns = 2 ** 20;

const traits = { ...unknownTraits, foldable: false };

const own = (name: string) => ({
  evaluate: () => bug(`${name} is evaluated without its sub-graphs`),
  sample: () => bug(`${name} has no samples without sub-graphs`),
});

/** From opset 16 on the values that go in and out may be bf16. */
const typesSince = (types: readonly TensorType[]): number => (types.some(({ elem }) => elem === 'bf16') ? 16 : 0);

function checkScalar(check: Check, label: string, what: string, type: TensorType | undefined, elem: 'bool' | 'i64'): void {
  if (type)
    check(
      label,
      type.elem === elem && type.dims.length === 0,
      `${what} ${typeText(type)}`,
      `${elem}[]`,
      'reshape it to a scalar',
    );
}

function regionAt(context: InferContext, index: number): Graph {
  return context.regions?.[index] ?? bug('a sub-graph that is not there');
}

const outputTypes = (graph: Graph): readonly TensorType[] => graph.outputs.map(({ value }) => value.type);

/** One of two sub-graphs. ONNX If; lax.cond. */
export const branch = defineOperator({
  name: 'if',
  summary: 'What the first sub-graph gives where the condition holds, and what the second gives elsewhere',
  onnx: ['If'],
  operands: [{ name: 'condition', doc: 'a bool scalar' }],
  attrs: {},
  regions: ['then_branch', 'else_branch'],
  traits,
  since: (node: Node) => typesSince(node.results.map((y) => y.type)),
  infer(context: InferContext) {
    const check: Check = context.check;
    checkScalar(check, 'c1', 'condition', context.operands[0], 'bool');
    const [yes, no] = [regionAt(context, 0), regionAt(context, 1)];
    const inputs = yes.inputs.length + no.inputs.length;
    check('c2', inputs === 0, `${inputs} inputs of sub-graphs`, 'none: they read what is around them');
    const [a, b] = [outputTypes(yes), outputTypes(no)];
    check('c3', a.length === b.length && a.length > 0, `${a.length} and ${b.length} results`, 'as many from both, at least one');
    return a.map((type, i) => {
      const other = given(b, i);
      check(
        'c4',
        type.elem === other.elem && type.dims.length === other.dims.length && !type.foreign && !other.foreign,
        `${typeText(type)} and ${typeText(other)}`,
        'one element type and one rank from both',
      );
      // A size that only one of them has is known when it has run.
      return { elem: type.elem, dims: type.dims.map((d, axis) => (d === other.dims[axis] ? d : context.fresh('if'))) };
    });
  },
  ...own('if'),
  evaluateRegions([condition], _node, run) {
    return run((condition?.data[0] ?? 0) !== 0 ? 0 : 1, []);
  },
  lower: (builder, node, operands) => builder.owner('If', node, operands),
});

const carriedFrom = 2;

function checkBody(context: InferContext): { readonly carried: number; readonly body: Graph } {
  const check: Check = context.check;
  const { operands } = context;
  const body = regionAt(context, 0);
  checkScalar(check, 'c1', 'trips', operands[0], 'i64');
  checkScalar(check, 'c2', 'condition', operands[1], 'bool');
  const carried = Math.max(0, operands.length - carriedFrom);
  check(
    'c3',
    body.inputs.length === carriedFrom + carried && body.outputs.length >= 1 + carried && body.outputs.length > 1,
    `a body of ${body.inputs.length} inputs and ${body.outputs.length} outputs`,
    `${carriedFrom + carried} inputs (turn, condition, what is carried), and as outputs whether to go on, what is carried, and scans`,
  );
  checkScalar(check, 'c4', 'turn', body.inputs[0]?.type, 'i64');
  checkScalar(check, 'c4', 'condition', body.inputs[1]?.type, 'bool');
  checkScalar(check, 'c4', 'going on', body.outputs[0]?.value.type, 'bool');
  for (let i = 0; i < carried; i++) {
    const initial = operands[carriedFrom + i] ?? bug('a loop without an initial value');
    const inside = given(body.inputs, carriedFrom + i).type;
    const made = given(body.outputs, 1 + i).value.type;
    check('c5', sameType(initial, inside), `${typeText(inside)} in the body`, `${typeText(initial)}, as it enters the loop`);
    check('c6', sameType(inside, made), `${typeText(made)} after a turn`, `${typeText(inside)}, as it enters the turn`);
  }
  return { carried, body };
}

/** A body that runs again and again. ONNX Loop; lax.while_loop, lax.scan. */
export const loop = defineOperator({
  name: 'loop',
  summary: 'Runs its sub-graph again and again on what it carries, at most `trips` times and while the condition holds',
  onnx: ['Loop'],
  operands: [
    { name: 'trips', doc: 'at most as many turns, an i64 scalar; any number where it is left out', optional: true },
    { name: 'condition', doc: 'whether to take the first turn, a bool scalar; true where it is left out', optional: true },
    { name: 'initial', doc: 'what is carried, as it enters the first turn', optional: true, variadic: true },
  ],
  attrs: {
    turns: {
      kind: 'dims',
      default: [],
      inSummary: true,
      doc: 'how many turns it takes, where that is known (a list of one): `trips`, if no turn ends it',
    },
    sized: {
      kind: 'bool',
      default: false,
      doc: 'what is gathered has the sizes of the body without a turn as well: a Reshape behind the loop says them',
    },
  },
  regions: ['body'],
  traits,
  since: (node: Node) => typesSince([...node.operands.flatMap((x) => x?.type ?? []), ...node.results.map((y) => y.type)]),
  infer(context: InferContext) {
    const { carried, body } = checkBody(context);
    const check: Check = context.check;
    const list = dimsAttr(context.attrs, 'turns');
    const [turns] = list;
    const trips = context.constant(0)?.data[0];
    const known = turns?.constant;
    check(
      'c7',
      list.length <= 1 && (turns === undefined || (turns.lowerBound >= 0 && context.operands[0] !== undefined)),
      `turns=[${list.join(', ')}]`,
      'the number of turns, that of `trips`',
    );
    check(
      'c7',
      known === undefined || trips === undefined || known === Math.max(0, trips),
      `turns=${known ?? ''} of ${trips ?? ''} trips`,
      'the same number',
    );
    const all = outputTypes(body).slice(1);
    const sized = boolAttr(context.attrs, 'sized');
    const born = bornIn(body);
    const isOuter = (dim: Dim): boolean => !dim.symbols().some((name) => born.has(name));
    check(
      'c9',
      !sized || all.slice(carried).every(({ dims }) => dims.every(isOuter)),
      'sizes that the body tells',
      'sizes from around the loop',
    );
    const most = trips === undefined ? undefined : Dim.of(Math.max(0, trips));
    const count = turns ?? (all.length > carried ? context.fresh('turns', most) : Dim.zero);
    return all.map((type, i) => {
      if (i < carried) return type;
      check('c8', !type.foreign, typeText(type), 'a tensor from each turn');
      // A body that never ran made nothing: of no turns onnxruntime makes sizes of 0 where the file has no number.
      const runs = (turns?.lowerBound ?? 0) >= 1;
      const dims = type.dims.map((d) =>
        d.constant !== undefined || ((runs || sized) && isOuter(d)) ? d : context.fresh('scan'),
      );
      return {
        elem: type.elem,
        dims: [count, ...dims],
      };
    });
  },
  ...own('loop'),
  evaluateRegions([trips, condition, ...initial], node, run, sizes) {
    const most = trips?.wide ? Number(trips.wide[0]) : (trips?.data[0] ?? Infinity);
    const scans: HostTensor[][] = [];
    let state = initial.map((x) => x ?? bug('a loop without an initial value'));
    let goesOn = condition ? condition.data[0] !== 0 : true;
    let turn = 0;
    for (; goesOn && turn < most; turn++) {
      if (turn >= mostTurns) throw new CheckFailure('turns', `more than ${mostTurns} turns`, 'a loop that ends before');
      const made = run(0, [
        { elem: 'i64', dims: [], data: Float64Array.of(turn) },
        { elem: 'bool', dims: [], data: Float64Array.of(1) },
        ...state,
      ]);
      goesOn = made[0]?.data[0] !== 0;
      state = made.slice(1, 1 + state.length);
      scans.push(made.slice(1 + state.length));
    }
    const turns = turnsOf(node.attrs)?.constant;
    if (turns !== undefined && turns !== turn) throw new CheckFailure('turns', `${turn} turns`, `${turns}`);
    const body = node.regions[0] ?? bug('a loop without a body');
    const collected = outputTypes(body).slice(1 + state.length);
    return [
      ...state,
      ...collected.map((type, i) =>
        stacked(
          type,
          scans.map((made) => given(made, i)),
          boolAttr(node.attrs, 'sized') ? sizes : undefined,
        ),
      ),
    ];
  },
  turns: (node: Node) => turnsOf(node.attrs),
  /** What the turns behind the first take: the nodes of the body count for one. */
  cost(node: Node) {
    const turns = turnsOf(node.attrs);
    if (!turns) return Dim.zero;
    let sum = Dim.zero;
    for (const graph of node.regions.flatMap((region) => graphsIn(region)))
      for (const inner of graph.nodes()) sum = sum.plus(inner.op.cost?.(inner) ?? 0);
    return sum.times(turns.minus(1));
  },
  lower(builder, node, operands) {
    const carried = operands.length - carriedFrom;
    const isSized = node.results.map(
      ({ type }, i) => boolAttr(node.attrs, 'sized') && i >= carried && type.dims.slice(1).some((d) => d.constant === undefined),
    );
    return builder.owner('Loop', node, operands, isSized).map((key, i) => {
      if (!isSized[i]) return key;
      const { type } = given(node.results, i);
      // A 0 copies: the turns, and a size of 0 where the tensor has it too. The maximum with 0 changes no size; it keeps
      // onnxruntime's ReshapeFusion from writing -1 for the one that is computed, which has no answer where there is nothing.
      const sizes: TensorType = { elem: 'i64', dims: [Dim.of(type.dims.length)] };
      const shape = builder.node('Max', [builder.dims([Dim.zero, ...type.dims.slice(1)]), builder.scalar('i64', 0)], {}, sizes);
      return builder.node('Reshape', [key, shape], {}, type);
    });
  },
});

/** `sizes` are those of symbols, where they hold of no turn as well. */
function stacked(type: TensorType, turns: readonly HostTensor[], sizes: ReadonlyMap<string, number> | undefined): HostTensor {
  const { elem } = type;
  const [first] = turns;
  const inner = first?.dims ?? type.dims.map((d) => d.constant ?? (sizes ? d.evaluate(sizes) : undefined) ?? 0);
  if (turns.some((x) => x.dims.join() !== inner.join()))
    throw new CheckFailure('scan', 'other sizes in one turn than in another', 'the same from every turn');
  const dims = [turns.length, ...inner];
  if (isWideElem(elem) && turns.some((x) => x.wide))
    return tensorOfIntegers(
      elem,
      dims,
      turns.flatMap((x) => [...integersOf(x)]),
    );
  const count = elementCount(inner);
  const data = new Float64Array(count * turns.length);
  turns.forEach((x, i) => {
    data.set(x.data, i * count);
  });
  return { elem, dims, data };
}

/** Whether nothing in a loop ends it before its trips are over: it begins without a condition, and no turn changes it. */
export function takesAllTurns(condition: { readonly data: ArrayLike<number> } | undefined | 'unknown', body: Graph): boolean {
  if (condition === 'unknown' || condition?.data[0] === 0) return false;
  const goesOn = body.outputs[0]?.value;
  return goesOn !== undefined && (goesOn === body.inputs[1] || (hostOf(goesOn)?.data[0] ?? 0) !== 0);
}

export const controlFlow: readonly Operator[] = [branch, loop];
