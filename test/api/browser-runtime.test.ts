/**
 * `verifyModel` and `openSession` over onnxruntime-web in a page of headless Chromium: the report and the outputs are those of
 * onnxruntime-web in Node, to the last bit, and those of onnxruntime-node but for the rounding of its kernels.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import * as native from 'onnxruntime-node';
import * as web from 'onnxruntime-web';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as rescc from '../../src/index.ts';
import { Browser, chromium } from '../support/chromium.ts';
import { type Proof, type Proven, prove } from '../support/prove.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const runtimes = join(root, 'node_modules/onnxruntime-web/dist');

/** A bundle over what is installed: rescc's built API, and an entry of onnxruntime-web whose files lie beside the page. */
async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    stdin: {
      contents: `
        import * as rescc from './dist/api/index.js';
        import * as ort from '${entry}';
        import { prove } from './test/support/prove.ts';
        ort.env.wasm.wasmPaths = '/runtime/';
        ort.env.wasm.numThreads = 1;
        const done = (found) => { globalThis.found = found; document.documentElement.dataset.ready = 'true'; };
        prove(rescc, ort).then((proven) => done({ proven }), (error) => done({ error: String(error?.stack ?? error) }));`,
      resolveDir: root,
    },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

/** What rounding leaves open: the numbers of errors, and of floats. */
function unrounded({ proofs, said }: Proven): unknown {
  const of = (proof: Proof) => ({
    ...proof,
    table: '',
    runs: proof.runs.map(({ errors, ...run }) => ({ ...run, errors: errors.map(([name, , , largest]) => [name, largest]) })),
    wrong: proof.wrong.ok,
    outputs: Object.fromEntries(
      Object.entries(proof.outputs).map(([name, { elem, dims, data }]) => [
        name,
        { elem, dims, data: elem === 'i64' ? data : '' },
      ]),
    ),
  });
  return { said, proofs: Object.fromEntries(Object.entries(proofs).map(([name, proof]) => [name, of(proof)])) };
}

describe('an onnxruntime that a program brings along', () => {
  let inNode: Proven;
  beforeAll(async () => {
    web.env.wasm.numThreads = 1;
    inNode = await prove(rescc, web);
  });

  test('proves right models, and no wrong ones', () => {
    expect(Object.keys(inNode.proofs)).toEqual(['residual', 'halves', 'words']);
    for (const [name, proof] of Object.entries(inNode.proofs)) {
      expect(proof.ok, proof.table).toBe(true);
      expect(proof.runs.length, name).toBeGreaterThanOrEqual(8);
      // No profile counts nodes: they are unknown, and not 0.
      expect(proof.table, name).toMatch(/^cpu +-O0 +off +smallest +- +- /m);
      expect(proof.wrong.ok, name).toBe(false);
      expect(proof.wrong.said, name).toContain('RES081');
    }
    expect(Object.values(inNode.said).map((text) => /RES\d{4}/.exec(text)?.[0])).toEqual(['RES0804', 'RES0814', 'RES0516']);
    // A program has no options of the command line, and nobody reads which call of onnxruntime-web failed.
    expect(Object.values(inNode.said).join('')).not.toMatch(/--input|ERROR_CODE/);
  });

  test('onnxruntime-web and onnxruntime-node report the same, but for the rounding of their kernels', async () => {
    const other = await prove(rescc, native);
    expect(unrounded(inNode)).toEqual(unrounded(other));
    for (const [name, { outputs }] of Object.entries(inNode.proofs))
      for (const [port, { elem, data }] of Object.entries(outputs)) {
        const expected = other.proofs[name]?.outputs[port]?.data ?? [];
        const largest = Math.max(...expected.map(Math.abs));
        data.forEach((x, i) => {
          expect(Math.abs(x - (expected[i] ?? Number.NaN)), `${name} ${port}`).toBeLessThanOrEqual(
            largest * (elem === 'f16' ? 1e-2 : 1e-5),
          );
        });
      }
  });

  const why = chromium === undefined ? ', skipped: /usr/bin/chromium-headless-shell is missing (README, "WebGPU")' : '';
  describe(`in a page of Chromium${why}`, { skip: chromium === undefined }, () => {
    let browser: Browser;
    const scripts = new Map<string, string>();
    const server = createServer((request, response) => {
      const path = request.url ?? '';
      const answer = (type: string, content: string | Uint8Array): unknown =>
        response.writeHead(200, { 'content-type': type }).end(content);
      const script = scripts.get(path);
      if (script !== undefined) answer('text/javascript', script);
      else if (path.startsWith('/page?'))
        answer('text/html', `<!doctype html><script type="module" src="/${path.slice(6)}"></script>`);
      else if (path.startsWith('/runtime/'))
        answer(path.endsWith('.wasm') ? 'application/wasm' : 'text/javascript', readFileSync(join(runtimes, basename(path))));
      else response.writeHead(404).end();
    });
    let address = '';
    beforeAll(async () => {
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      browser = new Browser();
    });
    afterAll(async () => {
      await browser.close();
      server.closeAllConnections();
      server.close();
    });

    test.each(['onnxruntime-web/wasm', 'onnxruntime-web'])(
      'over %s both give what Node gives, to the last bit',
      async (entry) => {
        const name = `${entry.replace('/', '-')}.js`;
        scripts.set(`/${name}`, await bundle(entry));
        await browser.open(`${address}/page?${name}`);
        const { proven, error } = await browser.value<{ readonly proven?: Proven; readonly error?: string }>('globalThis.found');
        expect(error).toBeUndefined();
        expect(proven).toEqual(JSON.parse(JSON.stringify(inNode)));
      },
    );
  });
});
