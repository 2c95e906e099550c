/** Proves in onnxruntime that a compiled model computes what its source says, then runs it. Node only. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, constantOf, npyBytes, runModel, topK, verifyModel, verifyTable } from 'rescc/node';

const result = await compile('model Net { input x: f32[N, 4]  fc1: linear(8)  relu  fc2: linear(3)  output scores }', {
  keepUnoptimized: true,
});
const { graph, unoptimized } = result;
if (!graph || !unoptimized) throw new Error('the source has errors');

const verified = await verifyModel({ before: unoptimized, after: graph, constants: constantOf, eps: ['cpu'] });
console.log(verifyTable(verified));

const folder = await mkdtemp(join(tmpdir(), 'rescc-'));
try {
  const path = join(folder, 'x.npy');
  await writeFile(path, npyBytes({ elem: 'f32', dims: [2, 4], data: Float64Array.of(1, 0, 0, 0, 0, 0, 0, 1) }));
  const { outputs } = await runModel({ model: await result.bytes(), graph, inputs: [`x=${path}`] });
  const scores = outputs.get('scores');
  if (!scores) throw new Error('the model has no such output');
  console.log(`scores: ${scores.elem}[${scores.dims.join(', ')}]`);
  for (const row of topK(scores, 1, ['cat', 'dog', 'ship']))
    console.log(`most likely of ${['cat', 'dog', 'ship'].includes(row[0]?.label ?? '') ? 'three' : 'none'}`);
} finally {
  await rm(folder, { recursive: true });
}
