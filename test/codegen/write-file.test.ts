import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  createReadStream,
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
import * as ort from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { emitOnnx } from '../../src/codegen/emit.ts';
import { writeModel } from '../../src/codegen/node/write-file.ts';
import { DiagnosticError } from '../../src/diagnostics/diagnostic.ts';
import { attributeBytes } from '../../src/onnx/encode.ts';
import { madeNode } from '../../src/onnx/make.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { modelSize, onnxBytes } from '../../src/onnx/write.ts';
import { computed } from '../onnx/computed.ts';
import { decodeModel } from './decode.ts';
import { Maker, noise, type } from './models.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rescc-write-'));
});
afterEach(() => {
  chmodSync(folder, 0o755);
  rmSync(folder, { recursive: true });
});

function modelOf(value: number, fail?: () => void): OnnxModel {
  return {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    producerName: 'rescc',
    producerVersion: '',
    metadata: [],
    graph: {
      name: 'g',
      nodes: [madeNode('Relu', 'n', ['w'], ['y'])],
      initializers: [
        {
          kind: 'tensor',
          name: 'w',
          expr: computed('f32', [100, 1000], (start, out) => {
            if (start > 0) fail?.();
            out.fill(value);
          }),
        },
      ],
      inputs: [],
      outputs: [{ name: 'y', type: { elem: 'f32', dims: [100, 1000] } }],
      valueInfo: [],
    },
    functions: [],
  };
}

async function codeOf(written: Promise<unknown>): Promise<string> {
  const error: unknown = await written.catch((e: unknown) => e);
  if (!(error instanceof DiagnosticError)) throw error;
  return error.diagnostics[0]?.code ?? '';
}

const at = (name: string): string => join(folder, name);

