/**
 * Builds dist/: the command line as a bundle, which starts fast, and the API as modules, file by file, of which a bundler takes
 * those that a program uses (`sideEffects` in package.json); with the licences of what is bundled, and with `--types` the types.
 * The packages that the API's modules import are bundled each into a file of its own. What only Node can use stays outside and
 * is found in node_modules: onnxruntime-node is native, and the others ask for Node's modules by `require`. So nothing that
 * dist/api/index.js loads needs Node. Both entries of the API share one copy of the compiler: a graph made by `rescc` can be
 * handed to `rescc/node`.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { ResParser } from '../src/parser/grammar.ts';
import { chevrotainInPart } from './chevrotain.ts';
import { lazyPackages } from './lazy-packages.ts';
import { withoutTexts } from './manual-texts.ts';

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

/**
 * Commander loads `child_process` for commands that are programs of their own, which here none is; that takes as long as all of
 * it.
 */
const withoutPrograms: Plugin = {
  name: 'without-programs',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]commander[\\/]lib[\\/]command\.js$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8').replace("require('node:child_process')", '{}');
      if (contents.includes('child_process')) throw new Error(`${path} is not as this build expects it`);
      return { contents };
    });
  },
};

/** Found in node_modules by whoever installs the package. */
const installed = ['onnxruntime-node', '@resvg/resvg-wasm', '@jsquash/jpeg/*'];
const isInstalled = (path: string): boolean =>
  installed.some((one) => path === one || (one.endsWith('/*') && path.startsWith(one.slice(0, -1))));

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  alias: {
    // The form of fflate for Node loads `worker_threads`, which the compiler has no use for.
    fflate: 'fflate/browser',
    'lodash-es': './scripts/lodash.ts',
  },
  // A set of letters is looked up when its expression is met, and not while a file is read.
  supported: { 'regexp-set-notation': false },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
} as const satisfies BuildOptions;

/** The file of dist/api that a package is bundled into. */
const vendorOf = (path: string): string => `vendor/${path.replace(/\W+/g, '-').replace(/^-/, '')}`;

/** Packages of the size of all else together: the command line loads the copy that the API has. */
const shared = ['elkjs/lib/elk.bundled.js'];
const withoutCopies: Plugin = {
  name: 'without-copies',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path }) => {
      if (!shared.includes(path)) return undefined;
      vendors.set(vendorOf(path), path);
      return { path: `./api/${vendorOf(path)}.js`, external: true };
    });
  },
};

/** The packages that the API imports, by the names of their files. */
const vendors = new Map<string, string>();

/** Worked out here, so that no program records the grammar: `scripts/chevrotain.ts` leaves out what does. */
const grammarDecisions = JSON.stringify(new ResParser(false).decisions());

/**
 * The commands in one file, which is a function for `src/cli/code-cache.ts`: of such a file every Node can keep the compiled
 * code. What a command does not need is not run. Its name tells its content.
 */
