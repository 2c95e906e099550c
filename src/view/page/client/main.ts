/** The page: one model, or two beside each other, with search, what is said of a node, colours, and keys. */
import type { PageData, PageModel } from '../model.ts';
import { html } from './dom.ts';
import { type Colouring, Pane, type Status } from './pane.ts';
import { modelPanel, nodePanel, nodeText, partPanel } from './panel.ts';

const colourings: readonly (readonly [value: string, text: string])[] = [
  ['family', 'operators'],
  ['0', 'multiply-adds'],
  ['1', 'parameters'],
  ['2', 'activations'],
];

const keys: readonly (readonly [string, string])[] = [
  ['/', 'search'],
  ['+  −', 'zoom; so does the wheel'],
  ['0', 'fit the whole network'],
  ['arrows', 'move; with a box selected go to its neighbours'],
  ['Enter', 'open or close the selected scope'],
  ['e  c', 'open or close all scopes'],
  ['h', 'next colouring'],
  ['n  p', 'next or previous match or difference'],
  ['t', 'light or dark'],
  ['Esc', 'select nothing'],
];

/** Shown at once; more are counted. */
const mostResults = 200;

interface Hit {
  readonly pane: number;
  readonly item: number;
}

class Page {
  readonly #data: PageData;
  readonly #panes: readonly Pane[];
  readonly #readers: readonly (readonly number[])[][];
  readonly #side = html('aside', { 'aria-label': 'details', 'aria-live': 'polite' });
  readonly #search = html('input', {
    type: 'search',
    id: 'search',
    placeholder: 'Search names, operators, shapes',
    'aria-label': 'search by name, operator or shape',
    role: 'combobox',
    'aria-expanded': 'false',
    'aria-controls': 'results',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  readonly #results = html('ul', { id: 'results', role: 'listbox', 'aria-label': 'matches', hidden: true });
  readonly #found = html('output', { id: 'found', for: 'search' });
  readonly #colours = html('select', { id: 'colours', 'aria-label': 'colour by' });
  readonly #legend = html('span', { id: 'legend', 'aria-hidden': 'true' });
  readonly #sync = html('input', { type: 'checkbox', id: 'sync', checked: true });
  readonly #help = html('dialog', { id: 'help', 'aria-label': 'keys' });
  #hits: readonly Hit[] = [];
  #at = -1;
  #difference = -1;
  #active = 0;
  /** What stands for a node of one model in the other. */
  readonly #others = [new Map<number, number>(), new Map<number, number>()] as const;

