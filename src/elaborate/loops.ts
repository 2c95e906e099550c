/**
 * `loop`: a repetition of the run. Its body is elaborated once, into the sub-graph of a `loop`, whose weights all turns share;
 * how often it runs is a count, a condition on what it carries, or whichever of the two ends it first.
 *
 * The condition is asked before every turn: of what enters the first one around the loop, and of what a turn hands on in the
 * body, behind it, which is where ONNX Loop wants it.
 */
import { carriedType, gatheredSize } from '../diagnostics/catalogue/shapes.ts';
import { endlessLoop, nothingGathered } from '../diagnostics/catalogue/structure.ts';
import { loopCount } from '../diagnostics/catalogue/values.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { bornIn } from '../ir/births.ts';
import { Dim } from '../ir/dim.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { sameType, type TensorType, typeText } from '../ir/types.ts';
import { loop } from '../ops/control-flow.ts';
import { add } from '../ops/elementwise.ts';
import { dimValue } from '../ops/generate.ts';
import type { LangValue } from '../ops/params.ts';
import type { Expr, Ident, Loop } from '../parser/ast.ts';
import { runBody } from './bodies.ts';
import { ran } from './callables.ts';
import { currentValue } from './chains.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import { declare } from './names.ts';
import { create, guarded, makeValue } from './nodes.ts';
import { scalar } from './numbers.ts';
import {
  asScalar,
  conditionScalar,
  difference,
  type Flat,
  flatten,
  noCondition,
  portNames,
  rebuild,
  type Structure,
  spansOf,
} from './regions.ts';
import { checkHandOn, firstOf, handedTo } from './repetition.ts';
import { Env, type Frame, place, type Unset } from './scope.ts';
import { describe, hasWord, sourceText, tensorValue, wholeText } from './values.ts';

/** A name that the turns give new values; of a loop without `with` it is `it`. */
interface Carried {
  readonly name: Ident;
  readonly first: Flat;
  /** Where its first value is written. */
  readonly span: Span;
}

interface Trips {
  readonly value: Value | undefined;
  /** How many turns, where nothing else ends the loop. */
  readonly turns: Dim | undefined;
}

export function runLoop(c: Context, from: Frame, construct: Loop, label: string | undefined): readonly LangValue[] {
  const f = label === undefined ? from : place(from, label);
  const { span, collect } = construct;
  const trips = construct.count
    ? tripsOf(c, { ...f, sequence: undefined }, construct.count)
    : { value: undefined, turns: undefined };
  const carried = firstValues(c, f, construct);
  const { condition } = construct;
  const names = new Map(c.counters);
  const first = condition && askFirst(c, f, construct, carried, condition);
  const known = typeof first === 'boolean' ? first : undefined;
  if (!construct.count && (!condition || known === true)) refuseEndless(c, f, construct);

  const region = c.region('body');
  const [inputName, outputName] = [portNames(), portNames()];
  const turn = region.input(inputName('turn'), { elem: 'i64', dims: [] });
  const goesOn = region.input(inputName('goes_on'), { elem: 'bool', dims: [] });
  const inputs = carried.map(({ name, first: { tensors } }) => tensors.map((x) => region.input(inputName(name.name), x.type)));
  const gathered: Structure[] = [];
  const scans: Value[] = [];
  c.inside(region, () => {
    const entering = carried.map(({ first: { structure } }, i) => rebuild(c, f, span, structure, (inputs[i] ?? []).values()));
    const made = takeTurn(c, f, construct, carried, entering, turn);
    const again =
      condition && known === undefined ? askAgain(c, f, construct, carried, made.next, turn, condition, names) : goesOn;
    region.output(outputName('goes_on'), again);
    made.next.forEach(({ tensors }, i) => {
      for (const x of tensors) region.output(outputName(carried[i]?.name.name ?? ''), x);
    });
    for (const { structure, tensors } of made.gathered) {
      gathered.push(structure);
      for (const x of tensors) region.output(outputName('gathered'), x);
      scans.push(...tensors);
    }
  });
  if (collect) checkSizes(c, f, construct, region, scans);

  const initial = carried.flatMap(({ first: { tensors } }) => tensors);
  const begins = first === undefined || first === true ? undefined : first === false ? scalar(c, 'bool', 0) : first;
  const turns = begins === undefined && trips.turns ? [trips.turns] : [];
  const mayBeNone = turns.every((n) => n.lowerBound < 1);
  const sized = mayBeNone && scans.some(({ type }) => type.dims.some((d) => d.constant === undefined));
  const operands = [trips.value, begins, ...initial];
  const results = guarded(c, f, 'loop', operands, span, () =>
    create(c, f, loop, operands, { turns, sized }, span, [region]),
  ).values();
  const last = carried.map(({ first: { structure } }) => rebuild(c, f, span, structure, results));
  const lists = gathered.map((structure) => rebuild(c, f, span, structure, results));
  return !collect ? last : construct.carried.length === 0 ? lists : [...last, ...lists];
}

