/**
 * What drawing costs: `npx tsx bench/drawing.ts` prints a table. The whole command from start to exit, as a figure
 * (`.svg`) and as a page to look into (`.html`), median of 5. Build first: `npm run build`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../src/runtime/bench.ts';
import { once } from './timed.ts';

const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-drawing-'));
const runs = 5;
const models = [
  ['resnet_cifar', 'ResNet20'],
  ['resnet', 'ResNet50'],
  ['resnet', 'ResNet152'],
  ['densenet', 'DenseNet121'],
  ['unet', 'UNet'],
  ['gpt2', 'GPT2'],
  ['bert', 'BertForMaskedLM'],
  ['swin', 'SwinT'],
  ['llama', 'TinyLlama'],
  ['segmentation', 'DeepLabV3_ResNet50'],
] as const;

const [load = 0] = loadavg();
console.log(
  `Machine: ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, load ${load.toFixed(1)} at the start.\n`,
);
console.log('| model | figure ms | processor ms | page ms | processor ms |\n| --- | ---: | ---: | ---: | ---: |');
for (const [file, model] of models) {
  const cells = ['svg', 'html'].flatMap((kind) => {
    const args = ['dist/rescc.js', 'graph', `examples/${file}.res`, '--model', model, '-o', join(folder, `net.${kind}`), '-q'];
    const measured = Array.from({ length: runs }, () => once(process.execPath, args));
    return [median(measured.map(({ ms }) => ms)), median(measured.map(({ cpuMs }) => cpuMs))].map((ms) => ms.toFixed(0));
  });
  console.log(`| ${model} | ${cells.join(' | ')} |`);
}
rmSync(folder, { recursive: true, force: true });
