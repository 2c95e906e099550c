/**
 * Calls `name(…)`: a builtin function has its value at once; for a layer, a block or a shortcut the arguments are kept until it
 * runs.
 */
import { wrongKind } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { layerByName } from '../ops/lookup.ts';
import type { LangValue } from '../ops/params.ts';
import type { CallExpr } from '../parser/ast.ts';
import { builtinFunction, builtinNames } from './builtins.ts';
import { evaluateArgs } from './chains.ts';
import type { Context } from './context.ts';
import { advice } from './late.ts';
import { initialiser, initNames, lookUp } from './names.ts';
import type { Frame } from './scope.ts';
import {
  callable,
  describe,
  type GivenArgs,
  mergeArgs,
  numberOf,
  sourceText,
  type Target,
  targetOf,
  wholeText,
} from './values.ts';

export function evaluateCall(c: Context, f: Frame, expr: CallExpr): LangValue {
  return c.nest(expr.span, f, () => callOf(c, f, expr));
}

function callOf(c: Context, f: Frame, expr: CallExpr): LangValue {
  const { callee } = expr;
  const own = callee.name === 'it' || f.env.get(callee.name) !== undefined || f.env.module.items.has(callee.name);
  if (!own && initNames.some((n) => n === callee.name)) return evaluateInit(c, f, expr);
  if (!own && builtinNames.includes(callee.name)) {
    const args = evaluateArgs(c, f, expr.args);
    const value = builtinFunction(c, f, callee.name, args, expr.span);
    if (value) return value;
    const layer = layerByName(callee.name);
    if (layer) return callable(callee.name, { kind: 'layer', layer, args, span: expr.span });
    return advice.now().unknown(c, f, callee.name, callee.span, expr);
  }
  const value = lookUp(c, f, callee, expr);
  if (value.kind !== 'callable') {
    return c.fail(wrongKind, f, {
      span: callee.span,
      with: {
        what: `\`${callee.name}\` is no layer or block`,
        found: describe(value),
        expected: 'something that can be called',
        hint: value.kind === 'list' ? `write \`${callee.name}[…]\` for an element` : `write \`${callee.name}\` alone`,
      },
    });
  }
  const args = evaluateArgs(c, f, expr.args);
  const target = targetOf(value);
  return callable(callee.name, withArgs(c, f, target, args, expr.span, callee.name));
}

function withArgs(c: Context, f: Frame, target: Target, args: GivenArgs, span: Span, name: string): Target {
  if ('init' in target || target.kind === 'elem' || target.kind === 'body' || target.kind === 'poison') {
    return c.fail(wrongKind, f, {
      span,
      with: {
        what: `\`${name}\` takes no arguments`,
        found: sourceText(span),
        expected: `\`${name}\` alone`,
        hint: `write \`${name}\``,
      },
    });
  }
  return { ...target, args: mergeArgs(target.args, args), span };
}

/** `zeros(2, 3)` of PyTorch is a tensor, and no initialiser. */
function fullOf({ callee, args }: CallExpr): string {
  const value = callee.name === 'zeros' ? 0 : callee.name === 'ones' ? 1 : undefined;
  if (value === undefined || args.length === 0 || args.some((arg) => arg.name)) return '';
  const sizes = args
    .map((arg) => wholeText(arg.value.span))
    .join(', ')
    .replace(/^\[(.*)\]$/, '$1');
  return ` where a parameter begins, or \`full([${sizes}], ${value})\` for a tensor`;
}

function evaluateInit(c: Context, f: Frame, expr: CallExpr): LangValue {
  const args = evaluateArgs(c, f, expr.args);
  const { name } = expr.callee;
  const wanted = name === 'fill' ? 'value' : name === 'normal' ? 'std' : name === 'uniform' ? 'bound' : undefined;
  const mode = args.named.get('mode');
  const given = args.positional[0] ?? (wanted ? args.named.get(wanted) : undefined);
  const number = given ? numberOf(given.value) : undefined;
  const known = [...args.named.keys()].every((k) => k === wanted || (k === 'mode' && name.startsWith('kaiming')));
  if (
    !known ||
    (wanted !== undefined && number === undefined) ||
    args.positional.length + args.named.size - (mode ? 1 : 0) > (wanted === undefined ? 0 : 1)
  ) {
    return c.fail(wrongKind, f, {
      span: expr.span,
      with: {
        what: `wrong arguments for the initialiser \`${name}\``,
        found: sourceText(expr.span),
        expected: wanted ? `${name}(${wanted}=…)` : name.startsWith('kaiming') ? `${name}(mode="fan_in" or "fan_out")` : name,
        hint: wanted ? `write \`${name}(0.02)\`` : `write \`${name}\`${fullOf(expr)}`,
      },
    });
  }
  const modeText = mode?.value.kind === 'string' ? mode.value.value : undefined;
  return callable(name, initialiser(name, number, modeText === 'fan_in' || modeText === 'fan_out' ? modeText : undefined));
}
