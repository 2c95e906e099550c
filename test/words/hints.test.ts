/**
 * The hints for PyTorch's names, followed: each call of test/fixtures/pytorch/calls.json is answered with a text, which compiles
 * in its place to the shape that PyTorch gives, and where nothing is learned, to its numbers.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { bug } from '../../src/diagnostics/diagnostic.ts';
import type { Value } from '../../src/ir/graph.ts';
import { type HostTensor, isElemType } from '../../src/ir/types.ts';
import { evaluateGraph } from '../../src/ops/reference.ts';
import { layerByName } from '../../src/ops/registry.ts';
import { dense } from '../../src/tensor/dense.ts';
import type { Expr } from '../../src/tensor/expr.ts';
import { allWords, answerFor } from '../../src/words/dictionary.ts';
import { namesOf } from '../../src/words/word.ts';
import { host } from '../ops/nn/tools.ts';

interface Call {
  readonly call: string;
  readonly input: readonly number[];
  readonly shape?: readonly number[];
  readonly numbers?: readonly number[];
  readonly value?: unknown;
  /** How many tensors PyTorch gives. */
  readonly parts?: number;
}
const calls = JSON.parse(readFileSync(new URL('../fixtures/pytorch/calls.json', import.meta.url), 'utf8')) as readonly Call[];

/** The inputs as calls.py makes them. */
const inputs = (input: readonly number[]): ReadonlyMap<string, HostTensor> => {
  const numbers = (dims: readonly number[], factor: number, modulus: number): HostTensor =>
    host(dims, (i) => (((i * factor) % modulus) - Math.floor(modulus / 2)) / 8);
  const p = numbers(input, 23, 29);
  return new Map([
    ['x', numbers(input, 37, 41)],
    ['y', numbers(input, 29, 31)],
    ['p', { ...p, data: Float64Array.from(p.data, (v) => Math.abs(v) + 0.5) }],
    ['w', numbers([6, 4, 3, 3], 19, 23)],
    ['v', numbers([5, 8], 19, 23)],
    ['z', numbers([3, 3], 17, 19)],
    ['i', host([3], (i) => [2, 0, 1][i] ?? 0, 'i64')],
  ]);
};

function model(call: Call, text: string): string {
  const declared = [...inputs(call.input)].map(([name, { elem, dims }]) => `  input ${name}: ${elem}[${dims.join(', ')}]`);
  const used = declared.filter((line) => /^ {2}input x/.test(line) || new RegExp(`\\b${line[8]}\\b`).test(call.call));
  const end = call.value !== undefined ? '' : `\n  output out = result${call.parts === undefined ? '' : '[0]'}`;
  return `model M {\n${used.join('\n')}\n  x\n  let result = ${text}${call.value === undefined ? '' : `\n  assert result == ${String(call.value)}\n  output out = x`}${end}\n}\n`;
}

/** The text of the hint. Only what does not compile stops a test: the text is written once. */
function hinted(call: Call): string {
  const { diagnostics } = build(model(call, call.call));
  const [error] = diagnostics;
  expect(diagnostics.map(({ code }) => code)).toEqual(['RES0119']);
  const text = error?.span?.file.text.slice(error.span.start, error.span.end);
  expect(text).toBe(call.call);
  return /^write `([^`]+)`/.exec(error?.hint ?? '')?.[1] ?? bug(`no text to type in: ${error?.hint}`);
}

const constant = (value: Value): HostTensor => {
  if (!value.isConstant) return bug('no constant');
  const data = dense(value.content as Expr);
  if (data instanceof Promise) return bug('not resident');
  return { elem: value.type.elem, dims: value.type.dims.map((d) => d.constant ?? 0), data: Float64Array.from(data) };
};

describe('what is written for', () => {
  test.each(calls.map((call) => [call.call, call] as const))('%s', (_, call) => {
    const text = hinted(call);
    const { diagnostics, graph } = build(model(call, text));
    expect({ text, found: diagnostics.map(({ title, found, expected }) => `${title}: ${found}, not ${expected}`) }).toEqual({
      text,
      found: [],
    });
    if (!graph || !call.shape) return;
    const out = graph.outputs[0]?.value.type.dims.map((d) => d.constant);
    expect({ text, out }).toEqual({ text, out: call.shape });
    if (!call.numbers) return;
    const given = new Map([...inputs(call.input)].filter(([name]) => graph.inputs.some((one) => one.name === name)));
    const data = [...(evaluateGraph(graph, given, constant).get('out')?.data ?? [])];
    expect(data.length, text).toBe(call.numbers.length);
    const scale = Math.max(1, ...call.numbers.map(Math.abs));
    const off = data.findIndex((v, i) => !(Math.abs(v - (call.numbers?.[i] ?? 0)) <= 1e-5 * scale));
    expect({ text, off, ours: data[off], theirs: call.numbers[off] }).toEqual({
      text,
      off: -1,
      ours: undefined,
      theirs: undefined,
    });
  });
});

describe('through a dot', () => {
  const methods = calls.filter(({ call }) => /^[a-z]\w*[a-z0-9]\(x[,)]/.test(call) && !layerByName(call.replace(/\(.*/s, '')));
  test.each(methods.map((call) => [call.call.replace(/^(\w+)\(x(?:, )?/, 'x.$1('), call] as const))('%s', (dotted, call) => {
    const { diagnostics } = build(model(call, dotted));
    expect(diagnostics[0]?.code).toBe('RES0121');
    // The order of all axes hangs on the rank, which is not known before anything has run.
    const text = /^write `([^`]+)`/.exec(diagnostics[0]?.hint ?? '')?.[1] ?? '';
    if (!text.includes('…')) expect(text).toBe(hinted(call));
  });
  test('has calls to try', () => expect(methods.length).toBeGreaterThan(80));
});

test('every row that has a name of PyTorch alone is tried', () => {
  const tried = new Set(
    calls.flatMap(({ call }) => {
      const answer = answerFor(call.replace(/\(.*/s, ''));
      return answer?.kind === 'word' ? [answer.word.torch] : [];
    }),
  );
  const known = (name: string): boolean =>
    layerByName(name) !== undefined || isElemType(name) || ['zeros', 'ones', 'repeat'].includes(name);
  const rows = allWords().filter((word) => !namesOf(word.torch).every(known));
  expect(rows.filter((word) => !tried.has(word.torch)).map((word) => word.torch)).toEqual([
    // Run on integers, on the tensors of a checkpoint, or on two tensors that the text can only stand for.
    'Embedding',
    'batch_norm',
    'take_along_dim',
    'CosineSimilarity',
    'PairwiseDistance',
    // Rows that ask for the whole shape or order of the axes.
    'unflatten Unflatten',
    'moveaxis movedim',
    'rot90',
    // No functions.
    'uint16',
    'uint32',
    'uint64',
    'pi',
    'e',
  ]);
});
