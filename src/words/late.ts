import { Late } from '../diagnostics/late.ts';

/** The dictionary, which only a name that is not known here asks for. */
export const dictionary = new Late(() => import('./dictionary.ts'));

/** The namespaces of PyTorch, of Keras and of JAX: `torch.nn.functional.relu` is `relu`. */
const namespaces = new Set([
  'torch',
  'nn',
  'F',
  'functional',
  'tf',
  'jax',
  'lax',
  'keras',
  'layers',
  'np',
  'numpy',
  'special',
  'linalg',
  'ops',
  'activations',
]);

/** Whether everything before the last segment is a namespace: `torch.nn` of `torch.nn.ReLU`. */
export function isNamespace(segments: readonly string[]): boolean {
  return segments.length > 0 && segments.every((segment) => namespaces.has(segment));
}
