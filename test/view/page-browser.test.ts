/** The interactive page in headless Chromium: clicks, wheel, keys, search, colours, theme, and two models beside each other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from '../../src/check.ts';
import { diffGraphs } from '../../src/diff.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { diffPage, modelPage } from '../../src/model-page.ts';
import { Maker, tinyResnet, type } from '../codegen/models.ts';
import { Browser, chromium } from '../support/chromium.ts';

const folder = mkdtempSync(join(tmpdir(), 'rescc-page-'));
const stored = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return pathToFileURL(path).href;
};
const compiled = (text: string): Graph => {
  const { graph, diagnostics } = build({ name: 'a.res', text });
  if (!graph) throw new Error(JSON.stringify(diagnostics));
  return graph;
};

// Without Chromium these are skipped, and .ci/run installs it.
describe('the page in a browser', { skip: chromium === undefined, timeout: 60_000 }, () => {
  let browser: Browser;
  let page = '';
  beforeAll(async () => {
    browser = new Browser();
    page = stored('tiny.html', await modelPage(tinyResnet(30), { file: 'tiny.onnx' }));
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const count = (selector: string): Promise<number> =>
    browser.value(`document.querySelectorAll(${JSON.stringify(selector)}).length`);
  const textOf = (selector: string): Promise<string> =>
    browser.value(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`);
  const scale = (pane = 0): Promise<number> =>
    browser.value(
      `Number(/scale\\(([^)]+)\\)/.exec(document.querySelectorAll('.drawing > g')[${pane}].getAttribute('transform'))[1])`,
    );
  const shift = (pane = 0): Promise<readonly number[]> =>
    browser.value(
      `/translate\\(([^)]+)\\)/.exec(document.querySelectorAll('.drawing > g')[${pane}].getAttribute('transform'))[1].split(' ').map(Number)`,
    );

  test('it opens with what can be followed, says what the model is, and asks for nothing', async () => {
    await browser.open(page);
    expect(await count('.box')).toBeLessThanOrEqual(60);
    expect(await count('.box.scope')).toBeGreaterThan(0);
    expect(await textOf('aside')).toContain('tiny.onnx');
    expect(browser.problems).toEqual([]);
    expect(browser.requests.filter((url) => !url.includes('file://'))).toEqual([]);
  });

  test('a drawing wider than the window opens about its first input', async () => {
    const heads = Array.from({ length: 60 }, (_, i) => `  let h${i} = range(${i + 2}) -> cast(f32)\n`).join('');
    const names = Array.from({ length: 60 }, (_, i) => `h${i}`).join(', ');
    const wide = compiled(`model M { input image: f32[4]\n${heads}  concat(image, ${names}, axis=0)\n  output y }`);
    await browser.open(stored('wide.html', await modelPage(wide, { file: 'wide.onnx' })));
    const [left, right, pane, world] = await browser.value<readonly number[]>(
      `(() => {
        const box = [...document.querySelectorAll('.box')].find((one) => one.textContent.includes('image')).getBoundingClientRect();
        const area = document.querySelector('.drawing').getBoundingClientRect();
        return [box.left - area.left, area.right - box.right, area.width, document.querySelector('.drawing > g').getBoundingClientRect().width];
      })()`,
    );
    expect(world).toBeGreaterThan(pane ?? 0);
    expect(left).toBeGreaterThanOrEqual(0);
    expect(right).toBeGreaterThanOrEqual(0);
  });

  test('the wheel zooms about the pointer, a drag pans, keys do both', async () => {
    await browser.open(page);
    const before = await scale();
    await browser.mouse('mouseWheel', 500, 400, { deltaX: 0, deltaY: -400 });
    await browser.until(
      `document.querySelector('.drawing > g').getAttribute('transform').includes('scale(${before})') === false`,
    );
    expect(await scale()).toBeGreaterThan(before * 1.5);
    const from = await shift();
    await browser.mouse('mousePressed', 60, 500);
    await browser.mouse('mouseMoved', 90, 540);
    await browser.mouse('mouseMoved', 110, 560);
    await browser.mouse('mouseReleased', 110, 560);
    await browser.settled();
    const to = await shift();
    expect([(to[0] ?? 0) - (from[0] ?? 0), (to[1] ?? 0) - (from[1] ?? 0)]).toEqual([50, 60]);
    const zoomed = await scale();
    await browser.key('-');
    expect(await scale()).toBeLessThan(zoomed);
    await browser.key('ArrowDown');
    expect((await shift())[1]).not.toBe(to[1]);
    await browser.key('0');
    // The whole network fits.
    const [height, world] = await browser.value<readonly [number, number]>(
      `[document.querySelector('.drawing').clientHeight, document.querySelector('.drawing > g').getBoundingClientRect().height]`,
    );
    expect(world).toBeLessThanOrEqual(height + 1);
  });

  test('search finds by name, operator and shape; Enter opens the scopes around, selects and shows', async () => {
    await browser.open(page);
    await browser.key('/');
    await browser.type('layer2.3.conv2');
    expect(await textOf('#found')).toBe('1 match');
    expect(await count('#results li')).toBe(1);
    await browser.key('Enter');
    expect(await count('.box.selected.match')).toBe(1);
    const said = await textOf('aside');
    expect(said).toContain('layer2.3.conv2.weight');
    expect(said).toMatch(/mean.*deviation/s);
    expect(await count('.histogram rect')).toBe(32);
    // In the middle of what is seen.
    const [x, y] = await browser.value<readonly [number, number]>(
      `(() => { const r = document.querySelector('.box.selected').getBoundingClientRect(); const d = document.querySelector('.drawing').getBoundingClientRect(); return [(r.x + r.width / 2 - d.x) / d.width, (r.y + r.height / 2 - d.y) / d.height]; })()`,
    );
    expect(x).toBeCloseTo(0.5, 1);
    expect(y).toBeCloseTo(0.5, 1);
    await browser.key('Escape');
    expect(await count('.match')).toBe(0);
    await browser.key('/');
    await browser.type('batchnorm 8');
    expect(Number.parseInt(await textOf('#found'), 10)).toBeGreaterThan(1);
    await browser.key('Escape');
    await browser.key('/');
    await browser.type('no such thing');
    expect(await textOf('#found')).toBe('0 matches');
  });

  test('a click selects, the sign opens a scope and closes it again, keys go along the lines', async () => {
    await browser.open(page);
    const frames = await count('.frame');
    await browser.click('.box.scope .body');
    expect(await textOf('aside .kind')).toContain('scope');
    expect(await count('.frame')).toBe(frames);
    await browser.key('Enter');
    expect(await count('.frame')).toBe(frames + 1);
    await browser.key('Enter');
    expect(await count('.frame')).toBe(frames);
    await browser.click('.box.scope .hit');
    expect(await count('.frame')).toBe(frames + 1);
    await browser.key('Escape');
    expect(await count('.selected')).toBe(0);
    await browser.click('.box.input .body');
    await browser.key('ArrowDown');
    expect(await textOf('aside h2')).not.toBe('');
    expect(await count('.selected')).toBe(1);
    // A link of the panel leads to the node that is read.
    await browser.click('aside ul button.link');
    expect(await count('.box.selected')).toBe(1);
  });

  test('costs colour the boxes', async () => {
    await browser.open(page);
    const fills = `new Set([...document.querySelectorAll('.box .body')].map((body) => getComputedStyle(body).fill)).size`;
    await browser.key('h');
    expect(await browser.value("document.querySelector('#colours').value")).toBe('0');
    expect(await browser.value<number>(fills)).toBeGreaterThan(2);
    expect(await textOf('.box.heat:not(.input)')).toMatch(/%|\d/);
    expect(await textOf('#legend')).toBe('little much');
  });

  test('light or dark as the system prefers, and the other by the switch; words can be read in both', async () => {
    // WCAG 2.1, relative luminance and contrast.
    const contrast = `(() => {
      const luminance = (text) => { const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((n) => { const c = n / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const pair = (a, b) => { const [x, y] = [luminance(a), luminance(b)]; return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
      const style = (q, p) => getComputedStyle(document.querySelector(q))[p];
      return [
        pair(style('.box .title', 'fill'), style('.box:not(.scope) .body', 'fill')),
        pair(style('.box .below', 'fill'), style('.box.scope .body', 'fill')),
        pair(style('.frame .title', 'fill'), style('.frame .body', 'fill')),
        pair(style('aside dt', 'color'), style('aside', 'backgroundColor')),
        pair(style('aside .link', 'color'), style('aside', 'backgroundColor')),
      ];
    })()`;
    const background = 'getComputedStyle(document.body).backgroundColor';
    for (const dark of [false, true]) {
      await browser.open(page, { dark });
      const before = await browser.value<string>(background);
      expect(before === 'rgb(255, 255, 255)').toBe(!dark);
      for (const ratio of await browser.value<readonly number[]>(contrast)) expect(ratio).toBeGreaterThanOrEqual(4.5);
      await browser.click('#theme');
      expect(await browser.value<string>(background)).not.toBe(before);
      for (const ratio of await browser.value<readonly number[]>(contrast)) expect(ratio).toBeGreaterThanOrEqual(4.5);
    }
  });

  test('everything that can be pressed has a name, and boxes say what they are', async () => {
    await browser.open(page);
    const nameless = `[...document.querySelectorAll('button, input, select, [role=button], canvas:not([aria-hidden])')].filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim() || (one.labels && one.labels.length > 0))).length`;
    expect(await browser.value<number>(nameless)).toBe(0);
    expect(await browser.value<string>("document.querySelector('.box.scope').getAttribute('aria-label')")).toMatch(
      /^scope .*, \d+ nodes, closed/,
    );
    expect(await count("[role='combobox'][aria-controls='results']")).toBe(1);
    expect(await count("aside[aria-live='polite']")).toBe(1);
  });

  test('hostile names are text and nothing else', async () => {
    const evil = '</script><img src=x onerror="window.hit = 1"><svg onload="window.hit = 2">\'"&';
    const m = new Maker(evil);
    const x = m.graph.input(evil, type('f32', 1, 4));
    m.graph.output(`${evil}2`, m.relu(x, `${evil}.b`));
    await browser.open(stored('evil.html', await modelPage(m.graph, { file: evil })));
    await browser.key('e');
    await browser.key('/');
    await browser.type('script');
    expect(Number.parseInt(await textOf('#found'), 10)).toBeGreaterThan(0);
    await browser.key('Enter');
    expect(await browser.value('window.hit ?? 0')).toBe(0);
    expect(await textOf('aside')).toContain('<img src=x');
    expect(await count('img')).toBe(0);
    expect(browser.problems).toEqual([]);
  });

  test('two models: what differs is marked and listed, a click jumps in both, and they move together', async () => {
    const text = (kernel: string, more: string): string =>
      `model M { input x: f32[N, 8, 16, 16]  a: sequential { conv(8, 3x3) relu }  b: sequential { conv(8, ${kernel}) ${more} }  output y }`;
    const [a, b] = [compiled(text('3x3', '')), compiled(text('5x5', 'relu'))];
    const html = await diffPage([a, b], ['a.onnx', 'b.onnx'], await diffGraphs(a, b));
    await browser.open(stored('diff.html', html));
    expect(await count('.pane')).toBe(2);
    expect(await textOf('aside h2')).toMatch(/^\d+ differences?$/);
    const listed = await count('[data-difference]');
    expect(listed).toBeGreaterThan(0);
    await browser.key('e');
    expect(
      await browser.value("[...document.querySelectorAll('.pane')].map((p) => p.querySelectorAll('.box.new').length)"),
    ).toEqual([0, 1]);
    expect(await browser.value<number>("document.querySelectorAll('.box.changed').length")).toBeGreaterThan(0);
    await browser.click('[data-difference]');
    expect(await count('.box.selected')).toBeGreaterThan(0);
    expect(await count('.differences .active')).toBe(1);
    // A node that the first model has alone: the second shows the place where it would be, and selects nothing there.
    const alone = await browser.value<number>(
      "[...document.querySelectorAll('[data-difference]')].findIndex((one) => one.textContent.startsWith('nodes +'))",
    );
    expect(alone).toBeGreaterThanOrEqual(0);
    const before = await shift(0);
    await browser.mouse('mouseWheel', 300, 400, { deltaX: 0, deltaY: -300 });
    await browser.click(`[data-difference="${alone}"]`);
    expect(await shift(0)).not.toEqual(before);
    expect(
      await browser.value("[...document.querySelectorAll('.pane')].map((p) => p.querySelectorAll('.box.selected').length)"),
    ).toEqual([0, 1]);
    const [first, second] = [await scale(0), await scale(1)];
    await browser.mouse('mouseWheel', 300, 400, { deltaX: 0, deltaY: 300 });
    await browser.settled();
    await browser.until('true');
    const [left, right] = [await scale(0), await scale(1)];
    expect(left).toBeLessThan(first);
    expect(right / second).toBeCloseTo(left / first, 6);
    expect(browser.problems).toEqual([]);
  });

  test('a chain of thousands of nodes stays what can be used: only what is seen is drawn', async () => {
    const graph = compiled('model M { input x: f32[1, 4]  repeat 4800 { relu }  output y }');
    await browser.open(stored('long.html', await modelPage(graph)));
    expect(await count('.box')).toBeLessThan(400);
    await browser.key('/');
    await browser.type('output');
    await browser.key('Escape');
    await browser.key('0');
    expect(await browser.value<number>('document.querySelector(".drawing > g").childElementCount')).toBe(3);
    expect(browser.problems).toEqual([]);
  });
});
