/**
 * What the shape rules refuse: for every check of every operator a use that is wrong in this one respect, so that the check
 * cannot be taken away without a row failing. A rule that lets a wrong graph through is noticed by nobody before the runtime is.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Dim } from '../../src/ir/dim.ts';
import { Graph } from '../../src/ir/graph.ts';
import { type AttrValue, type Check, CheckFailure, type Operator } from '../../src/ir/operator.ts';
import { typeText } from '../../src/ir/types.ts';
import { operatorByName, operators } from '../../src/ops/registry.ts';
import { failure, inferred, type } from './nn/tools.ts';

type Given = Readonly<Record<string, AttrValue>>;
type Row = readonly [label: string, operands: string, attrs?: Given];

/** Of a layer with a hidden size of 3 over 5 features. */
function recurrent(name: string, gates: number): Record<string, readonly Row[]> {
  const [w, r] = [`f32[1, ${3 * gates}, 5]`, `f32[1, ${3 * gates}, 3]`];
  const x = 'f32[T, N, 5]';
  const bidirectional = { direction: 'bidirectional' };
  const own: readonly Row[] = [
    ['c9', `${x}; ${w}; ${r}; _; _; _; f32[1, N, 4]`],
    ['c11', `${x}; ${w}; ${r}; _; _; _; _; f32[1, 12]`],
  ];
  return {
    [name]: [
      ['c1', `f32[N, 5]; ${w}; ${r}`],
      ['c2', `i32[T, N, 5]; i32[1, ${3 * gates}, 5]; i32[1, ${3 * gates}, 3]`],
      ['c2', `${x}; ${w}; ${r}; f16[1, ${6 * gates}]`],
      ['c2', `${x}; ${w}; ${r}; _; _; f16[1, N, 3]`],
      ['c3', `${x}; ${w}; f32[${3 * gates}, 3]`],
      ['c4', `${x}; f32[1, ${gates === 1 ? '' : `${gates}*`}H, 5]; f32[1, ${gates === 1 ? '' : `${gates}*`}H, H]`],
      ['c4', `${x}; f32[1, 0, 5]; f32[1, 0, 0]`],
      ['c5', `${x}; ${w}; f32[1, ${3 * gates + 1}, 3]`],
      ['c6', `${x}; f32[1, ${3 * gates}, 4]; ${r}`],
      ['c6', `${x}; f32[2, ${3 * gates}, 5]; ${r}`],
      ['c5', `${x}; f32[2, ${3 * gates}, 5]; ${r}`, bidirectional],
      ['c7', `${x}; ${w}; ${r}; f32[1, ${3 * gates}]`],
      ['c8', `${x}; ${w}; ${r}; _; i64[N]`],
      ['c8', `${x}; ${w}; ${r}; _; i32[T]`],
      ['c9', `${x}; ${w}; ${r}; _; _; f32[N, 3]`],
      ['c9', `${x}; ${w}; ${r}; _; _; f32[2, N, 3]`],
      ['c10', `${x}; ${w}; ${r}`, { functions: `Sigmoid${' Tanh'.repeat(3)}` }],
      ['c10', `${x}; ${w}; ${r}`, { functions: name === 'rnn' ? 'Softplus' : name === 'gru' ? 'Sigmoid Elu' : 'Elu Tanh Tanh' }],
      ...(name === 'lstm' ? own : []),
    ],
  };
}

