/**
 * How fast the float64 reference is: its matrix product in JavaScript, in WebAssembly and over threads, interleaved in one run,
 * and whole verifications by the built command line. `npx tsx bench/reference.ts` prints the tables of bench/reference.md.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { gemm, useMultiplier } from '../src/ops/gemm.ts';
import { localMultiplier, plainMultiplier } from '../src/ops/multiplier.ts';
import { startThreads } from '../src/runtime/threads.ts';

const rounds = 7;
const root = fileURLToPath(new URL('..', import.meta.url));
const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.version}`);

// A 3×3 convolution of 128 channels on 64 × 64 positions.
const [m, n, k] = [128, 4096, 1152];
const numbers = (count: number): Float64Array => Float64Array.from({ length: count }, (_, i) => ((i * 7919) % 1013) / 1013 - 0.5);
const a = { data: numbers(m * k), offset: 0, rowStride: k, columnStride: 1 };
const b = { data: numbers(k * n), offset: 0, rowStride: n, columnStride: 1 };
const threads = startThreads();
const ways = [
  { name: 'JavaScript', by: plainMultiplier(), seconds: [] as number[] },
  { name: 'WebAssembly', by: localMultiplier(), seconds: [] as number[] },
  { name: `WebAssembly, ${threads.count} threads`, by: threads, seconds: [] as number[] },
];
for (let round = 0; round < rounds; round++) {
  for (const { by, seconds } of ways) {
    useMultiplier(by);
    const c = { data: new Float64Array(m * n), offset: 0, rowStride: n, columnStride: 1 };
    const started = performance.now();
    gemm(m, n, k, a, b, c);
    seconds.push((performance.now() - started) / 1000);
  }
}
await threads.close();
console.log('\n| product of matrices | billion multiply-adds a second |\n| --- | ---: |');
for (const { name, seconds } of ways) console.log(`| ${name} | ${((m * n * k) / median(seconds) / 1e9).toFixed(2)} |`);

console.log('\n| rescc verify, CPU | seconds |\n| --- | ---: |');
for (const [file, model] of [
  ['resnet_cifar', 'ResNet20'],
  ['resnet', 'ResNet50'],
  ['resnet', 'ResNet152'],
  ['unet', 'UNet'],
] as const) {
  const started = performance.now();
  const args = ['dist/rescc.js', 'verify', `examples/${file}.res`, '--model', model, '--ep', 'cpu', '--quiet'];
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (done.status !== 0) throw new Error(`${model} ended with ${done.status}`);
  console.log(`| ${model} | ${((performance.now() - started) / 1000).toFixed(1)} |`);
}
