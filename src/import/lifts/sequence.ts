/**
 * Sequences whose elements are known: SplitToSequence-11 (-24) and SequenceConstruct-11 make them, SequenceAt-11 and
 * ConcatFromSequence-11 read them. Their makers stay foreign nodes, because no value of ours is a sequence;
 * what reads them alone is a cut or a join, and the maker goes where nobody else reads it.
 */
import { Dim } from '../../ir/dim.ts';
import type { Value } from '../../ir/graph.ts';
import { concat } from '../../ops/concat.ts';
import { squeeze, unsqueeze } from '../../ops/reshape.ts';
import { slice } from '../../ops/slice.ts';
import type { Lift, LiftBuilder, LiftNode, LiftTable } from '../lift.ts';
import { axisFrom, leave, numberAt, rankOf, require } from './common.ts';

interface Elements {
  readonly count: number;
  /** Element i, counted from the first. */
  at(index: number): Value;
}

/** More parts than this are left to the run. */
const mostParts = 4096;

/** Where each part of SplitToSequence ends: of sizes, of parts of one size with a smaller last, or of one element each. */
function endsOf(maker: LiftNode, b: LiftBuilder, length: number): readonly number[] {
  const given = maker.input(1);
  const sizes = given ? b.needSizes(given, 'split').map((d) => d.constant ?? leave('sizes of the run')) : [1];
  require(sizes.length <= mostParts && sizes.every((size) => size >= 0), `${sizes.length} parts, or one of a negative size`);
  if (given && rankOf(given) === 1) {
    let end = 0;
    return sizes.map((size) => (end += size));
  }
  const step = sizes[0] ?? leave('no size');
  require(step > 0 && length / step <= mostParts, `parts of ${step} elements`);
  return Array.from({ length: Math.ceil(length / step) }, (_, i) => Math.min(length, (i + 1) * step));
}

function partsOf(maker: LiftNode, b: LiftBuilder): Elements {
  const x = maker.need(0);
  const axis = axisFrom(maker.int('axis', 0), rankOf(x));
  const length = x.type.dims[axis]?.constant ?? leave('a size that is not known');
  const ends = endsOf(maker, b, length);
  require(ends.at(-1) === length, `parts of ${ends.at(-1)} elements in all, of ${length}`);
  const drops = maker.input(1) === undefined && !maker.flag('keepdims', true);
  return {
    count: ends.length,
    at(index) {
      const [start, end] = [ends[index - 1] ?? 0, ends[index] ?? leave(`element ${index} of ${ends.length}`)];
      const cut = { starts: [Dim.of(start)], ends: [Dim.of(end)], axes: [axis], steps: [1] };
      const part = b.op(slice, [x], cut);
      return drops ? b.op(squeeze, [part], { axes: [axis] }) : part;
    },
  };
}

/** The elements of operand i, which a node makes of which they are known. */
function elementsOf(node: LiftNode, b: LiftBuilder, index: number): Elements {
  const maker = node.maker(index) ?? leave(`operand ${index} is no sequence of known elements`);
  if (maker.opType === 'SplitToSequence') return partsOf(maker, b);
  require(maker.opType === 'SequenceConstruct', `a sequence that ${maker.opType} makes`);
  const values = maker.inputs();
  return { count: values.length, at: (i) => values[i] ?? leave(`element ${i} of ${values.length}`) };
}

const liftAt: Lift = (node, b) => {
  const elements = elementsOf(node, b, 0);
  const position = numberAt(node, b, 1, 'position') ?? leave('no position');
  const index = position < 0 ? position + elements.count : position;
  require(index >= 0 && index < elements.count, `element ${position} of ${elements.count}`);
  return [elements.at(index)];
};

const liftConcat: Lift = (node, b) => {
  const elements = elementsOf(node, b, 0);
  require(elements.count > 0 && elements.count <= mostParts, `${elements.count} elements`);
  const values = Array.from({ length: elements.count }, (_, i) => elements.at(i));
  const stacks = node.flag('new_axis', false);
  const axis = axisFrom(node.int('axis'), rankOf(values[0] ?? leave('no element')) + (stacks ? 1 : 0));
  return [b.op(concat, stacks ? values.map((value) => b.op(unsqueeze, [value], { axes: [axis] })) : values, { axis })];
};

export const sequenceLifts: LiftTable = { SequenceAt: liftAt, ConcatFromSequence: liftConcat };
