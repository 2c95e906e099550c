/**
 * Writes a model piece by piece: as a stream to wherever bytes go, and as a file that is whole or not there. Memory stays
 * constant.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, writeModel } from 'rescc/node';

const { onnx, stream } = await compile('model Head { input x: f32[N, 4096]  fc: linear(4096)  output y }');
if (!onnx) throw new Error('the source has errors');

let pieces = 0;
let bytes = 0;
let largest = 0;
for await (const piece of stream()) {
  pieces++;
  bytes += piece.length;
  largest = Math.max(largest, piece.length);
}
console.log(`${bytes} bytes, ${pieces > 10 ? 'many' : 'few'} pieces, none above ${largest <= 2 ** 22 ? '4 MiB' : largest}`);

const folder = await mkdtemp(join(tmpdir(), 'rescc-'));
try {
  const path = join(folder, 'head.onnx');
  let last = 0;
  const written = await writeModel(onnx, path, { onProgress: (done, total) => (last = done / total) });
  console.log(`${written.files.length} file of ${(await stat(path)).size} bytes, ${100 * last} % written`);
} finally {
  await rm(folder, { recursive: true });
}
