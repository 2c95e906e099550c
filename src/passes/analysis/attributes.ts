/** The attributes of a node as one text, equal where they are. */
import type { Node } from '../../ir/graph.ts';
import type { Attrs, AttrValue } from '../../ir/operator.ts';

function attrText(value: AttrValue): string {
  if (typeof value !== 'object') return JSON.stringify(value);
  return `[${value.map((item) => (typeof item === 'number' ? String(item) : `d${item.id}`)).join(',')}]`;
}

export function attrsText({ attrs }: Node): string {
  const names = Object.keys(attrs).sort();
  return names.map((name) => `${name}=${attrText(attrs[name] ?? 0)}`).join(' ');
}

/** The same of many nodes: most have their attributes in common, which are one object then. */
export class AttrsTexts {
  readonly #known = new Map<Attrs, string>();

  of(node: Node): string {
    const known = this.#known.get(node.attrs);
    if (known !== undefined) return known;
    const text = attrsText(node);
    this.#known.set(node.attrs, text);
    return text;
  }
}
