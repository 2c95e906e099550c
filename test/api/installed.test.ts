/**
 * The package as a user gets it: packed, installed into an empty folder with install scripts on and everything but the registry
 * out of reach, and started by the name that npm gives it.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { build } from 'esbuild';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Debian's headless Chromium (README, "WebGPU"). Where it is missing its test is skipped; in CI it must be there. */
const browser = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path));
if (browser === undefined && process.env.CI) throw new Error('CI has no chromium-headless-shell: see .ci/run');

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rescc-installed-'));
const project = join(folder, 'project');
let tarball = '';
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function call(program: string, args: readonly string[], cwd: string, environment: Readonly<Record<string, string>> = {}) {
  const env = { ...process.env, npm_config_ignore_scripts: 'false', NO_COLOR: '1', ...environment };
  return spawnSync(program, args, { cwd, env, encoding: 'utf8', shell: process.platform === 'win32' });
}

/** Without the flags that a run of the tests by npm hands down. */
const npm = (args: readonly string[], cwd: string) =>
  call('npm', args, cwd, { npm_config_audit: 'false', npm_config_fund: 'false' });
const rescc = (...args: readonly string[]) => call(join(project, 'node_modules/.bin/rescc'), args, project);

function sizeOf(path: string): number {
  if (!statSync(path).isDirectory()) return statSync(path).size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

beforeAll(() => {
  const packed = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root);
  if (packed.status !== 0) throw new Error(packed.stderr);
  const [{ filename = '' } = {}] = JSON.parse(packed.stdout) as readonly { readonly filename?: string }[];
  tarball = join(folder, filename);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true, "type": "module" }');
  const installed = npm(['install', '--prefer-offline', tarball], project);
  if (installed.status !== 0) throw new Error(installed.stderr);
});

