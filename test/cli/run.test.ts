/** `rescc run` by the command: ranges, masks, boxes, folders, tables, typed numbers, times, and every misuse. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeImage } from '../../src/runtime/images.ts';
import { parseNpy } from '../../src/runtime/npy.ts';
import { golden } from '../golden.ts';
import { folder, object, rescc, root } from './rescc.ts';

const picture = join(root, 'test/fixtures/runtime/picture.png');
const here = folder({
  'same.res': 'model Same { input image: f32[N, 3, H, W]  output y = image -> maxpool(1x1) }\n',
  // The classes are the brightest of red, green and blue, and two that nothing is.
  'segment.res': `model Segment { input image: f32[N, 3, H, W]
  output out = concat(image, image[:, 0:2] - 2.0) }
model Brightness { input image: f32[N, 3, H, W]  output bright = (image[:, 0:1] + image[:, 1:2] + image[:, 2:3]) * 0.3333 }\n`,
  'two.res':
    'model Two { input image: f32[N, 3, H, W]  output first = image  output second = (image -> global_avgpool -> flatten) * 2.0 }\n',
  'ids.res': 'model Ids { input ids: i64[N, T]  input keep: bool[N, T]  output y = ids + 1  output kept = keep and keep }\n',
  'tokens.res':
    'model Tokens { input ids: i64[N, T]  output logits = (ids -> cast(f32) -> rearrange("n t -> n t 1")) * tensor([1.0, 2.0, 0.0]) }\n',
  'trained.res': 'model Trained { input x: f32[N, 4]  linear(3)  output y }\n',
  'detectors.res': readFileSync(join(root, 'test/fixtures/runtime/detectors.res')),
  'classes.txt': 'red\ngreen\nblue\nnone\nnor this\n',
  'rank.res': 'model Rank { input image: f32[N, 3, H, W]  output y = image -> reduce_mean(1, 2, 3) }\n',
  'rows.json': '[[1, 2], [3, 4]]\n',
  'not.txt': 'no picture',
});
afterAll(here.remove);
const at = (name: string): string => join(here.path, name);
mkdirSync(at('pictures'));
for (const [name, from] of [
  ['a10.png', 'picture.png'],
  ['a2.jpg', 'picture.jpg'],
  ['grey.png', 'grey.png'],
] as const)
  writeFileSync(at(`pictures/${name}`), readFileSync(join(root, 'test/fixtures/runtime', from)));
const face = readFileSync(join(root, 'test/fixtures/rfb320/face.png'));
writeFileSync(at('pictures/wide.png'), face);
writeFileSync(at('pictures/notes.txt'), 'no picture');
writeFileSync(at('face.png'), face);
const run = (...args: readonly string[]) => rescc(['run', ...args], { cwd: here.path });
const pixels = async (path: string) => (await decodeImage(readFileSync(path), path)).data;

describe('ranges', () => {
  test('--range is what pixels become and what pictures are written from, of a source and of a file', async () => {
    expect(rescc(['same.res', '-o', 'same.onnx', '-q'], { cwd: here.path }).code).toBe(0);
    for (const file of ['same.res', 'same.onnx']) {
      for (const range of ['0..255', '-1..1']) {
        const answer = run(file, '-i', picture, '--range', range, '-o', 'y.png', '-o', 'y.npy');
        const [low = '', high = ''] = range.split('..');
        expect(answer.err).toBe(`y: black is ${low} and white ${high}, as --range says\nwrote y.png\nwrote y.npy\n`);
        expect(await pixels(at('y.png'))).toEqual(await pixels(picture));
        const { data } = parseNpy(readFileSync(at('y.npy')), 'y.npy');
        expect([Math.min(...data) >= Number(low), Math.max(...data) <= Number(high)]).toEqual([true, true]);
        expect(Math.max(...data)).toBeGreaterThan(Number(high) * 0.9);
      }
    }
  });
  test('by name, of an input or an output alone', () => {
    const answer = run('same.res', '-i', picture, '--range', 'image=0..255', '-o', 'y.png');
    expect(answer.err).toContain('black is 0 and white 255, as --range image says');
    const other = run('same.res', '-i', picture, '--range', 'y=0..2', '-o', 'y.png');
    expect(other.err).toContain('black is 0 and white 2, as --range says');
  });
  test('what is cut off is always said, and where it is much there is a warning', () => {
    const answer = run('same.res', '-i', picture, '--range', 'image=0..255', '--range', 'y=0..1', '-o', 'y.png');
    expect(answer.code).toBe(0);
    golden('errors/RES0839-clipped.txt', answer.err);
    const little = run('same.res', '-i', picture, '--range', 'y=0..0.95', '-o', 'y.png');
    expect(little.err).toMatch(/; [\d.]+ % of the numbers lie outside, 0 to 1\n/);
    expect(little.err).not.toContain('RES0839');
  });
  test('--bgr gives blue first, --resize stretch cuts nothing off', () => {
    const means = (...args: readonly string[]) => {
      const { outputs } = object(run('two.res', '-i', picture, '--json', ...args).out) as unknown as {
        readonly outputs: { readonly second: { readonly data: readonly number[] } };
      };
      return outputs.second.data;
    };
    const rgb = means();
    expect(means('--bgr')).toEqual([...rgb].reverse());
    const stretched = means('--resize', 'stretch', '--input-shape', 'image=1,3,24,80');
    for (const [i, v] of stretched.entries()) expect(v).toBeCloseTo(rgb[i] ?? 0, 1);
  });
});

describe('outputs', () => {
  test('any of them, by name', async () => {
    expect(run('two.res', '-i', picture, '-o', 'second=s.npy', '-o', 'first=f.png').code).toBe(0);
    expect(parseNpy(readFileSync(at('s.npy')), 's.npy').dims).toEqual([1, 3]);
    expect(await pixels(at('f.png'))).toEqual(await pixels(picture));
    expect(run('two.res', '-i', picture, '--top', 'second=1').out).toMatch(/class \d\n$/);
    // Without a name it is the first that holds classes.
    expect(run('two.res', '-i', picture, '--top', '1').out).toBe(run('two.res', '-i', picture, '--top', 'second=1').out);
  });
  test('masks, with a legend', async () => {
    const answer = run('segment.res', '-m', 'Segment', '-i', picture, '-o', 'mask.png', '--labels', 'classes.txt');
    expect(answer.err).toBe('out: the largest of 5 channels\nwrote mask.png\n');
    expect(answer.out).toMatch(/^ +\d+ % {2}(red|green|blue)$/m);
    expect(answer.out).not.toContain('nor this');
    const file = readFileSync(at('mask.png'));
    expect([file[24], file[25]]).toEqual([8, 3]);
    const rgb = await pixels(picture);
    const [red, green, blue] = [128 << 16, 128 << 8, (128 << 16) | (128 << 8)];
    const mask = await pixels(at('mask.png'));
    for (let i = 0; i < rgb.length; i += 3) {
      const channels = [rgb[i] ?? 0, rgb[i + 1] ?? 0, rgb[i + 2] ?? 0];
      const best = channels.indexOf(Math.max(...channels));
      const colour = ((mask[i] ?? 0) << 16) | ((mask[i + 1] ?? 0) << 8) | (mask[i + 2] ?? 0);
      expect(colour).toBe([0, red, green, blue][best]);
    }
    const one = run('segment.res', '-m', 'Brightness', '-i', picture, '-o', 'b.png', '--as', 'mask', '--threshold', '0.5');
    expect(one.err).toContain('bright: class 1 is what is above 0.5');
    // Three channels are a picture unless a mask is asked for.
    expect(run('same.res', '-i', picture, '-o', 'm.png', '--as', 'y=mask').err).toContain('y: the largest of 3 channels');
  });
  test('boxes, as a picture, a drawing and a list', async () => {
    for (const end of ['png', 'svg', 'json']) {
      const answer = run(
        'detectors.res',
        '-m',
        'Suppressed',
        '-i',
        'face.png',
        '--resize',
        'stretch',
        '-o',
        `boxes.${end}`,
        '--labels',
        'classes.txt',
      );
      expect(answer.err).toBe(`boxes: scores of at least 0.5\nwrote boxes.${end}\n`);
      expect(answer.out).toBe('1  green 0.90  10.0, 20.0, 90.0, 100.0\n2  blue 0.75   40.0, 40.0, 150.0, 110.0\n');
    }
    const drawn = await decodeImage(readFileSync(at('boxes.png')), 'boxes.png');
    expect([drawn.width, drawn.height]).toEqual([160, 120]);
    expect(readFileSync(at('boxes.svg'), 'utf8')).toContain('green 0.90</text>');
    expect(JSON.parse(readFileSync(at('boxes.json'), 'utf8'))).toMatchObject({
      file: 'face.png',
      width: 160,
      height: 120,
      boxes: [
        { box: [10, 20, 90, 100], score: 0.9, class: 1, label: 'green' },
        { box: [40, 40, 150, 110], score: 0.75, class: 2, label: 'blue' },
      ],
    });
    const anchors = run('detectors.res', '-m', 'Anchors', '-i', 'face.png', '--resize', 'stretch', '-o', 'a.json');
    expect(anchors.out).toContain('1  class 1 0.98  40.0, 30.0, 120.0, 90.0\n2  class 1 0.88  0.0, 60.0, 40.0, 120.0');
    expect(anchors.err).toContain(
      'after a softmax, class 0 is the background, overlaps above 0.5 suppressed, corners are fractions',
    );
    const all = run(
      'detectors.res',
      '-m',
      'Anchors',
      '-i',
      'face.png',
      '--resize',
      'stretch',
      '-o',
      'a.json',
      '--overlap',
      '1',
      '--threshold',
      '0',
    );
    expect(all.out.trim().split('\n')).toHaveLength(4);
  });
  test('the published face detector finds the face in its declared range', () => {
    const weights = join(root, 'test/fixtures/rfb320/version-RFB-320.pth');
    const source = join(root, 'examples/rfb320.res');
    const answer = run(source, '-w', weights, '-i', 'face.png', '--resize', 'stretch', '-o', 'found.json');
    expect(answer).toMatchObject({ code: 0 });
    const { boxes } = JSON.parse(readFileSync(at('found.json'), 'utf8')) as {
      readonly boxes: readonly { readonly box: readonly number[] }[];
    };
    expect(boxes).toHaveLength(1);
    // Where it lies was looked at on the drawing.
    for (const [i, v] of [58, 31, 104, 88].entries()) expect(Math.abs((boxes[0]?.box[i] ?? 0) - v)).toBeLessThan(2);
    const onnx = join(root, 'test/fixtures/rfb320/version-RFB-320.onnx');
    const options = ['--range', '0..255', '--mean', '127', '--std', '128'];
    expect(run(onnx, '-i', 'face.png', '--resize', 'stretch', '-o', 'found.json', ...options).out).toBe(answer.out);
  });
});

describe('a folder', () => {
  test('is a batch: a picture each in a folder, and a table of them', async () => {
    const answer = run('same.res', '-i', 'pictures', '-o', 'out/', '--csv', 'table.csv');
    expect(answer).toMatchObject({ code: 0, out: '' });
    expect(answer.err).toContain('pictures has 1 file that is no picture\n');
    expect(readdirSync(at('out')).sort()).toEqual(['a10.png', 'a2.png', 'grey.png', 'wide.png']);
    expect(await pixels(at('out/a10.png'))).toEqual(await pixels(picture));
    expect(await pixels(at('out/wide.png'))).toEqual(await pixels(at('face.png')));
    // Numbers in names are counted as people do.
    expect(readFileSync(at('table.csv'), 'utf8')).toBe(
      'file,y\npictures/a2.jpg,out/a2.png\npictures/a10.png,out/a10.png\npictures/grey.png,out/grey.png\npictures/wide.png,out/wide.png\n',
    );
  });
  test('is classified, each as it is alone', () => {
    const answer = run('two.res', '-i', 'image=pictures/', '--top', 'second=2', '--csv', '-');
    const [head, ...lines] = answer.out.trim().split('\n');
    expect(head).toBe('file,class_1,probability_1,class_2,probability_2');
    expect(lines).toHaveLength(4);
    const alone = run('two.res', '-i', 'pictures/a2.jpg', '--top', 'second=2', '--csv', '-').out.trim().split('\n');
    expect(lines[0]).toBe(alone[1]);
    expect(run('two.res', '-i', 'pictures', '--batch', '1', '--csv', '-').out).toContain('pictures/wide.png,');
    const data = object(run('two.res', '-i', 'pictures', '--json').out);
    expect(data.rows).toHaveLength(4);
  });
  test('boxes of each', () => {
    const answer = run(
      'detectors.res',
      '-m',
      'Anchors',
      '-i',
      'pictures',
      '--resize',
      'stretch',
      '-o',
      'boxes=found/',
      '--csv',
      '-',
    );
    expect(answer.out).toContain('file,boxes found,boxes\npictures/a2.jpg,2,found/a2.png\n');
    expect(existsSync(at('found/wide.png'))).toBe(true);
  });
  test('names that are alike are told apart, and so are outputs', () => {
    mkdirSync(at('twins'));
    for (const name of ['x.png', 'x.jpg']) writeFileSync(at(`twins/${name}`), face);
    run('two.res', '-i', 'twins', '-o', 'first=both/', '-o', 'both/');
    expect(readdirSync(at('both')).sort()).toEqual(['x.jpg-first.png', 'x.png-first.png']);
  });
  test('a row of a table that needs quotes has them', () => {
    mkdirSync(at('odd'));
    writeFileSync(at('odd/a,"b".png'), face);
    expect(run('two.res', '-i', 'odd', '--top', 'second=1', '--csv', '-').out).toMatch(/\n"odd\/a,""b""\.png",\d,/);
  });
});

describe('numbers', () => {
  test('are typed, or lie in a file', () => {
    const answer = run('ids.res', '-i', 'ids=464,2068', '-i', 'keep=true,false');
    expect(answer).toMatchObject({ code: 0, out: 'y: i64[1, 2] [465, 2069]\nkept: bool[1, 2] [1, 0]\n', err: '' });
    expect(run('ids.res', '-i', 'ids=@rows.json', '-i', 'keep=[[1,1],[0,0]]').out).toContain('y: i64[2, 2] [2, 3, 4, 5]');
    expect(run('tokens.res', '-i', '3,4', '-o', 'logits=l.npy').code).toBe(0);
    expect(run('tokens.res', '-i', '@l.npy').err).toContain('RES0813');
    expect(run('tokens.res', '-i', '3,4', '--top', 'logits=1').out).toBe('#0\n 95.03 %  class 1\n\n#1\n 98.17 %  class 1\n');
  });
});

describe('time and weights', () => {
  test('--time says medians', () => {
    const answer = run('same.res', '-i', picture, '--time', '3', '-o', 'y.png');
    expect(answer.err).toMatch(/cpu: opening [\d.]+ ms, a run [\d.]+ ms \(median of 3, [\d.]+ ms to [\d.]+ ms\)/);
    expect(object(run('same.res', '-i', picture, '--time', '--json').out).time).toMatchObject({
      runs: 20,
      medianMs: expect.any(Number),
    });
  });
  test('random weights are said, trained ones are not, and a model without any is nothing to speak of', () => {
    const random = run('trained.res', '-i', '1,2,3,4');
    expect(random.code).toBe(0);
    golden('errors/RES0848-random.txt', random.err);
    expect(rescc(['trained.res', '--emit', 'safetensors', '-o', 'w.safetensors', '-q'], { cwd: here.path }).code).toBe(0);
    expect(run('trained.res', '-w', 'w.safetensors', '-i', '1,2,3,4')).toMatchObject({ code: 0, err: '', out: random.out });
    expect(run('same.res', '-i', picture).err).toBe('');
  });
});

describe('an ONNX file', () => {
  test('by any case of its name, with passes where they are asked for, and without what is for sources', () => {
    writeFileSync(at('same.ONNX'), readFileSync(at('same.onnx')));
    expect(run('same.ONNX', '-i', picture).code).toBe(0);
    expect(run('same.onnx', '-i', picture, '-O2').out).toBe(run('same.onnx', '-i', picture).out);
    expect(rescc(['verify', 'same.ONNX', '-q'], { cwd: here.path }).code).toBe(0);
    golden('errors/RES0702-source-option.txt', run('same.onnx', '-w', 'w.safetensors', '-i', picture).err);
    expect(rescc(['verify', 'same.onnx', '-w', 'w.safetensors'], { cwd: here.path })).toMatchObject({ code: 2 });
  });
});

test.each([
  ['RES0702-run-range', ['same.res', '-i', picture, '--range', 'ima=0..255']],
  ['RES0702-run-top', ['two.res', '-i', picture, '--top', 'secnd=2']],
  ['RES0702-run-output', ['two.res', '-i', picture, '-o', 'secnd=x.npy']],
  ['RES0702-run-end', ['same.res', '-i', picture, '-o', 'x.gif']],
  ['RES0702-run-json', ['same.res', '-i', picture, '-o', 'x.json']],
  ['RES0702-run-boxes', ['same.res', '-i', picture, '-o', 'x.svg']],
  ['RES0702-run-as', ['same.res', '-i', picture, '-o', 'x.png', '--as', 'maks']],
  ['RES0702-run-mask', ['rank.res', '-i', picture, '-o', 'x.png', '--as', 'mask']],
  ['RES0707-run-range', ['same.res', '-i', picture, '--range', '255..0']],
  ['RES0707-run-top', ['same.res', '-i', picture, '--top', 'y=many']],
  ['RES0813-run-numbers', ['ids.res', '-i', 'ids=1,2', '-i', 'keep=1,2']],
  ['RES0820-run-folder', ['same.res', '-i', 'empty']],
  ['RES0824-run-sizes', ['same.res', '-i', 'pictures/wide.png', '-i', 'pictures/a10.png']],
])('%s', (name, args) => {
  if (!existsSync(at('empty'))) mkdirSync(at('empty'));
  const answer = run(...args);
  expect([1, 2]).toContain(answer.code);
  expect(answer.out).toBe('');
  golden(`errors/${name}.txt`, answer.err);
});
