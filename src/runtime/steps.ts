/** The steps of long work for who looks on, of which there may come more than was thought. */
export class Steps {
  /** As many as there are thought to be. */
  total: number;
  readonly #say: ((what: string, done: number, total: number) => void) | undefined;
  #what = '';
  #begun = 0;

  constructor(total: number, say: ((what: string, done: number, total: number) => void) | undefined) {
    this.total = total;
    this.#say = say;
  }

  begin(what: string): void {
    this.#what = what;
    this.total = Math.max(this.total, this.#begun + 1);
    this.#say?.(what, this.#begun, this.total);
    this.#begun++;
  }

  /** How much of the step that began last is done. */
  readonly within = (done: number, of: number): void => this.#say?.(this.#what, this.#begun - 1 + done / of, this.total);
}
