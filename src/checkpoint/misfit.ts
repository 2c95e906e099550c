/** What does not fit between a checkpoint and a graph, said in one diagnostic with the way out that is right. */
import { parametrizedTensor, refusedElement, refusedObject, weightsMisfit } from '../diagnostics/catalogue/weights.ts';
import { type Diagnostic, makeDiagnostic } from '../diagnostics/diagnostic.ts';
import { editDistance } from '../diagnostics/suggest.ts';
import { dimsOf, type Fit, shapeText, type Wanted } from './fit.ts';
import { type MapRule, type Rule, ruleText } from './map-rules.ts';
import { findRule, samePart, scopeOf } from './rename.ts';

/** How many lines one diagnostic lists of each sort. */
const listed = 100;
/** Cells of edit-distance tables that one diagnostic may compute; past it no nearest names are searched. */
const distanceBudget = 40_000_000;
/** Pairs of names that a renaming rule is guessed from. */
const guesses = 24;

interface Named {
  readonly name: string;
  readonly shape: string;
}

/** Finds nearest names of the same shape, those of the same part first, within a budget shared by one diagnostic. */
export function nearestFinder(): (wish: Named, candidates: readonly Named[]) => string | undefined {
  let budget = distanceBudget;
  const find = ({ name, shape }: Named, candidates: readonly Named[], part: boolean): string | undefined => {
    let best: string | undefined;
    let bestCost = Infinity;
    for (const candidate of candidates) {
      if (candidate.shape !== shape || (part && !samePart(candidate.name, name))) continue;
      const [a, b] = part ? [scopeOf(name), scopeOf(candidate.name)] : [name, candidate.name];
      // A name that shares less than two letters of five is no hint.
      const limit = Math.min(bestCost - 1, Math.floor(Math.max(a.length, b.length) * 0.6));
      if (limit < 0 || budget < 0) continue;
      budget -= a.length * b.length;
      const distance = editDistance(a, b, limit);
      if (distance > limit) continue;
      best = candidate.name;
      bestCost = distance;
    }
    return best;
  };
  return (wish, candidates) => find(wish, candidates, true) ?? find(wish, candidates, false);
}

/**
 * The usual transposes between frameworks: what a wrong shape looks like, and the permutation that turns it into the right one.
 */
function transposition(
  wanted: readonly number[],
  found: readonly number[],
): { readonly remark: string; readonly perm: readonly number[] } | undefined {
  const rank = wanted.length;
  if (rank !== found.length || rank < 2) return undefined;
  const usual: readonly (readonly [readonly number[], string])[] = [
    [[1, 0], 'transposed: [in, out] where [out, in] is meant'],
    [[3, 2, 0, 1], 'transposed kernel: [h, w, in, out] (TensorFlow) where [out, in, h, w] is meant'],
    [[0, 3, 1, 2], 'transposed kernel: [out, h, w, in] where [out, in, h, w] is meant'],
    [[2, 1, 0], 'transposed kernel: [w, in, out] where [out, in, w] is meant'],
    [[1, 0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2)], 'transposed kernel: its first two axes are exchanged'],
  ];
  for (const [perm, remark] of usual)
    if (perm.length === rank && perm.every((axis, i) => found[axis] === wanted[i])) return { remark, perm };
  return undefined;
}

