/**
 * What `npm run new` writes of each kind: the file, its registration, its test and its golden stub, as data from path to text.
 * What a person has to say is marked; the marks compile, change nothing that the compiler does, and `test/new.test.ts` fails
 * while one is left.
 */
import { addImport, addTo, addToFieldOf } from './edit.ts';

/** Split, so that this file holds none. */
export const mark = ['FILL', 'IN'].join(' ');

/** The repository: the text of a file, undefined where there is none, and the files below a folder. */
export interface Files {
  read(path: string): string | undefined;
  list(folder: string): readonly string[];
}
export type Plan = ReadonlyMap<string, string>;

/** A call that cannot be followed; its message says what would be. */
export class Refused extends Error {}

interface Kind {
  /** What stands behind the kind in a call. */
  readonly usage: string;
  plan(name: string, files: Files): Plan;
  /** What is left to a person, in order. */
  readonly next: readonly string[];
}

export const camel = (name: string): string => name.replace(/[-_](\w)/g, (_, letter: string) => letter.toUpperCase());
const capital = (name: string): string => camel(name).replace(/^\w/, (letter) => letter.toUpperCase());
const words = (name: string): string => name.replace(/[-_]/g, ' ');

function named(name: string, pattern: RegExp, example: string): string {
  return pattern.test(name) ? name : refuse(`${JSON.stringify(name)} is no name for it: write one such as ${example}`);
}
function refuse(message: string): never {
  throw new Refused(message);
}
function there(files: Files, path: string): string {
  return files.read(path) ?? refuse(`${path} is not there: scripts/new has to follow`);
}
/** Operators and rules are looked up by their names, wherever they are defined. */
function refuseTwice(files: Files, folder: string, name: string): void {
  const path = files.list(folder).find((file) => files.read(`${folder}/${file}`)?.includes(`name: '${name}'`));
  if (path !== undefined) refuse(`${folder}/${path} has ${name} already`);
}
function fresh(files: Files, path: string): string {
  return files.read(path) === undefined ? path : refuse(`${path} is there already`);
}

const operator: Kind = {
  usage: 'NAME, such as softshrink',
  next: ['test/ops/refusals.test.ts: a refused use for each check of its shape rule', 'npm run generate'],
  plan(name, files) {
    named(name, /^[a-z][a-z0-9_]*$/, 'softshrink or log_softmax');
    refuseTwice(files, 'src/ops', name);
    const id = camel(name);
    const registry = 'src/ops/registry.ts';
    const code = `/** ${mark}: what it computes, by which source. */
import { given } from './attrs.ts';
import { sampleDims } from './common.ts';
import { defineOperator, type Layer, layerOf } from './define.ts';
import { unknownTraits } from './traits.ts';

/** ${mark}: the operator of ONNX and its version, such as Identity-13. */
export const ${id} = defineOperator({
  name: '${name}',
  summary: '${mark}: the equation',
  // ${mark}: every operator of ONNX that the lowering writes.
  onnx: ['Identity'],
  operands: [{ name: 'x', doc: '${mark}' }],
  attrs: {},
  // ${mark}: what is known (the helpers of traits.ts); each fact that is stated is tried in numbers.
  traits: unknownTraits,
  // ${mark}: the shape rule, in terms of \`check\`.
  infer: ({ operands }) => [given(operands, 0)],
  // ${mark}: the numbers, in float64.
  evaluate: (operands) => [given(operands, 0)],
  // ${mark}: what ONNX says for it at every opset from 13 on.
  lower: (builder, node, operands) => [builder.node('Identity', operands, {}, node.y.type)],
  // ${mark}: random legal operands, among them the ends of what is legal.
  sample: (source) => ({ operands: [source.tensor(sampleDims(source, 0, 3))], attrs: {} }),
});

export const ${id}Layer: Layer = layerOf(${id}, { source: '${mark}: torch.nn.…, ONNX …', family: 'Activations', params: {} });
`;
    const test = `/** ${name} by its definition. The tests over the registry run its samples against onnxruntime and try its traits. */
import { expect, it } from 'vitest';
import { operatorByName } from '../../src/ops/registry.ts';

it('computes its definition', () => {
  const x = { elem: 'f64', dims: [3], data: Float64Array.of(-1, 0, 2) } as const;
  const [y] = operatorByName('${name}')?.evaluate([x], {}) ?? [];
  // ${mark}: the numbers of the source, by hand.
  expect([...(y?.data ?? [])]).toEqual(['${mark}']);
});
`;
    const file = name.replaceAll('_', '-');
    let text = addImport(there(files, registry), `${id}, ${id}Layer`, `./${file}.ts`);
    text = addTo(addTo(text, 'operators', id), 'layers', `${id}Layer`);
    return new Map([
      [fresh(files, `src/ops/${file}.ts`), code],
      [registry, text],
      [fresh(files, `test/ops/${file}.test.ts`), test],
    ]);
  },
};

