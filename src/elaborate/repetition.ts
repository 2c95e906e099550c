/** Bodies that run several times, one by one in positions, or once more: `repeat`, `each`, `sequential`, `reuse`. */
import { unknownLabel } from '../diagnostics/catalogue/names.ts';
import { carriedCount } from '../diagnostics/catalogue/structure.ts';
import { badCount } from '../diagnostics/catalogue/values.ts';
import { bug } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import type { LangValue } from '../ops/params.ts';
import type { Body, Carried, Each, Ident, Loop, Repeat, Reuse, Sequential } from '../parser/ast.ts';
import { runBody } from './bodies.ts';
import { evaluateChain, labelText, one } from './chains.ts';
import type { Context } from './context.ts';
import { declare, declareInner, lookUp, refuseSecond } from './names.ts';
import { Env, type Frame, joinPath, place } from './scope.ts';
import { describe, intValue, listValue, numberOf, tensorLike } from './values.ts';

interface Turn {
  readonly index: number;
  readonly item: LangValue | undefined;
}

/** Made one by one, since there may be a million of them. */
interface Turns extends Iterable<Turn> {
  readonly length: number;
}

/** The turns of a repetition over a count or a list. */
function turnsOf(c: Context, f: Frame, construct: Repeat | Each): Turns {
  const over = c.evaluate(f, construct.over);
  const { span } = construct.over;
  const refuse = (found: string, expected: string, hint: string): never =>
    c.fail(badCount, f, { span, with: { construct: construct.kind, found, expected, hint } });
  if (over.kind === 'list') return over.items.map((item, index) => ({ index, item }));
  if (over.kind === 'size') return over.dims.map((d, index) => ({ index, item: intValue(d) }));
  if (over.kind !== 'int')
    return refuse(
      describe(over),
      'an int or a list',
      over.kind === 'float'
        ? 'write a whole number'
        : tensorLike(over)
          ? 'write `loop`, whose count the run may compute'
          : 'write `repeat 3 { … }`',
    );
  const count = over.dim.constant;
  if (count === undefined)
    return refuse(
      `the symbolic number ${over.dim.toString()}`,
      'a number known while compiling',
      'write `loop`, whose count may be a size, or make the count a parameter of the model',
    );
  if (count < 0) return refuse(`${count}`, 'a count of at least 0', 'check how the count is computed');
  if (construct.names.length > 1)
    return refuse('a count with two names', 'one name for the index', 'repeat over a list for an item and its index');
  return {
    length: count,
    *[Symbol.iterator]() {
      for (let index = 0; index < count; index++) yield { index, item: undefined };
    },
  };
}

function turnFrame(c: Context, f: Frame, construct: Repeat | Each, turn: Turn, label: string | undefined): Frame {
  c.step(construct.span, f);
  const env = new Env(f.env.module, f.env);
  const loops = [...f.loops];
  const [first, second] = construct.names;
  const bind = (name: typeof first, value: LangValue): void => {
    if (!name) return;
    declare(c, { ...f, env }, name, value);
    const n = numberOf(value);
    if (n !== undefined) loops.push(`${name.name} = ${n}`);
  };
  if (turn.item) {
    bind(first, turn.item);
    bind(second, intValue(turn.index));
  } else bind(first, intValue(turn.index));
  const path = label === undefined ? f.path : joinPath(f.path, construct.shared ? label : `${label}.${turn.index}`);
  return {
    ...f,
    env,
    path,
    loops,
    sequence: label === undefined ? f.sequence : undefined,
    share: f.share || (construct.shared && turn.index > 0),
  };
}

/** Runs `work` for every turn, where turns that share their weights begin again at the same names. */
function takeTurns(
  c: Context,
  f: Frame,
  construct: Repeat | Each,
  label: string | undefined,
  turns: Turns,
  work: (turn: Turn, at: Frame) => void,
): void {
  const start = f.sequence?.next ?? 0;
  const counters = new Map(construct.shared ? c.counters : undefined);
  for (const turn of turns) {
    if (construct.shared && f.sequence) f.sequence.next = start;
    const at = turnFrame(c, f, construct, turn, label);
    c.part(turn.index, turns.length, () => {
      if (construct.shared && turn.index > 0) c.again(counters, () => work(turn, at));
      else work(turn, at);
    });
  }
}

export function runRepeat(c: Context, f: Frame, construct: Repeat, label: string | undefined): readonly LangValue[] {
  const { carried, collect, body } = construct;
  const turns = turnsOf(c, f, construct);
  if (carried.length > 0) return handOn(c, f, construct, label, turns);
  let it = f.it;
  const lists = collect ? new Lists(construct) : undefined;
  takeTurns(c, f, construct, label, turns, (turn, at) => {
    const values = runBody(c, { ...at, it, inLoop: collect ? undefined : 'repeat' }, body, (last) => {
      it = last;
    });
    lists?.add(c, f, values, turn.index);
  });
  if (lists) return lists.values(c, f);
  if (it.kind !== 'unset') return [it];
  // Turns that only declare inputs leave no current value, which is a mistake only where one is asked for.
  f.it = it;
  return [];
}

