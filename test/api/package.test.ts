/** What is shipped: the contents of the package, and an API that runs where there is no Node. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
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
  test.each(['src/index.ts', 'dist/index.js'])(
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

  test('nothing that dist/index.js loads imports a module of Node', () => {
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      const code = readFileSync(join(root, 'dist', name), 'utf8');
      expect(platform.exec(code)?.[0], name).toBeUndefined();
      for (const [, other = ''] of code.matchAll(/(?:from|import)\s*\(?\s*"\.\/([\w-]+\.js)"/g)) visit(other);
    };
    visit('index.js');
    expect(seen.size).toBeGreaterThan(1);
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
        'dist/index.js',
        'dist/node.js',
        'LICENSE',
        'README.md',
        'package.json',
        'examples/resnet.res',
      ]),
    );
    expect(files.filter((path) => /^(src|test|bench|scripts|node_modules)\//.test(path))).toEqual([]);
  });

  test('both entries are one compiler: what one makes the other takes', async () => {
    const [core, node] = (await Promise.all([
      import(join(root, 'dist/index.js')),
      import(join(root, 'dist/node.js')),
    ])) as readonly [typeof import('../../src/index.ts'), typeof import('../../src/node.ts')];
    expect(node.compile).toBe(core.compile);
    expect(node.DiagnosticError).toBe(core.DiagnosticError);
  });
});
