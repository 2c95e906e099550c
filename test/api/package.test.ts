/** What is shipped: the contents of the package, and an API that runs where there is no Node. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';

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

  test('a program that parses and formats carries no compiler: at most 100 kB, compressed', async () => {
    const size = async (names: string): Promise<number> => {
      const { outputFiles, metafile } = await build({
        absWorkingDir: root,
        stdin: { contents: `export { ${names} } from './dist/api/index.js'`, resolveDir: root },
        bundle: true,
        minify: true,
        splitting: true,
        format: 'esm',
        outdir: 'out',
        write: false,
        metafile: true,
        logLevel: 'silent',
      });
      // What is loaded at once: the rest lies in files that are asked for when they are needed.
      const loaded = new Set<string>();
      const load = (path: string): void => {
        if (loaded.has(path)) return;
        loaded.add(path);
        for (const one of metafile.outputs[path]?.imports ?? []) if (one.kind === 'import-statement') load(one.path);
      };
      load('out/stdin.js');
      expect(metafile.outputs['out/stdin.js']).toBeDefined();
      const files = outputFiles.filter(({ path }) => loaded.has(relative(root, path)));
      return files.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
    };
    expect(await size('parse, format')).toBeLessThan(100_000);
    // The measure sees what is there.
    expect(await size('compile')).toBeGreaterThan(200_000);
  });
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
