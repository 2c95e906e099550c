/** The attributes of a node as one text, equal where they are. */
import type { Node } from '../../ir/graph.ts';
import type { AttrValue } from '../../ir/operator.ts';

function attrText(value: AttrValue): string {
  if (typeof value !== 'object') return JSON.stringify(value);
  return `[${value.map((item) => (typeof item === 'number' ? String(item) : `d${item.id}`)).join(',')}]`;
}

export function attrsText({ attrs }: Node): string {
  const names = Object.keys(attrs).sort();
  return names.map((name) => `${name}=${attrText(attrs[name] ?? 0)}`).join(' ');
}