/** How many turns it takes at most. What a count below 0 means is what ONNX says: no turn. */
function tripsOf(c: Context, f: Frame, count: Expr): Trips {
  const value = live(ran(c, f, c.evaluate(f, count), count.span));
  const refuse = (found: string, expected: string, hint: string): never =>
    c.fail(loopCount, f, { span: count.span, with: { found, expected, hint } });
  if (value.kind === 'int') {
    const { dim } = value;
    if (dim.upperBound < 0) return refuse(`${dim}`, 'a count of at least 0', 'check how the count is computed');
    const trips =
      dim.constant === undefined ? makeValue(c, f, dimValue, [], { dim: [dim] }, count.span) : scalar(c, 'i64', dim.constant);
    return { value: trips, turns: dim.lowerBound >= 0 ? dim : Dim.max(dim, Dim.zero) };
  }
  if (value.kind === 'tensor') {
    const { elem, dims } = value.value.type;
    const text = wholeText(count.span);
    if (dims.some((d) => d.constant !== 1))
      return refuse(
        typeText(value.value.type),
        '`i64[]`, one number',
        `take one of its numbers, \`${/^\w+$/.test(text) ? text : 'n'}[0]\`, or the size of an axis, \`shape(x)[0]\``,
      );
    if (elem !== 'i64')
      return refuse(typeText(value.value.type), '`i64[]`, one number', `cast it: \`${text} -> cast(i64)\` before the loop`);
    return { value: asScalar(c, f, value.value, count.span), turns: undefined };
  }
  if (value.kind === 'list' || value.kind === 'size')
    return refuse(
      describe(value),
      'a count: an int, or a tensor `i64[]`',
      'write `repeat list as x { … }`, which is written out for each element; of a tensor `loop n as i` can `gather` the slice i',
    );
  return refuse(
    describe(value),
    'a count: an int, or a tensor `i64[]`',
    value.kind === 'float' ? 'write a whole number' : 'write `loop 8 { … }`',
  );
}

function firstValues(c: Context, f: Frame, { carried, span, body }: Loop): readonly Carried[] {
  if (carried.length === 0) {
    const name: Ident = { name: 'it', span: { ...span, end: body.span.start } };
    return [{ name, first: flatten(c, f, currentValue(c, f, span), span), span: name.span }];
  }
  return carried.map((of) => {
    const { name, value, span: at } = of;
    return { name, first: flatten(c, f, firstOf(c, f, of), value?.span ?? at), span: at };
  });
}

/** A frame in which the names mean these values, and the index the number of the turn. */
function frameOf(
  c: Context,
  f: Frame,
  { index }: Loop,
  carried: readonly Carried[],
  values: readonly LangValue[],
  turn: () => Value,
): Frame {
  const env = new Env(f.env.module, f.env);
  if (index) declare(c, { ...f, env }, index, tensorValue(turn()));
  return handedTo(
    c,
    { ...f, env },
    carried.map(({ name }) => name),
    values,
  );
}

interface Turn {
  readonly next: readonly Flat[];
  readonly gathered: readonly Flat[];
}

function takeTurn(
  c: Context,
  f: Frame,
  construct: Loop,
  carried: readonly Carried[],
  values: readonly LangValue[],
  turn: Value,
): Turn {
  const { body, collect, span } = construct;
  const implicit = construct.carried.length === 0;
  c.step(span, f);
  const at: Frame = {
    ...frameOf(c, f, construct, carried, values, () => turn),
    inLoop: implicit && !collect ? 'loop' : undefined,
  };
  let it: LangValue | Unset = at.it;
  const returned = runBody(c, at, body, (current) => {
    it = current;
  });
  const last = body.stmts.at(-1);
  const end = last?.span ?? body.span;
  const flat = (value: LangValue): Flat => flatten(c, at, value, end);
  if (implicit)
    return {
      next: [next(c, at, carried[0], currentValue(c, { ...at, it }, end), end)],
      gathered: collect ? returned.map(flat) : [],
    };
  checkHandOn(c, f, construct, returned.length);
  if (collect && returned.length === carried.length) {
    const text = carried.map(({ name }) => name.name).join(', ');
    c.fail(nothingGathered, f, {
      span: end,
      with: {
        found: `${returned.length === 1 ? 'the value' : 'values'} of ${text} alone`,
        expected: 'what is to be gathered behind the values that are handed on',
        hint: `name it once more, \`return …, ${carried[0]?.name.name ?? 'x'}\`, or leave \`collect\` out`,
      },
    });
  }
  const spans = spansOf(last, returned.length, end);
  return {
    next: carried.map((one, i) => next(c, at, one, returned[i] ?? bug('a turn without a value'), spans[i] ?? end)),
    gathered: returned.slice(carried.length).map(flat),
  };
}

