/** What is said of one layer, in tables and pictures alike. */
import type { Node } from '../ir/graph.ts';

/** Longer lists of an attribute say nothing at a glance. */
const longestAttribute = 16;

/**
 * `3x3/2 p1 +bias`: the kernel from the attribute or else from the axes of the weight behind the first two, the step behind a
 * slash, zeros per side behind p, and what else is not at its default. Sizes are left out, because the output's shape shows them.
 */
export function detailsOf(node: Node): string {
  const { op, attrs } = node;
  const windowed = Object.values(op.attrs).some((spec) => spec.kind === 'pads');
  const parts: string[] = [];
  let kernel = '';
  if (windowed) {
    const weight = node.slots[op.operands.findIndex((operand) => operand.name === 'weight')]?.value.type.dims.slice(2);
    kernel = weight?.join('x') ?? '';
  }
  for (const [name, spec] of Object.entries(op.attrs)) {
    const value = attrs[name];
    if (value === undefined || (spec.kind === 'dims' && !spec.inSummary)) continue;
    const each = typeof value === 'object' ? value.map(String) : undefined;
    const [first] = each ?? [];
    const uniform = each?.every((n) => n === first);
    if (windowed && name === 'kernel' && each) {
      kernel = each.join('x');
      continue;
    }
    if (String(uniform ? (first ?? '') : value) === String(spec.default)) continue;
    const text = uniform ? (first ?? '') : each ? each.join(',') : String(value);
    if (text.length > longestAttribute) continue;
    if (windowed && name === 'stride') kernel += `/${text}`;
    else if (spec.kind === 'pads') parts.push(`p${text}`);
    else parts.push(value === true ? name : `${name}=${text}`);
  }
  const bias = op.operands.findIndex((operand) => operand.name === 'bias' && operand.optional === true);
  if (bias >= 0 && node.slots[bias]) parts.push('+bias');
  return [...(kernel === '' ? [] : [kernel]), ...parts].join(' ');
}

/**
 * `layer1.0.conv1` in its parts. Files of others name nodes by their modules: PyTorch `/layer1/layer1.0/conv1/Conv_2`, where an
 * element of a list has the name of the list in front, TensorFlow `block1/conv/Conv2D`; the last part is the node's own.
 */
export function segmentsOf(scope: string): string[] {
  if (scope === '') return [];
  if (!scope.includes('/')) return scope.split('.');
  const modules = scope
    .split('/')
    .slice(0, -1)
    .filter((part) => part !== '');
  return modules.map((part, i) => {
    const list = `${modules[i - 1] ?? ''}.`;
    return i > 0 && part.startsWith(list) ? part.slice(list.length) : part;
  });
}

/** Whether the scope that it was written in is the layer itself, because a weight stands right under it. */
export function ownsWeight(node: Node): boolean {
  const prefix = `${node.origin.scope}.`;
  if (node.origin.scope === '') return false;
  return node.slots.some((use) => {
    const name = use?.value.isConstant ? use.value.name : undefined;
    return name?.startsWith(prefix) === true && !name.includes('.', prefix.length);
  });
}

/**
 * The scopes around a node, and the label of its own: of a layer that of its weights, of a node of a file the last part of its
 * name, so that no frame is drawn around it alone.
 */
export function scopesOf(node: Node): { readonly scopes: readonly string[]; readonly label: string } {
  const { scope, name, isNameless } = node.origin;
  if (isNameless) return { scopes: [], label: '' };
  const scopes = segmentsOf(scope);
  const isOwn = ownsWeight(node) || (name === scope && !scope.includes('/'));
  return isOwn ? { scopes: scopes.slice(0, -1), label: scopes.at(-1) ?? '' } : { scopes, label: '' };
}