describe('one file', () => {
  test('holds the bytes of the model, and nothing else is left', async () => {
    const model = modelOf(1);
    const seen: number[] = [];
    const written = await writeModel(model, at('m.onnx'), {
      onProgress: (done, total) => {
        expect(total).toBe(modelSize(model));
        seen.push(done);
      },
    });
    expect(Buffer.compare(readFileSync(at('m.onnx')), await onnxBytes(model))).toBe(0);
    expect(written).toEqual({ bytes: modelSize(model), files: [at('m.onnx')] });
    expect(seen.at(-1)).toBe(modelSize(model));
    expect(readdirSync(folder)).toEqual(['m.onnx']);
  });

  test('a failing weight leaves the old model and no temporary file', async () => {
    await writeModel(modelOf(1), at('m.onnx'));
    const before = readFileSync(at('m.onnx'));
    const broken = modelOf(2, () => {
      expect(readdirSync(folder).length).toBe(2);
      throw new Error('the checkpoint is gone');
    });
    await expect(writeModel(broken, at('m.onnx'))).rejects.toThrow('the checkpoint is gone');
    expect(Buffer.compare(readFileSync(at('m.onnx')), before)).toBe(0);
    expect(readdirSync(folder)).toEqual(['m.onnx']);
  });

  test('an interruption does the same', async () => {
    const controller = new AbortController();
    const model = modelOf(2, () => controller.abort());
    expect(await codeOf(writeModel(model, at('m.onnx'), { signal: controller.signal }))).toBe('RES0609');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a model replaces a model and keeps its mode, anything else only by force', async () => {
    await writeModel(modelOf(1), at('m.onnx'));
    chmodSync(at('m.onnx'), 0o600);
    await writeModel(modelOf(2), at('m.onnx'));
    expect(statSync(at('m.onnx')).mode & 0o777).toBe(0o600);
    for (const text of ['model X { input x: f32[1] output x }', '// a comment', '\n']) {
      writeFileSync(at('m.res'), text);
      expect(await codeOf(writeModel(modelOf(2), at('m.res')))).toBe('RES0607');
      expect(readFileSync(at('m.res'), 'utf8')).toBe(text);
    }
    await writeModel(modelOf(2), at('m.res'), { force: true });
    expect(decodeModel(readFileSync(at('m.res'))).graph?.node?.length).toBe(1);
    writeFileSync(at('empty'), '');
    await writeModel(modelOf(2), at('empty'));
    mkdirSync(at('sub'));
    expect(await codeOf(writeModel(modelOf(2), at('sub'), { force: true }))).toBe('RES0607');
  });

  test('a link stays a link, also one that points nowhere yet', async () => {
    symlinkSync('real.onnx', at('link.onnx'));
    await writeModel(modelOf(1), at('link.onnx'));
    await writeModel(modelOf(2), at('link.onnx'));
    expect(readdirSync(folder).sort()).toEqual(['link.onnx', 'real.onnx']);
    expect(Buffer.compare(readFileSync(at('real.onnx')), await onnxBytes(modelOf(2)))).toBe(0);
  });

  test('a missing folder and a folder that may not be written are named', async () => {
    expect(await codeOf(writeModel(modelOf(1), at('no/m.onnx')))).toBe('RES0604');
    writeFileSync(at('file'), '');
    expect(await codeOf(writeModel(modelOf(1), at('file/m.onnx')))).toBe('RES0604');
    // The superuser may write anywhere.
    if (process.getuid?.() === 0) return;
    chmodSync(folder, 0o500);
    expect(await codeOf(writeModel(modelOf(1), at('m.onnx')))).toBe('RES0605');
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk is said, and a device is written to, not replaced', async () => {
    expect(await codeOf(writeModel(modelOf(1), '/dev/full'))).toBe('RES0606');
    await writeModel(modelOf(1), '/dev/null');
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});

test.skipIf(process.platform === 'win32')('a pipe gets the bytes', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  const pieces: Buffer[] = [];
  const reading = (async () => {
    for await (const piece of createReadStream(at('pipe'))) if (piece instanceof Buffer) pieces.push(piece);
  })();
  await writeModel(modelOf(1), at('pipe'));
  await reading;
  expect(Buffer.compare(Buffer.concat(pieces), await onnxBytes(modelOf(1)))).toBe(0);
  expect(statSync(at('pipe')).isFIFO()).toBe(true);
  expect(await codeOf(writeModel(modelOf(1), at('pipe'), { externalData: true }))).toBe('RES0603');
});

test('an attribute that is read while it is written, over several writes', async () => {
  const content = Array.from({ length: 400_000 }, (_, i) => `${i}`).join(' ');
  const bytes = attributeBytes({ name: 'long', kind: 'string', value: content });
  for (const of of [bytes, { size: bytes.size, read: (start: number, length: number) => bytes.read(start, length) }]) {
    const node = { ...madeNode('Long', 'n', ['w'], ['y']), attributes: [{ name: 'long', kind: 'other', bytes: of } as const] };
    const { graph, ...model } = modelOf(1);
    const path = join(folder, 'm.onnx');
    await writeModel({ ...model, graph: { ...graph, nodes: [node] } }, path);
    const read = decodeModel(readFileSync(path)).graph?.node?.[0]?.attribute?.[0]?.s;
    expect(Buffer.from(read ?? []).equals(Buffer.from(content))).toBe(true);
  }
});

describe('with a data file', () => {
  test('onnxruntime computes the same from both forms', async () => {
    const m = new Maker('g');
    const x = m.graph.input('x', type('f32', 1, 16, 5, 5));
    m.graph.output('y', m.conv(m.conv(x, 'a', 16, 3), 'b', 8, 3));
    const model = emitOnnx(m.graph);
    await writeModel(model, at('whole.onnx'));
    const { files } = await writeModel(model, at('split.onnx'), { externalData: true });
    // 9,216 bytes, a gap up to the next page, and 4,608 bytes.
    expect(statSync(files[1] ?? '').size).toBe(12288 + 4608);
    const feeds = { x: new ort.Tensor('float32', Float32Array.from(noise(400, 5)), [1, 16, 5, 5]) };
    const [whole, split] = await Promise.all(
      ['whole.onnx', 'split.onnx'].map(async (name) => (await (await ort.InferenceSession.create(at(name))).run(feeds)).y?.data),
    );
    expect(whole).toHaveLength(200);
    expect(split).toEqual(whole);
  });

  test('is named by its content, and the one that only the old model named is removed', async () => {
    const first = await writeModel(modelOf(1), at('m.onnx'), { externalData: true });
    const [, data = ''] = first.files;
    expect(data).toMatch(/m\.[0-9a-f]{16}\.data$/);
    expect(first.bytes).toBe(statSync(at('m.onnx')).size + statSync(data).size);
    const tensor = decodeModel(readFileSync(at('m.onnx'))).graph?.initializer?.[0];
    expect(tensor?.externalData?.find((e) => e.key === 'location')?.value).toBe(data.slice(folder.length + 1));
    const again = await writeModel(modelOf(1), at('m.onnx'), { externalData: true });
    expect(again.files).toEqual(first.files);
    writeFileSync(at('m.0123456789abcdef.data'), 'of somebody else');
    const second = await writeModel(modelOf(2), at('m.onnx'), { externalData: true });
    expect(second.files[1]).not.toBe(data);
    expect(readdirSync(folder).sort()).toEqual(
      ['m.onnx', 'm.0123456789abcdef.data', (second.files[1] ?? '').slice(folder.length + 1)].sort(),
    );
  });

  test('whatever fails, the old pair is whole and nothing new is left', async () => {
    await writeModel(modelOf(1), at('m.onnx'), { externalData: true });
    const before = readdirSync(folder).map((name) => [name, readFileSync(at(name), 'latin1')]);
    const controller = new AbortController();
    const failing = [
      writeModel(
        modelOf(2, () => controller.abort()),
        at('m.onnx'),
        { externalData: true, signal: controller.signal },
      ),
      writeModel(
        modelOf(2, () => {
          throw new Error('gone');
        }),
        at('m.onnx'),
        { externalData: true },
      ),
    ];
    for (const result of await Promise.allSettled(failing)) expect(result.status).toBe('rejected');
    expect(readdirSync(folder).map((name) => [name, readFileSync(at(name), 'latin1')])).toEqual(before);
  });

  test('a fixed name is taken as it is', async () => {
    const written = await writeModel(modelOf(1), at('m.onnx'), { externalData: 'weights.bin' });
    expect(written.files).toEqual([at('m.onnx'), at('weights.bin')]);
    await writeModel(modelOf(2), at('m.onnx'), { externalData: 'weights.bin' });
    expect(new Float32Array(Uint8Array.from(readFileSync(at('weights.bin'))).buffer)[7]).toBe(2);
    expect(readdirSync(folder).sort()).toEqual(['m.onnx', 'weights.bin']);
  });

  test.each(['m.onnx', 'sub/w.bin', '..', ''])('%o is no name for it', async (name) => {
    expect(await codeOf(writeModel(modelOf(1), at('m.onnx'), { externalData: name }))).toBe('RES0612');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a fixed name does not overwrite what the model does not name', async () => {
    writeFileSync(at('notes.txt'), 'mine');
    expect(await codeOf(writeModel(modelOf(1), at('m.onnx'), { externalData: 'notes.txt' }))).toBe('RES0607');
    expect(readFileSync(at('notes.txt'), 'utf8')).toBe('mine');
  });
});