/** What a turn hands on, which has the type of what it was handed. */
function next(c: Context, f: Frame, carried: Carried | undefined, value: LangValue, span: Span): Flat {
  const { name, first, span: begins } = carried ?? bug('a loop that carries nothing');
  const elem = first.structure === 'tensor' ? first.tensors[0]?.type.elem : undefined;
  const made = flatten(c, f, value, span, elem);
  const differs = difference(made, first, sameType);
  if (!differs) return made;
  const { texts, types } = differs;
  return c.fail(carriedType, f, {
    span,
    notes: [{ span: begins, text: `begins as ${texts[1]}` }],
    with: {
      name: name.name,
      found: `${texts[0]} after a turn`,
      expected: `${texts[1]}, as it enters the turn`,
      hint: types
        ? typeHint(name.name, types[1], types[0])
        : 'return a value of the same kind, a list of as many tensors or one tensor',
    },
  });
}

function typeHint(name: string, was: TensorType, is: TensorType): string {
  if (was.elem !== is.elem)
    return was.dims.length === 0
      ? `put \`-> cast(${is.elem})\` behind the first value of \`${name}\`, or end the turn with \`cast(${was.elem})\``
      : `end the turn with \`cast(${was.elem})\`, or begin with \`cast(${is.elem})\``;
  const grows = is.dims.some((d, axis) => {
    const more = was.dims[axis] && d.minus(was.dims[axis] ?? d);
    return more !== undefined && more.lowerBound > 0;
  });
  if (was.dims.length === is.dims.length && grows)
    return 'gather what each turn adds with `collect`, or begin at the full size and write into it with `scatter`';
  return was.dims.length === 0
    ? `begin with the shape that a turn gives: \`${name} = full(…)\``
    : 'end the turn with the shape that it began with, or begin with the shape that a turn gives';
}

// ── The condition ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Before the first turn; a bool where it does not depend on what is carried. */
function askFirst(c: Context, f: Frame, construct: Loop, carried: readonly Carried[], condition: Expr): Value | boolean {
  const { span } = construct;
  const values = carried.map(({ first: { structure, tensors } }) => rebuild(c, f, span, structure, tensors.values()));
  const at = frameOf(c, { ...f, sequence: undefined }, construct, carried, values, () => scalar(c, 'i64', 0));
  const value = live(ran(c, at, c.evaluate(at, condition), condition.span));
  if (value.kind === 'bool') return value.value;
  if (value.kind !== 'tensor') return noCondition(c, f, value, condition.span);
  return conditionScalar(c, f, value.value, condition.span, 'loop');
}

/** Of what a turn hands on, with the weights that it has in front of the first one. */
function askAgain(
  c: Context,
  f: Frame,
  construct: Loop,
  carried: readonly Carried[],
  next: readonly Flat[],
  turn: Value,
  condition: Expr,
  names: ReadonlyMap<string, number>,
): Value {
  const { span, index } = construct;
  const values = next.map(({ structure, tensors }) => rebuild(c, f, span, structure, tensors.values()));
  const reads = index !== undefined && hasWord(wholeText(condition.span), index.name);
  const later = (): Value => (reads ? makeValue(c, f, add, [turn, scalar(c, 'i64', 1)], {}, condition.span) : turn);
  const at: Frame = { ...frameOf(c, { ...f, sequence: undefined }, construct, carried, values, later), share: true };
  const after = c.counters;
  try {
    const value = c.again(names, () => live(ran(c, at, c.evaluate(at, condition), condition.span)));
    return value.kind === 'tensor'
      ? conditionScalar(c, f, value.value, condition.span, 'loop')
      : noCondition(c, f, value, condition.span);
  } finally {
    c.counters = after;
  }
}

function refuseEndless(c: Context, f: Frame, { span, condition, body }: Loop): never {
  return c.fail(endlessLoop, f, {
    span: { ...span, end: body.span.start },
    with: condition
      ? {
          found: `\`${sourceText(condition.span)}\`, which is true whatever the turns do`,
          hint: 'write a condition on what the loop hands on, or a count: `loop 100 while …`',
        }
      : { found: 'neither', hint: 'write `loop 8 { … }`, or `loop with x while reduce_max(x) > 0.1 { … }`' },
  });
}

/** What is gathered lies side by side, so that every turn has to give as much. */
function checkSizes(c: Context, f: Frame, { body }: Loop, region: Graph, scans: readonly Value[]): void {
  if (scans.every(({ type }) => type.dims.every((d) => d.constant !== undefined))) return;
  const own = bornIn(region);
  for (const { type } of scans) {
    const size = type.dims.flatMap((d) => d.symbols()).find((name) => own.has(name));
    if (size === undefined) continue;
    c.fail(gatheredSize, f, {
      span: body.stmts.at(-1)?.span ?? body.span,
      with: {
        found: `${typeText(type)}, whose ${size} is another one in every turn`,
        hint: 'bring it to a size that is known before the loop: mask with `where` in the place of `filter`, or `topk` with a fixed count',
      },
    });
  }
}
