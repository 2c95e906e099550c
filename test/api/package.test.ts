/** What is shipped: the contents of the package, and an API that runs where there is no Node. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { check } from '../../src/check.ts';
import { compile } from '../../src/compile.ts';
import { rareOperators } from '../../src/ops/rare-names.ts';
import { parse } from '../../src/parser/parse.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Not `module.require`, by which lodash looks whether it is in Node.
const platform =
  /(?<![.\w])(?:from|import|require)\s*\(?\s*["'](?:node:[\w/]+|fs|path|module|worker_threads|process|buffer|os|url|crypto|zlib|tty|util)["']/;

async function bundled(entry: string): Promise<string> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'rescc',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  return result.outputFiles.map((file) => file.text).join('\n');
}

/**
 * A program over a bundle of these exports in files that load each other, and what it prints: last the files that were loaded.
 */
async function run(names: string, outdir: string, program: string): Promise<{ readonly stdout: string }> {
  const resnet = readFileSync(join(root, 'examples/resnet_cifar.res'), 'utf8');
  await build({
    absWorkingDir: root,
    stdin: {
      contents: `import { ${names} } from './dist/api/index.js'; const source = ${JSON.stringify(resnet)}; ${program}
        console.log(JSON.stringify([...globalThis.loaded]));`,
      resolveDir: root,
    },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    outdir,
    outExtension: { '.js': '.mjs' },
    banner: { js: '(globalThis.loaded ??= new Set()).add(import.meta.url);' },
    logLevel: 'silent',
  });
  const done = spawnSync(process.execPath, [join(outdir, 'stdin.mjs')], { encoding: 'utf8' });
  expect(done.stderr).toBe('');
  return done;
}

/** The compressed bytes of all files that are loaded until the program has run, with the text of the model. */
async function loaded(names: string, outdir: string, program: string): Promise<number> {
  const { stdout } = await run(names, outdir, `await (${program});`);
  const files = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as readonly string[];
  return files.reduce((sum, file) => sum + gzipSync(readFileSync(fileURLToPath(file))).length, 0);
}

describe('the API in browsers', () => {
  test.each(['src/index.ts', 'dist/api/index.js'])(
    '%s bundles without Node, and compiles where nothing of Node exists',
    async (entry) => {
      const code = await bundled(entry);
      expect(platform.exec(code)?.[0]).toBeUndefined();
      // What browsers have and a bare context has not; no process, Buffer, require or global.
      const context = createContext({ TextEncoder, TextDecoder, AbortController, performance: { now: () => 0 }, console });
      runInContext(code, context);
      const answer: unknown = await runInContext(
        `(async () => {
        const result = await rescc.compile('model M { input x: f32[N, 3]  fc: linear(4)  relu  output y }');
        const wrong = rescc.check('model M { inpu }').diagnostics;
        return JSON.stringify([(await result.bytes()).length, result.report.after.parameters, rescc.render(wrong, { color: true }).length > 80]);
      })()`,
        context,
      );
      const [bytes, parameters, colored] = JSON.parse(String(answer)) as readonly [number, number, boolean];
      expect(bytes).toBeGreaterThan(100);
      expect([parameters, colored]).toEqual([16, true]);
    },
  );

  test('nothing that dist/api/index.js loads imports a module of Node', () => {
    const seen = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      const code = readFileSync(path, 'utf8');
      expect(platform.exec(code)?.[0], path).toBeUndefined();
      for (const [, other = ''] of code.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+\.js)"/g)) visit(join(dirname(path), other));
    };
    visit(join(root, 'dist/api/index.js'));
    expect(seen.size).toBeGreaterThan(100);
  });

  test('a program carries what it uses, and loads late what few models need', async () => {
    const outdir = mkdtempSync(join(tmpdir(), 'rescc-bundle-'));
    try {
      expect(await loaded('parse, format', outdir, `format(parse({ name: 'a', text: source }).file)`)).toBeLessThan(100_000);
      const compiling = await loaded('compile', outdir, `(await compile(source, { model: 'ResNet20' })).bytes()`);
      // The measure sees what is there.
      expect(compiling).toBeGreaterThan(150_000);
      expect(compiling).toBeLessThan(220_000);
    } finally {
      rmSync(outdir, { recursive: true, force: true });
    }
  });

  test('the parser that is built reads as that of the sources', async () => {
    const built: Pick<typeof import('../../src/index.ts'), 'parse'> = await import(join(root, 'dist/api/index.js'));
    const seen = ({ file, diagnostics }: ReturnType<typeof parse>): string =>
      JSON.stringify([file, diagnostics], (key, value) => (key === 'file' && value?.text !== undefined ? undefined : value));
    const folder = join(root, 'examples');
    let broken = 0;
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.res'))) {
      const text = readFileSync(join(folder, name), 'utf8');
      const words = [...text.matchAll(/\S+/g)];
      // As it is, and without a word here and there.
      for (let i = -1; i < words.length; i += 1 + Math.floor(words.length / 6)) {
        const [gone = ''] = words[i] ?? [];
        const at = words[i]?.index ?? 0;
        const source = { name, text: text.slice(0, at) + text.slice(at + gone.length) };
        const expected = parse(source);
        if (expected.diagnostics.length > 0) broken++;
        expect(seen(built.parse(source)), `${name} without ${gone}`).toBe(seen(expected));
      }
    }
    expect(broken).toBeGreaterThan(50);
  });

  test('what is loaded late is there when it is asked for, and says the same as what is there at once', async () => {
    const outdir = mkdtempSync(join(tmpdir(), 'rescc-bundle-'));
    const sources = {
      word: 'model M { input x: f32[N, 3]  linear(4)  nn.ReLU()  output y }',
      unknown: 'model M { input x: f32[N, 3]  linaer(4)  output y }',
      argument: 'model M { input x: f32[N, 3]  linear(out_features=4)  output y }',
      library: 'import { Fit } from "std/detection.res"  model M { input x: f32[1, 3, 32, 32]  Fit(16, 24)  output y }',
      missing: 'model M { input x: f32[N, 3]  linear()  output y }',
      syntax: 'model M { input x: f32[N, 3]  linear(4 output y }',
      repeated: 'model M { input x: f32[N, 3]  x = linear(4)  output y }',
      rare: 'model M { input x: f32[N, T, 3]  let it, _, _ = lstm(4)  output y }',
      ode: 'model M { input x: f32[N, 3]  ode(solver="rk4", t=[0, 1], steps=2) { linear(3)  tanh }  output y }',
    };
    try {
      const program = `
        const all = {};
        for (const [name, text] of Object.entries(${JSON.stringify(sources)})) {
          const made = await compile(text, { verifyIr: true });
          all[name] = [made.diagnostics, made.onnx && (await made.bytes()).length];
        }
        console.log(JSON.stringify(all, (key, value) => (key === 'span' ? [value.start, value.end] : value)));`;
      const { stdout } = await run('compile', outdir, program);
      const made = JSON.parse(stdout.split('\n')[0] ?? '') as Readonly<Record<string, readonly [unknown[], number | undefined]>>;
      for (const [name, text] of Object.entries(sources)) {
        const spans = (key: string, value: unknown): unknown =>
          key === 'span' ? [(value as { start: number }).start, (value as { end: number }).end] : value;
        expect(made[name]?.[0], name).toEqual(JSON.parse(JSON.stringify(check(text).diagnostics, spans)));
      }
      expect(Object.keys(sources).filter((name) => (made[name]?.[1] ?? 0) > 100)).toEqual(['library', 'rare', 'ode']);
    } finally {
      rmSync(outdir, { recursive: true, force: true });
    }
  });
});

