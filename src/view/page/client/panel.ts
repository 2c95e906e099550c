/** What is said of the model, of a scope or of a node, beside the drawing. */
import type { Statistics } from '../../../ir/statistics.ts';
import type { PageModel, PageNode } from '../model.ts';
import { grouped, html, metric, number, svg } from './dom.ts';

/** Follows a link to a node or scope. */
export type Go = (item: number) => void;

type Row = readonly [string, string | Node];

function table(rows: readonly Row[]): HTMLElement {
  return html('dl', {}, ...rows.flatMap(([name, value]) => [html('dt', {}, name), html('dd', {}, value)]));
}

function section(title: string, ...content: readonly Node[]): HTMLElement {
  return html('section', {}, html('h3', {}, title), ...content);
}

function link(text: string, item: number, go: Go): HTMLElement {
  const button = html('button', { type: 'button', class: 'link' }, text);
  button.addEventListener('click', () => go(item));
  return button;
}

export const nodeText = ({ title, name, path }: PageNode): string => {
  const place = name !== '' ? name : path;
  return place === '' ? title : `${title} ${place}`;
};

const costNames = ['multiply-adds', 'parameters', 'activations'] as const;

function costRows(cost: PageNode['cost'], whole: PageNode['cost']): readonly Row[] {
  return costNames.map((name, i): Row => {
    const [n = null, all = null] = [cost[i], whole[i]];
    const share = n !== null && all !== null && all > 0 && n > 0 && n !== all ? ` (${((100 * n) / all).toPrecision(3)} %)` : '';
    return [name, n !== null && n < 10_000 ? `${grouped(n)}${share}` : `${metric(n)}${share}`];
  });
}

export function modelPanel(model: PageModel, go: Go): Node {
  const [whole] = model.parts;
  const layers = model.nodes.filter(({ family }) => family !== 'input' && family !== 'output').length;
  const counts = new Map<string, number>();
  for (const { family, title } of model.nodes)
    if (family !== 'input' && family !== 'output') counts.set(title, (counts.get(title) ?? 0) + 1);
  const ports = (family: 'input' | 'output'): readonly Row[] =>
    model.nodes.flatMap((node, i): readonly Row[] =>
      node.family === family && node.path === '' ? [[model.types[node.types[0] ?? -1] ?? '', link(node.title, i, go)]] : [],
    );
  const swapped = (rows: readonly Row[]): HTMLElement =>
    html('ul', { class: 'ports' }, ...rows.map(([type, name]) => html('li', {}, name, ' ', html('code', {}, type))));
  return html(
    'div',
    {},
    html('h2', {}, model.name || model.file),
    table([
      ['file', model.file],
      ['nodes', grouped(layers)],
      ...costRows(whole?.cost ?? [0, 0, 0], whole?.cost ?? [0, 0, 0]),
      ['weights', `${metric(model.bytes)}B`],
    ]),
    ...(model.sizes === '' ? [] : [html('p', { class: 'note' }, `counted at ${model.sizes}`)]),
    section('inputs', swapped(ports('input'))),
    section('outputs', swapped(ports('output'))),
    section('operators', table([...counts].sort((a, b) => b[1] - a[1]).map(([name, n]): Row => [name, grouped(n)]))),
  );
}

export function partPanel(model: PageModel, at: number, go: Go): Node {
  const part = model.parts[at];
  const whole = model.parts[0]?.cost ?? [0, 0, 0];
  if (!part) return html('div');
  return html(
    'div',
    {},
    html('p', { class: 'kind' }, part.residual ? 'scope with a residual' : 'scope'),
    html('h2', {}, part.path || model.name),
    table([['nodes', grouped(part.count)], ...costRows(part.cost, whole)]),
    section(
      'holds',
      html(
        'ul',
        {},
        ...part.items.map((item) => {
          const node = item >= 0 ? model.nodes[item] : undefined;
          return html('li', {}, link(node ? nodeText(node) : (model.parts[-1 - item]?.title ?? ''), item, go));
        }),
      ),
    ),
  );
}