const rule: Kind = {
  usage: 'PASS/WHAT, such as fold-pad/into-windows',
  next: [
    'test/golden/passes: for each condition a case that goes wrong without it',
    'npm run golden, and read what it wrote, overlaps.txt among it',
    'npm run generate',
  ],
  plan(name, files) {
    named(name, /^[a-z]+(?:-[a-z]+)*\/[a-z]+(?:-[a-z]+)*$/, 'fold-pad/into-windows');
    refuseTwice(files, 'src/passes/transforms', name);
    const [pass = '', what = ''] = name.split('/');
    const id = camel(name.replace('/', '-'));
    const schedule = 'src/passes/schedule.ts';
    // A pass of several files is a folder.
    const isFolder = files.list('src/passes/transforms').some((path) => path.startsWith(`${pass}/`));
    const path = isFolder ? `${pass}/${what}` : `${pass}-${what}`;
    const up = isFolder ? '../../' : '../';
    const code = `/** ${mark}: what it is for, in a sentence. */
import { op } from '${up}engine/pattern.ts';
import { rule } from '${up}engine/rule.ts';

export const ${id} = rule({
  name: '${name}',
  doc: \`${mark}: what it does, in a sentence.

  ${mark}: f(g(x))  →  h(x)

Exact when
  never          ${mark}: a line for each condition, by its name
Rounding: ${mark}.
Source: ${mark}.\`,
  // ${mark}: the pattern; \`exact\` and \`rewrite\` see what it names.
  match: op('identity', 'node'),
  exact: {
    // ${mark}: the conditions; this one refuses every match.
    never: () => false,
  },
  rewrite({ node }, g) {
    g.replace(node.y, node.x);
  },
});
`;
    const golden = `test/golden/passes/${pass}.ir`;
    const cases = `// -- ${mark}: a case that fires
graph @g
  %x = input : f32[N, 3]
  %0 = relu(%x)  : f32[N, 3]  @r
  output out = %0
`;
    let text = addImport(there(files, schedule), id, `./transforms/${path}.ts`);
    const joined = addToFieldOf(text, 'pass', pass, 'rules', id);
    if (joined !== undefined) text = joined;
    else {
      text = addTo(text, 'purposes', `'${pass}': '${mark}: what the pass is for, in a sentence.'`);
      text = addTo(text, 'rounds', `{ pass: '${pass}', rules: [${id}], sweeps: [] }`);
    }
    const old = files.read(golden);
    return new Map([
      [fresh(files, `src/passes/transforms/${path}.ts`), code],
      [schedule, text],
      [golden, old === undefined ? cases : `${old.trimEnd()}\n\n${cases}`],
    ]);
  },
};

const catalogue = 'src/diagnostics/catalogue';
const diagnostic: Kind = {
  usage: 'ROOM/NAME, such as syntax/tuple-in-range; the rooms are the files of src/diagnostics/catalogue',
  next: ['report it, with a value for every hole', 'npm run golden, and read the message', 'npm run generate'],
  plan(name, files) {
    named(name, /^[a-z]+\/[a-z]+(?:-[a-z]+)*$/, 'syntax/tuple-in-range');
    const [room = '', what = ''] = name.split('/');
    const rooms = files.list(catalogue).map((file) => file.replace(/\.ts$/, ''));
    if (!rooms.includes(room)) refuse(`there is no room ${room}: ${rooms.join(', ')}`);
    const path = `${catalogue}/${room}.ts`;
    const text = there(files, path);
    const codes = [...text.matchAll(/code: 'RES(\d{4})'/g)].map(([, digits]) => Number(digits));
    const code = `RES${String(Math.max(...codes) + 1).padStart(4, '0')}`;
    const id = camel(what);
    if (new RegExp(`export const ${id}\\b`).test(text)) refuse(`${path} has ${id} already`);
    const definition = `
export const ${id} = defineDiagnostic({
  code: '${code}',
  title: '${mark}: what is wrong, in lower case without a full stop',
  found: msg\`${mark}: what stands there, with \${'holes'}\`,
  expected: msg\`${mark}: what may stand there\`,
  hint: msg\`${mark}: what to type, right when followed\`,
  more: '${mark}: why it is so.',
});
`;
    const plan = new Map([[path, `${text.trimEnd()}\n${definition}`]]);
    // Later codes are provoked by a test of their room, which prints the message into errors/CODE-name.txt.
    if (code < 'RES0500')
      plan.set(
        fresh(files, `test/golden/errors/${code}-${what}.res`),
        `// ${mark}: the smallest source that provokes ${code}\nblock B { relu }\n`,
      );
    return plan;
  },
};

