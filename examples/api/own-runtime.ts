/** Runs and verifies in an onnxruntime of the program's own: onnxruntime-web in a browser, a module of Node here. */
import * as ort from 'onnxruntime-node';
import { compile, constantOf, openSession, verifyModel } from 'rescc';

const { bytes, graph, unoptimized } = await compile('model Net { input x: f32[N, 4]  fc: linear(3)  softmax  output scores }', {
  keepUnoptimized: true,
});
if (!graph || !unoptimized) throw new Error('the source has errors');

const { ok, runs } = await verifyModel({
  before: unoptimized,
  after: graph,
  constants: constantOf,
  eps: ['cpu'],
  runtime: ort,
});
console.log(`${runs.length} runs, ${ok ? 'all right' : 'not all right'}`);

const session = await openSession(await bytes(), { runtime: ort });
const { scores } = await session.run({ x: { dims: [1, 4], data: [1, 2, 3, 4] } });
const sum = [...(scores?.data ?? [])].reduce((a, b) => a + Number(b), 0);
console.log(`${scores?.dims.join(' x ')} scores, whose sum is ${sum.toFixed(3)}`);
await session.close();
