/** Types of what runs sub-graphs: If-13 (-25), Loop-13 (-25), Scan-11 (-25). What the bodies make has its type already. */
import type { Dim } from '../../ir/dim.ts';
import { axisFrom, type Rule, type RuleTable } from './context.ts';
import { common, type PartialType, unknown } from './partial-type.ts';

const branched: Rule = (c) => {
  const [yes, no] = c.bodies;
  if (!yes || !no) return [];
  return yes.map((one, i) => common(one, no[i] ?? unknown));
};

/**
 * Carried values may change their sizes from step to step; only what enters and what the body makes of it is known. A body that
 * never ran made nothing, so that the sizes of what is collected from it are known only where it runs at least once: of no steps
 * onnxruntime makes sizes of 0.
 */
const looped: Rule = (c) => {
  const body = c.bodies[0];
  if (!body) return [];
  const carried = Math.max(0, c.operandCount - 2);
  const given = (index: number, otherwise: number): number => (c.has(index) ? (c.numbers(index)?.[0] ?? 0) : otherwise);
  const [trips, goesOn] = [given(0, Infinity), given(1, 1)];
  const runs = trips >= 1 && goesOn !== 0;
  return body.slice(1).map((one, i) => (i < carried ? common(c.operand(i + 2), one) : collected(one, 0, undefined, runs)));
};

const scanned: Rule = (c) => {
  const body = c.bodies[0];
  if (!body) return [];
  const states = c.operandCount - c.attributes.int('num_scan_inputs', 0);
  const [read, written] = [c.attributes.ints('scan_input_axes'), c.attributes.ints('scan_output_axes')];
  const first = c.operand(states).dims;
  const length = first?.[axisFrom(read?.[0] ?? 0, first.length)];
  const runs = length !== undefined && length.lowerBound >= 1;
  return body.map((one, i) =>
    i < states ? common(c.operand(i), one) : collected(one, written?.[i - states] ?? 0, length, runs),
  );
};

/** What a body makes in every step, joined along a new axis; sizes that only the body knows are none that are known outside. */
function collected(inner: PartialType, axis: number, length: Dim | undefined, runs: boolean): PartialType {
  if (inner.foreign) return unknown;
  if (!inner.dims) return { elem: inner.elem };
  const dims = inner.dims.map((d) => (runs && d?.constant !== undefined ? d : undefined));
  const at = axisFrom(axis, inner.dims.length + 1);
  return { elem: inner.elem, dims: [...dims.slice(0, at), length, ...dims.slice(at)] };
}

export const controlFlowRules: RuleTable = { If: branched, Loop: looped, Scan: scanned };
