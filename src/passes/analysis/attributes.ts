/** The attributes of a node as one text, equal where they are. */
import type { ForeignNode } from '../../ir/foreign.ts';
import type { Node } from '../../ir/graph.ts';
import type { Attrs, AttrValue } from '../../ir/operator.ts';

function attrText(value: AttrValue): string {
  if (typeof value !== 'object') return JSON.stringify(value);
  return `[${value.map((item) => (typeof item === 'number' ? String(item) : `d${item.id}`)).join(',')}]`;
}

/** Attributes and named results of a node that no operator of the registry says; undefined where they are not at hand. */
function foreignText({ attributes, outputs }: ForeignNode): string | undefined {
  const texts = attributes.map((one) => {
    const bytes = one.kind === 'bytes' ? one.bytes.readSync?.(0, one.bytes.size) : undefined;
    return bytes && `${one.name}=${bytes.join()}`;
  });
  return texts.includes(undefined) ? undefined : `${texts.sort().join(' ')} ${outputs.join()}`;
}

export function attrsText({ attrs }: Node): string {
  const names = Object.keys(attrs).sort();
  return names.map((name) => `${name}=${attrText(attrs[name] ?? 0)}`).join(' ');
}

/** The same of many nodes: most have their attributes in common, which are one object then. */
export class AttrsTexts {
  readonly #known = new Map<Attrs, string>();

  /** Undefined where they are not at hand, and so equal to no others. */
  of(node: Node): string | undefined {
    if (node.op.foreign) return foreignText(node.op.foreign);
    const known = this.#known.get(node.attrs);
    if (known !== undefined) return known;
    const text = attrsText(node);
    this.#known.set(node.attrs, text);
    return text;
  }
}
