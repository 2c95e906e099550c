/** A sink for syntax errors that stops listening after fifty: what follows is seldom news, and a binary file has millions. */
import { tooManyErrors } from '../diagnostics/catalogue/syntax.ts';
import { type Diagnostic, makeDiagnostic, Sink } from '../diagnostics/diagnostic.ts';

const maxErrors = 50;

export class CappedSink extends Sink {
  #full = false;

  /** True once errors were left out; reading on is of no use then. */
  get full(): boolean {
    return this.#full;
  }

  override add(diagnostic: Diagnostic): void {
    if (this.#full) return;
    if (this.list.length < maxErrors) {
      super.add(diagnostic);
      return;
    }
    this.#full = true;
    super.add(makeDiagnostic(tooManyErrors, { span: diagnostic.span, with: { count: maxErrors } }));
  }
}