/** Operands are separated by `;`, and `_` is one that is left out. */
const rows: Record<string, readonly Row[]> = {
  conv: [
    ['c1', 'f32[N, 3]; f32[8, 3]'],
    ['c2', 'i32[N, 3, 8]; i32[8, 3, 3]'],
    ['c2', 'f32[N, 3, 8]; f16[8, 3, 3]'],
    ['c2', 'f32[N, 3, 8]; f32[8, 3, 3]; f16[8]'],
    ['c3', 'f32[N, 3, 8, 8]; f32[8, 3, 3]'],
    ['c4', 'f32[N, 3, 8]; f32[8, 3, K]'],
    ['c4', 'f32[N, 3, 8]; f32[8, 3, 0]'],
    ['c5', 'f32[N, 4, 8]; f32[8, 3, 3]'],
    ['c5', 'f32[N, 4, 8]; f32[8, 4, 3]', { groups: 2 }],
    ['c5', 'f32[N, C, 8]; f32[8, 3, 3]'],
    ['c6', 'f32[N, 4, 8]; f32[9, 2, 3]', { groups: 2 }],
    ['c7', 'f32[N, 3, 8]; f32[8, 3, 3]; f32[7]'],
    ['c7', 'f32[N, 3, 8]; f32[8, 3, 3]; f32[1, 8]'],
    ['c8', 'f32[N, 3, 8]; f32[8, 3, 3]', { dilation: [4] }],
  ],
  nonzero: [['c1', 'f32[]']],
  gather_nd: [
    ['c1', 'f32[N, 3]; i32[K, 2]'],
    ['c2', 'f32[N, 3, 4]; i64[M, 1]', { batch_dims: 1 }],
    ['c3', 'f32[N, 3]; i64[K, L]'],
    ['c3', 'f32[N, 3]; i64[K, 3]'],
  ],
  scatter_elements: [
    ['c1', 'f32[N, 3]; f32[2, 3]; f32[2, 3]'],
    ['c2', 'f32[N, 3]; i64[2, 3]; i64[2, 3]'],
    ['c3', 'bool[N, 3]; i64[2, 3]; bool[2, 3]', { reduction: 'add' }],
    ['c4', 'f32[4, 3]; i64[2, 3]; f32[2, 3]', { axis: 2 }],
    ['c5', 'f32[N, 3]; i64[2]; f32[2, 3]'],
    ['c6', 'f32[N, 3]; i64[2, 4]; f32[2, 4]'],
    ['c7', 'f32[N, 3]; i64[2, 3]; f32[2, 2]'],
  ],
  scatter_nd: [
    ['c1', 'f32[N, 3]; i32[K, 1]; f32[K, 3]'],
    ['c2', 'f32[N, 3]; i64[K, 1]; i64[K, 3]'],
    ['c3', 'bool[N, 3]; i64[K, 1]; bool[K, 3]', { reduction: 'max' }],
    ['c4', 'f32[N, 3]; i64[K, 3]; f32[K]'],
    ['c5', 'f32[N, 3]; i64[K, 1]; f32[K, 2]'],
  ],
  compress: [
    ['c1', 'f32[N, 3]; bool[N]', { axis: 2 }],
    ['c2', 'f32[N, 3]; i64[N]'],
    ['c3', 'f32[N, 3]; bool[3]'],
    ['c3', 'f32[N, 3]; bool[N, 3]'],
  ],
  unique: [
    ['c1', 'f32[N, 3]', { axis: [0, 1] }],
    ['c2', 'f32[N, 3]', { axis: [2] }],
    ['c3', 'u64[N]'],
  ],
  nms: [
    ['c1', 'f16[N, K, 4]; f32[N, C, K]', { iou: 0.5 }],
    ['c1', 'f32[N, K, 4]; f64[N, C, K]', { iou: 0.5 }],
    ['c2', 'f32[N, K, 5]; f32[N, C, K]', { iou: 0.5 }],
    ['c2', 'f32[N, K, 4, 4]; f32[N, C, K]', { iou: 0.5 }],
    ['c3', 'f32[N, K, 4]; f32[K]', { iou: 0.5 }],
    ['c3', 'f32[N, K, 4]; f32[N, K, C]', { iou: 0.5 }],
    ['c4', 'f32[N, K, 4]; f32[N, C, K]', { iou: 0.5, max: [1, 2] }],
    ['c4', 'f32[N, K, 4]; f32[N, C, K]', { iou: 0.5, max: [-1] }],
    ['c5', 'f32[N, K, 4]; f32[N, C, K]', { iou: 1.5 }],
  ],
  conv_transpose: [
    ['c1', 'f32[N, 3]; f32[3, 8]'],
    ['c2', 'i32[N, 3, 8]; i32[3, 8, 3]'],
    ['c2', 'f32[N, 3, 8]; f16[3, 8, 3]'],
    ['c3', 'f32[N, 3, 8, 8]; f32[3, 8, 3]'],
    ['c4', 'f32[N, 3, 8]; f32[3, 8, K]'],
    ['c5', 'f32[N, 4, 8]; f32[3, 8, 3]'],
    ['c6', 'f32[N, 3, 8]; f32[3, 8, 3]', { groups: 2 }],
    ['c7', 'f32[N, 3, 8]; f32[3, 8, 3]; f32[7]'],
    ['c7', 'f32[N, 4, 8]; f32[4, 8, 3]; f32[8]', { groups: 2 }],
    ['c8', 'f32[N, 3, 2]; f32[3, 8, 3]', { pads: [2, 2] }],
    ['c9', 'f32[N, 3, 8]; f32[3, 8, 3]', { output_pad: [1] }],
  ],
  adaptive_avgpool: [
    ['c1', 'f32[N, 3]', { size: [] }],
    ['c2', 'u8[N, 3, 8]', { size: [3] }],
    ['c3', 'f32[N, 3, 8]', { size: [3, 3] }],
    ['c4', 'f32[N, 3, 8]', { size: [0] }],
    ['c4', 'f32[N, 3, 8]', { size: [Dim.symbol('H').minus(1)] }],
  ],
  adaptive_maxpool: [
    ['c1', 'f32[N, 3]', { size: [] }],
    ['c2', 'i64[N, 3, 8]', { size: [3] }],
    ['c3', 'f32[N, 3, 8]', { size: [3, 3] }],
    ['c4', 'f32[N, 3, 8]', { size: [-1] }],
  ],
  linear: [
    ['c1', 'f32[]; f32[5, 7]'],
    ['c2', 'i32[N, 7]; i32[5, 7]'],
    ['c2', 'f32[N, 7]; f32[5, 7]; f64[5]'],
    ['c3', 'f32[N, 7]; f32[1, 5, 7]'],
    ['c4', 'f32[N, 6]; f32[5, 7]'],
    ['c4', 'f32[N, F]; f32[5, 7]'],
    ['c5', 'f32[N, 7]; f32[5, 7]; f32[7]'],
  ],
  matmul: [
    ['c1', 'f32[]; f32[7, 5]'],
    ['c1', 'f32[5, 7]; f32[]'],
    ['c2', 'i32[5, 7]; i32[7, 5]'],
    ['c2', 'f32[5, 7]; f16[7, 5]'],
    ['c3', 'f32[5, 7]; f32[6, 5]'],
    ['c4', 'f32[2, 5, 7]; f32[3, 7, 5]'],
  ],
  gemm: [
    ['c1', 'f32[2, 5, 7]; f32[7, 5]'],
    ['c1', 'f32[5, 7]; f32[7]'],
    ['c2', 'i32[5, 7]; i32[7, 5]'],
    ['c2', 'f32[5, 7]; f32[7, 5]; f16[5]'],
    ['c3', 'f32[5, 7]; f32[6, 5]'],
    ['c3', 'f32[5, 7]; f32[7, 5]', { trans_a: true }],
    ['c3', 'f32[5, 7]; f32[7, 6]', { trans_b: true }],
    ['c4', 'f32[4, 7]; f32[7, 5]; f32[4]'],
    ['c4', 'f32[4, 7]; f32[7, 5]; f32[1, 4, 5]'],
  ],
  topk: [
    ['c1', 'bool[N, 4]', { k: [Dim.of(2)] }],
    ['c2', 'f32[N, 4]', { k: [Dim.of(2)], axis: 2 }],
    ['c3', 'f32[N, 4]', { k: [Dim.of(5)] }],
    ['c3', 'f32[N, 4]', { k: [Dim.of(-1)] }],
    ['c3', 'f32[N, 4]', { k: [Dim.of(2)], axis: 0 }],
  ],
  roi_align: [
    ['c1', 'i32[1, 2, 4, 4]; i32[3, 4]; i64[3]', { grid: [2, 2] }],
    ['c1', 'f32[1, 2, 4, 4]; f16[3, 4]; i64[3]', { grid: [2, 2] }],
    ['c2', 'f32[2, 4, 4]; f32[3, 4]; i64[3]', { grid: [2, 2] }],
    ['c3', 'f32[1, 2, 4, 4]; f32[3, 5]; i64[3]', { grid: [2, 2] }],
    ['c3', 'f32[1, 2, 4, 4]; f32[4]; i64[4]', { grid: [2, 2] }],
    ['c4', 'f32[1, 2, 4, 4]; f32[3, 4]; i32[3]', { grid: [2, 2] }],
    ['c4', 'f32[1, 2, 4, 4]; f32[3, 4]; i64[4]', { grid: [2, 2] }],
    ['c5', 'f32[1, 2, 4, 4]; f32[3, 4]; i64[3]', { grid: [2] }],
    ['c5', 'f32[1, 2, 4, 4]; f32[3, 4]; i64[3]', { grid: [0, 2] }],
  ],
  rmsnorm: [
    ['c1', 'f32[]'],
    ['c2', 'f32[N, 4]', { axis: 2 }],
    ['c3', 'i32[N, 4]'],
    ['c3', 'f32[N, 4]; f16[4]'],
    ['c4', 'f32[N, 4]; f32[5]'],
    ['c4', 'f32[N, 3, 4]; f32[4]', { axis: 1 }],
  ],
  rotary_embedding: [
    ['c1', 'i32[2, 4, 3, 6]; i32[1, 3, 3]; i32[1, 3, 3]'],
    ['c1', 'f32[2, 4, 3, 6]; f16[1, 3, 3]; f16[1, 3, 3]'],
    ['c2', 'f32[2, 3, 6]; f32[1, 3, 3]; f32[1, 3, 3]'],
    ['c2', 'f32[2, 4, 3, 6]; f32[3, 3]; f32[3, 3]'],
    ['c2', 'f32[2, 4, 3, 6]; f32[1, 3, 3]; f32[3, 3]'],
    ['c3', 'f32[2, 4, 3, 6]; f32[3, 3, 3]; f32[3, 3, 3]'],
    ['c3', 'f32[2, 4, 3, 6]; f32[1, 4, 3]; f32[1, 4, 3]'],
    ['c3', 'f32[2, 4, 3, 6]; f32[1, 3, 3]; f32[1, 3, 2]'],
    ['c4', 'f32[2, 4, 3, D]; f32[1, 3, 3]; f32[1, 3, 3]'],
    ['c4', 'f32[2, 4, 3, 6]; f32[1, 3, P]; f32[1, 3, P]'],
    ['c4', 'f32[2, 4, 3, 6]; f32[1, 3, 4]; f32[1, 3, 4]'],
  ],
  attention: [
    ['c1', 'f32[2, 3, 4]; f32[2, 5, 4]; f32[2, 5, 4]', { scale: 0.5 }],
    ['c2', 'i32[2, 4, 3, 4]; i32[2, 4, 5, 4]; i32[2, 4, 5, 6]', { scale: 0.5 }],
    ['c2', 'f32[2, 4, 3, 4]; f32[2, 4, 5, 4]; f16[2, 4, 5, 6]', { scale: 0.5 }],
    ['c2', 'f32[2, 4, 3, 4]; f32[2, 4, 5, 4]; f32[2, 4, 5, 6]; f16[3, 5]', { scale: 0.5 }],
    ['c3', 'f32[2, 4, 3, 4]; f32[2, 4, 5, 4]; f32[2, 4, 5, 6]', { scale: 0 }],
    ['c4', 'f32[2, 4, 3, 4]; f32[3, 4, 5, 4]; f32[3, 4, 5, 6]', { scale: 0.5 }],
    ['c4', 'f32[2, 4, 3, 4]; f32[2, 4, 5, 4]; f32[2, 4, 6, 6]', { scale: 0.5 }],
    ['c4', 'f32[2, 4, 3, 4]; f32[2, 4, 5, 3]; f32[2, 4, 5, 6]', { scale: 0.5 }],
    ['c4', 'f32[2, 4, 3, 4]; f32[2, 4, 5, 4]; f32[2, 2, 5, 6]', { scale: 0.5 }],
    ['c5', 'f32[2, 4, 3, 4]; f32[2, 3, 5, 4]; f32[2, 3, 5, 6]', { scale: 0.5 }],
    ['c6', 'f32[2, 4, 3, 4]; f32[2, 4, 5, 4]; f32[2, 4, 5, 6]; f32[5, 3]', { scale: 0.5 }],
  ],
  ...recurrent('lstm', 4),
  ...recurrent('gru', 3),
  ...recurrent('rnn', 1),
  pack_gates: [
    ['c1', 'f32[]', { order: [0] }],
    ['c2', 'f32[4, 3]; f16[4, 3]', { order: [0, 1] }],
    ['c3', 'f32[4, 3]; f32[4, 2]', { order: [0, 1] }],
    ['c4', 'f32[4, 3]', { order: [1, 1] }],
    ['c5', 'f32[4, 3]', { order: [0, 1, 2] }],
    ['c5', 'f32[R, 3]', { order: [1, 0] }],
    ['c6', 'f32[4, 3]; f32[4, 3]; f32[4, 3]', { order: [0], directions: 2 }],
  ],
  maxpool: [
    ['c1', 'f32[N, 3]', { kernel: [] }],
    ['c2', 'i32[N, 3, 8]', { kernel: [2] }],
    ['c3', 'f32[N, 3, 8]', { kernel: [2], pads: [2, 0] }],
    ['c4', 'f32[N, 3, 8]', { kernel: [9] }],
    ['c4', 'f32[N, 3, 8]', { kernel: [5], dilation: [2] }],
  ],
  avgpool: [
    ['c1', 'f32[N, 3]', { kernel: [] }],
    ['c2', 'i8[N, 3, 8]', { kernel: [2] }],
    ['c3', 'f32[N, 3, 8]', { kernel: [2], pads: [0, 2] }],
    ['c4', 'f32[N, 3, 8]', { kernel: [9] }],
  ],
  global_avgpool: [
    ['c1', 'f32[N, 3]'],
    ['c2', 'i32[N, 3, 8]'],
  ],
  global_maxpool: [
    ['c1', 'f32[N, 3]'],
    ['c2', 'i32[N, 3, 8]'],
  ],
  batchnorm: [
    ['c1', 'f32[3]; f32[3]; f32[3]; f32[3]; f32[3]'],
    ['c2', 'i32[N, 3]; i32[3]; i32[3]; i32[3]; i32[3]'],
    ['c2', 'f32[N, 3]; f32[3]; f32[3]; f32[3]; f64[3]'],
    ['c3', 'f32[N, 3]; f32[4]; f32[3]; f32[3]; f32[3]'],
    ['c3', 'f32[N, 3]; f32[3]; f32[4]; f32[3]; f32[3]'],
    ['c3', 'f32[N, 3]; f32[3]; f32[3]; f32[4]; f32[3]'],
    ['c3', 'f32[N, 3]; f32[3]; f32[3]; f32[3]; f32[1, 3]'],
  ],
  instancenorm: [
    ['c1', 'f32[N, 3]; f32[3]; f32[3]'],
    ['c2', 'i32[N, 3, 8]; i32[3]; i32[3]'],
    ['c2', 'f32[N, 3, 8]; f32[3]; f16[3]'],
    ['c3', 'f32[N, 3, 8]; f32[8]; f32[3]'],
    ['c3', 'f32[N, 3, 8]; f32[3]; f32[8]'],
  ],
  groupnorm: [
    ['c1', 'f32[3]', { groups: 3 }],
    ['c2', 'i32[N, 4, 8]', { groups: 2 }],
    ['c2', 'f32[N, 4, 8]; f16[4]', { groups: 2 }],
    ['c3', 'f32[N, 4, 8]', { groups: 3 }],
    ['c4', 'f32[N, 4, 8]; f32[2]', { groups: 2 }],
    ['c4', 'f32[N, 4, 8]; f32[4]; f32[2]', { groups: 2 }],
  ],
  layernorm: [
    ['c1', 'f32[]'],
    ['c2', 'f32[N, 4]', { axis: 2 }],
    ['c2', 'f32[N, 4]', { axis: -3 }],
    ['c3', 'i32[N, 4]'],
    ['c3', 'f32[N, 4]; f32[4]; f64[4]'],
    ['c4', 'f32[N, 4]; f32[3]'],
    ['c4', 'f32[N, 4]; f32[1, 4]'],
    ['c4', 'f32[N, 3, 4]; f32[3, 4]; f32[4]', { axis: -2 }],
  ],
  resize_to: [
    ['c1', 'f32[3, 8]; i64[0]'],
    ['c1', 'f32[N, 3, 8]; i64[1]', { mode: 'cubic' }],
    ['c2', 'i64[N, 3, 8]; i64[1]'],
    ['c3', 'f32[N, 3, 8, 8]; i64[3]'],
    ['c3', 'f32[N, 3, 8, 8]; f32[2]'],
    ['c6', 'f32[N, 3, 8, 8]; i64[2]', { align_corners: true }],
  ],
  resize: [
    ['c1', 'f32[N, 3]', { scales: [] }],
    ['c1', 'f32[N, 3, 8]', { scales: [2], mode: 'cubic' }],
    ['c2', 'i32[N, 3, 8]', { scales: [2] }],
    ['c3', 'f32[N, 3, 8]'],
    ['c3', 'f32[N, 3, 8]', { scales: [2], sizes: [16] }],
    ['c3', 'f32[N, 3, 8, 8]', { sizes: [16] }],
    ['c4', 'f32[N, 3, 8]', { scales: [1.1] }],
    ['c5', 'f32[N, 3, 8]', { sizes: [0] }],
    ['c6', 'f32[N, 3, 8]', { sizes: [16], align_corners: true }],
    ['c6', 'f32[N, 3, 8]', { scales: [2], mode: 'linear', align_corners: true }],
  ],
  grid_sample: [
    ['c1', 'f32[N, 3, 8]; f32[N, 8, 1]'],
    ['c2', 'i32[N, 3, 8, 8]; i32[N, 4, 4, 2]'],
    ['c2', 'f32[N, 3, 8, 8]; f16[N, 4, 4, 2]'],
    ['c3', 'f32[N, 3, 8, 8, 8]; f32[N, 4, 4, 4, 3]', { mode: 'bicubic' }],
    ['c4', 'f32[N, 3, 8, 8]; f32[N, 4, 2]'],
    ['c5', 'f32[N, 3, 8, 8]; f32[N, 4, 4, 3]'],
    ['c5', 'f32[N, 3, 8, 8]; f32[N, 4, 4, K]'],
    ['c6', 'f32[N, 3, 8, 8]; f32[1, 4, 4, 2]'],
    ['c7', 'f32[N, 3, 0, 8]; f32[N, 4, 4, 2]'],
    ['c8', 'f32[N, 3, 8, 1]; f32[N, 4, 4, 2]', { padding_mode: 'reflection', align_corners: true }],
  ],
  pixel_shuffle: [
    ['c1', 'f32[N, 4, 8]', { factor: 2 }],
    ['c2', 'i32[N, 4, 8, 8]', { factor: 2 }],
    ['c3', 'f32[N, 6, 8, 8]', { factor: 2 }],
  ],
  prelu: [
    ['c1', 'i32[N, 3, 8]; i32[3, 1]'],
    ['c2', 'f32[N, 3, 8]; f16[3, 1]'],
    ['c3', 'f32[N, 3, 8]; f32[3]'],
    ['c3', 'f32[3, 8]; f32[1, 3, 8]'],
  ],
  clamp: [
    ['c1', 'bool[N]', { min: 0, max: 1 }],
    ['c2', 'i32[N]', { min: 0.5, max: 1 }],
  ],
  where: [
    ['c1', 'i32[N]; f32[N]; f32[N]'],
    ['c2', 'bool[N]; f32[N]; f64[N]'],
    ['c3', 'bool[N]; f32[3]; f32[4]'],
    ['c3', 'bool[3]; f32[4]; f32[4]'],
  ],
  gather: [
    ['c1', 'f32[4]; f32[2]'],
    ['c2', 'f32[4]; i64[2]', { axis: 1 }],
  ],
  gather_elements: [
    ['c1', 'f32[4]; f32[2]'],
    ['c2', 'f32[4]; i64[2]', { axis: 1 }],
    ['c3', 'f32[4, 3]; i64[2]'],
    ['c4', 'f32[4, 3]; i64[2, 4]'],
    ['c4', 'f32[4, M]; i64[2, N]'],
  ],
  trilu: [['c1', 'f32[4]']],
  reshape: [
    ['c1', 'f32[4, 6]', { shape: [-1, -1] }],
    ['c1', 'f32[4, 6]', { shape: [-2, -12] }],
    ['c2', 'f32[4, 6]', { shape: [5, 5] }],
    ['c2', 'f32[N, 6]', { shape: [6] }],
    ['c3', 'f32[4, 6]', { shape: [5, -1] }],
  ],
  squeeze: [
    ['c1', 'f32[4, 1]', { axes: [2] }],
    ['c1', 'f32[4, 1]', { axes: [1, -1] }],
    ['c2', 'f32[4, 1]', { axes: [0] }],
    ['c2', 'f32[N, 1]', { axes: [0] }],
  ],
  unsqueeze: [
    ['c1', 'f32[4]', { axes: [2] }],
    ['c1', 'f32[4]', { axes: [0, 0] }],
  ],
  transpose: [
    ['c1', 'f32[4, 6]', { perm: [0] }],
    ['c1', 'f32[4, 6]', { perm: [0, 0] }],
    ['c1', 'f32[4, 6]', { perm: [0, 2] }],
  ],
  concat: [
    ['c1', 'f32[4, 6]; f32[4, 6]', { axis: 2 }],
    ['c2', 'f32[4, 6]; f16[4, 6]', { axis: 0 }],
    ['c3', 'f32[4, 6]; f32[4]', { axis: 0 }],
    ['c4', 'f32[4, 6]; f32[4, 5]', { axis: 0 }],
    ['c4', 'f32[4, N]; f32[4, M]', { axis: 0 }],
  ],
  split: [
    ['c1', 'f32[4, 6]', { axis: 2, parts: 2 }],
    ['c3', 'f32[4, 6]', { axis: 0, parts: 2, sizes: [4] }],
    ['c3', 'f32[4, 6]', { axis: 0, parts: 2, sizes: [1, 2] }],
    ['c4', 'f32[4, 6]', { axis: 0, parts: 3 }],
  ],
  slice: [
    ['c1', 'f32[4, 6]', { starts: [0], ends: [1], axes: [2], steps: [1] }],
    ['c1', 'f32[4, 6]', { starts: [0, 0], ends: [1, 1], axes: [1, -1], steps: [1, 1] }],
    ['c2', 'f32[4, 6]', { starts: [0], ends: [1, 2], axes: [0, 1], steps: [1, 1] }],
    ['c3', 'f32[4, 6]', { starts: [0], ends: [1], axes: [0], steps: [0] }],
    ['c4', 'f32[4, 6]', { starts: [Dim.symbol('K').minus(2)], ends: [3], axes: [0], steps: [1] }],
    ['c4', 'f32[4, 6]', { starts: [0], ends: [Dim.symbol('K').minus(2)], axes: [0], steps: [1] }],
  ],
  pad: [
    ['c1', 'f32[4, 6]', { pads: [1, 1] }],
    ['c2', 'f32[4, 6]', { pads: [0, -1, 0, 0], mode: 'edge' }],
    ['c3', 'f32[4, 6]', { pads: [-3, 0, -2, 0] }],
    ['c4', 'f32[4, 6]', { pads: [4, 0, 0, 0], mode: 'reflect' }],
    ['c4', 'f32[N, 6]', { pads: [0, 0, 0, 6], mode: 'reflect' }],
  ],
  expand: [
    ['c1', 'f32[4, 6]', { shape: [6] }],
    ['c2', 'f32[4, 6]', { shape: [5, 6] }],
    ['c2', 'f32[N, 6]', { shape: [5, 6] }],
  ],
  tile: [
    ['c1', 'f32[4, 6]', { repeats: [2] }],
    ['c2', 'f32[4, 6]', { repeats: [2, -1] }],
  ],
  range: [['c1', '', { start: [0], end: [4], step: 0 }]],
  full: [
    ['c1', '', { shape: [-1], value: 0, elem: 'f32' }],
    ['c2', '', { shape: [4], value: 300, elem: 'u8' }],
  ],
};