describe('words that are loaded late', () => {
  test('are of kinds that nobody reports but who waits for them', () => {
    const late = /diagnostics\/catalogue\/(?:syntax|names|values|shapes|structure)\.ts'/;
    const folder = join(root, 'src');
    const reporting = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => path.endsWith('.ts') && late.test(readFileSync(join(folder, path), 'utf8')));
    // `check.ts` answers at once, and has them at once.
    expect(reporting.filter((path) => !/^(?:parser|elaborate)\//.test(path))).toEqual(['check.ts']);
    expect(reporting.length).toBeGreaterThan(30);
  });

  test('are those of the sources, for every mistake that has a file', async () => {
    const built: Pick<typeof import('../../src/index.ts'), 'check' | 'compile'> = await import(join(root, 'dist/api/index.js'));
    const folder = join(root, 'test/golden/errors');
    const codes = new Set<string>();
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.res'))) {
      const source = { name, text: readFileSync(join(folder, name), 'utf8') };
      const { diagnostics } = await compile(source);
      expect((await built.compile(source)).diagnostics, name).toEqual(diagnostics);
      expect(built.check(source).diagnostics, name).toEqual(check(source).diagnostics);
      for (const { code } of diagnostics) codes.add(code);
    }
    expect(codes.size).toBeGreaterThan(90);
  });
});

test('what passes make of others is there when they run', () => {
  const folder = join(root, 'src/passes/transforms');
  const named = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) =>
      [...readFileSync(join(folder, path), 'utf8').matchAll(/'(\w+)'/g)].flatMap(([, name = '']) =>
        rareOperators.has(name) ? [`${path} ${name}`] : [],
      ),
    );
  // A resize that is moved was there, as are the loops and branches that are read.
  expect([...new Set(named)].sort()).toEqual([
    'commute-pool.ts resize',
    'simplify/control-flow.ts if',
    'simplify/control-flow.ts loop',
  ]);
  expect(rareOperators.size).toBeGreaterThan(10);
});

describe('the package', () => {
  test('holds the command, the API, the examples, the manual and the licence, and no sources or tests', () => {
    const done = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' });
    expect(done.status, done.stderr).toBe(0);
    const [packed] = JSON.parse(done.stdout) as readonly { readonly files: readonly { readonly path: string }[] }[];
    const files = packed?.files.map((file) => file.path) ?? [];
    expect(files).toEqual(
      expect.arrayContaining([
        'dist/rescc.js',
        'dist/api/index.js',
        'dist/api/node.js',
        'LICENSE',
        'README.md',
        'package.json',
        'examples/resnet.res',
        'examples/api/compile.ts',
      ]),
    );
    expect(files.filter((path) => /^(src|test|bench|scripts|node_modules)\//.test(path))).toEqual([]);
  });

  test('both entries are one compiler: what one makes the other takes', async () => {
    const [core, node] = (await Promise.all([
      import(join(root, 'dist/api/index.js')),
      import(join(root, 'dist/api/node.js')),
    ])) as readonly [typeof import('../../src/index.ts'), typeof import('../../src/node.ts')];
    expect(node.compile).toBe(core.compile);
    expect(node.DiagnosticError).toBe(core.DiagnosticError);
  });
});
