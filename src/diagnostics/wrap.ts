/**
 * Words in lines of at most `width` characters, greedily; a word that is longer than that stands alone. `head` begins the first
 * line, and a break is never right behind it; `indent` begins the others. White space between words is one blank.
 */
export function wrapped(text: string, width: number, { head = '', indent = '' } = {}): readonly string[] {
  const lines: string[] = [];
  let line = head;
  let empty = true;
  for (const word of text.split(/\s+/)) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}