  constructor(data: PageData) {
    this.#data = data;
    for (const [a, b] of data.pairs ?? []) {
      this.#others[0].set(a, b);
      this.#others[1].set(b, a);
    }
    this.#panes = data.models.map((model, nth) => {
      const status = data.differences ? statusesOf(data, model, nth, this.#others[nth === 0 ? 0 : 1]) : new Map<number, Status>();
      return new Pane(
        model,
        status,
        {
          select: (item) => this.#select(nth, item),
          toggle: (part) => this.#toggle(nth, part),
          moved: (factor, x, y, dx, dy) => this.#follow(nth, factor, x, y, dx, dy),
        },
        String(nth),
      );
    });
    this.#readers = data.models.map(({ nodes }) => {
      const readers: number[][] = nodes.map(() => []);
      nodes.forEach(({ operands }, to) => {
        for (const { node } of operands) if (node !== undefined && !readers[node]?.includes(to)) readers[node]?.push(to);
      });
      return readers;
    });
    document.body.append(this.#head(), this.#main(), this.#help);
    this.#help.append(
      html('h2', {}, 'Keys'),
      html('dl', {}, ...keys.flatMap(([key, text]) => [html('dt', {}, html('kbd', {}, key)), html('dd', {}, text)])),
      html('form', { method: 'dialog' }, html('button', {}, 'Close')),
    );
    this.#listen();
    for (const pane of this.#panes) pane.fit(true);
    this.#select(0, undefined);
    // Says to those that wait, as tests do, that everything stands.
    for (const pane of this.#panes) pane.flush();
    document.documentElement.dataset.ready = 'true';
  }

  #button(text: string, title: string, act: () => void, id?: string): HTMLElement {
    const button = html('button', { type: 'button', title, 'aria-label': title, ...(id !== undefined && { id }) }, text);
    button.addEventListener('click', act);
    return button;
  }

  #each(act: (pane: Pane) => void): void {
    for (const pane of this.#panes) act(pane);
  }

  #head(): HTMLElement {
    this.#colours.append(...colourings.map(([value, text]) => html('option', { value }, text)));
    const title = this.#data.models.map(({ name, file }) => file || name).join(' ↔ ');
    return html(
      'header',
      {},
      html('h1', { title }, title),
      html('div', { class: 'search' }, this.#search, this.#results),
      this.#found,
      html('label', { for: 'colours' }, 'colour by'),
      this.#colours,
      this.#legend,
      html('span', { class: 'gap' }),
      ...(this.#panes.length > 1 ? [html('label', {}, this.#sync, ' move together')] : []),
      html(
        'div',
        { class: 'buttons', role: 'toolbar', 'aria-label': 'view' },
        this.#button('−', 'zoom out', () => this.#panes[0]?.zoom(1 / 1.3), 'out'),
        this.#button('+', 'zoom in', () => this.#panes[0]?.zoom(1.3), 'in'),
        this.#button('Fit', 'fit the whole network', () => this.#each((pane) => pane.fit()), 'fit'),
        this.#button('Open all', 'open all scopes', () => this.#openAll(true), 'open'),
        this.#button('Close all', 'close all scopes', () => this.#openAll(false), 'close'),
        this.#button('◐', 'light or dark', () => this.#theme(), 'theme'),
        this.#button('?', 'keys', () => this.#help.showModal(), 'keys'),
      ),
    );
  }

  #main(): HTMLElement {
    return html('main', {}, html('div', { class: 'panes' }, ...this.#panes.map(({ element }) => element)), this.#side);
  }

  #openAll(all: boolean): void {
    this.#each((pane) => {
      if (all) pane.openAll();
      else pane.setOpen((open) => open.clear());
      pane.fit(true);
    });
  }

  /** The other theme than the one that is seen, which the system chooses first. */
  #theme(): void {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    this.#each((pane) => {
      pane.flush();
    });
  }

  #listen(): void {
    this.#search.addEventListener('input', () => this.#find(this.#search.value));
    this.#search.addEventListener('focus', () => this.#showResults(true));
    this.#search.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
        event.preventDefault();
        this.#activate(this.#active + (event.key === 'ArrowDown' ? 1 : -1));
      } else if (event.key === 'Enter') {
        event.preventDefault();
        this.#jump(this.#active);
      } else if (event.key === 'Escape') {
        this.#search.value = '';
        this.#find('');
        this.#search.blur();
      }
    });
    document.addEventListener('pointerdown', (event) => {
      if (event.target instanceof Element && !event.target.closest('.search')) this.#showResults(false);
    });
    this.#colours.addEventListener('change', () => this.#colour(this.#colours.value));
    document.addEventListener('keydown', (event) => this.#key(event));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#each((pane) => pane.flush()));
  }

  #colour(value: string): void {
    const colouring: Colouring = value === '0' ? 0 : value === '1' ? 1 : value === '2' ? 2 : 'family';
    this.#colours.value = value;
    this.#legend.className = colouring === 'family' ? '' : 'heat';
    this.#legend.textContent = colouring === 'family' ? '' : 'little much';
    this.#each((pane) => {
      pane.colouring = colouring;
    });
  }

  #key(event: KeyboardEvent): void {
    const { target, key } = event;
    if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement || this.#help.open) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pane = this.#panes.find(({ selected }) => selected !== undefined) ?? this.#panes[0];
    if (!pane) return;
    const nth = this.#panes.indexOf(pane);
    const onButton = target instanceof HTMLButtonElement;
    const go = (direction: 'up' | 'down' | 'left' | 'right', dx: number, dy: number): void => {
      if (pane.selected === undefined || event.shiftKey) return pane.pan(dx, dy);
      const next = pane.neighbour(direction);
      if (next !== undefined) this.#show(nth, next);
    };
    const acts: Readonly<Record<string, () => void>> = {
      '/': () => this.#search.focus(),
      '+': () => pane.zoom(1.3),
      '=': () => pane.zoom(1.3),
      '-': () => pane.zoom(1 / 1.3),
      '0': () => this.#each((one) => one.fit()),
      f: () => this.#each((one) => one.fit()),
      ArrowUp: () => go('up', 0, 80),
      ArrowDown: () => go('down', 0, -80),
      ArrowLeft: () => go('left', 80, 0),
      ArrowRight: () => go('right', -80, 0),
      Enter: () => {
        if (pane.selected !== undefined && pane.selected < 0) this.#toggle(nth, -1 - pane.selected);
      },
      e: () => this.#openAll(true),
      c: () => this.#openAll(false),
      h: () => {
        const at = colourings.findIndex(([value]) => value === this.#colours.value);
        this.#colour(colourings[(at + 1) % colourings.length]?.[0] ?? 'family');
      },
      n: () => this.#step(1),
      p: () => this.#step(-1),
      t: () => this.#theme(),
      '?': () => this.#help.showModal(),
      Escape: () => this.#select(nth, undefined),
    };
    const act = onButton && key === 'Enter' ? undefined : acts[key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #step(by: number): void {
    if (this.#hits.length > 0) this.#jump((this.#at + by + this.#hits.length) % this.#hits.length);
    else if (this.#data.differences?.length) {
      const count = this.#data.differences.length;
      this.#showDifference((this.#difference + by + count) % count);
    }
  }

  #toggle(nth: number, part: number): void {
    const pane = this.#panes[nth];
    const own = pane?.model.parts[part];
    if (!pane || !own) return;
    const opening = !pane.open.has(part);
    pane.setOpen((open) => (opening ? open.add(part) : open.delete(part)), -1 - part);
    this.#panes.forEach((other, at) => {
      if (at === nth || !this.#sync.checked) return;
      const same = other.model.parts.findIndex(({ path, title }) => path === own.path && title === own.title);
      if (same > 0 && other.open.has(same) !== opening)
        other.setOpen((open) => (opening ? open.add(same) : open.delete(same)), -1 - same);
    });
    this.#select(nth, -1 - part);
  }

  #follow(nth: number, factor: number, x: number, y: number, dx: number, dy: number): void {
    if (!this.#sync.checked) return;
    this.#panes.forEach((pane, at) => {
      if (at === nth) return;
      if (factor !== 1) pane.zoom(factor, x, y, false);
      else pane.pan(dx, dy, false);
    });
  }

  #select(nth: number, item: number | undefined): void {
    this.#panes.forEach((pane, at) => {
      if (at === nth) pane.select(item);
      else if (pane.selected !== undefined) pane.select(undefined);
    });
    this.#describe(nth, item);
  }

  /** Brings a box to the middle, opening what is around it. */
  #show(nth: number, item: number): void {
    this.#panes.forEach((pane, at) => {
      if (at === nth) pane.show(item);
      else if (pane.selected !== undefined) pane.select(undefined);
    });
    this.#describe(nth, item);
  }

  #describe(nth: number, item: number | undefined): void {
    const model = this.#data.models[nth];
    if (!model) return;
    const go = (to: number): void => this.#show(nth, to);
    if (item === undefined && this.#data.differences) this.#side.replaceChildren(this.#differences());
    else if (item === undefined) this.#side.replaceChildren(modelPanel(model, go));
    else {
      const back = html('button', { type: 'button', class: 'link back' }, this.#data.differences ? '← differences' : '← model');
      back.addEventListener('click', () => this.#select(nth, undefined));
      const said = item >= 0 ? nodePanel(model, item, this.#readers[nth]?.[item] ?? [], go) : partPanel(model, -1 - item, go);
      const of = this.#panes.length > 1 ? [html('p', { class: 'note' }, `in ${model.file || model.name}`)] : [];
      const other = item >= 0 && this.#panes.length > 1 ? this.#otherOf(nth, item) : [];
      this.#side.replaceChildren(back, ...of, ...other, said);
    }
    this.#side.scrollTop = 0;
  }

  /** What differs at a node, and the way to the one that stands in its place. */
  #otherOf(nth: number, item: number): readonly Node[] {
    const other = this.#others[nth === 0 ? 0 : 1].get(item);
    const lines = (this.#data.differences ?? []).filter(({ nodes }) => nodes[nth === 0 ? 0 : 1] === item);
    const list = html(
      'ul',
      { class: 'marks' },
      ...lines.map(({ kind, text }) => html('li', {}, html('b', {}, kind), ` ${text}`)),
    );
    if (other === undefined) return [html('p', { class: 'note' }, 'only here')];
    const button = html('button', { type: 'button', class: 'link' }, 'its counterpart in the other model');
    button.addEventListener('click', () => this.#show(1 - nth, other));
    return [list, button];
  }

  #differences(): Node {
    const { differences = [], models } = this.#data;
    const list = html(
      'ol',
      { class: 'differences' },
      ...differences.map(({ kind, text }, i) => {
        const button = html('button', { type: 'button', class: 'link', 'data-difference': i }, html('b', {}, kind), ` ${text}`);
        button.addEventListener('click', () => this.#showDifference(i));
        return html('li', { class: i === this.#difference ? 'active' : '' }, button);
      }),
    );
    const count =
      differences.length === 0
        ? 'no difference but names'
        : differences.length === 1
          ? '1 difference'
          : `${differences.length} differences`;
    const names = models.map(({ file, name }) => html('li', {}, file || name));
    return html('div', {}, html('h2', {}, count), html('ol', { class: 'models' }, ...names), list);
  }

  #showDifference(at: number): void {
    const found = this.#data.differences?.[at];
    if (!found) return;
    this.#difference = at;
    // Both go to their nodes, each for itself.
    this.#panes.forEach((pane, nth) => {
      const [here, away] = nth === 0 ? ([0, 1] as const) : ([1, 0] as const);
      const node = found.nodes[here];
      if (node !== null) {
        pane.show(node);
        return;
      }
      // The place where it would be: beside what the other one reads or is read by.
      const there = found.nodes[away];
      const beside = there === null ? undefined : this.#besides(away, there);
      if (beside === undefined) pane.select(undefined);
      else pane.show(beside, false);
    });
    this.#side.replaceChildren(this.#differences());
    this.#side.querySelector('.active')?.scrollIntoView({ block: 'center' });
  }

  /** In the other model, the nearest that stands for something before or behind this node of a model. */
  #besides(nth: 0 | 1, node: number): number | undefined {
    const seen = new Set([node]);
    for (const at of seen) {
      const other = this.#others[nth].get(at);
      if (other !== undefined) return other;
      for (const { node: from } of this.#data.models[nth]?.nodes[at]?.operands ?? []) if (from !== undefined) seen.add(from);
      for (const to of this.#readers[nth]?.[at] ?? []) seen.add(to);
    }
    return undefined;
  }

  #find(text: string): void {
    const words = text
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const hits: Hit[] = [];
    if (words.length > 0) {
      this.#panes.forEach(({ model }, pane) => {
        for (const item of itemsOf(model))
          if (words.every((word) => searchText(model, item).includes(word))) hits.push({ pane, item });
      });
    }
    this.#hits = hits;
    this.#at = -1;
    this.#panes.forEach((pane, nth) => {
      pane.matches = new Set(hits.filter(({ pane: of }) => of === nth).map(({ item }) => item));
    });
    this.#found.textContent = words.length === 0 ? '' : hits.length === 1 ? '1 match' : `${hits.length} matches`;
    const rows = hits.slice(0, mostResults).map(({ pane, item }, i) => {
      const model = this.#data.models[pane];
      const node = model?.nodes[item];
      const text = node ? nodeText(node) : (model?.parts[-1 - item]?.path ?? '');
      const more = node ? (model?.types[node.types[0] ?? -1] ?? '') : 'scope';
      const row = html(
        'li',
        { role: 'option', id: `hit${i}` },
        text,
        ' ',
        html('small', {}, this.#panes.length > 1 ? `${pane + 1}: ${more}` : more),
      );
      row.addEventListener('click', () => this.#jump(i));
      return row;
    });
    if (hits.length > mostResults) rows.push(html('li', { 'aria-disabled': true }, `and ${hits.length - mostResults} more`));
    this.#results.replaceChildren(...rows);
    this.#showResults(words.length > 0);
    this.#activate(0);
  }

  #showResults(shown: boolean): void {
    const visible = shown && this.#hits.length > 0;
    this.#results.hidden = !visible;
    this.#search.setAttribute('aria-expanded', String(visible));
  }

  #activate(at: number): void {
    const count = Math.min(this.#hits.length, mostResults);
    this.#active = count === 0 ? 0 : (at + count) % count;
    this.#results.querySelectorAll('[aria-selected]').forEach((row) => {
      row.removeAttribute('aria-selected');
    });
    const row = this.#results.querySelector(`#hit${this.#active}`);
    row?.setAttribute('aria-selected', 'true');
    row?.scrollIntoView({ block: 'nearest' });
    if (row) this.#search.setAttribute('aria-activedescendant', row.id);
    else this.#search.removeAttribute('aria-activedescendant');
  }

  #jump(at: number): void {
    const hit = this.#hits[at];
    if (!hit) return;
    this.#at = at;
    if (at < mostResults) this.#activate(at);
    this.#show(hit.pane, hit.item);
    this.#found.textContent = `${at + 1} of ${this.#hits.length}`;
  }
}

