/**
 * Optimises an ONNX file of any origin and proves in onnxruntime that nothing changed. Arrays go in and out as NumPy has them.
 */
import { compile, constantOf, npyBytes, openSession, optimizeOnnx, parseNpy, verifyOptimized } from 'rescc/node';

// In the place of an exporter: a file that nobody has optimised.
const original = await (
  await compile('model Net { input x: f32[N, 3, 8, 8]  c: conv(4, 3x3)  b: batchnorm  relu  output y }', { level: 0 })
).bytes();

const made = await optimizeOnnx(original, { keepUnoptimized: true });
const { graph, onnx, unoptimized, report } = made;
if (!graph || !onnx || !unoptimized) throw new Error('the file is none that rescc reads');

const proof = await verifyOptimized({ original, before: unoptimized, after: graph, onnx, constants: constantOf, eps: ['cpu'] });
console.log(
  `${report?.nodes.before} -> ${report?.nodes.after} nodes, ${proof.ok ? 'proven' : 'wrong'}, culprit: ${proof.culprit}`,
);

const x = npyBytes({ elem: 'f32', dims: [1, 3, 8, 8], data: new Float64Array(192).fill(0.5) });
const model = await openSession(await made.bytes());
const { y } = await model.run({ x });
await model.close();
if (y) console.log(parseNpy(npyBytes(y), 'y.npy').dims);
