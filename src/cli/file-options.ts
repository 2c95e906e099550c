/** How an ONNX file is imported and optimised: what `optimize` and `verify` take. */
import type { Command } from 'commander';
import type { Sizes } from '../ir/evaluate.ts';
import type { OptimizeOnnxOptions } from '../optimize.ts';
import { providers } from '../runtime/engine.ts';
import { collect, type OutputFlags, type PassFlags, passOptions, shapesOf, withAt, withShapes } from './options.ts';
import { type PictureFlags, withPictures } from './picture-options.ts';

/** What says how a file is imported and optimised; `verify` takes it too. */
export interface FileFlags extends PassFlags, OutputFlags, PictureFlags {
  readonly raise?: boolean;
  readonly inputShape?: readonly string[];
  readonly at?: Sizes;
  readonly keepInputs?: boolean;
  readonly ep: string;
  readonly input?: readonly string[];
  readonly seed?: number;
}

/** Options about the file that is imported. */
export function withFile(command: Command): Command {
  return withAt(withShapes(withPictures(command)))
    .option('--raise', 'raises the opset where that says the model in fewer nodes')
    .option('--keep-inputs', 'initialisers that are listed as inputs can still be overridden')
    .option('--ep <list>', `execution providers to verify on: a list of ${providers.join(', ')}, or auto`, 'cpu')
    .option('-i, --input <name=file>', 'verifies on this PNG, JPEG or .npy instead of random numbers (repeatable)', collect);
}

/** The API's options for the flags given. */
export function optionsOf(flags: FileFlags): OptimizeOnnxOptions {
  return {
    ...passOptions(flags),
    raise: flags.raise,
    keepInputs: flags.keepInputs,
    inputShapes: shapesOf(flags.inputShape ?? []),
  };
}