const alike = (names: string, own: readonly Row[]): void => {
  for (const name of names.split(' ')) rows[name] = own;
};

alike('add sub mul div pow min max less less_equal greater greater_equal', [
  ['c1', 'f32[N]; i32[N]'],
  ['c2', 'bool[N]; bool[N]'],
  ['c3', 'f32[3]; f32[4]'],
]);
alike('equal', [
  ['c1', 'f32[N]; i32[N]'],
  ['c3', 'f32[3]; f32[4]'],
]);
alike('and or xor', [
  ['c1', 'bool[N]; i32[N]'],
  ['c2', 'i32[N]; i32[N]'],
  ['c3', 'bool[3]; bool[4]'],
]);
alike('not', [['c1', 'i32[N]']]);
alike('relu neg abs sign', [['c1', 'bool[N]']]);
alike(
  'leaky_relu elu selu celu sigmoid hardsigmoid hardswish silu gelu softplus softsign mish shrink exp log sqrt erf reciprocal floor ceil round sin cos tan tanh isnan isinf',
  [['c1', 'i32[N]']],
);
alike('softmax log_softmax', [
  ['c1', 'i32[N]'],
  ['c2', 'f32[N]', { axis: 1 }],
]);
alike('reduce_mean reduce_l2 reduce_l1 logsumexp', [
  ['c1', 'i32[4, 6]', { axes: [0] }],
  ['c2', 'f32[4, 6]', { axes: [2] }],
  ['c2', 'f32[4, 6]', { axes: [1, -1] }],
]);
alike('reduce_sum reduce_max reduce_min reduce_prod', [
  ['c1', 'bool[4, 6]', { axes: [0] }],
  ['c2', 'f32[4, 6]', { axes: [2] }],
  ['c2', 'f32[4, 6]', { axes: [1, -1] }],
]);
alike('argmax argmin cumsum', [
  ['c1', 'bool[4, 6]', { axis: 0 }],
  ['c2', 'f32[4, 6]', { axis: 2 }],
]);