function statusesOf(
  data: PageData,
  model: PageModel,
  nth: number,
  others: ReadonlyMap<number, number>,
): ReadonlyMap<number, Status> {
  const out = new Map<number, Status>();
  model.nodes.forEach((_, i) => {
    if (!others.has(i)) out.set(i, nth === 0 ? 'gone' : 'new');
  });
  for (const { nodes } of data.differences ?? []) {
    const node = nodes[nth === 0 ? 0 : 1];
    if (node !== null && !out.has(node)) out.set(node, 'changed');
  }
  return out;
}

/** Nodes, then scopes. */
function itemsOf({ nodes, parts }: PageModel): readonly number[] {
  return [...nodes.keys(), ...[...parts.keys()].slice(1).map((part) => -1 - part)];
}

function searchText(model: PageModel, item: number): string {
  const node = model.nodes[item];
  if (!node) return (model.parts[-1 - item]?.path ?? '').toLowerCase();
  const weights = node.operands.map(({ tensor }) => (tensor === undefined ? '' : (model.tensors[tensor]?.name ?? '')));
  const types = node.types.map((type) => model.types[type] ?? '');
  const plain = [node.title, node.name, node.path, node.details, ...types, ...weights].join(' ');
  // As shapes stand in boxes.
  return `${plain} ${types.join(' ').replace(/, /g, '×')} ${types.join(' ').replace(/, /g, 'x')}`.toLowerCase();
}

const source = document.getElementById('data');
new Page(JSON.parse(source?.textContent ?? '') as PageData);
