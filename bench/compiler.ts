/**
 * What the compiler itself costs: `npx tsx bench/compiler.ts [OTHER]` prints the table of bench/compiler.md. OTHER is a built
 * checkout to measure beside this one, in turns. Starting is compared with Node's own start; a chain of residual blocks shows
 * whether time and memory grow with the number of nodes. Build first: `npm run build`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { median } from '../src/runtime/bench.ts';
import { once, type Run } from './timed.ts';

const folder = mkdtempSync(join(tmpdir(), 'rescc-bench-compiler-'));

/** Residual blocks of two convolutions, each 7 nodes before the passes. */
function blocks(hundreds: number): string {
  const path = join(folder, `blocks-${hundreds}.res`);
  writeFileSync(
    path,
    `model Deep {
  input x: f32[N, 4, 8, 8]
  stem: conv(4, 3x3, pad=1)
  repeat ${hundreds} as i {
    s{i}: sequential { repeat 100 as j {
      b{j}: residual {
        conv1: conv(4, 3x3, pad=1, bias=false)  bn1: batchnorm  relu
        conv2: conv(4, 3x3, pad=1, bias=false)  bn2: batchnorm
      }
      relu
    } }
  }
  output y
}
`,
  );
  return path;
}

const others = process.argv.slice(2).map((one) => resolve(one));
const out = join(folder, 'out.onnx');
const cifar = resolve('examples/resnet_cifar.res');
const tasks: readonly { readonly name: string; readonly runs: number; readonly args: (dist: string) => readonly string[] }[] = [
  { name: '`node -e 0`', runs: 9, args: () => ['-e', '0'] },
  { name: '`rescc --version`', runs: 9, args: (dist) => [dist, '--version'] },
  { name: 'ResNet-20', runs: 5, args: (dist) => [dist, cifar, '--model', 'ResNet20', '-q', '-o', out] },
  ...[10, 30, 100].map((hundreds) => ({
    name: `${(hundreds * 100).toLocaleString('en')} residual blocks`,
    runs: 2,
    args: (dist: string) => [dist, blocks(hundreds), '-q', '-o', out],
  })),
];

const checkouts = [resolve('.'), ...others];
console.log(
  `Machine: ${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}.\n`,
);
console.log('| task | checkout | median ms | processor ms | peak MB |\n| --- | --- | ---: | ---: | ---: |');
for (const { name, runs, args } of tasks) {
  const measured = checkouts.map((): Run[] => []);
  for (let i = 0; i < runs; i++) {
    for (const [at, checkout] of checkouts.entries())
      measured[at]?.push(once(process.execPath, args(join(checkout, 'dist/rescc.js'))));
  }
  for (const [at, all] of measured.entries()) {
    const middle = (of: (run: Run) => number): string => median(all.map(of)).toFixed(0);
    console.log(
      `| ${name} | ${at === 0 ? 'this' : others[at - 1]} | ${middle((r) => r.ms)} | ${middle((r) => r.cpuMs)} | ${middle((r) => r.peakMb)} |`,
    );
  }
}
rmSync(folder, { recursive: true, force: true });
