/**
 * A file on a server as a source of bytes, by requests for ranges (RFC 9110 §14): of a checkpoint of many gigabytes only what a
 * model needs is fetched. Reads are made of blocks, of which the last ones are kept, because formats read their heads in small
 * steps.
 */
import { callback, checkArgument, checkOptions, recordOf, text } from '../diagnostics/arguments.ts';
import { fetchFailed, remoteChanged, serverWithoutRanges } from '../diagnostics/catalogue/api.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import type { ByteSource } from './bytes.ts';

/** The part of a response that is used. */
export interface ResponseLike {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body?: { cancel(): Promise<void> } | null;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** `fetch`, or something with its interface. */
export type FetchLike = (url: string, options: { readonly headers: Readonly<Record<string, string>> }) => Promise<ResponseLike>;

/** How a file is fetched. */
export interface HttpOptions {
  /** Sent with every request: `{ authorization: 'Bearer …' }`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** In the place of the global `fetch`. */
  readonly fetch?: FetchLike | undefined;
}

/** What belongs to no language but to browsers and Node alike. */
declare const fetch: FetchLike | undefined;
declare const URL: { new (path: string, base?: string): { readonly href: string } };

const blockBytes = 1 << 20;
const mostBlocks = 16;

interface Got {
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly tag: string | null;
  /** Where redirections led to is not told: the address that was asked for stands for the file. */
  readonly date: string | null;
}

const isUrl = (value: unknown): boolean => typeof value === 'string' && /^https?:\/\/[^\s]+$/i.test(value);

/**
 * Opens a file on a server for reading at any place; its size and version are those of the first answer.
 *
 * @param url An `http:` or `https:` address. Other files that it names, such as shards, are looked for beside it.
 * @throws DiagnosticError RES0517 for a server that sends no ranges, RES0519 where it sends something else or cannot be reached,
 * and while reading RES0518 for a file that has changed since.
 */
export async function httpSource(url: string, options: HttpOptions = {}): Promise<ByteSource> {
  checkArgument('httpSource', 'url', url, {
    what: 'an address that begins with http:// or https://',
    example: "'https://…'",
    is: isUrl,
  });
  checkOptions('httpSource', options, { headers: recordOf(text, "{ authorization: 'Bearer …' }"), fetch: callback });
  return fail404(await opened(url, options), url);
}

function fail404(source: ByteSource | undefined, url: string): ByteSource {
  return source ?? fail(fetchFailed, { with: { url, found: 'status 404: there is no such file', hint: 'check the address' } });
}

/** Undefined where there is no such file. */
async function opened(url: string, options: HttpOptions): Promise<ByteSource | undefined> {
  const first = await request(url, options, 0, blockBytes);
  if (!first) return undefined;
  const { size } = first;
  // Blocks by their place, the latest asked for at the end; those that are on their way too, so that nothing is fetched twice.
  const blocks = new Map<number, Promise<Uint8Array>>([[0, Promise.resolve(first.bytes)]]);
  const fetched = async (start: number, length: number): Promise<Uint8Array> => {
    const got = await request(url, options, start, length);
    const changed = !got
      ? 'it is no longer there'
      : got.size !== size
        ? `${got.size} bytes in place of ${size}`
        : got.tag !== first.tag
          ? `ETag ${got.tag ?? 'none'} in place of ${first.tag ?? 'none'}`
          : got.date !== first.date
            ? `a file of ${got.date ?? 'no date'} in place of ${first.date ?? 'no date'}`
            : undefined;
    if (!got || changed !== undefined) return fail(remoteChanged, { with: { url, found: changed ?? '' } });
    return got.bytes;
  };
  const block = (index: number): Promise<Uint8Array> => {
    const known = blocks.get(index);
    blocks.delete(index);
    const start = index * blockBytes;
    const bytes = known ?? fetched(start, Math.min(blockBytes, size - start));
    // What failed is tried again by whoever asks next.
    if (!known) bytes.catch(() => blocks.delete(index));
    blocks.set(index, bytes);
    for (const [oldest] of blocks) {
      if (blocks.size <= mostBlocks) break;
      blocks.delete(oldest);
    }
    return bytes;
  };
  return {
    name: url,
    size,
    read: async (start, length) => {
      if (length === 0) return new Uint8Array(0);
      // What is larger than a block is asked for as it is.
      if (length > blockBytes) return await fetched(start, length);
      const index = Math.floor(start / blockBytes);
      const at = start - index * blockBytes;
      const here = await block(index);
      if (at + length <= here.length) return here.slice(at, at + length);
      const next = await block(index + 1);
      const out = new Uint8Array(length);
      out.set(here.subarray(at));
      out.set(next.subarray(0, length - (here.length - at)), here.length - at);
      return out;
    },
    sibling: (path) => opened(new URL(path.split('/').map(encodeURIComponent).join('/'), url).href, options),
  };
}

/** Bytes from `start` on, fewer at the end of the file; undefined where there is none. */
async function request(url: string, options: HttpOptions, start: number, length: number): Promise<Got | undefined> {
  const get = options.fetch ?? (typeof fetch === 'function' ? fetch : undefined);
  const failed = (found: string, hint = 'check the address, or download the file'): never =>
    fail(fetchFailed, { with: { url, found, hint } });
  if (!get) return failed('there is no fetch here', 'httpSource(url, { fetch })');
  let response: ResponseLike;
  try {
    response = await get(url, { headers: { ...options.headers, range: `bytes=${start}-${start + length - 1}` } });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return failed(error instanceof Error ? `${error.message}${cause}` : String(error));
  }
  const { status, headers } = response;
  const away = async (): Promise<void> => {
    await response.body?.cancel().catch(() => undefined);
  };
  if (status === 404 || status === 410) {
    await away();
    return undefined;
  }
  const refuse = (found: string): never => fail(serverWithoutRanges, { with: { url, found } });
  if (status === 416 && start === 0) {
    await away();
    return { bytes: new Uint8Array(0), size: 0, tag: headers.get('etag'), date: headers.get('last-modified') };
  }
  if (status !== 206) {
    await away();
    if (status === 200) return refuse('status 200 and the whole file');
    const hint = status === 401 || status === 403 ? "httpSource(url, { headers: { authorization: 'Bearer …' } })" : undefined;
    return failed(`status ${status}`, hint);
  }
  const said = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '');
  if (!said) {
    await away();
    return refuse(`Content-Range: ${headers.get('content-range') ?? 'none that may be read (Access-Control-Expose-Headers)'}`);
  }
  const [from, to, size] = [Number(said[1]), Number(said[2]), Number(said[3])];
  const until = Math.min(start + length, size) - 1;
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
  if (from !== start || to !== until || bytes.length !== until - start + 1)
    return failed(`bytes ${from} to ${to}, ${bytes.length} of them, where ${start} to ${until} were asked for`);
  return { bytes, size, tag: headers.get('etag'), date: headers.get('last-modified') };
}
