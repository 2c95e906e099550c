/** The tensor algebra for tests, whose expressions all belong to one session: those of a test file may be combined. */
import type { ElemType, HostTensor } from '../../src/ir/types.ts';
import type { InitSpec } from '../../src/ops/params.ts';
import type { WeightExpr } from '../../src/tensor/expr.ts';
import * as leaves from '../../src/tensor/leaves.ts';
import { Session } from '../../src/tensor/session.ts';
import * as stores from '../../src/tensor/stored.ts';
import * as texts from '../../src/tensor/text.ts';

export * from '../../src/tensor/algebra.ts';

export const session = new Session();

export const leaf = (path: string, dims: readonly number[], elem: ElemType): WeightExpr => leaves.leaf(session, path, dims, elem);

export const literal = (tensor: HostTensor): WeightExpr => leaves.literal(session, tensor);

export const full = (elem: ElemType, dims: readonly number[], value: number): WeightExpr =>
  leaves.full(session, elem, dims, value);

export const initial = (path: string, dims: readonly number[], elem: ElemType, init: InitSpec, seed: number): WeightExpr =>
  leaves.initial(session, path, dims, elem, init, seed);

export const buildExpr = (name: string, args: readonly texts.TextArg[]): WeightExpr | undefined =>
  texts.buildExpr(session, name, args);

export const storedTensor = (span: stores.StoredSpan): Promise<WeightExpr> => stores.storedTensor(session, span);
