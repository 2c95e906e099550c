/**
 * Chevrotain without what this grammar never asks of it, for `scripts/build.ts`: checks of grammars and tokens, which are for a
 * test (`makeLexer`, `ResParser`), recovery and syntax trees, which are ours (`parser/recovery.ts`, `parser/tree.ts`), its own
 * texts of errors, the analysis of regular expressions, in whose place each token says with which characters it begins
 * (`parser/tokens.ts`), and the recording of the grammar and all that is made of it, in whose place stand the decisions that the
 * build works out (`parser/reader.ts`). What is left is a third of the library. `test/api/package.test.ts` compares the parser
 * that is built with that of the sources.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Plugin } from 'esbuild';

type Change = (text: string) => string;

/** What a module exports of a kind, each as the same nothing, in the place of the module. */
const only =
  (kind: 'function' | 'const', nothing: string): Change =>
  (text) =>
    [...text.matchAll(new RegExp(`^export ${kind} (\\w+)`, 'gm'))]
      .map(([, name]) => `export const ${name} = ${nothing};`)
      .join('\n');
/** Functions that nobody calls. */
const uncalled = only('function', '() => []');

/** Each part of the text in the place of another, which has to be there. */
function replaced(text: string, parts: readonly (readonly [RegExp, string])[]): string {
  return parts.reduce((so, [pattern, by]) => {
    const next = so.replace(pattern, by);
    if (next === so) throw new Error(`Chevrotain is not as this build expects it: nothing is like ${pattern}`);
    return next;
  }, text);
}

/** Without methods of its classes. */
const withoutMethods = (text: string, names: readonly string[]): string =>
  replaced(
    text,
    names.map((name) => [new RegExp(`^ {4}${name}\\(.*\\) \\{\\n(?: {5}.*\\n|\\n)* {4}\\}\\n`, 'gm'), ''] as const),
  );

const unchecked: Change = (text) => text.replaceAll(/this\.(?:config\.)?skipValidations === false/g, 'false');
const unrecovered: Change = (text) => text.replaceAll('this.recoveryEnabled', 'false').replaceAll('this.outputCst', 'false');

const changes: Readonly<Record<string, Change>> = {
  api: (text) => replaced(text, [[/^export \{[^}]*\} from "[^"]*(?:cst-dts-gen|render_public|gast)\S*$/gm, '']]),
  checks: uncalled,
  context_assist: () => 'export class ContentAssist { initContentAssist() {} }',
  errors_public: only('const', '{}'),
  gast_recorder: () => 'export class GastRecorder { initGastRecorder() { this.RECORDING_PHASE = false; } }',
  gast_resolver_public: uncalled,
  error_handler: (text) => withoutMethods(text, ['raiseEarlyExitException', 'raiseNoAltException']),
  follow: uncalled,
  // Which of the buckets a character belongs to is reckoned, in the place of a table of all characters that is filled at the
  // start.
  lexer: (text) =>
    replaced(text, [
      [/^ {4}tracer\("initCharCodeToOptimizedIndexMap", \(\) => \{\n.*\n {4}\}\);\n/m, ''],
      [/: charCodeToOptimizedIdxMap\[charCode\]/, ': 255 + Math.trunc(charCode / 255)'],
    ]),
  lexer_public: unchecked,
  llk_lookahead: () => 'export class LLkLookaheadStrategy {}',
  lookahead: (text) => `export const PROD_TYPE = {};\n${uncalled(text)}`,
  looksahead: () =>
    `export class LooksAhead {
      initLooksAhead({ maxLookahead }) {
        this.dynamicTokensEnabled = false;
        this.maxLookahead = maxLookahead;
        this.lookAheadFuncsCache = new Map();
      }
    }`,
  parser: (text) => withoutMethods(unrecovered(text), ['performSelfAnalysis']),
  recognizer_api: (text) =>
    replaced(text, [
      // Each occurrence is numbered by an argument.
      [
        /^ {4}(?:CONSUME|SUBRULE|OPTION|OR|MANY|MANY_SEP|AT_LEAST_ONE|AT_LEAST_ONE_SEP)\d?\(\w+(?:, \w+)?\) \{\n.*\n {4}\}\n/gm,
        '',
      ],
      [/^ {4}getSerializedGastProductions\(\) \{\n.*\n {4}\}\n/m, ''],
    ]),
  recognizer_engine: (text) =>
    replaced(
      // What is optional or repeated is decided by `parser/reader.ts`, and only recorded by Chevrotain.
      withoutMethods(unrecovered(text), [
        ...['optionInternal', 'optionInternalLogic', 'doSingleRepetition', 'repetitionSepSecondInternal', 'orInternal'],
        ...['atLeastOne', 'atLeastOneSepFirst', 'many', 'manySepFirst'].flatMap((one) => [
          `${one}Internal`,
          `${one}InternalLogic`,
        ]),
        ...['saveRecogState', 'reloadRecogState'],
      ]),
      [[/import \{ NextTerminalAfter[^;]*;/, '']],
    ),
  recoverable: () =>
    `export const IN_RULE_RECOVERY_EXCEPTION = 'InRuleRecoveryException';
    export class Recoverable {
      initRecoverable() { this.recoveryEnabled = false; }
      getHumanReadableRuleStack() { return this.RULE_STACK.slice(0, this.RULE_STACK_IDX + 1).map((name) => this.shortRuleNameToFullName(name)); }
      attemptInRepetitionRecovery() {}
    }`,
  reg_exp: () =>
    `const unknown = (pattern) => { throw new Error('a token has to say what it begins with, and whether it has line breaks: ' + pattern); };
    export const failedOptimizationPrefixMsg = '';
    export const getOptimizedStartCodesIndices = unknown;
    export const canMatchCharCode = (codes, pattern) =>
      typeof pattern === 'string' ? [...pattern].some((one) => codes.includes(one.charCodeAt(0))) : unknown(pattern);`,
  reg_exp_parser: uncalled,
  tree_builder: () =>
    `export class TreeBuilder {
      initTreeBuilder() { this.outputCst = false; }
      ${['cstInvocationStateUpdate', 'cstFinallyStateUpdate', 'cstPostTerminal', 'cstPostNonTerminal', 'cstPostRule'].map((name) => `${name}() {}`).join('\n')}
    }`,
};

export const chevrotainInPart: Plugin = {
  name: 'chevrotain-in-part',
  setup({ onLoad }) {
    onLoad(
      {
        filter: new RegExp(
          `[\\\\/]chevrotain[\\\\/]lib[\\\\/]src[\\\\/](?:.*[\\\\/])?(?:${Object.keys(changes).join('|')})\\.js$`,
        ),
      },
      ({ path }) => {
        const text = readFileSync(path, 'utf8');
        const contents = changes[basename(path, '.js')]?.(text) ?? text;
        if (contents === text) throw new Error(`${path} is not as this build expects it`);
        return { contents };
      },
    );
  },
};