/** `repeat … with a = x, b`: each turn returns what the names mean in the next, and `it` is as before unless it is among them. */
function handOn(c: Context, f: Frame, construct: Repeat, label: string | undefined, turns: Turns): readonly LangValue[] {
  const { carried, collect, body } = construct;
  const names = carried.map(({ name }) => name);
  let state = carried.map((one) => firstOf(c, f, one));
  const lists = collect ? new Lists(construct) : undefined;
  takeTurns(c, f, construct, label, turns, (turn, at) => {
    const values = runBody(c, handedTo(c, { ...at, inLoop: undefined }, names, state), body);
    checkHandOn(c, f, construct, values.length);
    state = values.slice(0, carried.length);
    lists?.add(c, f, values, turn.index);
  });
  return lists ? lists.values(c, f) : state;
}

/** What a name behind `with` begins as. */
export function firstOf(c: Context, f: Frame, { name, value }: Carried): LangValue {
  return value ? one(c, f, evaluateChain(c, f, value, true), value.span) : lookUp(c, f, name);
}

/** The frame of a turn in which the names mean these values; without `it` among them the current value is as before. */
export function handedTo(c: Context, f: Frame, names: readonly Ident[], values: readonly LangValue[]): Frame {
  let { it } = f;
  const current = names.find(({ name }) => name === 'it');
  names.forEach((name, i) => {
    const value = values[i] ?? bug('a carried name without a value');
    if (name.name !== 'it') declareInner(c, f, f.env, name, value);
    else if (current && name !== current) refuseSecond(c, f, name, current.span, 'take one of the two away');
    else it = value;
  });
  return { ...f, it };
}

/** Refuses a turn that returns less than is handed on, or more than is wanted. */
export function checkHandOn(c: Context, f: Frame, { carried, body, collect }: Loop | Repeat, values: number): void {
  if (values === carried.length || (values > carried.length && collect)) return;
  const names = carried.map(({ name }) => name.name).join(', ');
  const last = body.stmts.at(-1);
  c.fail(carriedCount, f, {
    span: last?.span ?? body.span,
    notes: carried.map(({ name }) => ({ span: name.span, text: 'handed on' })).slice(0, 1),
    with: {
      values: `${values} value${values === 1 ? '' : 's'}`,
      names: carried.length === 1 ? '1 is' : `${carried.length} are`,
      found: values === 1 && last?.kind !== 'return' ? 'a turn that gives its last `it` alone' : `${values} values returned`,
      expected: `${collect ? 'at least ' : ''}${carried.length}: ${names}`,
      hint: `end the body with \`return ${names}\`${values > carried.length ? ', and gather what is more with `collect`' : ''}`,
    },
  });
}

/** What the turns of an `each` or of a `repeat … collect` gave: a list for each value of a turn. */
class Lists {
  readonly #construct: Repeat | Each;
  readonly #lists: LangValue[][] = [];
  #turns = 0;

  constructor(construct: Repeat | Each) {
    this.#construct = construct;
  }

  add(c: Context, f: Frame, values: readonly LangValue[], turn: number): void {
    if (this.#turns++ > 0 && values.length !== this.#lists.length) {
      c.fail(badCount, f, {
        span: this.#construct.span,
        with: {
          construct: this.#construct.kind,
          found: `${values.length} values in turn ${turn}, ${this.#lists.length} before`,
          expected: 'the same number of values in every turn',
          hint: 'return the same values in every branch',
        },
      });
    }
    values.forEach((value, i) => {
      const list = this.#lists[i] ?? [];
      this.#lists[i] = list;
      list.push(value);
    });
  }

  /** Without a turn there are as many empty lists as the body says that it returns. */
  values(c: Context, f: Frame): readonly LangValue[] {
    const { body, span } = this.#construct;
    if (this.#turns === 0) return Array.from({ length: returnedBy(body) }, () => listValue([]));
    return this.#lists.map((items) => c.list(items, span, f));
  }
}

/** How many values a body gives, as far as its text says it. */
function returnedBy(body: Body): number {
  let last = body.stmts.at(-1);
  while (last?.kind === 'if') last = last.then.stmts.at(-1);
  return last?.kind === 'return' ? last.values.length : 1;
}

export function runEach(c: Context, f: Frame, construct: Each, label: string | undefined): readonly LangValue[] {
  const lists = new Lists(construct);
  takeTurns(c, f, construct, label, turnsOf(c, f, construct), (turn, at) =>
    lists.add(c, f, runBody(c, { ...at, inLoop: undefined }, construct.body), turn.index),
  );
  const values = lists.values(c, f);
  for (const value of values) c.ofEach.add(value);
  return values;
}

export function runSequential(c: Context, f: Frame, construct: Sequential, label: string | undefined): readonly LangValue[] {
  const at = place(f, label);
  return runBody(
    c,
    { ...at, env: new Env(f.env.module, f.env), sequence: { next: 0 }, model: false, inLoop: undefined },
    construct.body,
  );
}

export function runReuse(c: Context, f: Frame, construct: Reuse): readonly LangValue[] {
  const label = labelText(c, f, construct.label);
  const segments = f.path === '' ? [] : f.path.split('.');
  for (let n = segments.length; n >= 0; n--) {
    const path = joinPath(segments.slice(0, n).join('.'), label);
    const found = c.labelled.get(path);
    if (found) return c.replay(path, () => found.run({ ...f, sequence: undefined }));
  }
  const near = nearest(label, c.labelled.keys());
  return c.fail(unknownLabel, f, {
    span: construct.span,
    with: { label, hint: near ? `did you mean \`reuse ${near}\`?` : `label it above: \`${label}: …\`` },
  });
}