const commands = await build({
  ...common,
  format: 'cjs',
  entryPoints: { program: 'src/cli/program.ts' },
  entryNames: '[name]-[hash]',
  outExtension: { '.js': '.cjs' },
  outdir: 'dist',
  external: installed,
  minifyIdentifiers: true,
  define: { 'import.meta.url': 'fileUrl', grammarDecisions },
  banner: {
    js: '(function (require, module, __filename, importFrom) { const fileUrl = require("node:url").pathToFileURL(__filename).href;',
  },
  footer: { js: '})' },
  plugins: [withoutProcess, chevrotainInPart, lazyPackages, withoutPrograms, withoutCopies, withoutTexts('tests')],
});
const program = Object.keys(commands.metafile.outputs).find((path) => path.endsWith('.cjs'));
if (program === undefined) throw new Error('the commands were not built');
// Code that is kept has no `import()` of its own.
const imports = (commands.metafile.outputs[program]?.imports ?? []).filter((one) => one.kind === 'dynamic-import');
const text = imports.reduce(
  (whole, { path }) => whole.replaceAll(`import(${JSON.stringify(path)})`, `importFrom(${JSON.stringify(path)})`),
  readFileSync(program, 'utf8'),
);
if (/[^\w.$"'`]import\(/.test(text)) throw new Error(`${program} imports what this build does not see`);
// It is read as ASCII, which is fastest. esbuild escapes strings, and leaves templates with a tag and regular expressions, where
// an escape is the same to all but `String.raw`.
if (/String\.raw`[^`]*[^\0-\x7f]/.test(text)) throw new Error(`${program} has a raw string with what is not ASCII`);
writeFileSync(
  program,
  text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
);

/** What starts. */
const command = await build({
  ...common,
  entryPoints: { rescc: 'src/cli/main.ts' },
  outdir: 'dist',
  external: ['./program.ts'],
  minifyIdentifiers: true,
  define: { programFile: JSON.stringify(`./${basename(program)}`) },
});

/** The files of ours that the API is made of. */
const modules = new Set(['src/index.ts', 'src/node.ts']);

/** Leaves each import as it is: of ours to the module beside, of packages to their bundles. Follows it, so that all are found. */
const fileByFile: Plugin = {
  name: 'file-by-file',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ path, kind, resolveDir, importer }) => {
      if (kind === 'entry-point' || path.startsWith('node:') || isInstalled(path)) return undefined;
      if (path.startsWith('.')) {
        modules.add(relative('.', join(resolveDir, path)));
        return { path: path.replace(/\.ts$/, '.js'), external: true };
      }
      const name = vendorOf(path);
      vendors.set(name, path);
      const up = relative(dirname(relative('src', importer)), name);
      return { path: `${up.startsWith('.') ? up : `./${up}`}.js`, external: true };
    });
  },
};

const outputs = [commands.metafile.outputs, command.metafile.outputs];
const done = new Set<string>();
for (let next = [...modules]; next.length > 0; next = [...modules].filter((path) => !done.has(path))) {
  for (const path of next) done.add(path);
  const { alias: _, ...rest } = common;
  const made = await build({
    ...rest,
    entryPoints: next,
    outbase: 'src',
    outdir: 'dist/api',
    external: installed,
    minifyIdentifiers: true,
    define: { grammarDecisions },
    plugins: [fileByFile, withoutTexts('all')],
  });
  outputs.push(made.metafile.outputs);
}
const bundles = await build({
  ...common,
  entryPoints: Object.fromEntries(vendors),
  outdir: 'dist/api',
  plugins: [withoutProcess, chevrotainInPart, lazyPackages],
});
outputs.push(bundles.metafile.outputs);

// Chunks are named by their content. What an earlier build left goes last, so that a program that runs from dist/ meanwhile finds
// its parts.
const made = new Set(outputs.flatMap((one) => Object.keys(one).map((path) => relative('.', path))));
for (const name of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
  const path = join('dist', name);
  if (/\.c?js$/.test(name) && !made.has(path)) rmSync(path);
}
chmodSync('dist/rescc.js', 0o755);

/** What a package's own licence file does not say of what lies inside it. */
const inside: Readonly<Record<string, string>> = {
  elkjs: 'The Eclipse Layout Kernel (Eclipse Public License 2.0, https://eclipse.dev/elk), compiled to JavaScript.',
  '@fontsource/arimo': 'Letters of pictures, as src/view/figure/font-data.ts has them.',
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

const bundled = outputs
  .flatMap((one) => Object.values(one))
  .flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => {
      const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
      return name !== undefined && bytesInOutput > 0 ? [name] : [];
    }),
  );
/** Copied into a file of ours. */
const copied = ['@fontsource/arimo'];
const notices = [...new Set([...bundled, ...copied])].sort().map(noticeOf);
if (notices.length === 0) throw new Error('the bundle holds no package: the notices would be empty');
writeFileSync('dist/THIRD-PARTY-NOTICES.txt', `dist/ holds code of these packages.\n\n${notices.join('\n\n\n')}\n`);

if (process.argv.includes('--types')) {
  rmSync('dist/types', { recursive: true, force: true });
  const types = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  });
  if (types.status !== 0) process.exit(types.status ?? 1);
}
