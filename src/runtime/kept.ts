/**
 * Outputs that stay as onnxruntime made them, to be inputs of a later run: the keys and values of a past, which would else become
 * float64 and f32 again with every token, and cross from the GPU's memory and back.
 */
import { badArgument } from '../diagnostics/catalogue/api.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { ElemType, HostTensor } from '../ir/types.ts';
import type { Engine, HeldTensor, OrtTensor } from './engine.ts';
import { elemOfType, readOrt } from './exchange.ts';

/** An output that was kept. It may be an input of any later run, also of another session, and as often as one likes. */
export interface KeptTensor {
  readonly elem: ElemType;
  readonly dims: readonly number[];
  /** Its elements, copied from where they are. */
  read(): Promise<HostTensor>;
  /** Frees what it takes, which memory of a GPU needs and other memory bears. Using it afterwards is refused. */
  dispose(): void;
}

export class KeptOutput implements KeptTensor {
  readonly elem: ElemType;
  readonly dims: readonly number[];
  readonly #name: string;
  #tensor: OrtTensor | HeldTensor | undefined;

  constructor(name: string, tensor: OrtTensor | HeldTensor) {
    this.elem = elemOfType(name, tensor.type);
    this.dims = [...tensor.dims];
    this.#name = name;
    this.#tensor = tensor;
  }

  async read(): Promise<HostTensor> {
    return await readOrt(this.#name, this.#held('read', this.#name));
  }

  /** What a run of this engine takes: the very tensor, and its elements where another runtime holds it. */
  async for(engine: Engine, input: string): Promise<OrtTensor | HeldTensor> {
    const tensor = this.#held('run', input);
    return 'data' in tensor || tensor.owner === engine.owner ? tensor : await tensor.read();
  }

  dispose(): void {
    if (this.#tensor && !('data' in this.#tensor)) this.#tensor.dispose();
    this.#tensor = undefined;
  }

  #held(call: string, name: string): OrtTensor | HeldTensor {
    if (this.#tensor) return this.#tensor;
    return fail(badArgument, {
      with: {
        call,
        name,
        found: `the kept output ${this.#name}, which was disposed of`,
        expected: 'one that was not',
        hint: 'call dispose() behind the last run that reads it',
      },
    });
  }
}
