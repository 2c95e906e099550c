/** A model as text: ONNX's own syntax, and drawings for Graphviz and Mermaid. Runs in browsers too. */
import { build, compile, encodeModel, memorySource, onnxText, readOnnxFile, toDot, toMermaid, version } from 'rescc';

const source = `
model Net {
  input x: f32[N, 8]
  residual { fc1: linear(8)  relu  fc2: linear(8) }
  output y
}`;

const { graph } = build(source);
if (!graph) throw new Error('the source has errors');
console.log(toMermaid(graph));
console.log(toDot(graph, { depth: 0 }));

const { onnx, bytes } = await compile(source);
if (!onnx) throw new Error('the source has errors');
console.log(onnxText(await readOnnxFile(memorySource('net.onnx', await bytes()))));

let written = 0;
for await (const piece of encodeModel(onnx)) written += piece.length;
console.log(`rescc ${version} wrote ${written === (await bytes()).length ? 'the same bytes' : 'other bytes'} twice`);