describe('installed from its tarball', () => {
  test('it takes at most 8 MB and brings no runtime', () => {
    expect(sizeOf(join(project, 'node_modules'))).toBeLessThan(8e6);
    expect(existsSync(join(project, 'node_modules/onnxruntime-node'))).toBe(false);
    expect(readFileSync(join(project, 'node_modules/rescc/dist/THIRD-PARTY-NOTICES.txt'), 'utf8')).toMatch(
      /chevrotain[\s\S]*Eclipse Layout Kernel/,
    );
  });

  test('the command starts by its name', () => {
    const done = rescc('--version');
    expect(done.stderr).toBe('');
    expect(done.stdout).toBe(
      `${(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version}\n`,
    );
  });

  test('what needs no runtime works: compile, optimize, check, fmt, summary, graph, weights', () => {
    const source = 'node_modules/rescc/examples/resnet_cifar.res';
    const model = [source, '--model', 'ResNet20'];
    for (const args of [
      [...model, '-o', 'net.onnx'],
      ['optimize', 'net.onnx', '-o', 'smaller.onnx'],
      ['check', source],
      ['fmt', '--check', source],
      ['summary', ...model],
      ['graph', ...model, '-o', 'net.svg'],
      ['weights', 'net.onnx'],
    ]) {
      const done = rescc(...args);
      expect(done.stderr, args.join(' ')).not.toMatch(/^(?:error|warning)/m);
      expect(done.status, args.join(' ')).toBe(0);
    }
    expect(readFileSync(join(project, 'net.svg'), 'utf8')).toContain('</svg>');
  });

  test('what needs the runtime says how to get it, in one line that works', () => {
    const done = rescc('verify', 'node_modules/rescc/examples/resnet_cifar.res', '--model', 'ResNet20');
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('RES0800');
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      devDependencies: Readonly<Record<string, string>>;
    };
    expect(done.stderr).toContain(`npm install --ignore-scripts onnxruntime-node@${devDependencies['onnxruntime-node']}`);
  });

  test('a runtime in the working folder serves a rescc that is elsewhere', () => {
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(join(elsewhere, 'node_modules'), { recursive: true });
    symlinkSync(join(root, 'node_modules/onnxruntime-node'), join(elsewhere, 'node_modules/onnxruntime-node'), 'junction');
    cpSync(join(root, 'test/fixtures/onnxruntime-fusion/gemm_sum_basic.onnx'), join(elsewhere, 'in.onnx'));
    const done = call(join(project, 'node_modules/.bin/rescc'), ['optimize', 'in.onnx', '-o', 'out.onnx', '--verify'], elsewhere);
    expect(done.stderr).toContain('1 → 0');
    expect(done.stderr).not.toMatch(/^(?:error|warning)/m);
    expect(done.status).toBe(0);
  });

  test('npm lists it for a bill of materials, in a project with name and version, as README says', () => {
    expect(npm(['pkg', 'set', 'name=app', 'version=1.0.0'], project).status).toBe(0);
    const listed = npm(['sbom', '--sbom-format', 'cyclonedx'], project);
    expect(listed.stderr).toBe('');
    const { components } = JSON.parse(listed.stdout) as { readonly components: readonly { readonly name: string }[] };
    expect(components.map(({ name }) => name).sort()).toEqual(['@jsquash/jpeg', 'rescc']);
    expect(npm(['sbom', '--sbom-format', 'spdx'], project).status).toBe(0);
  });

  test('its entries are right for Node, bundlers and TypeScript: publint and attw find nothing', async () => {
    const packed = Uint8Array.from(readFileSync(tarball));
    const { messages } = await publint({ pack: { tarball: packed.buffer }, strict: true, level: 'suggestion' });
    expect(messages).toEqual([]);
    const found = await checkPackage(createPackageFromTarballData(packed));
    if (!found.types) throw new Error('the package has no types');
    expect(Object.keys(found.entrypoints)).toEqual(expect.arrayContaining(['.', './node']));
    // The package is ESM alone, and its entries are found by `exports` alone.
    const modern = found.problems.filter((one) => !('resolutionKind' in one) || /esm|bundler/.test(one.resolutionKind));
    expect(modern).toEqual([]);
  });

  test('the API type-checks strictly, and compiles', () => {
    writeFileSync(
      join(project, 'use.ts'),
      [
        "import { compile, render } from 'rescc';",
        "import { fileSource } from 'rescc/node';",
        "const made = await compile('model M { input x: f32[N, 3]  linear(4)  output y }');",
        'const bytes: Uint8Array = await made.bytes();',
        'console.log(bytes.length > 100, typeof render, typeof fileSource);',
      ].join('\n'),
    );
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--skipLibCheck', 'false'];
    const typed = call(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, 'use.ts'], project);
    expect(typed.stdout).toBe('');
    const script = readFileSync(join(project, 'use.ts'), 'utf8').replace(': Uint8Array', '');
    writeFileSync(join(project, 'use.js'), script);
    expect(call(process.execPath, ['use.js'], project).stdout).toBe('true function function\n');
  });

  test('a bundle in a browser writes the bytes that Node writes', { skip: browser === undefined }, async () => {
    const source = 'model M { input x: f32[N, 3, 8, 8]  conv(4, 3x3)  batchnorm  relu  residual { conv(4, 3x3) }  output y }';
    const program = (show: string): string =>
      [
        "import { check, compile, render } from 'rescc';",
        `const bytes = await (await compile(${JSON.stringify(source)}, { seed: 7 })).bytes();`,
        "const hash = [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].join(' ');",
        "const said = render(check('model M { inpu }').diagnostics, { color: false }).length;",
        `${show}(JSON.stringify([bytes.length, hash, said > 80]));`,
      ].join('\n');
    writeFileSync(join(project, 'node.js'), program('console.log'));
    const inNode = call(process.execPath, ['node.js'], project);
    expect(inNode.stderr).toBe('');
    // `crypto.subtle` is for secure contexts, which files are; a top-level await needs a module, and a module of a file an inline
    // script.
    const { outputFiles } = await build({
      stdin: { contents: program('(text => { document.body.textContent = text })'), resolveDir: project },
      bundle: true,
      format: 'esm',
      write: false,
      logLevel: 'silent',
    });
    const code = (outputFiles[0]?.text ?? '').replaceAll('</script', '<\\/script');
    writeFileSync(join(project, 'page.html'), `<!doctype html><body></body><script type="module">${code}</script>`);
    const options = ['--no-sandbox', '--disable-gpu', '--virtual-time-budget=60000', '--dump-dom'];
    const shown = call(browser ?? '', [...options, join(project, 'page.html')], project);
    expect(/<body>(.*?)<\/body>/s.exec(shown.stdout)?.[1], shown.stderr.slice(-2000)).toBe(inNode.stdout.trim());
    expect(JSON.parse(inNode.stdout)).toEqual([expect.any(Number), expect.any(String), true]);
  });
});
