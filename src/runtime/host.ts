/** Where models run: onnxruntime-node with processes of its own, or an onnxruntime that a program brings along. */
import type { Blamed, Keeping, KeepingSession } from './ports.ts';

/** How a session is opened. */
export interface OpenOptions extends Blamed, Keeping {
  /** onnxruntime's own graph optimiser. */
  readonly optimization: 'off' | 'all';
  /** Threads within an operator; onnxruntime's choice without. */
  readonly threads?: number | undefined;
  /** Record which provider runs each node; `close` then returns it. Slows runs down a little. */
  readonly profile?: boolean | undefined;
  /**
   * Lets CUDA round the operands of f32 products to TF32, which is faster and off by 1e-3. Off when left out, as proofs need it.
   */
  readonly tf32?: boolean | undefined;
  /** Added to the environment of a GPU provider's process, such as `swiftshaderEnvironment()`. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** Opens a model, given as bytes or, where there are files, as the path of one. Throws `DiagnosticError`. */
export type OpenSession = (model: Uint8Array | string, options: OpenOptions) => Promise<KeepingSession>;

export interface RuntimeHost {
  /** With its version: `onnxruntime-node 1.30.0`. */
  readonly name: () => string;
  /** Does work that opens sessions, with whatever makes it faster, and ends what they ran in. */
  during<T>(work: (open: OpenSession) => Promise<T>): Promise<T>;
}
