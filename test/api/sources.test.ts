/** Where programs have bytes: buffers, blobs, servers, files; and numbers and lists for parameters. */
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { compile, compileFile, httpSource, openSession, optimizeOnnx, render } from '../../src/node.ts';
import { folder } from '../cli/rescc.ts';
import { golden } from '../golden.ts';

const source = 'model M(width = 500) { input x: f32[N, 700]  fc: linear(width)  output y }';
const initial = await compile(source, { seed: 5 });
const file = await initial.bytes();

/** What the server does: one thing is wrong at a time. */
const server = { ranges: true, etag: '"1"', status: 0, hidden: false, encoded: false, requests: [] as string[] };
function answer(request: IncomingMessage, response: ServerResponse): void {
  server.requests.push(`${request.url} ${request.headers.range ?? ''}`);
  if (server.status > 0 || request.url !== '/net.onnx') {
    response.writeHead(server.status || 404).end('no');
    return;
  }
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (!server.ranges || !range) {
    response.writeHead(200, { etag: server.etag }).end(file);
    return;
  }
  const [from, to] = [Number(range[1]), Math.min(Number(range[2]), file.length - 1)];
  const part = file.subarray(from, server.encoded ? to : to + 1);
  const content = server.hidden ? {} : { 'content-range': `bytes ${from}-${to}/${file.length}` };
  response.writeHead(206, { etag: server.etag, ...content }).end(part);
}
const http = createServer(answer);
let address = '';
beforeAll(async () => {
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
  address = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});
afterAll(() => {
  http.close();
});

async function saidBy(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return render(error.diagnostics).replaceAll(address, 'http://host');
  }
  return 'nothing';
}

describe('a checkpoint', () => {
  test.each([
    ['an ArrayBuffer', (): ArrayBuffer => new Uint8Array(file).buffer],
    ['a part of a buffer', () => file.subarray()],
    ['a Blob', () => new Blob([new Uint8Array(file)])],
    ['a File', () => new File([new Uint8Array(file)], 'net.onnx')],
  ])('lies in %s', async (_, make) => {
    const made = await compile(source, { weights: make(), seed: 9 });
    expect(made.diagnostics).toEqual([]);
    expect(Buffer.from(await made.bytes()).includes(Buffer.from(file.subarray(-800_000, -799_900)))).toBe(true);
    expect((await optimizeOnnx(make())).report?.nodes.after).toBe(1);
  });

  test('lies on a server, of which parts are fetched', async () => {
    server.requests.length = 0;
    const remote = await httpSource(`${address}/net.onnx`);
    expect(remote.size).toBe(file.length);
    const made = await compile(source, { weights: remote, seed: 9 });
    expect(made.diagnostics).toEqual([]);
    const local = await compile(source, { weights: file, seed: 9 });
    expect(Buffer.from(await made.bytes()).equals(Buffer.from(await local.bytes()))).toBe(true);
    // The head came with the first request, and nothing twice.
    expect(server.requests.length).toBe(new Set(server.requests).size);
    expect(await remote.read(1_048_570, 12)).toEqual(new Uint8Array(file.subarray(1_048_570, 1_048_582)));
    expect(await remote.sibling?.('net.onnx.data')).toBeUndefined();
  });
});

describe('a server that cannot be read from', () => {
  test('sends no ranges', async () => {
    server.ranges = false;
    const said = await saidBy(() => httpSource(`${address}/net.onnx`));
    golden('errors/RES0517-no-ranges.txt', said);
    server.ranges = true;
    server.hidden = true;
    expect(await saidBy(() => httpSource(`${address}/net.onnx`))).toContain('Access-Control-Expose-Headers');
    server.hidden = false;
  });

  test('changes the file meanwhile', async () => {
    const remote = await httpSource(`${address}/net.onnx`);
    server.etag = '"2"';
    const said = await saidBy(() => remote.read(0, 1_200_000));
    golden('errors/RES0518-changed.txt', said);
    server.etag = '"1"';
  });

  test('refuses, is not there, or sends less than it says', async () => {
    golden('errors/RES0519-not-there.txt', await saidBy(() => httpSource(`${address}/other.onnx`)));
    server.status = 403;
    expect(await saidBy(() => httpSource(`${address}/net.onnx`))).toMatch(/status 403[\s\S]*authorization/);
    server.status = 500;
    expect(await saidBy(() => httpSource(`${address}/net.onnx`))).toContain('status 500');
    server.status = 0;
    server.encoded = true;
    expect(await saidBy(() => httpSource(`${address}/net.onnx`))).toContain('were asked for');
    server.encoded = false;
    expect(await saidBy(() => httpSource('http://127.0.0.1:1/net.onnx'))).toContain('RES0519');
    const broken = httpSource(`${address}/net.onnx`, { fetch: () => Promise.reject(new Error('offline')) });
    expect(await saidBy(() => broken)).toContain('offline');
  });
});

