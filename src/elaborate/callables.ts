/** Running what a name refers to: a layer, a block, a body or a shortcut on the current value. */
import { notRunnable } from '../diagnostics/catalogue/structure.ts';
import type { Span } from '../diagnostics/source.ts';
import type { LangValue } from '../ops/params.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import type { Frame } from './scope.ts';
import { describe, isRunnable, sourceText, targetOf } from './values.ts';

/** What a value is once it has run: a layer, block or body gives its result, which may be a list; anything else is itself. */
export function ran(c: Context, f: Frame, value: LangValue, span: Span): LangValue {
  if (value.kind !== 'callable' || !isRunnable(value)) return value;
  const values = runCallable(c, f, value, span, undefined);
  const [first] = values;
  return first && values.length === 1 ? live(first) : value;
}

/** Runs a layer, block or body on the current value. A label, or the position inside `sequential`, becomes its path. */
export function runCallable(c: Context, f: Frame, value: LangValue, span: Span, label: string | undefined): readonly LangValue[] {
  if (value.kind !== 'callable') {
    if (value.kind === 'tensor' || value.kind === 'list') return [value];
    return c.fail(notRunnable, f, {
      span,
      with: {
        name: sourceText(span),
        found: describe(value),
        expected: 'a layer, a block, a body or a tensor',
        hint: 'remove the label',
      },
    });
  }
  live(value);
  const target = targetOf(value);
  if ('init' in target || target.kind === 'elem' || target.kind === 'poison') {
    return c.fail(notRunnable, f, {
      span,
      with: {
        name: value.name,
        found: 'init' in target ? 'an initialiser' : 'an element type',
        expected: 'a layer, a block or a body',
        hint: 'init' in target ? `write \`init=${value.name}\`` : `write \`cast(${value.name})\``,
      },
    });
  }
  return c.runTarget(f, target, span, label);
}
