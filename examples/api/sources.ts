/**
 * Bytes from a Blob, parameters as numbers and lists, and a model that stays open. Node; in a browser give `{ runtime: ort }`.
 */
import { compile, openSession, optimizeOnnx } from 'rescc/node';

const source = `
block Unit(width) { residual { conv1: conv(width, 3x3)  relu  conv2: conv(width, 3x3) } }
model Net(unit: block, depths: int[], classes = 1000) {
  input image: f32[N, 3, H, W]
  stem: conv(8, 3x3)
  body: repeat depths[0] { unit(8) }
  global_avgpool  flatten
  fc: linear(classes)
  output scores
}`;
const defines = { unit: 'Unit', depths: [2, 1], classes: 4 };
const { bytes } = await compile(source, { defines, seed: 3 });

// An ONNX file or a checkpoint may be bytes, a Blob, fileSource(path), or lie on a server: await httpSource('https://…').
const { report } = await optimizeOnnx(new Blob([new Uint8Array(await bytes())]));
console.log(`${report?.nodes.before} nodes, ${report?.nodes.after} after`);

const session = await openSession(await bytes());
for (const side of [8, 12]) {
  const { scores } = await session.run({ image: { dims: [1, 3, side, side], data: new Float32Array(3 * side * side) } });
  console.log(`${side} x ${side}: ${scores?.dims.join(' x ')} scores`);
}
await session.close();
