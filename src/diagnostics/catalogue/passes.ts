/** Diagnostics of what passes are asked for. */
import { type Diagnostic, defineDiagnostic, makeDiagnostic, msg } from '../diagnostic.ts';

const unknownPassKind = defineDiagnostic({
  code: 'RES0221',
  title: msg`there is no pass \`${'name'}\``,
  found: msg`${'name'}`,
  expected: msg`one of ${'names'}`,
  hint: msg`${'hint'}`,
  more: '--passes runs the named passes in the order given, each to its fixed point, instead of the pipeline of a level.',
});
/** A pass name that nobody knows. */
export const unknownPass = (name: string, names: readonly string[], near: string | undefined): Diagnostic =>
  makeDiagnostic(unknownPassKind, { with: { name, names: names.join(', '), hint: `--passes ${near ?? names[0] ?? ''}` } });
