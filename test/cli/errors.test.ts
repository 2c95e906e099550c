/** Every way to call rescc wrongly or on wrong files: the exit code, the diagnostic, and never a stack trace or half a file. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { golden } from '../golden.ts';
import { type Answer, folder, object, rescc, root, small } from './rescc.ts';

const here = folder({
  'small.res': small,
  'loose.res': 'model M { input x: f32[N, 4]\n linear( 8 )\noutput y }\n',
  'wrong.res': 'model M { input x: f32[N, 4]\n  residual { linear(8) }\n  linear(nope)\n  blub\n output y }\n',
  'syntax.res': 'model M { input x f32[N, 4] }\nmodel { }\n',
  'two.res': `${small}${small.replace('Small', 'Other')}`,
  'latin1.res': Uint8Array.of(0x2f, 0x2f, 0x20, 0xe9, 0x0a),
  'notes.txt': 'no model',
  'notes.onnx': 'no model',
  'cut.onnx': Uint8Array.of(8, 8, 18, 5, 114),
  // A pickle that calls os.system: protocol 2, GLOBAL os system, a string, TUPLE1, REDUCE, STOP.
  'hostile.pth': Buffer.concat([
    Buffer.from('8002', 'hex'),
    Buffer.from('cos\nsystem\n'),
    Buffer.from('X\x0a\x00\x00\x00echo owned\x85R.'),
  ]),
  'other.safetensors': readFileSync(join(root, 'test/fixtures/weights/small.safetensors')),
});
afterAll(here.remove);
const run = (...args: string[]): Answer => rescc(args, { cwd: here.path });
const compiled = ['small.res', '-o', 'x.onnx'] as const;

describe('errors of the command line itself', () => {
  test.each([
    ['RES0701-missing', 1, ['nowhere.res', '-o', 'x.onnx']],
    ['RES0701-folder', 1, ['check', '.']],
    ['RES0702-emit', 2, ['small.res', '--emit', 'pdf']],
    ['RES0702-print-after', 2, [...compiled, '--print-after', 'fold-batchnom']],
    ['RES0702-passes', 2, [...compiled, '--passes', 'simplify,nope']],
    ['RES0702-provider', 2, ['verify', 'small.res', '--ep', 'npu']],
    ['RES0702-graph', 2, ['graph', 'small.res', '-o', 'net.txt']],
    ['RES0702-diff-end', 2, ['diff', 'small.res', 'small.res', '-o', 'diff.svg']],
    ['RES0702-diff-checkpoints', 2, ['diff', 'hostile.pth', 'hostile.pth', '-o', 'diff.html']],
    ['RES0702-theme', 2, ['graph', 'small.res', '-o', 'net.dot', '--theme', 'dark']],
    ['RES0702-width', 2, ['graph', 'small.res', '--width', '170']],
    ['RES0702-plot-end', 2, ['summary', 'small.res', '-o', 'cost.txt']],
    ['RES0702-plot-theme', 2, ['summary', 'small.res', '--theme', 'dark']],
    ['RES0707-theme', 2, ['graph', 'small.res', '-o', 'net.svg', '--theme', 'sepia']],
    ['RES0707-width', 2, ['graph', 'small.res', '-o', 'net.svg', '--width', '3']],
    ['RES0703-no-target', 2, ['small.res']],
    ['RES0704-check', 1, ['fmt', '--check', 'loose.res']],
    ['RES0705-unknown', 2, ['explain', 'RES9999']],
    ['RES0706-no-folder', 1, ['small.res', '--emit', 'ir', '-o', 'missing/small.ir']],
    ['RES0707-option', 2, ['check', '--jsn', 'small.res']],
    ['RES0707-command', 2, ['chek', 'small.res']],
    ['RES0707-word', 2, ['frobnicate']],
    ['RES0842-ort', 2, ['small.res', '-o', 'x.ort']],
    ['RES0842-pt', 2, ['small.res', '-o', 'x.PT']],
    ['RES0842-emit', 2, ['optimize', 'cut.onnx', '--emit', 'svg', '-o', 'net.onnx']],
    ['RES0842-unknown', 2, ['small.res', '-o', 'x.model']],
    ['RES0847-ort', 2, ['summary', 'x.ort']],
    ['RES0847-tflite', 2, ['optimize', 'x.tflite', '-o', 'x.onnx']],
    ['RES0847-pt', 2, ['graph', 'hostile.pth']],
    ['RES0847-run', 2, ['run', 'x.ort', '-i', 'a.npy']],
    ['RES0707-argument', 2, ['summary']],
    ['RES0707-value', 2, [...compiled, '--opset', '12']],
    ['RES0707-level', 2, [...compiled, '-O', '3']],
  ] as const)('%s', (name, code, args) => {
    const answer = run(...args);
    expect(answer.out).toBe('');
    expect(answer.err).toContain(`error ${name.slice(0, 7)}`);
    expect(answer.code).toBe(code);
    golden(`errors/${name}.txt`, answer.err);
    // The same as data: one object, whose exit code is the same, and the same diagnostic in it.
    const data = run(...args, '--json');
    expect(object(data.out)).toMatchObject({ ok: false, diagnostics: [{ code: name.slice(0, 7) }] });
    expect([data.err, data.code]).toEqual(['', code]);
    // --quiet keeps errors.
    expect(run(...args, '--quiet').err).toBe(answer.err);
  });

  test('what is written may have a name without an end, and texts any end that is not of another format', () => {
    expect(run('small.res', '-o', 'plain', '-q')).toMatchObject({ code: 0, out: '', err: '' });
    expect(run('small.res', '-o', '/dev/null', '-q')).toMatchObject({ code: 0 });
    expect(run('small.res', '--emit', 'ir', '-o', 'graph.text', '-q')).toMatchObject({ code: 0 });
    expect(run('small.res', '--emit', 'onnx-text', '-o', 'm.onnx', '-q').err).toContain('RES0842');
    expect(run('small.res', '--emit', 'safetensors', '-o', 'm.onnx', '-q').err).toContain('-o m.safetensors');
    expect(run('small.res', '-o', 'm.safetensors', '-q').err).toContain('--emit safetensors -o m.safetensors');
    // Only what the command can write is proposed.
    expect(run('optimize', 'm.onnx', '-o', 'm.pt', '-q').err).toMatch(/hint +-o m\.onnx\n/);
    expect(run('optimize', 'm.onnx', '-o', 'm.svg', '-q').err).toContain('--emit svg -o m.svg');
    expect(run('rename', 'm.onnx', 'a=b', '-o', 'm.svg', '-q').err).toMatch(/hint +-o m\.onnx\n/);
  });

  test('every code of the command line has a golden file', () => {
    const listed = rescc(['explain']).out.match(/^RES07\d\d/gm) ?? [];
    expect(listed.length).toBeGreaterThan(5);
    const files = readdirSync(new URL('../golden/errors/', import.meta.url));
    for (const code of listed)
      expect(
        files.some((name) => name.startsWith(code)),
        code,
      ).toBe(true);
  });
});

describe('errors of files', () => {
  test.each([
    ['a syntax error', ['syntax.res', '-o', 'x.onnx'], /RES00\d\d/],
    ['no UTF-8', ['latin1.res', '-o', 'x.onnx'], /RES0021/],
    ['several models', ['two.res', '-o', 'x.onnx'], /RES0110/],
    ['an unknown model', ['two.res', '-m', 'Smal', '-o', 'x.onnx'], /RES0111[\s\S]*Small/],
    ['an unknown parameter', ['small.res', '-D', 'clases=3', '-o', 'x.onnx'], /RES0112/],
    ['a folder as a target', ['small.res', '-o', '.'], /RES0607/],
    ['another file as a target', ['small.res', '-o', 'notes.onnx'], /RES0607/],
    ['no folder for the target', ['small.res', '-o', 'no/x.onnx'], /RES0604/],
    ['no folder for a drawing', ['graph', 'small.res', '-o', 'no/x.svg'], /RES0706[\s\S]*no folder no\b/],
    ['a text called ONNX', ['run', 'notes.onnx', '-i', 'image=none.png'], /RES0650/],
    ['a hostile pickle', [...compiled, '-w', 'hostile.pth'], /RES05\d\d/],
    ['a checkpoint without the tensors', [...compiled, '-w', 'other.safetensors'], /RES05\d\d[\s\S]*missing/],
    ['no checkpoint', [...compiled, '-w', 'none.pth'], /RES0701/],
    ['no picture', ['run', 'small.res', '-i', 'image=none.png'], /RES0701/],
    ['no image', ['run', 'small.res', '-i', 'image=notes.txt'], /RES082\d/],
    ['an unknown input', ['run', 'small.res', '-i', 'picture=none.png'], /RES0814/],
    ['no ONNX model', ['run', 'cut.onnx', '-i', 'none.png'], /RES0650/],
    ['a provider that is not there', ['verify', 'small.res', '--ep', 'cuda'], /RES08\d\d/],
    ['too many steps', ['small.res', '--max-steps', '2', '-o', 'x.onnx'], /RES0\d\d\d/],
  ] as const)('%s', (_, args, expected) => {
    const before = readdirSync(here.path);
    const answer = run(...args);
    expect(answer.err).toMatch(expected);
    expect(answer.out).not.toContain('owned');
    expect(answer.code).toBe(1);
    const data = run(...args, '--json');
    expect(object(data.out).ok).toBe(false);
    expect([data.err, data.code]).toEqual(['', 1]);
    expect(readdirSync(here.path)).toEqual(before);
  });

  test('all that is wrong is said at once, in every file', () => {
    const answer = run('check', 'wrong.res', 'nowhere.res', 'syntax.res');
    expect(answer.code).toBe(1);
    expect(answer.err.match(/^error RES/gm)?.length).toBeGreaterThanOrEqual(5);
    for (const text of ['`nope`', 'RES0302', '`blub`', 'RES0701', 'syntax.res']) expect(answer.err).toContain(text);
    expect(object(run('check', 'wrong.res', 'syntax.res', '--json').out).diagnostics.length).toBeGreaterThanOrEqual(4);
  });

  test('a source on standard input that is wrong names it', () => {
    const answer = rescc(['check', '-'], { input: 'model M {' });
    expect(answer.err).toContain('<stdin>:1');
  });

  test('an error leaves the old file', () => {
    const { path, remove } = folder({ 'small.res': small });
    expect(rescc(['small.res', '-o', 'm.onnx'], { cwd: path }).code).toBe(0);
    const old = rescc(['small.res', '-o', '-'], { cwd: path }).bytes;
    expect(rescc(['small.res', '-D', 'classes=0', '-o', 'm.onnx'], { cwd: path }).code).toBe(1);
    expect(readdirSync(path)).toEqual(['m.onnx', 'small.res']);
    expect(rescc(['run', 'm.onnx', '-i', join('..', 'none.npy')], { cwd: path }).code).toBe(1);
    expect(old.length).toBeGreaterThan(100);
    remove();
  });
});
