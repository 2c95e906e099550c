/** Cuts a model, renames it, and gives it another batch and other classes; each is held against the original in onnxruntime. */
import {
  compile,
  extractModel,
  memorySource,
  onnxBytes,
  proveHead,
  provePart,
  proveRenamed,
  proveResized,
  readOnnxFile,
  renameModel,
  replaceClasses,
  resizeModel,
} from 'rescc/node';

const { bytes } = await compile(`
model Net {
  input image: f32[4, 3, 8, 8]
  stem: conv(8, 3x3)
  relu
  global_avgpool
  flatten
  fc: linear(10)
  output scores
}`);
const whole = await readOnnxFile(memorySource('net.onnx', await bytes()));

const part = extractModel(whole, { from: ['relu'], to: ['scores'] });
console.log(`${part.model.graph.nodes.length} of ${whole.graph.nodes.length} nodes`, await provePart(whole, part));

const renamed = renameModel(whole, [
  { from: 'image', to: 'x' },
  { from: 'fc.*', to: 'head.*' },
]);
console.log(renamed.names.weights, (await proveRenamed(whole, renamed)).worst?.absolute);

const free = resizeModel(whole, { batch: 'free' });
console.log(free.inputs[0]?.after, (await proveResized(whole, free)).sizes);

const keep = [3, 5];
const fewer = replaceClasses(free.model, { classes: 4, keep, seed: 1 });
console.log(fewer.weights, (await proveHead(free.model, fewer, keep)).values);
console.log(`${(await onnxBytes(fewer.model)).length} bytes`);
