/** Tensors of a checkpoint, from wherever it lies: a file, a Blob, a server. Of large ones only what is asked for is read. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bytes, blobSource, compile, fileSource, httpSource, openCheckpoint, writeModel } from 'rescc/node';

async function show(source: Bytes): Promise<void> {
  const { format, name, dicts } = await openCheckpoint(source);
  for (const { tensors } of dicts)
    for (const { name: tensor, elem, dims } of tensors.values())
      console.log(`${format} ${name}: ${tensor} ${elem}[${dims.join(', ')}]`);
}

const text = 'model Net { input x: f32[N, 3]  fc: linear(2, bias=false)  output y }';
const { onnx, bytes } = await compile(text, { seed: 7 });
if (!onnx) throw new Error('the source has errors');
const file = await bytes();

const folder = await mkdtemp(join(tmpdir(), 'rescc-'));
await writeModel(onnx, join(folder, 'net.onnx'));
const opened = fileSource(join(folder, 'net.onnx'));
console.log(`${opened.size === file.length ? 'as long as' : 'another length than'} in memory`);
await show(opened);
opened.close();
await rm(folder, { recursive: true });

await show(blobSource(new Blob([new Uint8Array(file)]), 'picked.onnx'));

// Any server that sends ranges, as of a static site; this one stands in for it.
const server = createServer(({ headers }, response) => {
  const [from = 0, to = 0] = (headers.range ?? '').replace('bytes=', '').split('-').map(Number);
  const end = Math.min(to, file.length - 1);
  response.writeHead(206, { 'content-range': `bytes ${from}-${end}/${file.length}` }).end(file.subarray(from, end + 1));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const source = await httpSource(`http://127.0.0.1:${(server.address() as AddressInfo).port}/weights.onnx`);
console.log(`${source.size} bytes on the server`);
const same = await compile(text, { weights: source, seed: 7 });
console.log(Buffer.compare(await same.bytes(), file) === 0 ? 'the same model' : `another model: ${same.diagnostics[0]?.title}`);
server.close();