const operandsOf = (text: string): readonly (string | undefined)[] =>
  text === '' ? [] : text.split('; ').map((one) => (one === '_' ? undefined : one));

const flat = Object.entries(rows).flatMap(([name, own]) =>
  own.map(([label, operands, attrs = {}]) => [name, label, operands, attrs] as const),
);

function operatorOf(name: string): Operator {
  return operatorByName(name) ?? expect.unreachable(`no operator ${name}`);
}

it.each(flat)('%s %s: %s %o', (name, label, operands, attrs) => {
  expect(failure(() => inferred(operatorOf(name), operandsOf(operands), attrs)).label).toBe(label);
});

/** What becomes of a use when the shape rule does not ask this check: its type, or what else refuses it. */
function without(operator: Operator, label: string, operands: readonly (string | undefined)[], attrs: Given): string {
  const mutant: Operator = {
    ...operator,
    infer(context) {
      const asked: Check = context.check;
      const check: Check = (one, holds, found, expected, hint) => {
        if (one !== label) asked(one, holds, found, expected, hint);
      };
      return operator.infer({ ...context, check });
    },
  };
  const graph = new Graph('without');
  const values = operands.map((text, i) => (text === undefined ? undefined : graph.input(`x${i}`, type(text))));
  try {
    return graph.infer(mutant, values, attrs).types.map(typeText).join();
  } catch (error) {
    return error instanceof CheckFailure ? error.label : 'a bug';
  }
}

