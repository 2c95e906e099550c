/**
 * The first command of the README: compiles the trained ResNet-20, proves the compiled model in onnxruntime, and classifies real
 * test pictures. Every step is the command line a user would type, and is printed before it runs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The command as one would type it: many pictures are a pattern. */
function shown(words: readonly string[]): string {
  const line = words.join(' ');
  return line.replace(/(--input \S+\.png ?)(--input \S+\.png ?)+/, (_, first: string) => `${first}… `);
}

function step(program: string, args: readonly string[], quiet = false): string {
  if (!quiet) console.log(`\n$ ${shown(program === process.execPath ? ['rescc', ...args.slice(1)] : [program, ...args])}`);
  const done = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (done.status !== 0) {
    console.error(done.stdout);
    process.exit(done.status ?? 1);
  }
  return done.stdout;
}

if (!existsSync('dist/rescc.js')) step('npm', ['run', '--silent', 'build'], true);
const rescc = (...args: string[]): string => step(process.execPath, ['dist/rescc.js', ...args]);

const fixtures = 'test/fixtures/cifar10';
const model = ['examples/resnet_cifar.res', '--model', 'ResNet20', '--weights', `${fixtures}/resnet20-12fca82f.th`];
const folder = mkdtempSync(join(tmpdir(), 'rescc-demo-'));
try {
  const onnx = join(folder, 'resnet20.onnx');
  rescc(...model, '-o', onnx);
  process.stdout.write(rescc('verify', ...model));

  const pictures = readdirSync(join(fixtures, 'pictures')).filter((name) => name.endsWith('.png'));
  const inputs = pictures.flatMap((name) => ['--input', `image=${fixtures}/pictures/${name}`]);
  const options = [
    '--mean',
    '0.485,0.456,0.406',
    '--std',
    '0.229,0.224,0.225',
    '--top',
    '1',
    '--labels',
    `${fixtures}/classes.txt`,
  ];
  const answer = JSON.parse(rescc('run', onnx, ...inputs, ...options, '--json')) as {
    top: { label: string; probability: number }[][];
  };

  console.log('\npicture               prediction            truth');
  let right = 0;
  pictures.forEach((name, i) => {
    const [best] = answer.top[i] ?? [];
    const truth = name.replace(/^\d+-|\.png$/g, '');
    if (best?.label === truth) right++;
    const said = best ? `${best.label} (${(100 * best.probability).toFixed(1)} %)` : '-';
    console.log(`${name.padEnd(22)}${said.padEnd(22)}${truth}${best?.label === truth ? '' : '   wrong'}`);
  });
  console.log(`${right} of ${pictures.length} right`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
