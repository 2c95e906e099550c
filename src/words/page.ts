/** What the dictionary says, as text: one name for a terminal, and the rows for a page. */
import { manualWidth, wrapped } from '../diagnostics/wrap.ts';
import { type Answer, answerFor, argumentAnswer, argumentsOf, shown } from './dictionary.ts';
import { namesOf, type Word } from './word.ts';

const paragraph = (text: string, indent = ''): string => wrapped(text, manualWidth, { indent, head: indent }).join('\n');

/** What becomes of one argument: `pad`, `left out: it is known from `it``. */
function argumentText(word: Word, argument: string): string {
  const answer = argumentAnswer(word, argument);
  switch (answer?.kind) {
    case 'ours':
      return answer.name ?? 'as it stands above';
    case 'left out':
      return `left out: ${answer.why}`;
    case 'none':
      return `none: ${answer.why}`;
    default:
      return 'not known';
  }
}

/** The page of a name of another framework; undefined for names that the dictionary does not have. */
export function wordText(name: string): string | undefined {
  const answer = answerFor(name);
  return answer && textOf(name, answer);
}

function textOf(name: string, answer: Answer): string {
  if (answer.kind === 'reason') {
    const { why, instead } = answer.reason;
    return [paragraph(`\`${name}\` of PyTorch has no counterpart here: it ${why}.`), paragraph(`Instead: ${instead}.`)].join(
      '\n\n',
    );
  }
  const { word, of } = answer;
  const args = argumentsOf(word);
  const column = Math.max(0, ...args.map((argument) => argument.length)) + 4;
  const rows = args.map((argument) =>
    wrapped(argumentText(word, argument), manualWidth, { head: `  ${argument}`.padEnd(column), indent: ' '.repeat(column) }).join(
      '\n',
    ),
  );
  return [
    paragraph(`\`${name}\` is a name of ${of}. Here it is written`),
    paragraph(shown(word), '  '),
    word.bare === undefined || word.bare === word.ours ? undefined : `and without a call ${word.bare}`,
    word.note === undefined ? undefined : paragraph(`${word.note}.`),
    rows.length === 0 ? undefined : [`Arguments of ${of}`, ...rows].join('\n'),
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

/** The cells of a row of a table: the names, what is written, and what differs. */
export function wordCells(word: Word): readonly [names: string, ours: string, notes: string] {
  const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
  const lost = Object.entries(word.without ?? {}).map(([argument, why]) => `\`${argument}=\`: ${why}`);
  const renamed = argumentsOf(word).flatMap((argument) => {
    const answer = argumentAnswer(word, argument);
    return answer?.kind === 'ours' && answer.name !== undefined && answer.name !== argument
      ? [`\`${argument}=\` is \`${answer.name}=\``]
      : [];
  });
  const names = namesOf(word.torch).map(code).join(', ');
  const notes = [...(word.note === undefined ? [] : [word.note]), ...renamed, ...lost].join('; ');
  return [names, code(shown(word)), notes.replaceAll('|', '\\|')];
}
