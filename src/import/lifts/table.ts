/** All lifts, by ONNX operator of the default domain. */
import type { Lift } from '../lift.ts';
import { elementwiseLifts } from './elementwise.ts';
import { nnLifts } from './nn.ts';
import { poolLifts } from './pool.ts';
import { reduceLifts } from './reduce.ts';
import { resizeLifts } from './resize.ts';
import { shapeLifts } from './shape.ts';

export const lifts: ReadonlyMap<string, Lift> = new Map<string, Lift>(
  [nnLifts, poolLifts, elementwiseLifts, shapeLifts, reduceLifts, resizeLifts].flatMap((table) => Object.entries(table)),
);