export function nodePanel(model: PageModel, at: number, readers: readonly number[], go: Go): Node {
  const node = model.nodes[at];
  if (!node) return html('div');
  const typeOf = (index: number | undefined): string => model.types[index ?? -1] ?? '';
  const operands = node.operands.map(({ name, node: from, result, tensor, shortcut }) => {
    const source = from === undefined ? undefined : model.nodes[from];
    const weight = tensor === undefined ? undefined : model.tensors[tensor];
    const said = source
      ? link(nodeText(source), from ?? 0, go)
      : html('span', {}, weight ? weight.name || weight.role : 'left out');
    const type = source ? typeOf(source.types[result ?? 0]) : (weight?.type ?? '');
    return html(
      'li',
      {},
      html('b', {}, name),
      ' ',
      said,
      ' ',
      html('code', {}, type),
      ...(shortcut ? [html('i', {}, ' shortcut')] : []),
    );
  });
  const results = node.types.map((type, i) => {
    const to = readers.filter((reader) =>
      model.nodes[reader]?.operands.some((one) => one.node === at && (one.result ?? 0) === i),
    );
    const links = to
      .slice(0, 40)
      .map((reader) => html('span', {}, ' → ', link(model.nodes[reader] ? nodeText(model.nodes[reader]) : '', reader, go)));
    const more = to.length > 40 ? [` and ${to.length - 40} more`] : [];
    return html('li', {}, html('code', {}, typeOf(type)), ...links, ...more);
  });
  const tensors = [...new Set(node.operands.flatMap(({ tensor }) => (tensor === undefined ? [] : [tensor])))];
  const weights = tensors.flatMap((index) => {
    const tensor = model.tensors[index];
    if (!tensor) return [];
    const { name, type, role, bytes, statistics } = tensor;
    return [
      html(
        'div',
        { class: 'tensor' },
        html('h4', {}, name || role),
        html('p', {}, html('code', {}, type), ` ${role}, ${metric(bytes)}B`),
        ...(statistics ? statisticsOf(statistics) : []),
      ),
    ];
  });
  return html(
    'div',
    {},
    html('p', { class: 'kind' }, node.family === 'input' || node.family === 'output' ? node.family : 'node'),
    html('h2', {}, node.details === '' ? node.title : `${node.title} ${node.details}`),
    table([
      ...(node.name === '' ? [] : [['name', node.name] as const]),
      ...(node.path === '' ? [] : [['scope', node.path] as const]),
      ...(node.place === undefined ? [] : [['source', node.place] as const]),
      ...(node.family === 'input' || node.family === 'output' ? [] : costRows(node.cost, model.parts[0]?.cost ?? [0, 0, 0])),
    ]),
    ...(node.attributes.length === 0 ? [] : [section('attributes', table(node.attributes))]),
    ...(operands.length === 0 ? [] : [section('operands', html('ul', {}, ...operands))]),
    ...(results.length === 0 ? [] : [section('results', html('ul', {}, ...results))]),
    ...(weights.length === 0 ? [] : [section('weights', ...weights)]),
  );
}

const [chartWidth, chartHeight] = [272, 84];

function statisticsOf(found: Statistics): readonly Node[] {
  const { of, least, most, mean, deviation, zeros, notFinite, bins } = found;
  const highest = Math.max(1, ...bins);
  const step = chartWidth / Math.max(1, bins.length);
  const chart = svg('svg', {
    class: 'histogram',
    viewBox: `0 0 ${chartWidth} ${chartHeight + 16}`,
    role: 'img',
    'aria-label': `histogram from ${number(least)} to ${number(most)}, mean ${number(mean)}`,
  });
  bins.forEach((count, i) => {
    const height = (chartHeight * count) / highest;
    const share = `${number(least + ((most - least) * i) / bins.length)} to ${number(least + ((most - least) * (i + 1)) / bins.length)}: ${grouped(count)}`;
    chart.append(
      svg('rect', { x: i * step, y: chartHeight - height, width: Math.max(1, step - 1), height }, svg('title', {}, share)),
    );
  });
  if (least < 0 && most > 0) {
    const zero = (-least / (most - least)) * chartWidth;
    chart.append(svg('path', { class: 'zero', d: `M${zero} 0V${chartHeight}` }));
    // Where the ends are far enough away.
    if (zero > 60 && zero < chartWidth - 60)
      chart.append(svg('text', { x: zero, y: chartHeight + 13, 'text-anchor': 'middle' }, '0'));
  }
  chart.append(
    svg('text', { x: 0, y: chartHeight + 13 }, number(least)),
    svg('text', { x: chartWidth, y: chartHeight + 13, 'text-anchor': 'end' }, number(most)),
  );
  return [
    ...(bins.length > 0 ? [chart] : []),
    table([
      ['mean', number(mean)],
      ['deviation', number(deviation)],
      ['zeros', zeros === 0 ? '0' : `${grouped(zeros)} (${((100 * zeros) / of).toPrecision(3)} %)`],
      ...(notFinite === 0 ? [] : [['not finite', grouped(notFinite)] as const]),
      ['elements looked at', grouped(of)],
    ]),
  ];
}
