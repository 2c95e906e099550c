/** Integers as rows with one 1: torch.nn.functional.one_hot, of a number of classes that is known while compiling. */
import { Dim } from '../ir/dim.ts';
import { typeText } from '../ir/types.ts';
import { cast } from './cast.ts';
import { defineLayer, type LayerBuilder } from './define.ts';
import { equal } from './elementwise.ts';
import { range } from './generate.ts';
import { elem, int } from './params.ts';
import { unsqueeze } from './reshape.ts';

export const oneHotLayer = defineLayer({
  name: 'one_hot',
  summary: 'A new last axis with 1 at the place that the integer says, and 0 elsewhere; all 0 for one that is no class',
  source: 'torch.nn.functional.one_hot',
  family: 'Linear',
  params: {
    classes: int({ positional: true, min: 1, doc: 'length of the new axis; the integers count from 0' }),
    elem: elem({ positional: true, default: 'i64', doc: 'element type of the result' }),
  },
  build(b: LayerBuilder, [x], p) {
    const integers = x.type.elem === 'i64' || x.type.elem === 'i32';
    b.check('l1', integers, typeText(x.type), 'a tensor of i64 or i32', 'cast(i64)');
    const wide = x.type.elem === 'i64' ? x : b.op(cast, [x], { to: 'i64' });
    const places = b.op(range, [], { start: [Dim.zero], end: [Dim.of(p.classes)], step: 1 });
    const hit = b.op(equal, [b.op(unsqueeze, [wide], { axes: [-1] }), places]);
    return b.op(cast, [hit], { to: p.elem });
  },
});