describe('defines', () => {
  const many = `block A(c) { conv(c, 1x1) }
model M(n: int, scale: float, deep: bool, depths: int[], unit: block) {
  input x: f32[N, 3, 8, 8]
  repeat depths[0] { unit(n) }
  if deep { relu }
  let y = it * scale
  output y
}`;
  test('are numbers, true and false, lists, and expressions as texts', async () => {
    const given = { n: 4, scale: 2.5, deep: true, depths: [3, 1], unit: 'A' };
    const texts = { n: '4', scale: '2.5', deep: 'true', depths: '[3, 1]', unit: 'A' };
    const made = await compile(many, { defines: given });
    expect(made.diagnostics).toEqual([]);
    expect(Buffer.from(await made.bytes()).equals(Buffer.from(await (await compile(many, { defines: texts })).bytes()))).toBe(
      true,
    );
    for (const scale of [1e21, 1e-7, -3, 0.1 + 0.2, 5e-324])
      expect((await compile(many, { defines: { ...given, scale } })).diagnostics, String(scale)).toEqual([]);
  });
  test('of a symbol are a size', async () => {
    const made = await compile(source, { defines: { N: 2 } });
    expect(made.graph?.inputs[0]?.type.dims[0]?.constant).toBe(2);
  });
});

describe('compileFile', () => {
  const files = folder({
    'net.res': 'import { Unit } from "./unit.res"\nmodel M { input x: f32[N, 4]  Unit(3)  output y }',
    'unit.res': 'block Unit(n) { linear(n) }',
    'lost.res': 'import { Unit } from "./nowhere.res"\nmodel M { input x: f32[N, 4]  Unit(3)  output y }',
  });
  afterAll(() => files.remove());
  test('follows imports', async () => {
    const made = await compileFile(join(files.path, 'net.res'));
    expect(made.diagnostics).toEqual([]);
    expect(made.report?.before.parameters).toBe(15);
  });
  test('says what is not there as a diagnostic of the result', async () => {
    expect((await compileFile(join(files.path, 'none.res'))).diagnostics.map((d) => d.code)).toEqual(['RES0701']);
    expect((await compileFile(join(files.path, 'lost.res'))).diagnostics.length).toBe(1);
  });
});

describe('openSession', () => {
  test('what a file declares of its inputs holds by its path as by its bytes', async () => {
    const grows = 'model M { input past: f32[N, P >= 0, 2]  input x: f32[N, T, 2]  concat(past, x, axis=1)  output y }';
    const bytes = await (await compile(grows)).bytes();
    const at = folder();
    const path = join(at.path, 'grows.onnx');
    writeFileSync(path, bytes);
    for (const model of [bytes, path]) {
      const session = await openSession(model);
      const tokens = (count: number): { dims: number[]; data: number[] } => ({
        dims: [1, count, 2],
        data: Array(2 * count).fill(3),
      });
      const { y } = await session.run({ past: tokens(0), x: tokens(4) });
      expect(y?.dims).toEqual([1, 4, 2]);
      await expect(session.run({ past: tokens(1), x: tokens(0) })).rejects.toThrow('RES0837');
      await session.close();
    }
    at.remove();
  });
  test('runs tensors of any array, again and again, until it is closed', async () => {
    const model = await compile('model M { input x: f32[N, 2]  input k: i64[N, 1]  output y = x * 2  output j = k + 1 }');
    const session = await openSession(await model.bytes());
    expect(session.inputs.map(({ name, elem, dims }) => [name, elem, dims])).toEqual([
      ['x', 'f32', ['N', 2]],
      ['k', 'i64', ['N', 1]],
    ]);
    for (const data of [[1, 2], Float32Array.of(1, 2), Uint8Array.of(1, 2), Float64Array.of(1, 2)]) {
      const { y, j } = await session.run({ x: { dims: [1, 2], data }, k: { dims: [1, 1], data: [2n ** 60n] } });
      expect([y?.elem, y?.dims, [...(y?.data ?? [])], j?.wide?.[0]]).toEqual(['f32', [1, 2], [2, 4], 2n ** 60n + 1n]);
    }
    const refused = async (inputs: object) => await saidBy(() => session.run(inputs as never));
    expect(await refused({ x: { dims: [1, 2], data: [1, 2] } })).toContain('nothing for k');
    expect(await refused({ X: { dims: [1, 2], data: [1, 2] } })).toMatch(/no input X[\s\S]*x: …/);
    expect(await refused({ x: [1, 2], k: [1] })).toContain('RES0516');
    expect(await refused({ x: { dims: [1, 3], data: [1, 2, 3] }, k: { dims: [1, 1], data: [1] } })).toContain('f32[N, 2]');
    expect(await refused({ x: { dims: [1, 2], data: [1] }, k: { dims: [1, 1], data: [1] } })).toContain('2 elements, not 1');
    expect(await refused({ x: new Uint8Array(9), k: { dims: [1, 1], data: [1] } })).toContain('.npy');
    await session.close();
    await session[Symbol.asyncDispose]();
    expect(await refused({ x: { dims: [1, 2], data: [1, 2] } })).toContain('a session that was closed');
  });
});
