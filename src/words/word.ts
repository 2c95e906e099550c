/**
 * What a row of the dictionary says. The dictionary is for people who know PyTorch: what they type is answered with what is
 * typed here, or with the reason why there is nothing to type.
 */

/** A call as it was written: texts of its arguments, not values. */
export interface WrittenCall {
  readonly positional: readonly string[];
  readonly named: ReadonlyMap<string, string>;
  /** The tensor of a method, `x` of `x.view(2, 3)`. */
  readonly on?: string | undefined;
  /** Whether the first argument is known to be no tensor, so that the call runs on `it`. */
  readonly onIt?: boolean | undefined;
  /** Of the tensor that the call runs on, where it is known. */
  readonly rank?: number | undefined;
}

/** The arguments of a call by PyTorch's names. */
export interface FilledCall {
  /** The text of an argument; undefined where it is not given, or given as `None`. */
  text(name: string): string | undefined;
  readonly rank: number | undefined;
}

/** PyTorch's names, and what is written here. */
export interface Word {
  /** Separated by blanks. `Conv#d` stands for `Conv1d`, `Conv2d` and `Conv3d`. */
  readonly torch: string;
  /**
   * The names of its arguments in their order. `*dims` takes all that are left. The tensor that a function of small letters
   * takes first is `input`, and need not be listed.
   */
  readonly takes?: string;
  /**
   * What is written here. `{dim}` is replaced by the text of that argument, `{dim|0}` has a default; an argument `key={dim}`
   * without a text is left out. A call without an `{input}` gets it as its first argument.
   */
  readonly ours: string;
  /** The same by a function, where the text hangs on more than the arguments one by one; undefined: `ours` as it stands. */
  readonly fill?: (call: FilledCall) => string | undefined;
  /** Arguments that have no counterpart, and why. */
  readonly without?: Readonly<Record<string, string>>;
  /** What differs, for whoever reads the answer: a sentence without its full stop. */
  readonly note?: string;
  /** What is written for a value of an argument, text by text: `"bilinear"` is `"linear"`. */
  readonly values?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What is written for the name alone where that is something else: `torch.float16` is `f16`, `x.half()` a cast. */
  readonly bare?: string;
}

/** Why there is nothing to write for some names, and what to do instead. */
export interface Reason {
  /** A few words for the heading on the page. */
  readonly title: string;
  /** Separated by blanks, with `#d` as in a word. */
  readonly names: string;
  /** A sentence part that follows the name: `is a loss, which belongs to training`. */
  readonly why: string;
  /** What to do, as a request: `end the model at the logits`. */
  readonly instead: string;
}

/** Names of a row, `#d` written out. */
export function namesOf(text: string): readonly string[] {
  return text
    .split(/\s+/)
    .filter((name) => name !== '')
    .flatMap((name) => (name.includes('#') ? ['1', '2', '3'].map((n) => name.replace('#', n)) : [name]));
}
