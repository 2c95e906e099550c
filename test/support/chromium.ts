/**
 * A page in Debian's headless Chromium, driven by the DevTools protocol over a pipe (`--remote-debugging-pipe`: messages ended by
 * a zero byte, on the descriptors 3 and 4), so that no port is opened and no package is needed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** Where it is missing its tests are skipped; in CI it must be there (README, "WebGPU"). */
export const chromium = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path));
if (chromium === undefined && process.env.CI) throw new Error('CI has no chromium-headless-shell: see .ci/run');

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

export class Browser {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  /** Errors that pages threw and what they logged as errors. */
  readonly problems: string[] = [];
  /** Addresses that were asked for. */
  readonly requests: string[] = [];
  #next = 1;
  #session: string | undefined;
  #rest = '';

  constructor() {
    if (chromium === undefined) throw new Error('there is no Chromium');
    this.#folder = mkdtempSync(join(tmpdir(), 'rescc-chromium-'));
    const options = ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', `--user-data-dir=${this.#folder}`];
    this.#process = spawn(chromium, [...options, '--remote-debugging-pipe', 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    const from = this.#process.stdio[4] as Readable;
    from.setEncoding('utf8');
    from.on('data', (text: string) => {
      const parts = (this.#rest + text).split('\0');
      this.#rest = parts.pop() ?? '';
      for (const part of parts) this.#take(JSON.parse(part) as Message);
    });
  }

  #take(message: Message): void {
    if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
    const { method, params = {} } = message;
    if (method === 'Runtime.exceptionThrown' || (method === 'Log.entryAdded' && JSON.stringify(params).includes('"error"')))
      this.problems.push(JSON.stringify(params));
    if (method === 'Network.requestWillBeSent') this.requests.push(JSON.stringify(params.documentURL ?? params.request));
  }

  async send(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = this.#next++;
    const answered = new Promise<Message>((resolve) => {
      this.#waiting.set(id, resolve);
    });
    const sessionId = this.#session;
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    const { result = {}, error } = await answered;
    this.#waiting.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** Opens a page of this size and waits until it says that it is ready. */
  async open(url: string, { width = 1400, height = 900, dark = false } = {}): Promise<void> {
    this.#session = undefined;
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', width, height });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    this.#session = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.send(`${domain}.enable`);
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
    await this.send('Emulation.setEmulatedMedia', { features });
    await this.send('Page.navigate', { url });
    await this.until("document.documentElement?.dataset.ready === 'true'");
  }

  /** The value of an expression in the page, which JSON can hold. */
  async value<T>(expression: string): Promise<T> {
    const asked = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', asked);
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { readonly value: T }).value;
  }

  /** Waits for what the page shows, which is bounded by the time of the test. */
  async until(expression: string): Promise<void> {
    while (!(await this.value<boolean>(expression))) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Two frames, in the first of which a change is drawn. */
  async settled(): Promise<void> {
    await this.value('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))');
  }

  async mouse(
    type: 'mousePressed' | 'mouseReleased' | 'mouseMoved' | 'mouseWheel',
    x: number,
    y: number,
    more = {},
  ): Promise<void> {
    await this.send('Input.dispatchMouseEvent', {
      type,
      x,
      y,
      button: type === 'mouseWheel' ? 'none' : 'left',
      clickCount: 1,
      ...more,
    });
  }

  async click(selector: string): Promise<void> {
    const [x, y] = await this.value<readonly [number, number]>(
      `(() => { const r = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`,
    );
    await this.mouse('mousePressed', x, y);
    await this.mouse('mouseReleased', x, y);
    await this.settled();
  }

  /** A key by the name that the event has. */
  async key(key: string): Promise<void> {
    const text = key.length === 1 ? key : key === 'Enter' ? '\r' : undefined;
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, ...(text !== undefined && { text }) });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key });
    await this.settled();
  }

  async type(text: string): Promise<void> {
    await this.send('Input.insertText', { text });
    await this.settled();
  }

  async screenshot(): Promise<Uint8Array> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(String(data), 'base64');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#session = undefined;
    await this.send('Browser.close').catch(() => undefined);
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
