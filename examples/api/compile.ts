/** Compiles a source that lies in memory to the bytes of an ONNX file. Runs in browsers too: there is no file system in it. */
import { compile } from 'rescc';

const source = `
model Small(classes = 10) {
  input image: f32[N, 3, 32, 32]
  conv: conv(16, 3x3)  bn: batchnorm  relu
  residual {
    conv1: conv(16, 3x3)  bn1: batchnorm  relu
    conv2: conv(16, 3x3)  bn2: batchnorm
  }
  relu  global_avgpool  flatten
  fc: linear(classes)
  output logits
}`;

// Parameters of the model are given as expressions of the language.
const result = await compile(source, { fileName: 'small.res', defines: { classes: '5' }, opset: 17, seed: 1 });
const bytes = await result.bytes();

const { report } = result;
console.log(`${report?.model}: ${report?.before.nodes} nodes became ${report?.after.nodes}`);
console.log(`${report?.before.parameters} parameters, ${bytes.length} bytes`);
