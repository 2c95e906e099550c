/**
 * The interpreter of the language, as tables: what each kind of syntax tree does is the function in its row, in the file that it
 * is imported from. A function reaches the others through `Context`, which looks the kind up here, so that no two of these files
 * import each other. What joins them, chains and labels, is in `chains.ts`; what a body does with its statements in `bodies.ts`.
 */
import { evaluateBody, runBlock, runBodyTarget } from './blocks.ts';
import { evaluateCall } from './calls.ts';
import { evaluateList, evaluateParen } from './chains.ts';
import { evaluateConditional, runAssert, runIf } from './conditions.ts';
import type { Handlers } from './context.ts';
import { runInput, runMap, runOutput, runParam } from './declarations.ts';
import { evaluateIndex } from './indexing.ts';
import { loops } from './late-loops.ts';
import { ode } from './late-ode.ts';
import { runLayer, runShortcutLayer } from './layers.ts';
import { lookUp, parameterAt } from './names.ts';
import { evaluateBinary, evaluateUnary } from './operators.ts';
import { runEach, runRepeat, runReuse, runSequential } from './repetition.ts';
import { runResidual } from './residual.ts';
import { runChain, runLet, runReturn } from './statements.ts';
import { boolValue, floatValue, intValue } from './values.ts';

export const handlers: Handlers = {
  /** What an expression evaluates to. Layers, blocks and bodies come out as callables, and run where a tensor is wanted. */
  expressions: {
    int: (_c, _f, expr) => intValue(expr.value),
    float: (_c, _f, expr) => floatValue(expr.value),
    bool: (_c, _f, expr) => boolValue(expr.value),
    string: (_c, _f, expr) => ({ kind: 'string', value: expr.value }),
    size: (_c, _f, expr) => ({ kind: 'size', dims: expr.dims }),
    list: evaluateList,
    paren: evaluateParen,
    body: evaluateBody,
    name: lookUp,
    path: parameterAt,
    call: evaluateCall,
    index: evaluateIndex,
    unary: evaluateUnary,
    binary: evaluateBinary,
    conditional: evaluateConditional,
  },
  /** What a statement does to its frame: the names, the current value, what is returned. */
  statements: {
    chainStmt: runChain,
    let: runLet,
    return: runReturn,
    if: runIf,
    assert: runAssert,
    input: runInput,
    output: runOutput,
    paramStmt: runParam,
    map: runMap,
  },
  /** What a construct makes of the current value; the label, if any, becomes its scope. */
  constructs: {
    repeat: runRepeat,
    each: runEach,
    loop: (c, f, construct, label) => loops.now().runLoop(c, f, construct, label),
    sequential: runSequential,
    reuse: runReuse,
    residual: runResidual,
    ode: (c, f, construct, label) => ode.now().runOde(c, f, construct, label),
  },
  /** What a callable makes of the current value. */
  targets: {
    layer: runLayer,
    block: runBlock,
    body: runBodyTarget,
    shortcut: runShortcutLayer,
  },
};
