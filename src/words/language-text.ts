/** A word of the language as text: for a terminal, and for docs/reference.md. */
import { manualWidth, wrapped } from '../diagnostics/wrap.ts';
import { type LanguageWord, namesOfEntry } from './language.ts';

/** The productions of an entry, each with its name; of one alone the name says nothing. */
function formOf({ rules }: LanguageWord, productions: ReadonlyMap<string, string>): readonly string[] {
  const names = rules?.split(' ') ?? [];
  return names.map((name) => (names.length === 1 ? '' : `${name} = `) + (productions.get(name) ?? ''));
}

const paragraphs = ({ text }: LanguageWord): readonly string[] => text.split('\n\n');

/** The page of a word, of several that share one; `productions` are the EBNF of the grammar. */
export function languageText(entry: LanguageWord, asked: string, productions: ReadonlyMap<string, string>): string {
  const names = namesOfEntry(entry);
  const others = names.filter((name) => name !== asked);
  const form = formOf(entry, productions).map((line) => wrapped(line, manualWidth, { head: '  ', indent: '      ' }).join('\n'));
  return [
    `\`${asked}\` is a word of the language${others.length > 0 ? `, with ${others.map((name) => `\`${name}\``).join(', ')}` : ''}.`,
    ...paragraphs(entry),
  ]
    .map((text) => wrapped(text, manualWidth).join('\n'))
    .concat(
      form.length > 0 ? [`Form\n${form.join('\n')}`] : [],
      `Example\n${entry.example.replace(/^(?=.)/gm, '  ')}`,
      `Source: docs/language.md, "${entry.section}"`,
    )
    .join('\n\n');
}

/** The anchor that GitHub gives a heading. @internal */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

/** The section of a page that lists all words. */
export function languageSection(entry: LanguageWord, productions: ReadonlyMap<string, string>): string {
  const form = formOf(entry, productions);
  return [
    `### ${namesOfEntry(entry)
      .map((name) => (/^\w+$/.test(name) ? name : `\`${name}\``))
      .join(', ')}`,
    ...paragraphs(entry),
    ...(form.length > 0 ? [`\`\`\`ebnf\n${form.join('\n')}\n\`\`\``] : []),
    `\`\`\`res${/^(?:const|import|block|model) /m.test(entry.example) ? '' : ' fragment'}\n${entry.example}\n\`\`\``,
    `More: [${entry.section}](language.md#${anchorOf(entry.section)}).`,
  ].join('\n\n');
}
