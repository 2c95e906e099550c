/** Names: what is in scope, what the file and the language know, and parameters by their paths. */
import { constCycle, shadowing, unknownPath } from '../diagnostics/catalogue/names.ts';
import { wrongKind } from '../diagnostics/catalogue/values.ts';
import type { Span } from '../diagnostics/source.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { isElemType } from '../ir/types.ts';
import { layerByName } from '../ops/lookup.ts';
import type { InitSpec, LangValue } from '../ops/params.ts';
import type { CallExpr, Ident, NameExpr, PathExpr } from '../parser/ast.ts';
import { dictionary } from '../words/late.ts';
import { currentValue, labelText } from './chains.ts';
import type { Context } from './context.ts';
import { live } from './failure.ts';
import { advice } from './late.ts';
import { discard, Env, type Frame, joinPath, type Module } from './scope.ts';
import { callable, dimValue, listValue, noArgs, poison, type ShortcutName, shortcutNames, tensorValue } from './values.ts';

/** What to do with a name that is there already. */
const renamed = (name: string): string => `rename it, for example \`${name}2\``;

/** Binds a name that nothing around it has. */
export function declare(c: Context, f: Frame, name: Ident, value: LangValue, hint = renamed(name.name)): void {
  if (name.name === discard) return;
  const before = f.env.get(name.name);
  const item = before ? undefined : f.env.module.items.get(name.name);
  const span = before?.span ?? item?.item.name.span;
  if (span) refuseSecond(c, f, name, span, hint);
  f.env.set(name.name, value, name.span);
}

/** A name behind `with`: inside it means this, whatever it means outside, because it often begins as that. */
export function declareInner(c: Context, f: Frame, env: Env, name: Ident, value: LangValue): void {
  if (name.name === discard) return;
  const before = env.own(name.name);
  if (before) refuseSecond(c, f, name, before.span);
  env.set(name.name, value, name.span);
}

export function refuseSecond(c: Context, f: Frame, { name, span }: Ident, first: Span, hint = renamed(name)): never {
  return c.fail(shadowing, f, { span, notes: [{ span: first, text: 'the first one is here' }], with: { name, hint } });
}

export const initNames = [
  'zeros',
  'ones',
  'fill',
  'normal',
  'uniform',
  'kaiming_normal',
  'kaiming_uniform',
  'xavier_normal',
  'xavier_uniform',
] as const;

/** What a name refers to; `call` where it is called. */
export function lookUp(c: Context, f: Frame, { name, span }: Pick<NameExpr, 'name' | 'span'>, call?: CallExpr): LangValue {
  if (name === 'it') return currentValue(c, f, span);
  const found = f.env.get(name);
  if (found) {
    if (c.promises.size > 0) c.spend(c.weightOf(found.value) / 2, span, f);
    return live(renewed(c, found.value));
  }
  const item = f.env.module.items.get(name);
  if (item) return live(itemValue(c, f, item.item.name.name, item.module, span));
  const known = knownName(name, span);
  if (known) return known;
  return advice.now().unknown(c, f, name, span, call);
}

/** Numbers keep the promises made since they were bound. */
function renewed(c: Context, value: LangValue): LangValue {
  if (value.kind === 'int') return value.dim.constant !== undefined ? value : dimValue(c.promised(value.dim));
  if (value.kind === 'list' && c.promises.size > 0) return listValue(value.items.map((item) => renewed(c, item)));
  return value;
}

function knownName(name: string, span: Span): LangValue | undefined {
  const layer = layerByName(name);
  const shortcut = shortcutNames.find((s): s is ShortcutName => s === name);
  if (shortcut) return callable(name, { kind: 'shortcut', name: shortcut, layer, args: noArgs, span });
  if (layer) return callable(name, { kind: 'layer', layer, args: noArgs, span });
  if (initNames.some((n) => n === name)) return callable(name, initialiser(name, undefined));
  if (isElemType(name)) return callable(name, { kind: 'elem' });
  return undefined;
}

export function initialiser(name: string, value: number | undefined, mode?: 'fan_in' | 'fan_out'): InitSpec {
  const kind = initNames.find((n) => n === name) ?? 'zeros';
  return { init: true, kind, ...(value !== undefined && { value }), ...(mode && { mode }) };
}

/** The value of a const, block or model of a file. */
function itemValue(c: Context, f: Frame, name: string, module: Module, span: Span): LangValue {
  const entry = module.items.get(name);
  const item = entry?.item;
  if (!entry || !item) return advice.now().unknown(c, f, name, span);
  if (item.kind === 'block') return callable(name, { kind: 'block', block: item, module: entry.module, args: noArgs, span });
  if (item.kind === 'model') {
    return c.fail(wrongKind, f, {
      span,
      with: {
        what: `\`${name}\` is a model, not a block`,
        found: `model ${name}`,
        expected: 'a block, which can stand inside others',
        hint: 'turn what both need into a block',
      },
    });
  }
  const home = entry.module;
  const known = home.consts.get(item.name.name);
  if (known === 'busy') return c.fail(constCycle, f, { span, with: { name } });
  if (known) return live(known);
  home.consts.set(item.name.name, 'busy');
  try {
    const at: Frame = {
      ...f,
      env: new Env(home),
      it: { kind: 'unset', why: 'a const', hint: 'consts have no tensors' },
      path: '',
      sequence: undefined,
      model: false,
    };
    const value = c.nest(span, f, () => c.evaluate(at, item.value));
    home.consts.set(item.name.name, value);
    return value;
  } catch (error) {
    home.consts.set(item.name.name, poison);
    throw error;
  }
}

/** `x.shape` is `shape(x)`: a property of PyTorch of something that has a name here. */
function propertyHint(f: Frame, path: string): string | undefined {
  const [base = '', property, ...more] = path.split('.');
  if (property === undefined || more.length > 0 || (base !== 'it' && !f.env.get(base))) return undefined;
  const { answerFor, translate } = dictionary.now();
  const answer = answerFor(property);
  if (!answer) return undefined;
  if (answer.kind === 'reason') return answer.reason.instead;
  return `write \`${translate(answer.word, property, { positional: [], named: new Map(), on: base })}\``;
}

/** A parameter by its path, looked up in this scope and outwards. */
export function parameterAt(c: Context, f: Frame, { label }: PathExpr): LangValue {
  const path = labelText(c, f, label);
  const segments = f.path === '' ? [] : f.path.split('.');
  for (let n = segments.length; n >= 0; n--) {
    const found = c.parameters.get(joinPath(segments.slice(0, n).join('.'), path));
    if (found) return tensorValue(found.value);
  }
  const near = nearest(path, c.parameters.keys());
  return c.fail(unknownPath, f, {
    span: label.span,
    with: {
      path,
      hint: propertyHint(f, path) ?? (near ? `did you mean \`${near}\`?` : 'create the parameter above its first use'),
    },
  });
}
