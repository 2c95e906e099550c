/**
 * Wraps comments at the width of the formatter, which leaves them alone. A paragraph with a line that is too long is filled anew
 * from that line on; what is indented further keeps its indentation, and what a list item goes on with stands below its words.
 * `--check` names the files instead. Files and folders to look at may be named; without any, all that the formatter has.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { isProgram } from './generated.ts';

const width = 130;
const lengthOf = (line: string): number => [...line].length;

/**
 * Words of a text in lines of at most `room` characters; code between backticks is one word, and a longer word has a line of its
 * own.
 */
function filled(text: string, room: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const [word] of text.matchAll(/(?:`[^`]*`|[^ ])+/g)) {
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/**
 * The lines of a comment, each behind `prefix`: from a line that is too long to the end of its paragraph they are filled anew.
 */
function rewrapped(lines: readonly string[], prefix: string): readonly string[] {
  const out: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (lengthOf(prefix) + lengthOf(line) <= width) {
      out.push(`${prefix}${line}`);
      continue;
    }
    const indent = /^ */.exec(line)?.[0] ?? '';
    const hanging = /^ *(?:(?:-|\d+\.) )?/.exec(line)?.[0].replace(/./g, ' ') ?? '';
    const text = [line.slice(hanging.length)];
    for (let next = lines[i + 1]; next !== undefined && continues(next, hanging); next = lines[i + 1]) {
      text.push(next.trim());
      i++;
    }
    const [first = '', ...rest] = filled(text.join(' '), width - lengthOf(prefix) - hanging.length);
    const head = line.slice(indent.length, hanging.length);
    out.push(`${prefix}${indent}${head}${first}`, ...rest.map((one) => `${prefix}${hanging}${one}`));
  }
  return out;
}

/**
 * Whether a line goes on with the paragraph above it, of this indentation: no blank line, list item, tag, table, or another
 * indentation.
 */
function continues(line: string, indent: string): boolean {
  return line.startsWith(indent) && /^[^\s@|*-]/.test(line.slice(indent.length)) && !/^\d+\. /.test(line.slice(indent.length));
}

/** A source with its comments wrapped. */
export function wrapComments(source: string): string {
  const lines = source.split('\n');
  const out: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const single = /^(\s*)\/\*\* (.*) \*\/$/.exec(line);
    if (single && lengthOf(line) > width) {
      const [, indent = '', text = ''] = single;
      out.push(`${indent}/**`, ...rewrapped([text], `${indent} * `), `${indent} */`);
      continue;
    }
    const prefix = /^\s*(?:\*|\/\/) /.exec(line)?.[0];
    if (prefix === undefined) {
      out.push(line);
      continue;
    }
    const block = [line.slice(prefix.length)];
    for (let next = lines[i + 1]; next?.startsWith(prefix); next = lines[i + 1]) {
      block.push(next.slice(prefix.length));
      i++;
    }
    out.push(...rewrapped(block, prefix));
  }
  return out.join('\n');
}

function sourcesOf(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
  return names.filter((name) => name.endsWith('.ts')).map((name) => `${path}/${name}`);
}

if (isProgram(import.meta.url)) {
  const args = process.argv.slice(2);
  const paths = args.filter((arg) => arg !== '--check');
  for (const path of (paths.length > 0 ? paths : ['src', 'test', 'scripts', 'bench', 'examples']).flatMap(sourcesOf)) {
    const before = readFileSync(path, 'utf8');
    const after = wrapComments(before);
    if (after === before) continue;
    if (args.includes('--check')) {
      console.error(`${path} has comments wider than ${width} columns: npx tsx scripts/comments.ts ${path}`);
      process.exitCode = 1;
    } else writeFileSync(path, after);
  }
}
