/**
 * `if` and `a ? b : c` on data: both branches are elaborated, each into a sub-graph of an `if` that the run decides. Each begins
 * with what is around it, and both give values of one type.
 */
import { branchTypes } from '../diagnostics/catalogue/shapes.ts';
import { branchValues } from '../diagnostics/catalogue/structure.ts';
import type { Span } from '../diagnostics/source.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { isOfRun } from '../ir/promise.ts';
import type { ElemType, TensorType } from '../ir/types.ts';
import { branch } from '../ops/control-flow.ts';
import type { LangValue } from '../ops/params.ts';
import type { Body, ConditionalExpr, IfStmt } from '../parser/ast.ts';
import { executeBody } from './bodies.ts';
import { ran } from './callables.ts';
import { currentValue } from './chains.ts';
import type { Context } from './context.ts';
import { create, guarded } from './nodes.ts';
import { conditionScalar, difference, type Flat, flatten, portNames, rebuild, spansOf } from './regions.ts';
import { Env, type Frame } from './scope.ts';
import { numberOf } from './values.ts';

/** What a branch gives, and where that is written. */
interface Side {
  readonly region: Graph;
  readonly values: readonly LangValue[];
  readonly spans: readonly Span[];
}

/** Runs an `if` statement whose condition is a tensor. Without an `else` what is around it is what the other branch gives. */
export function runBranches(c: Context, f: Frame, stmt: IfStmt, condition: Value): void {
  const decides = conditionScalar(c, f, condition, stmt.condition.span, 'if');
  const sides: Side[] = [];
  let returns = false;
  const take = (name: string, body: Body | IfStmt | undefined): void => {
    const region = c.region(name);
    c.inside(region, () => {
      const at: Frame = { ...f, env: new Env(f.env.module, f.env), returned: undefined };
      const last = body?.kind === 'body' ? body.stmts.at(-1) : undefined;
      const span = last?.span ?? body?.span ?? stmt.then.span;
      if (body?.kind === 'body') {
        const outcome = executeBody(c, at, body);
        at.it = outcome.it;
        at.returned = outcome.returned;
      } else if (body) c.execute(at, body);
      if (at.returned) returns = true;
      const values = at.returned ?? [currentValue(c, at, span)];
      sides.push({ region, values, spans: spansOf(last, values.length, span) });
    });
  };
  c.nest(stmt.span, f, () => {
    take('then_branch', stmt.then);
    take('else_branch', stmt.else);
  });
  const [then, other] = sides;
  if (!then || !other) return;
  const results = join(c, f, decides, then, other, stmt.span);
  if (returns) f.returned = results;
  else if (results[0]) f.it = results[0];
}

/** `condition ? a : b` of a tensor. */
export function chooseOne(c: Context, f: Frame, expr: ConditionalExpr, condition: Value): LangValue {
  const decides = conditionScalar(c, f, condition, expr.condition.span, 'if');
  const side = (name: string, of: ConditionalExpr['then']): Side => {
    const region = c.region(name);
    return { region, values: [c.inside(region, () => ran(c, f, c.evaluate(f, of), of.span))], spans: [of.span] };
  };
  return c.nest(expr.span, f, () => {
    const sides = [side('then_branch', expr.then), side('else_branch', expr.else)] as const;
    return join(c, f, decides, ...sides, expr.span)[0] ?? currentValue(c, f, expr.span);
  });
}

/** A number takes the element type of what the other branch gives. */
function elemBeside(value: LangValue | undefined, other: LangValue | undefined): ElemType | undefined {
  return value && numberOf(value) !== undefined && other?.kind === 'tensor' ? other.value.type.elem : undefined;
}

function join(c: Context, f: Frame, condition: Value, then: Side, other: Side, span: Span): readonly LangValue[] {
  if (then.values.length !== other.values.length) {
    const count = ({ values }: Side): string => `${values.length} value${values.length === 1 ? '' : 's'}`;
    c.fail(branchValues, f, {
      span,
      with: {
        found: `${count(then)} where the condition holds, ${count(other)} elsewhere`,
        hint: 'let both branches end in a `return` of as many values; without one, and without an `else`, a branch gives `it` alone',
      },
    });
  }
  const flat = (side: Side, beside: Side): readonly Flat[] =>
    c.inside(side.region, () =>
      side.values.map((value, i) => flatten(c, f, value, side.spans[i] ?? span, elemBeside(value, beside.values[i]))),
    );
  const [a, b] = [flat(then, other), flat(other, then)];
  a.forEach((one, i) => {
    const two = b[i];
    if (two) checkAlike(c, f, one, two, [then.spans[i] ?? span, other.spans[i] ?? span]);
  });
  for (const [side, values] of [
    [then, a],
    [other, b],
  ] as const) {
    const name = portNames();
    for (const { tensors } of values) for (const x of tensors) side.region.output(name('result'), x);
  }
  const regions = [then.region, other.region];
  const results = guarded(c, f, 'if', [condition], span, () => create(c, f, branch, [condition], {}, span, regions)).values();
  return a.map(({ structure }) => rebuild(c, f, span, structure, results));
}

/** Sizes may differ where only the data knows them. */
function agree(a: TensorType, b: TensorType): boolean {
  const ofRun = (i: number): boolean => [a, b].some(({ dims }) => dims[i]?.symbols().some(isOfRun));
  return a.elem === b.elem && a.dims.length === b.dims.length && a.dims.every((d, i) => d === b.dims[i] || ofRun(i));
}

function checkAlike(c: Context, f: Frame, one: Flat, two: Flat, [first, second]: readonly [Span, Span]): void {
  const differs = difference(one, two, agree);
  if (!differs) return;
  const { texts, types } = differs;
  c.fail(branchTypes, f, {
    span: second,
    notes: [{ span: first, text: `gives ${texts[0]} where the condition holds` }],
    with: {
      found: `${texts[1]} where it does not`,
      expected: `${texts[0]}, as where it holds`,
      hint:
        types && types[0].elem !== types[1].elem
          ? `end one branch with \`cast(${types[0].elem})\``
          : 'give both branches one shape, or take what they have in common behind the `if`',
    },
  });
}