/** `a, b and 3 more`. */
function some(names: readonly string[], most = 3): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(', ')} and ${more} more` : names.join(', ');
}

export interface MisfitOptions {
  readonly allowMissing: boolean;
  readonly allowUnused: boolean;
  readonly map: readonly MapRule[];
  readonly rules: readonly Rule[];
  /** Of the checkpoint, with the key of the dict behind #. */
  readonly checkpoint: string;
}

/** RES0520, or nothing where all fits or is allowed to be left over. */
export function misfit(fit: Fit, wanted: Wanted, options: MisfitOptions): Diagnostic | undefined {
  const missing = options.allowMissing ? [] : fit.missing;
  const unused = options.allowUnused ? [] : fit.unused;
  if (missing.length + unused.length + fit.misshapen.length + fit.mistyped.length === 0) return undefined;
  const typeOf = (name: string): string => {
    const value = wanted.get(name)?.[0];
    return value ? `${value.type.elem}${shapeText(dimsOf(value))}` : '';
  };
  const stored = (name: string): string => {
    const entry = fit.byName.get(name) ?? fit.foreign.get(name);
    return entry ? `${entry.elem}${shapeText(entry.dims)}` : '';
  };
  const shapeOf = (text: string): string => text.slice(text.indexOf('['));
  const free = fit.unused.map((name) => ({ name, shape: shapeOf(stored(name)) }));
  const lacking = fit.missing.map((name) => ({ name, shape: shapeOf(typeOf(name)) }));
  const nearest = nearestFinder();
  const lines: string[] = [];
  let permute: { readonly name: string; readonly perm: readonly number[] } | undefined;
  const list = (names: readonly string[], sort: string, line: (name: string) => string): void => {
    for (const name of names.slice(0, listed)) lines.push(`${sort.padEnd(9)} ${line(name)}`);
    if (names.length > listed) lines.push(`${sort.padEnd(9)} … and ${names.length - listed} more`);
  };
  const pairs: (readonly [string, string])[] = [];
  list(missing, 'missing', (name) => {
    const near = nearest({ name, shape: shapeOf(typeOf(name)) }, free);
    if (near !== undefined) pairs.push([near, name]);
    return `${name} ${typeOf(name)}${near === undefined ? '' : `  nearest: ${near} ${stored(near)}`}`;
  });
  list(fit.misshapen, 'misshapen', (name) => {
    const entry = fit.byName.get(name);
    const value = wanted.get(name)?.[0];
    const turn = entry && value && transposition(dimsOf(value), entry.dims);
    if (turn) permute ??= { name: fit.fromOf.get(name) ?? name, perm: turn.perm };
    const remark = turn ? `  ${turn.remark}` : '';
    return `${name}  model ${typeOf(name)}, checkpoint ${stored(name)}${remark}`;
  });
  list(fit.mistyped, 'mistyped', (name) => `${name}  model ${typeOf(name)}, checkpoint ${stored(name)}`);
  list(unused, 'unused', (name) => {
    const near = nearest({ name, shape: shapeOf(stored(name)) }, lacking);
    return `${fit.fromOf.get(name) ?? name} ${stored(name)}${near === undefined ? '' : `  nearest: ${near} ${typeOf(near)}`}`;
  });
  for (const rule of options.rules) if (!rule.used) lines.push(`map       "${ruleText(rule.rule)}" matches no tensor`);

  const step = Math.max(1, Math.floor(pairs.length / guesses));
  const offer = findRule(
    fit,
    wanted,
    options.map,
    pairs.filter(([from, to], i) => i % step === 0 && samePart(from, to)),
  );
  const hint = offer
    ? `write --map "${ruleText(offer.rule)}"${offer.gain > 1 ? `, which gives ${offer.gain} of the ${fit.missing.length} missing ones their tensors` : ''}`
    : permute
      ? `before saving: state_dict["${permute.name}"] = state_dict["${permute.name}"].permute(${permute.perm.join(', ')})`
      : fit.misshapen.length + fit.mistyped.length > 0
        ? 'write -D name=value to give the model the sizes of the checkpoint'
        : missing.length > 0 && fit.unused.length > 0
          ? 'give both the same names: change the labels of the model, or rename those tensors that mean the same'
          : missing.length > 0
            ? `take a checkpoint that was saved with ${some(missing)}; without it the numbers are random`
            : `add what computes with ${some(unused)} to the model: what is left out changes the outputs, unless you know that it does not matter at inference`;
  const counts = [
    missing.length > 0 ? `${missing.length} missing` : '',
    fit.misshapen.length > 0 ? `${fit.misshapen.length} misshapen` : '',
    fit.mistyped.length > 0 ? `${fit.mistyped.length} mistyped` : '',
    unused.length > 0 ? `${unused.length} unused` : '',
  ].filter((s) => s !== '');
  return makeDiagnostic(weightsMisfit, {
    with: {
      checkpoint: options.checkpoint,
      found: `${counts.join(', ')}\n${lines.join('\n')}`,
      expected: `each of the model's ${wanted.size} tensors once and in its shape`,
      hint,
    },
  });
}

/** RES0508, RES0518 and RES0519: the model wants what is no plain tensor of a type that it can have. */
export function unusable(fit: Fit, file: string): readonly Diagnostic[] {
  const found = fit.refused.slice(0, 20).map((name) => {
    const entry = fit.foreign.get(name);
    const tensor = fit.fromOf.get(name) ?? name;
    const what = `${entry?.elem ?? ''}${entry?.object === true && entry.dims.length === 0 ? '' : shapeText(entry?.dims ?? [])}`;
    const hint = remedyOf(entry?.elem ?? '', tensor);
    const definition = entry?.object === true || entry?.elem === 'sparse tensor' ? refusedObject : refusedElement;
    return makeDiagnostic(definition, { with: { file, tensor, found: what, hint } });
  });
  const causes = new Map<string, { readonly names: string[]; readonly lines: string[]; readonly remedy: string | undefined }>();
  for (const name of fit.blocked) {
    const parts = fit.parts.get(name);
    if (parts?.kind !== 'refused') continue;
    const cause = causes.get(parts.what) ?? { names: [], lines: [], remedy: parts.remedy };
    causes.set(parts.what, cause);
    cause.names.push(name);
    const line = (part: string): string => {
      const entry = fit.byName.get(part) ?? fit.foreign.get(part);
      return `${fit.fromOf.get(part) ?? part} ${entry?.elem ?? ''}${shapeText(entry?.dims ?? [])}`;
    };
    if (cause.lines.length < listed) cause.lines.push(`${name}: ${parts.parts.map(line).join(', ')}`);
  }
  for (const [what, { names, lines, remedy }] of causes)
    found.push(
      makeDiagnostic(parametrizedTensor, {
        with: {
          tensor: some(names),
          what,
          found: `${file}\n${lines.join('\n')}`,
          hint: remedy === undefined ? 'save the tensor itself in place of its parts' : `in Python, before saving: ${remedy}`,
        },
      }),
    );
  return found;
}

/** Python that makes a plain tensor of it without changing its numbers. */
function remedyOf(kind: string, name: string): string {
  const entry = `state_dict["${name}"]`;
  if (/complex|^C\d+/i.test(kind))
    return `a real network takes its real and imaginary parts, each a tensor of its own: ${entry}.real and ${entry}.imag`;
  if (/^(quint|qint)/.test(kind)) return `before saving: ${entry} = ${entry}.dequantize()`;
  if (/sparse/.test(kind)) return `before saving: ${entry} = ${entry}.to_dense()`;
  if (/NumPy/.test(kind)) return `before saving: ${entry} = torch.from_numpy(${entry})`;
  if (/^F\d|^float/i.test(kind)) return `before saving: ${entry} = ${entry}.float(), times its scale where it has one`;
  return `save a plain tensor as ${entry}`;
}
