/**
 * The work of bench/parser.ts: lexer, parser and formatter of `.res` beside Chevrotain's own JSON example, and beside the same
 * grammar with actions that make values, per token. Processor time of this process, all warm, the best of the rounds, which are
 * interleaved, so that a neighbour on the machine spoils neither side alone.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type CstNode, CstParser, createToken, EmbeddedActionsParser, Lexer, type ParserMethod } from 'chevrotain';
import { Sink } from '../src/diagnostics/diagnostic.ts';
import { format } from '../src/parser/format.ts';
import { lex } from '../src/parser/lexer.ts';
import { parse } from '../src/parser/parse.ts';

// Chevrotain's examples/grammars/json/json.js, in its order.
const True = createToken({ name: 'True', pattern: /true/ });
const False = createToken({ name: 'False', pattern: /false/ });
const Null = createToken({ name: 'Null', pattern: /null/ });
const LCurly = createToken({ name: 'LCurly', pattern: /{/ });
const RCurly = createToken({ name: 'RCurly', pattern: /}/ });
const LSquare = createToken({ name: 'LSquare', pattern: /\[/ });
const RSquare = createToken({ name: 'RSquare', pattern: /]/ });
const Comma = createToken({ name: 'Comma', pattern: /,/ });
const Colon = createToken({ name: 'Colon', pattern: /:/ });
const StringLiteral = createToken({
  name: 'StringLiteral',
  pattern: /"(?:[^\\"]|\\(?:[bfnrtv"\\/]|u[0-9a-fA-F]{4}))*"/,
});
const NumberLiteral = createToken({ name: 'NumberLiteral', pattern: /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/ });
const WhiteSpace = createToken({ name: 'WhiteSpace', pattern: /[ \t\n\r]+/, group: Lexer.SKIPPED });
const jsonTokens = [WhiteSpace, NumberLiteral, StringLiteral, LCurly, RCurly, LSquare, RSquare, Comma, Colon, True, False, Null];

class JsonParser extends CstParser {
  constructor() {
    super(jsonTokens);
    this.performSelfAnalysis();
  }
  readonly json: ParserMethod<[], CstNode> = this.RULE('json', () => {
    this.OR([{ ALT: () => this.SUBRULE(this.object) }, { ALT: () => this.SUBRULE(this.array) }]);
  });
  readonly object: ParserMethod<[], CstNode> = this.RULE('object', () => {
    this.CONSUME(LCurly);
    this.MANY_SEP({
      SEP: Comma,
      DEF: () => {
        this.SUBRULE(this.objectItem);
      },
    });
    this.CONSUME(RCurly);
  });
  readonly objectItem: ParserMethod<[], CstNode> = this.RULE('objectItem', () => {
    this.CONSUME(StringLiteral);
    this.CONSUME(Colon);
    this.SUBRULE(this.value);
  });
  readonly array: ParserMethod<[], CstNode> = this.RULE('array', () => {
    this.CONSUME(LSquare);
    this.MANY_SEP({
      SEP: Comma,
      DEF: () => {
        this.SUBRULE(this.value);
      },
    });
    this.CONSUME(RSquare);
  });
  readonly value: ParserMethod<[], CstNode> = this.RULE('value', () => {
    this.OR([
      { ALT: () => this.CONSUME(StringLiteral) },
      { ALT: () => this.CONSUME(NumberLiteral) },
      { ALT: () => this.SUBRULE(this.object) },
      { ALT: () => this.SUBRULE(this.array) },
      { ALT: () => this.CONSUME(True) },
      { ALT: () => this.CONSUME(False) },
      { ALT: () => this.CONSUME(Null) },
    ]);
  });
}

class JsonReader extends EmbeddedActionsParser {
  constructor() {
    super(jsonTokens);
    this.performSelfAnalysis();
  }
  readonly json: ParserMethod<[], unknown> = this.RULE('json', () =>
    this.OR([{ ALT: () => this.SUBRULE(this.object) }, { ALT: () => this.SUBRULE(this.array) }]),
  );
  readonly object: ParserMethod<[], object> = this.RULE('object', () => {
    const result: Record<string, unknown> = {};
    this.CONSUME(LCurly);
    this.MANY_SEP({
      SEP: Comma,
      DEF: () => {
        const item = this.SUBRULE(this.objectItem);
        this.ACTION(() => {
          result[item[0]] = item[1];
        });
      },
    });
    this.CONSUME(RCurly);
    return result;
  });
  readonly objectItem: ParserMethod<[], readonly [string, unknown]> = this.RULE('objectItem', (): readonly [string, unknown] => {
    const key = this.CONSUME(StringLiteral);
    this.CONSUME(Colon);
    const value = this.SUBRULE(this.value);
    return [key.image, value];
  });
  readonly array: ParserMethod<[], unknown[]> = this.RULE('array', () => {
    const items: unknown[] = [];
    this.CONSUME(LSquare);
    this.MANY_SEP({
      SEP: Comma,
      DEF: () => {
        items.push(this.SUBRULE(this.value));
      },
    });
    this.CONSUME(RSquare);
    return items;
  });
  readonly value: ParserMethod<[], unknown> = this.RULE('value', () =>
    this.OR<unknown>([
      { ALT: () => this.CONSUME(StringLiteral).image },
      { ALT: () => Number(this.CONSUME(NumberLiteral).image) },
      { ALT: () => this.SUBRULE(this.object) },
      { ALT: () => this.SUBRULE(this.array) },
      {
        ALT: () => {
          this.CONSUME(True);
          return true;
        },
      },
      {
        ALT: () => {
          this.CONSUME(False);
          return false;
        },
      },
      {
        ALT: () => {
          this.CONSUME(Null);
          return null;
        },
      },
    ]),
  );
}

const [root = '.', rounds = '40'] = process.argv.slice(2);
const sources = ['examples', 'src/stdlib']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
  .filter((name) => name.endsWith('.res'))
  .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }));
const json = readFileSync(join(root, 'package-lock.json'), 'utf8');

const jsonLexer = new Lexer(jsonTokens);
const jsonParser = new JsonParser();
const jsonReader = new JsonReader();
const jsonTokensOf = (): ReturnType<Lexer['tokenize']> => jsonLexer.tokenize(json);
const jsonLexed = jsonTokensOf().tokens;

const withTree = 'JSON, lexer and parser, a tree of its tokens';
const withActions = 'JSON, lexer and parser, values by actions';

interface Row {
  readonly what: string;
  readonly tokens: number;
  run(): void;
  best: number;
}
const resTokens = sources.reduce((sum, source) => sum + lex(source, new Sink()).tokens.length, 0);
const files = sources.map((source) => parse(source).file);
const rows: Row[] = [
  { what: 'JSON, lexer', tokens: jsonLexed.length, run: () => void jsonTokensOf(), best: Infinity },
  {
    what: withTree,
    tokens: jsonLexed.length,
    run: () => {
      jsonParser.input = jsonTokensOf().tokens;
      jsonParser.json();
      if (jsonParser.errors.length > 0) throw new Error('the JSON has mistakes');
    },
    best: Infinity,
  },
  {
    what: withActions,
    tokens: jsonLexed.length,
    run: () => {
      jsonReader.input = jsonTokensOf().tokens;
      jsonReader.json();
      if (jsonReader.errors.length > 0) throw new Error('the JSON has mistakes');
    },
    best: Infinity,
  },
  {
    what: '.res, lexer',
    tokens: resTokens,
    run: () => sources.forEach((source) => void lex(source, new Sink())),
    best: Infinity,
  },
  {
    what: '.res, lexer and parser',
    tokens: resTokens,
    run: () => {
      for (const source of sources) if (parse(source).diagnostics.length > 0) throw new Error(`${source.name} has mistakes`);
    },
    best: Infinity,
  },
  { what: '.res, formatter', tokens: resTokens, run: () => files.forEach((file) => void format(file)), best: Infinity },
];

/** Microseconds of processor time per token; a row is repeated until it has seen 200,000 tokens. */
function measure(row: Row): number {
  const times = Math.ceil(200_000 / row.tokens);
  const before = process.cpuUsage();
  for (let i = 0; i < times; i++) row.run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (times * row.tokens);
}
for (let round = 0; round < Number(rounds); round++) for (const row of rows) row.best = Math.min(row.best, measure(row));

const best = (what: string): number => rows.find((row) => row.what === what)?.best ?? Number.NaN;
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, the best of ${rounds} rounds.\n`);
console.log('| | tokens | µs per token | to JSON | to JSON with actions |\n| --- | ---: | ---: | ---: | ---: |');
for (const { what, tokens, best: own } of rows) {
  const ratio = (other: string): string => (own / best(other)).toFixed(2);
  console.log(`| ${what} | ${tokens} | ${own.toFixed(2)} | ${ratio(withTree)} | ${ratio(withActions)} |`);
}
