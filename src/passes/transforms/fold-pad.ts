/**
 * Folds a pad into the windows that read it. A conv's own padding is zeros; an average pool's is zeros that it may or may not
 * count; a max pool's is nothing at all, which is why zeros go into it only where no element is negative. ONNX Pad-13, Conv-11,
 * AveragePool-11, MaxPool-12.
 */

import { outside } from '../../diagnostics/at.ts';
import { knownSizes } from '../../ir/dim.ts';
import { elemFacts } from '../../ir/elem.ts';
import type { Node } from '../../ir/graph.ts';
import { boolAttr, dimsAttr, numberAttr, numbersAttr, stringAttr } from '../../ops/attrs.ts';
import { isNonNegative } from '../analysis/sign.ts';
import { op } from '../engine/pattern.ts';
import { rule } from '../engine/rule.ts';

interface Padded {
  readonly pad: Node;
  /** Undefined where a reader is no window over the padded value. */
  readonly readers: readonly (Node | undefined)[];
}

const windows: readonly string[] = ['conv', 'avgpool', 'maxpool'];

/** More readers than this are not looked at. */
const readerLimit = 64;

const ownPads = (node: Node): readonly number[] => numbersAttr(node.attrs, 'pads');

/** How much a pad adds, begins then ends; undefined where a number is only known when it runs. */
function knownPads(pad: Node): readonly number[] | undefined {
  return knownSizes(dimsAttr(pad.attrs, 'pads'));
}

/** Begins, then ends of the spatial axes. */
function spatialPads(pad: Node): readonly number[] {
  const all = knownPads(pad) ?? [];
  const rank = all.length / 2;
  return [...all.slice(2, rank), ...all.slice(rank + 2)];
}

/** What is put there is never the only maximum: it is no larger than any element. */
function neverLargest(pad: Node): boolean {
  const value = numberAttr(pad.attrs, 'value');
  const { elem } = pad.x.type;
  const { float, integers } = elemFacts[elem];
  const lowest = float ? -float.largest : (integers?.[0] ?? Number.NEGATIVE_INFINITY);
  if (value <= lowest) return true;
  return value <= 0 && isNonNegative(pad.x);
}

/** Every window of a dilated max pool sees an element: its taps are no further apart than the grid is long. */
function seesElements(reader: Node, pad: Node): boolean {
  const grid = pad.x.type.dims.slice(2);
  return numbersAttr(reader.attrs, 'dilation').every((d, axis) => d === 1 || grid[axis]?.lessThan(d) === 'no');
}

function readersOf(kind: string, { readers }: Padded): readonly Node[] {
  return readers.flatMap((reader) => (reader?.op.name === kind ? [reader] : []));
}

export const foldPad = rule({
  name: 'fold-pad/into-windows',
  doc: `Folds a pad into the convs and pools that read it.

  conv(pad(x; p); pads q)                →  conv(x; pads p + q)
  avgpool(pad(x; p); pads q, counting)   →  avgpool(x; pads p + q, counting)
  avgpool(pad(x; p); no pads)            →  avgpool(x; pads p, counting)
  maxpool(pad(x; p, v); pads q)          →  maxpool(x; pads p + q),   v ≤ x everywhere

Exact when
  constant       the pad puts a constant, as many as are known now, and cuts nothing
  spatial        it pads along the grid alone, not the batch nor the channels
  every-reader   every reader is a conv, an average or a max pool that reads it as its data, and it is no output (else it would stay)
  zero           of a conv or an average pool: the constant is 0, which is what their own padding is
  average        of an average pool: it counts its padding, or has none of its own (else the pad's zeros count and its own do not)
  maximum        of a max pool, whose own padding is never the maximum: the constant is no larger than any element of x; it is the lowest number
                 of the element type, or at most 0 where x is shown to be never negative
  window         of a max pool: every window sees an element of x; where taps are dilated the grid is at least as long as the dilation, and a window
                 that lies in the padding alone is refused by the shape rule
Rounding: none, but the order of sums.
Source: ONNX Pad-13, Conv-11, AveragePool-11, MaxPool-12. A pad of zeros before a max pool over negative numbers changes them: onnxruntime's PadFusion
drops it all the same.`,
  match: op('pad', 'pad').view(({ pad }): Padded | undefined => {
    const { uses, outputs } = pad.y;
    if (uses.size === 0 || uses.size > readerLimit || pad.y.type.dims.length < 3) return undefined;
    const readers = [...uses].map(({ user, index }) =>
      index === 0 && user.graph === pad.graph && windows.includes(user.op.name) ? user : undefined,
    );
    if (readers.every((reader) => reader === undefined)) return undefined;
    return { pad, readers: outputs > 0 ? [undefined, ...readers] : readers };
  }),
  exact: {
    constant: ({ pad }) => stringAttr(pad.attrs, 'mode') === 'constant' && knownPads(pad)?.every((n) => n >= 0) === true,
    spatial: ({ pad }) => {
      const all = dimsAttr(pad.attrs, 'pads');
      return all.every((d, i) => d.constant === 0 || i % (all.length / 2) >= 2);
    },
    'every-reader': ({ readers }) => readers.every((reader) => reader !== undefined),
    zero: (m) =>
      numberAttr(m.pad.attrs, 'value') === 0 || (readersOf('conv', m).length === 0 && readersOf('avgpool', m).length === 0),
    average: (m) =>
      readersOf('avgpool', m).every(
        (reader) => boolAttr(reader.attrs, 'count_include_pad') || ownPads(reader).every((n) => n === 0),
      ),
    maximum: (m) => readersOf('maxpool', m).length === 0 || neverLargest(m.pad),
    window: (m) => readersOf('maxpool', m).every((reader) => seesElements(reader, m.pad)),
  },
  rewrite({ pad, readers }, g) {
    const more = spatialPads(pad);
    for (const reader of readers) {
      if (!reader) continue;
      const attrs = {
        ...reader.attrs,
        pads: ownPads(reader).map((n, i) => n + (more[i] ?? outside())),
        ...(reader.op.name === 'avgpool' && { count_include_pad: true }),
      };
      g.replace(reader.y, g.node(reader.op.name, [pad.x, ...reader.operands.slice(1)], attrs, reader, reader));
    }
  },
});
