/** Declared inputs through the command: pictures in and out, promises, sizes that are asked for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeImage } from '../../src/runtime/images.ts';
import { folder, rescc } from './rescc.ts';

const picture = fileURLToPath(new URL('../fixtures/runtime/picture.png', import.meta.url));
const model = `model Same {
  input image: f32[N, 3, H, W] in 0..255
  assert W % 4 == 0
  output y = image -> maxpool(1x1)
}
`;
const here = folder({ 'same.res': model, 'free.res': model.replace('  assert W % 4 == 0\n', '') });
afterAll(here.remove);
const run = (...args: readonly string[]) => rescc(args, { cwd: here.path });

describe('declared inputs', () => {
  test('a picture comes back as it went in, from the source and from the file', async () => {
    expect(run('free.res', '-o', 'free.onnx').code).toBe(0);
    for (const file of ['free.res', 'free.onnx']) {
      const answer = run('run', file, '--input', picture, '-o', 'y.png');
      expect(answer.err).toContain('black is 0 and white 255, as input image declares');
      expect(answer.code).toBe(0);
      const written = await decodeImage(readFileSync(join(here.path, 'y.png')), 'y.png');
      expect(written.data).toEqual((await decodeImage(readFileSync(picture), 'picture.png')).data);
    }
  });

  test('a promise is kept by run, and by the file where that is asked for', () => {
    expect(run('same.res', '-o', 'same.onnx', '--check-promises').code).toBe(0);
    for (const file of ['same.res', 'same.onnx'])
      expect(run('run', file, '--input', picture).err).toContain('W has to be a multiple of 4');
    expect(run('same.res', '--emit', 'onnx-text', '--check-promises').out).toContain('["assert W % 4 == 0"] y = Reshape');
  });

  test('verify runs on a picture, or at the sizes that are asked for', () => {
    const given = run('verify', 'free.res', '--input', `image=${picture}`);
    expect(given.out).toContain('given: N = 1, H = 37, W = 53');
    expect(given.out).not.toContain('smallest');
    expect(given.code).toBe(0);
    expect(run('verify', 'same.res', '--input-shape', 'image=1,3,5,8').out).toMatch(/cpu +-O1 +all +fixed/);
    const wrong = run('verify', 'same.res', '--input-shape', 'W=6');
    expect(wrong.err).toContain('RES0219');
    expect(wrong.code).toBe(1);
  });
});
