/**
 * The table of where runtimes differ: onnxruntime does what each row says, and a constant is folded where all agree, and nowhere
 * else.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { disagreement, type Row, table } from '../../src/ops/agreement.ts';
import { operatorByName } from '../../src/ops/registry.ts';
import { optimizeOnnx } from '../../src/optimize.ts';
import { runTiny, shown, type Tiny, tinyBytes, vector } from '../optimize/tiny.ts';

function modelOf({ example }: Row): Tiny {
  return {
    opset: example.opset ?? 17,
    constants: example.inputs,
    nodes: [
      {
        op: example.op,
        inputs: Object.keys(example.inputs),
        outputs: ['y'],
        ...(example.attrs && { attrs: example.attrs }),
      },
    ],
    outputs: ['y'],
  };
}

/** In a process of its own, which the model may end. */
function signalOf(bytes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'rescc-agreement-'));
  try {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, bytes);
    const script = `import('onnxruntime-node').then((o) => (o.default ?? o).InferenceSession.create(${JSON.stringify(path)}, { graphOptimizationLevel: 'disabled' })).then((s) => s.run({})).then(() => console.log('ran'))`;
    const { signal, stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    return stdout.includes('ran') ? 'ran' : (signal ?? 'error');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('onnxruntime does what the table says', () => {
  it.each(table.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const bytes = tinyBytes(modelOf(row));
    if (row.example.gives === 'crash') {
      expect(signalOf(bytes)).toMatch(/^SIG/);
      return;
    }
    const found = await runTiny(bytes);
    expect(typeof found === 'string' ? 'refused' : shown(found.y ?? expect.unreachable())).toBe(row.example.gives);
  });
});

describe('a fold happens where all agree', () => {
  it.each(table.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const result = await optimizeOnnx(tinyBytes(modelOf(row)), { verifyIr: true });
    const left = [...(result.graph?.nodes() ?? [])].length;
    expect(left).toBe(row.agree ? 0 : 1);
    if (!row.agree) {
      expect(row.operators.length === 0).toBe(row.applies === undefined);
      return;
    }
    const found = await runTiny(await result.bytes());
    expect(typeof found === 'string' ? 'refused' : shown(found.y ?? expect.unreachable())).toBe(row.example.gives);
  });

  it('says which row in the report', async () => {
    const result = await optimizeOnnx(
      tinyBytes({
        constants: { x: vector('f32', Number.NaN) },
        nodes: [{ op: 'Cast', inputs: ['x'], outputs: ['y'], attrs: { to: 7n } }],
        outputs: ['y'],
      }),
    );
    expect(result.report?.refused).toEqual([{ rule: 'simplify/constants', condition: 'agreed', count: 1, example: 'cast' }]);
    expect(disagreement('cast', [{ elem: 'f32', dims: [1], data: Float64Array.of(Number.NaN) }], { to: 'i64' })?.name).toBe(
      'cast-no-integer',
    );
  });

  it('names operators that there are, each row once', () => {
    expect(table.flatMap((row) => row.operators).filter((name) => !operatorByName(name))).toEqual([]);
    expect(new Set(table.map((row) => row.name)).size).toBe(table.length);
  });

  // A slice whose start lies in front of the axis has another size in NumPy than in onnxruntime.
  it('no size is followed through what runtimes differ in', async () => {
    const result = await optimizeOnnx(
      tinyBytes({
        inputs: { x: { elem: 'f32', dims: [3] } },
        constants: { s: vector('i64', -5n), e: vector('i64', -(2n ** 63n)), a: vector('i64', 0n), t: vector('i64', -1n) },
        nodes: [
          { op: 'Slice', inputs: ['x', 's', 'e', 'a', 't'], outputs: ['v'] },
          { op: 'Shape', inputs: ['v'], outputs: ['y'] },
        ],
        outputs: ['y'],
      }),
      { verifyIr: true },
    );
    const found = await runTiny(await result.bytes(), { x: vector('f32', 1, 2, 3) });
    expect(typeof found === 'string' ? found : shown(found.y ?? expect.unreachable())).toBe('int64[1] 1');
  });
});
