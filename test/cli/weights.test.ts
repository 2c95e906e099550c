/** `rescc weights`, files of renamings, and `--emit safetensors`, as a user calls them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folder, object, rescc } from './rescc.ts';

const here = folder({
  'renames.map': '// as torchcrepe names them\n\nconv*_BN.* = layer*.bn.*\nconv*.* = layer*.conv.*\n',
  'broken.map': 'conv1\n',
});
afterAll(here.remove);
const at = (name: string): string => join(here.path, name);
const fixture = (name: string): string => `test/fixtures/${name}`;
const projection = fixture('projection/resnet2b.pth');

describe('weights', () => {
  test('lists names, types, shapes and bytes as a tree', () => {
    const answer = rescc(['weights', `${projection}#state_dict`]);
    expect(answer.code).toBe(0);
    expect(answer.out).toContain('PyTorch, 16 tensors, 448.0 kB of 453.8 kB');
    expect(answer.out).toMatch(/^ {2}conv1\n {4}weight +f32\[8, 3, 3, 3\] +864 B\n {4}bias +f32\[8\] +32 B$/m);
    expect(answer.out).toMatch(/^ {6}shortcut\.0$/m);
  });
  test('and as JSON', () => {
    const { format, dicts } = object(rescc(['weights', fixture('weights/sharded.safetensors.index.json'), '--json']).out);
    expect(format).toBe('safetensors index');
    expect(JSON.stringify(dicts)).toContain('{"name":"fc.weight","elem":"f16","dims":[2,4],"bytes":16}');
  });
  test('names a dict that is not there', () => {
    const answer = rescc(['weights', `${projection}#ema`]);
    expect(answer.code).not.toBe(0);
    expect(answer.err).toContain('state_dict');
  });
  test('--against a model that fits ends well', () => {
    const answer = rescc(['weights', projection, '--against', 'examples/projection_resnet.res', '-m', 'ResNet2B']);
    expect(answer.code).toBe(0);
    expect(answer.out).toContain('against ResNet2B: 16 matched');
  });
  test('--against one that does not shows what is wrong, and ends with 1', () => {
    const words = ['weights', projection, '--against', 'examples/projection_resnet.res', '-m', 'ResNet4B'];
    const answer = rescc(words);
    expect(answer.code).toBe(1);
    expect(answer.out).toContain('3 matched, 10 missing, 13 misshapen');
    expect(answer.out).toMatch(/misshapen conv1\.weight +model f32\[16, 3, 3, 3\], checkpoint f32\[8, 3, 3, 3\]/);
    const json = object(rescc([...words, '--json']).out);
    expect(json).toMatchObject({ ok: false, counts: { matched: 3, missing: 10, misshapen: 13 } });
  });
});

test('a file of renamings does what the rules in a source do, and its wrong lines are named', () => {
  const tiny = readFileSync('examples/crepe.res', 'utf8').replace(/^ {2}map .*\n/gm, '');
  const other = folder({ 'crepe.res': tiny });
  const words = ['weights', fixture('crepe/tiny.pth'), '--against', join(other.path, 'crepe.res'), '-m', 'CrepeTiny'];
  expect(rescc(words).code).toBe(1);
  expect(rescc([...words, '--map-file', at('renames.map')]).out).toContain('38 matched\n');
  const broken = rescc([...words, '--map-file', at('broken.map')]);
  expect([broken.code, broken.err.includes('broken.map:1: conv1')]).toEqual([2, true]);
  other.remove();
});

describe('--emit safetensors', () => {
  const words = ['examples/resnet_cifar.res', '-m', 'ResNet20B', '--emit', 'safetensors'];
  test('gives parameters that load again, byte for byte', () => {
    expect(rescc([...words, '-o', at('a.safetensors'), '--seed', '7']).code).toBe(0);
    expect(rescc([...words, '-o', at('b.safetensors'), '-w', at('a.safetensors')]).code).toBe(0);
    expect(readFileSync(at('b.safetensors')).equals(readFileSync(at('a.safetensors')))).toBe(true);
    expect(rescc([...words, '-o', '-', '--seed', '7']).bytes.equals(readFileSync(at('a.safetensors')))).toBe(true);
  });
  test('of a trained network gives the numbers of its checkpoint', () => {
    const trained = ['examples/projection_resnet.res', '-m', 'ResNet2B', '-w', projection];
    expect(rescc([...trained, '--emit', 'safetensors', '-o', at('c.safetensors')]).code).toBe(0);
    for (const [weights, name] of [
      [projection, 'x.onnx'],
      [at('c.safetensors'), 'y.onnx'],
    ] as const)
      expect(rescc(['examples/projection_resnet.res', '-m', 'ResNet2B', '-w', weights, '-o', at(name)]).code).toBe(0);
    expect(readFileSync(at('x.onnx')).equals(readFileSync(at('y.onnx')))).toBe(true);
  });
  test('an ONNX model gives its parameters back', () => {
    expect(rescc([...words.slice(0, 3), '-O', '0', '-w', at('a.safetensors'), '-o', at('a.onnx')]).code).toBe(0);
    expect(rescc([...words, '-w', at('a.onnx'), '-o', at('d.safetensors'), '--allow-unused']).code).toBe(0);
    expect(readFileSync(at('d.safetensors')).equals(readFileSync(at('a.safetensors')))).toBe(true);
  });
});
