import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { referenceFile, referenceText } from '../../scripts/reference.ts';
import { layerByName, layers, operatorByName, operators, refusedLayers } from '../../src/ops/registry.ts';

/** A doc is a phrase: it says something, and does not end like a sentence, because texts are put around it. */
function phrase(text: string): boolean {
  return text.length >= 3 && !text.endsWith('.') && text.trim() === text;
}

describe('the registry', () => {
  it('names every operator and every layer once', () => {
    expect(new Set(operators.map((o) => o.name)).size).toBe(operators.length);
    expect(new Set(layers.map((l) => l.name)).size).toBe(layers.length);
    for (const operator of operators) expect(operatorByName(operator.name)).toBe(operator);
    for (const layer of layers) expect(layerByName(layer.name)).toBe(layer);
    expect(operatorByName('relu6')).toBeUndefined();
    expect(layerByName('constructor')).toBeUndefined();
  });
  it('refuses no layer that it has', () => {
    for (const [name, hint] of refusedLayers) {
      expect(layerByName(name)).toBeUndefined();
      expect(hint).not.toBe('');
    }
    expect(refusedLayers.has('random_normal')).toBe(true);
    expect(refusedLayers.has('gumbel_softmax')).toBe(true);
  });
  it('has names that the language can say', () => {
    for (const { name } of [...operators, ...layers]) expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
  });
});

describe.each(operators.map((o) => [o.name, o] as const))('operator %s', (_name, operator) => {
  it('documents itself', () => {
    expect(phrase(operator.summary), operator.summary).toBe(true);
    expect(operator.onnx.length).toBeGreaterThan(0);
    for (const { name, doc } of operator.operands) expect(phrase(doc), `${name}: ${doc}`).toBe(true);
    for (const [name, spec] of Object.entries(operator.attrs)) expect(phrase(spec.doc), `${name}: ${spec.doc}`).toBe(true);
    for (const operand of operator.operands.slice(0, -1)) expect(operand.variadic).not.toBe(true);
  });
  it('has defaults that its specifications allow', () => {
    for (const [name, { values, min, default: value }] of Object.entries(operator.attrs)) {
      if (values && value !== undefined) expect(values, name).toContain(value);
      if (min !== undefined && typeof value === 'number') expect(value, name).toBeGreaterThanOrEqual(min);
    }
  });
});

describe.each(layers.map((l) => [l.name, l] as const))('layer %s', (_name, layer) => {
  it('documents itself', () => {
    expect(phrase(layer.summary), layer.summary).toBe(true);
    expect(layer.source).not.toBe('');
    expect(layer.family).not.toBe('');
    for (const [name, { doc }] of Object.entries(layer.params)) expect(phrase(doc), `${name}: ${doc}`).toBe(true);
    expect(layer.operands.names.length).toBeLessThanOrEqual(layer.operands.max);
  });
  it('has at most one list of remaining arguments, after all positional ones', () => {
    const specs = Object.values(layer.params);
    const rest = specs.findIndex((spec) => spec.rest);
    if (rest >= 0) for (const spec of specs.slice(rest + 1)) expect(spec.positional).toBe(false);
  });
});

it('the reference page is the one that the registry writes', () => {
  expect(readFileSync(referenceFile, 'utf8'), 'run `npm run generate`').toBe(referenceText());
});
