/** `rescc run` draws and lists what the detectors find: the network and the picture of the fixture, as files. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { pngFiles } from '../../src/runtime/images.ts';
import { cases, pixels, tensorsOf } from '../checkpoint/detection.ts';
import { folder, rescc, root } from './rescc.ts';

const here = folder({});
afterAll(here.remove);
const at = (name: string): string => join(here.path, name);

function writeSafetensors(name: string, tensors: ReturnType<typeof tensorsOf>): void {
  let end = 0;
  const header: Record<string, object> = {};
  const parts: Uint8Array[] = [];
  for (const [key, { dims, data }] of tensors) {
    header[key] = { dtype: 'F32', shape: dims, data_offsets: [end, end + 4 * data.length] };
    end += 4 * data.length;
    parts.push(new Uint8Array(Float32Array.from(data).buffer));
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(at(name), Buffer.concat([length, text, ...parts]));
}

interface Listed {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly { readonly box: readonly number[]; readonly score: number; readonly class: number }[];
}

test('boxes are listed and drawn on the picture as it was', async () => {
  const one = cases.find(({ example }) => example === 'faster_rcnn') ?? expect.unreachable();
  const found = one.runs[0] ?? expect.unreachable();
  const [, height, width] = found.picture;
  writeSafetensors('small.safetensors', tensorsOf(one));
  const data = Float64Array.from(pixels(found.picture));
  const [png] = await pngFiles({ elem: 'u8', dims: [3, height, width], data }, 'picture');
  writeFileSync(at('street.png'), png ?? expect.unreachable());
  const defines = Object.entries(one.defines).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const source = join(root, 'examples/faster_rcnn.res');
  const outputs = ['-o', 'boxes.json', '-o', 'boxes.svg', '-o', 'boxes.png'];
  const run = ['run', source, ...defines, '-w', 'small.safetensors', '--input', 'image=street.png', '--threshold', '0.05'];
  const answer = rescc([...run, ...outputs], { cwd: here.path });
  expect(answer).toMatchObject({ code: 0 });
  const listed = JSON.parse(readFileSync(at('boxes.json'), 'utf8')) as Listed;
  expect([listed.width, listed.height]).toEqual([width, height]);
  expect(listed.boxes.map((box) => box.class)).toEqual(found.labels);
  for (const [i, { box, score }] of listed.boxes.entries()) {
    expect(Math.abs(score - (found.scores[i] ?? Infinity))).toBeLessThan(1e-4);
    for (const [j, x] of box.entries()) expect(Math.abs(x - (found.boxes[i]?.[j] ?? Infinity))).toBeLessThan(0.01);
  }
  expect(readFileSync(at('boxes.svg'), 'utf8').match(/<rect/g)?.length).toBeGreaterThanOrEqual(found.labels.length);
  expect(readFileSync(at('boxes.png')).subarray(1, 4).toString()).toBe('PNG');
});
