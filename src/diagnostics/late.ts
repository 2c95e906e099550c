/**
 * Modules that few calls need, and that a bundle loads only then. Code that runs without waiting asks for one by `now`; where it
 * is not there, the call ends, and `whenLoaded` loads it and calls again. So what is called must begin anew each time, and leave
 * nothing behind. Calls that give their answer at once import the module themselves, and `give` it before they ask.
 */

/** Ends a call that asked for a module which is not there yet. Nobody but `whenLoaded` may catch it. */
class NotLoaded extends Error {
  readonly late: Late<unknown>;
  constructor(late: Late<unknown>) {
    super('bug in rescc: a module was asked for that nobody waits for');
    this.late = late;
  }
}

/** A module, and how it is loaded. */
export class Late<Module> {
  #module: Module | undefined;
  readonly #load: () => Promise<Module>;

  constructor(load: () => Promise<Module>) {
    this.#load = load;
  }

  now(): Module {
    if (this.#module === undefined) throw new NotLoaded(this);
    return this.#module;
  }

  /** The module, if it is there already. */
  get here(): Module | undefined {
    return this.#module;
  }

  give(module: Module): void {
    this.#module = module;
  }

  async load(): Promise<void> {
    this.#module ??= await this.#load();
  }
}

/** The result of the call, once all that it asks for is there. */
export async function whenLoaded<T>(call: () => T): Promise<T> {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof NotLoaded)) throw error;
      await error.late.load();
    }
  }
}
