/** Bodies that run several times, one by one in positions, or once more: `repeat`, `each`, `sequential`, `reuse`. */
import { unknownLabel } from '../diagnostics/catalogue/names.ts';
import { odeNotYet } from '../diagnostics/catalogue/structure.ts';
import { badCount } from '../diagnostics/catalogue/values.ts';
import { nearest } from '../diagnostics/suggest.ts';
import type { LangValue } from '../ops/params.ts';
import type { Each, Ode, Repeat, Reuse, Sequential } from '../parser/ast.ts';
import { runBody } from './bodies.ts';
import { labelText } from './chains.ts';
import type { Context } from './context.ts';
import { declare } from './names.ts';
import { Env, type Frame, joinPath, place } from './scope.ts';
import { describe, intValue, listValue, numberOf } from './values.ts';

interface Turn {
  readonly index: number;
  readonly item: LangValue | undefined;
}

/** The turns of a repetition over a count or a list. */
function turnsOf(c: Context, f: Frame, construct: Repeat | Each): Iterable<Turn> {
  const over = c.evaluate(f, construct.over);
  const { span } = construct.over;
  const refuse = (found: string, expected: string, hint: string): never =>
    c.fail(badCount, f, { span, with: { construct: construct.kind, found, expected, hint } });
  if (over.kind === 'list') return over.items.map((item, index) => ({ index, item }));
  if (over.kind === 'size') return over.dims.map((d, index) => ({ index, item: intValue(d) }));
  if (over.kind !== 'int')
    return refuse(describe(over), 'an int or a list', over.kind === 'float' ? 'write a whole number' : 'write `repeat 3 { … }`');
  const count = over.dim.constant;
  if (count === undefined)
    return refuse(
      `the symbolic number ${over.dim.toString()}`,
      'a number known while compiling',
      'make the count a parameter of the model',
    );
  if (count < 0) return refuse(`${count}`, 'a count of at least 0', 'check how the count is computed');
  if (construct.names.length > 1)
    return refuse('a count with two names', 'one name for the index', 'repeat over a list for an item and its index');
  return (function* () {
    for (let index = 0; index < count; index++) yield { index, item: undefined };
  })();
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

export function runRepeat(c: Context, f: Frame, construct: Repeat, label: string | undefined): readonly LangValue[] {
  let it = f.it;
  const start = f.sequence?.next ?? 0;
  for (const turn of turnsOf(c, f, construct)) {
    if (construct.shared && f.sequence) f.sequence.next = start;
    const at = turnFrame(c, { ...f, it }, construct, turn, label);
    const work = (): void => {
      runBody(c, { ...at, inRepeat: true }, construct.body, (last) => {
        it = last;
      });
    };
    if (construct.shared && turn.index > 0) c.replay(at.path, work);
    else work();
  }
  if (it.kind !== 'unset') return [it];
  // Turns that only declare inputs leave no current value, which is a mistake only where one is asked for.
  f.it = it;
  return [];
}

export function runEach(c: Context, f: Frame, construct: Each, label: string | undefined): readonly LangValue[] {
  const lists: LangValue[][] = [];
  let count: number | undefined;
  const start = f.sequence?.next ?? 0;
  for (const turn of turnsOf(c, f, construct)) {
    if (construct.shared && f.sequence) f.sequence.next = start;
    const at = { ...turnFrame(c, f, construct, turn, label), inRepeat: false };
    const work = (): readonly LangValue[] => runBody(c, at, construct.body);
    const results = construct.shared && turn.index > 0 ? c.replay(at.path, work) : work();
    if (count !== undefined && results.length !== count) {
      return c.fail(badCount, f, {
        span: construct.span,
        with: {
          construct: 'each',
          found: `${results.length} values in turn ${turn.index}, ${count} before`,
          expected: 'the same number of values in every turn',
          hint: 'return the same values in every branch',
        },
      });
    }
    count = results.length;
    results.forEach((value, i) => {
      const list = lists[i] ?? [];
      lists[i] = list;
      list.push(value);
    });
  }
  return count === undefined ? [listValue([])] : lists.map((items) => c.list(items, construct.span, f));
}

export function runSequential(c: Context, f: Frame, construct: Sequential, label: string | undefined): readonly LangValue[] {
  const at = place(f, label);
  return runBody(
    c,
    { ...at, env: new Env(f.env.module, f.env), sequence: { next: 0 }, model: false, inRepeat: false },
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

export function refuseOde(c: Context, f: Frame, construct: Ode): never {
  return c.fail(odeNotYet, f, { span: construct.span, with: {} });
}