/** Checks without which the rest of the rule cannot go on: another refuses, or it stops on a bug. */
const leaned: readonly string[] = [
  ...[
    'pad c1',
    'linear c1',
    'linear c3',
    'matmul c1',
    'gemm c1',
    'batchnorm c1',
    'groupnorm c1',
    'layernorm c1',
    'rmsnorm c1',
    'rotary_embedding c2',
    'topk c2',
    'compress c1',
    'scatter_elements c5',
    'unique c2',
    'pixel_shuffle c1',
    'grid_sample c1',
    'grid_sample c4',
  ],
  ...[
    'pixel_shuffle c3',
    'reshape c3',
    'squeeze c1',
    'split c1',
    'split c4',
    'slice c3',
    'slice c4',
    'expand c1',
    'attention c1',
    ...['lstm', 'gru', 'rnn'].flatMap((name) => [`${name} c1`, `${name} c3`]),
    'pack_gates c1',
    'pack_gates c5',
    'pack_gates c6',
    'range c1',
  ],
];

it.each(flat)('%s without %s lets %s %o through', (name, label, operands, attrs) => {
  const made = without(operatorOf(name), label, operandsOf(operands), attrs);
  if (leaned.includes(`${name} ${label}`)) expect(made).not.toBe(label);
  else expect(made).toMatch(/\[/);
});

/**
 * Labels that an operator does not have: what it shares with others is called as it is there, and what goes leaves its number.
 */
const gaps: Readonly<Record<string, readonly string[]>> = {
  equal: ['c2'],
  split: ['c2'],
  resize_to: ['c4', 'c5'],
};

describe('every check has a row', () => {
  const source = readdirSync(new URL('../../src/ops', import.meta.url))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(new URL(`../../src/ops/${file}`, import.meta.url), 'utf8'))
    .join('\n');
  it.each(operators.map((operator) => [operator.name] as const))('%s', (name) => {
    const have = new Set((rows[name] ?? []).map(([label]) => label));
    const own = source.split(/^export const /m).find((text) => text.includes(`= defineOperator({\n  name: '${name}'`)) ?? '';
    const said = new Set([...own.matchAll(/check\(?[^;]*?'(c\d)'/g)].map(([, label]) => label ?? ''));
    // What a rule asks through a helper is not in its own text, but labels are counted from c1 on.
    const last = Math.max(0, ...[...have, ...said].map((label) => Number(label.slice(1))));
    const all = Array.from({ length: last }, (_, i) => `c${i + 1}`);
    expect(all.filter((label) => !have.has(label))).toEqual(gaps[name] ?? []);
  });
});
