/** The page that explains a code. */
import { checkArgument, text } from './arguments.ts';
import type { Message } from './diagnostic.ts';
import { explainedKinds } from './explanations.ts';
import { wrapped } from './wrap.ts';

function pattern(message: Message<string>): string {
  return message.parts.map((part, i) => part + (message.holes[i] === undefined ? '' : `<${message.holes[i]}>`)).join('');
}

/**
 * The page of a code: its title, what the rule is and why, and the pattern of its message. Undefined for a code that is not
 * defined.
 */
export function explain(code: string): string | undefined {
  checkArgument('explain', 'code', code, { ...text, example: "'RES0302'" });
  const kind = explainedKinds().find((candidate) => candidate.code === code.toUpperCase());
  if (!kind) return undefined;
  const rows: string[] = [];
  const row = (name: string, message: Message<string> | undefined): void => {
    if (message) rows.push(`  ${name.padEnd(10)}${pattern(message).replaceAll('\n', `\n${' '.repeat(12)}`)}`);
  };
  row('found', kind.found);
  row('expected', kind.expected);
  row('hint', kind.hint);
  const head = `${kind.severity} ${kind.code}: ${pattern(kind.title)}\n\n${wrapped(kind.more, 90).join('\n')}\n`;
  return rows.length > 0 ? `${head}\n${rows.join('\n')}\n` : head;
}
