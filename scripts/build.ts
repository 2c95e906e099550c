/**
 * Bundles the command line and the API into dist/, with the licences of what is bundled; `--types` writes the types too. What only Node can use stays outside and is found in
 * node_modules: onnxruntime-node is native, and the others ask for Node's modules by `require`. So nothing that dist/index.js loads
 * needs Node, and the three entries share one copy of the compiler: a graph made by `rescc` can be handed to `rescc/node`.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** picocolors reads `process` when it loads, which browsers lack. */
const withoutProcess: Plugin = {
  name: 'without-process',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]picocolors\.js$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8').replace('process || {}', 'globalThis.process || {}');
      if (!contents.includes('globalThis.process')) throw new Error(`${path} is not as this build expects it`);
      return { contents };
    });
  },
};

const result = await build({
  entryPoints: { rescc: 'src/cli/main.ts', index: 'src/index.ts', node: 'src/node.ts' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  splitting: true,
  outdir: 'dist',
  logLevel: 'warning',
  external: ['onnxruntime-node', 'cli-progress', 'commander', 'jpeg-js', 'pngjs'],
  // The form of fflate for Node loads `worker_threads`, which the compiler has no use for.
  alias: { fflate: 'fflate/browser' },
  plugins: [withoutProcess],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
});
// Chunks are named by their content. What an earlier build left goes last, so that a program that runs from dist/ meanwhile finds its parts.
const made = new Set(Object.keys(result.metafile.outputs).map((path) => basename(path)));
for (const name of readdirSync('dist')) {
  if (name.endsWith('.js') && !made.has(name)) rmSync(`dist/${name}`);
}
chmodSync('dist/rescc.js', 0o755);

/** What a package's own licence file does not say of what lies inside it. */
const inside: Readonly<Record<string, string>> = {
  '@viz-js/viz': 'Contains Graphviz (Eclipse Public License 2.0, https://graphviz.org) and Expat (MIT), compiled to WebAssembly.',
};

function noticeOf(name: string): string {
  const folder = join('node_modules', name);
  const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string; license?: string };
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const head = `${name} ${about.version} (${about.license ?? 'licence in its text'})`;
  return [head, '='.repeat(head.length), inside[name], file && readFileSync(join(folder, file), 'utf8').trim()]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

const bundled = Object.values(result.metafile.outputs).flatMap(({ inputs }) =>
  Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
    return name !== undefined && bytesInOutput > 0 ? [name] : [];
  }),
);
const notices = [...new Set(bundled)].sort().map(noticeOf);
if (notices.length === 0) throw new Error('the bundle holds no package: the notices would be empty');
writeFileSync('dist/THIRD-PARTY-NOTICES.txt', `dist/ holds code of these packages.\n\n${notices.join('\n\n\n')}\n`);

if (process.argv.includes('--types')) {
  rmSync('dist/types', { recursive: true, force: true });
  const types = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
  if (types.status !== 0) process.exit(types.status ?? 1);
}
