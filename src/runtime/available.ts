/** Which providers this machine has, found out by running one node on each: `--ep auto`. */

import { DiagnosticError } from '../diagnostics/diagnostic.ts';
import { irVersionOf } from '../ir/opset.ts';
import { madeNode } from '../onnx/make.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { onnxBytes } from '../onnx/write.ts';
import type { Provider } from './provider.ts';
import { openSession } from './session.ts';

const opset = 13;

/** What `auto` looks for: the providers that rescc is proven on. */
const wanted = ['cpu', 'webgpu', 'cuda'] as const satisfies readonly Provider[];

/** y = max(x, 0) over one number; every provider has a kernel for it. */
const oneNode: OnnxModel = {
  irVersion: irVersionOf(opset),
  opsets: new Map([['', opset]]),
  producerName: 'rescc',
  producerVersion: '',
  metadata: [],
  graph: {
    name: 'probe',
    nodes: [madeNode('Relu', 'relu', ['x'], ['y'])],
    initializers: [],
    inputs: [{ name: 'x', type: { elem: 'f32', dims: [1] } }],
    outputs: [{ name: 'y', type: { elem: 'f32', dims: [1] } }],
    valueInfo: [],
  },
  functions: [],
};

/**
 * The providers that run, `cpu` first; of the others `absent` is told why not. Takes about half a second, most of it for
 * processes of the GPU providers.
 */
export async function availableProviders(
  environment?: Readonly<Record<string, string>>,
  absent?: (ep: Provider, why: string) => void,
): Promise<readonly Provider[]> {
  const bytes = await onnxBytes(oneNode);
  const found: Provider[] = [];
  for (const ep of wanted) {
    try {
      const session = await openSession(bytes, { ep, optimization: 'off', environment });
      try {
        await session.run(new Map([['x', { elem: 'f32', dims: [1], data: Float64Array.of(1) }]]));
        found.push(ep);
      } finally {
        await session.close();
      }
    } catch (error) {
      // Being absent is an answer here; anything but a diagnostic is a bug. Without onnxruntime itself there is nothing to choose
      // from.
      if (!(error instanceof DiagnosticError) || error.diagnostics.some((d) => d.code === 'RES0800')) throw error;
      const [said] = error.diagnostics;
      absent?.(ep, said ? `${said.code}, ${said.title}` : 'it does not run');
    }
  }
  return found;
}
