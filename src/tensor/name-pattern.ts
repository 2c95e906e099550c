/** Patterns of names in which `*` stands for any run of characters. */

/**
 * What each `*` of the pattern stands for in a name; undefined where it does not match. Every part between two stars is taken
 * where it first occurs, which finds a match wherever there is one, in time linear in the name for each part: a regular
 * expression would try every combination of places.
 */
export function matchPattern(pattern: string, name: string): readonly string[] | undefined {
  const parts = pattern.split('*');
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return name === pattern ? [] : undefined;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return undefined;
  const end = name.length - last.length;
  const captured: string[] = [];
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return undefined;
    captured.push(name.slice(at, found));
    at = found + part.length;
  }
  captured.push(name.slice(at, end));
  return captured;
}
