/** Every known defect of onnxruntime. */
import { gemmOfNothing, recurrentOfNothing, topkOfNothing, uniqueOfNothing } from './empty-defects.ts';
import { coarseAngles, convOfTriples, padIntoMaxPool, type RuntimeDefect, splitWithout } from './runtime-defects.ts';

/** In the order of the page. */
export const runtimeDefects: readonly RuntimeDefect[] = [
  padIntoMaxPool,
  convOfTriples,
  splitWithout,
  coarseAngles,
  topkOfNothing,
  uniqueOfNothing,
  recurrentOfNothing,
  gemmOfNothing,
];