const command: Kind = {
  usage: 'NAME, such as summary',
  next: ['README.md: its row among the commands'],
  plan(name, files) {
    named(name, /^[a-z]+$/, 'summary');
    const program = 'src/cli/program.ts';
    const list = 'src/cli/command-names.ts';
    const code = `/** \`rescc ${name}\`: ${mark}: what it does, in a sentence. */
import type { Command } from 'commander';
import { type OutputFlags, withOutput } from './options.ts';
import { printText } from './output.ts';

export function add${capital(name)}(program: Command): void {
  // ${mark}: the description, the arguments and the options; options.ts has those that several commands share.
  const command = program.command('${name}').description('${mark}').argument('<file>', 'a .res file, or -');
  withOutput(command).action((file: string, flags: OutputFlags) => {
    printText(flags, [], \`\${file}: ${mark}\`);
  });
}
`;
    const test = `/** \`rescc ${name}\` as a process of its own. */
import { expect, it } from 'vitest';
import { rescc } from './rescc.ts';

it('${mark}: what it promises', () => {
  const { code, out } = rescc(['${name}', 'examples/plain.res']);
  expect(code).toBe(0);
  expect(out).toBe('${mark}\\n');
});
`;
    const item = `${name}: async () => (await import('./${name}.ts')).add${capital(name)}`;
    return new Map([
      [fresh(files, `src/cli/${name}.ts`), code],
      [program, addTo(there(files, program), 'commands', item)],
      [list, addTo(there(files, list), 'commandNames', `'${name}'`)],
      [fresh(files, `test/cli/${name}.test.ts`), test],
    ]);
  },
};

const format: Kind = {
  usage: 'NAME, such as gguf',
  next: [
    'docs/weights.md, docs/language.md and README.md: what the list of formats says, which a test compares',
    'a small file of it among test/fixtures, and hostile ones',
  ],
  plan(name, files) {
    named(name, /^[a-z][a-z0-9]*$/, 'gguf');
    const list = 'src/checkpoint/formats.ts';
    const type = capital(name);
    const code = `/** ${mark}: the format, by which specification and version. Everything that a file claims is checked against its size. */
import { damagedFile } from '../../diagnostics/catalogue/weights.ts';
import { fail } from '../../diagnostics/diagnostic.ts';
import type { ByteSource } from '../../io/bytes.ts';
import type { Nested } from '../nested.ts';

/** ${mark}: its first bytes. A file is told by them, never by its name. */
const magic: readonly number[] = [];

export function is${type}(head: Uint8Array): boolean {
  return magic.length > 0 && magic.every((byte, i) => head[i] === byte);
}

/** Names, types and shapes; numbers stay spans of the source. */
export async function read${type}(source: ByteSource): Promise<Nested> {
  // ${mark}: what the header lists.
  return fail(damagedFile, { with: { format: '${words(name)}', file: source.name, found: '${mark}', expected: '${mark}' } });
}
`;
    const test = `/** ${name} checkpoints: what a writer of the format makes, and what is damaged. */
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { is${type} } from '../../src/checkpoint/formats/${name}.ts';
import { memorySource } from '../../src/io/bytes.ts';

// ${mark}: the bytes of a small file, of the format's own writer.
const file = Uint8Array.of();

it('is told by its first bytes', () => {
  expect(is${type}(file)).toBe(true);
});

it('lists its tensors', async () => {
  const { dicts } = await openCheckpoint(memorySource('a.${name}', file));
  expect([...(dicts[0]?.tensors.keys() ?? [])]).toEqual(['${mark}']);
});
`;
    const text = addImport(there(files, list), `is${type}, read${type}`, `./formats/${name}.ts`);
    const item = `{
    name: '${name}',
    family: '${name}',
    endings: ['.${name}'],
    doc: '${mark}',
    recognises: ({ head }) => is${type}(head),
    read: ({ source }) => read${type}(source),
  }`;
    return new Map([
      [fresh(files, `src/checkpoint/formats/${name}.ts`), code],
      [list, addTo(text, 'formats', item)],
      [fresh(files, `test/checkpoint/${name}.test.ts`), test],
    ]);
  },
};

export const kinds: Readonly<Record<string, Kind>> = { operator, rule, diagnostic, command, format };
