/**
 * What `run` writes of the outputs of a turn: arrays, pictures, masks, and boxes on pictures, one file per picture or one for
 * all.
 */
import { mkdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { badOption } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/suggest.ts';
import { type HostTensor, isFloat } from '../ir/types.ts';
import { type Box, boxesOf, boxLines, boxOutputs } from '../runtime/boxes.ts';
import { boxesSvg, drawBoxes } from '../runtime/draw-boxes.ts';
import { isFolder } from '../runtime/folder.ts';
import type { Seen } from '../runtime/images.ts';
import { isMask, legendOf, type Mask, maskPng, masksOf } from '../runtime/masks.ts';
import { npyBytes } from '../runtime/npy.ts';
import { encodePng } from '../runtime/picture-codecs.ts';
import { outputPictures, shareText, type Turn } from '../runtime/run-model.ts';
import type { ThemeName } from '../view/figure/style.ts';
import { writeWhole } from './files.ts';
import { colored, type OutputOptions, outBytes, print, report, say } from './output.ts';
import { pictureKinds } from './plots.ts';
import { screen } from './terminal.ts';

/** What an output is drawn as. */
export const forms = ['picture', 'mask', 'boxes', 'path'] as const;
export type Form = (typeof forms)[number];

/** `-o name=file` and `--as name=form`, taken apart. */
export interface Asked {
  /** Undefined: the one that is meant by its shape, else the first. */
  readonly output: string | undefined;
  readonly path: string;
}

export interface DrawFlags extends OutputOptions {
  readonly threshold?: number;
  readonly overlap?: number;
  readonly theme?: ThemeName;
}

export interface Drawing {
  readonly asked: readonly Asked[];
  /** By the name of the output; '' for all. */
  readonly forms: ReadonlyMap<string, Form>;
  readonly labels: readonly string[] | undefined;
  /** Whether the legend and the boxes are listed on standard output. */
  readonly list: boolean;
}

/** What was written of one picture, and found on it. */
export interface RowWritten {
  readonly written: Record<string, string>;
  boxes?: readonly Box[];
  mask?: Mask;
}

/** Ends of names that are written, and what of. */
const ends = '.npy, .png, .svg or .pdf (boxes, paths), .json or a folder/, or - for an array on standard output';

/** Arrays, which go to standard output as well. */
const isArray = (path: string): boolean => path === '-' || extname(path) === '.npy';

const isInFolder = (path: string): boolean => /[\\/]$/.test(path) || (extname(path) === '' && isFolder(path));
const withoutEnd = (path: string): string => path.slice(0, path.length - extname(path).length);

/** The name of a picture without its end, unless another of the batch has the same one. */
function stemOf(file: string, { all }: Turn): string {
  const name = basename(file);
  const stem = withoutEnd(name);
  return all.filter((other) => withoutEnd(basename(other)) === stem).length > 1 ? name : stem;
}

/** Writes what was asked for; gives a row per picture. */
export class OutputWriter {
  readonly drawing: Drawing;
  readonly flags: DrawFlags;
  /** Told once, however many turns there are. */
  private readonly told = new Set<string>();

  constructor(drawing: Drawing, flags: DrawFlags) {
    this.drawing = drawing;
    this.flags = flags;
    if (drawing.asked.filter(({ path }) => path === '-').length > 1) this.refuse('- twice', '-o - once, which is one array');
    if (drawing.asked.some(({ output, path }) => path === '-' && drawing.forms.has(output ?? '')))
      this.refuse('- of what --as draws', '-o drawn.png, or /dev/stdout');
    for (const { path } of drawing.asked) if (/[\\/]$/.test(path)) mkdirSync(path, { recursive: true });
  }

  /** Arrays are one file for all turns; they are written at the end. */
  isWhole(output: string): boolean {
    return this.drawing.asked.some(({ output: name, path }) => isArray(path) && (name === undefined || name === output));
  }

  async write(turn: Turn): Promise<readonly RowWritten[]> {
    const rows: RowWritten[] = Array.from({ length: Math.max(1, turn.files.length) }, () => ({ written: {} }));
    for (const asked of this.drawing.asked) {
      const name = this.outputOf(turn.outputs, asked);
      const end = isInFolder(asked.path) ? '' : extname(asked.path);
      if (isArray(asked.path)) continue;
      const form = this.formOf(turn, name, asked.path);
      if (form === 'path') await this.writePath(turn, name, asked.path);
      else if (form === 'boxes') await this.writeBoxes(turn, name, asked.path, rows);
      else if (end === '.json')
        this.refuse(`${asked.path}, of ${name}, which holds no boxes`, `-o ${name}=${name}.npy, or --json for all outputs`);
      else if (end !== '.png' && end !== '') this.refuse(asked.path, `--output ${name}=${name}.npy`);
      else if (form === 'mask') await this.writeMasks(turn, name, asked.path, rows);
      else await this.writePictures(turn, name, asked.path, rows);
    }
    return rows;
  }

  /** Arrays of all turns, joined. */
  writeArrays(outputs: ReadonlyMap<string, HostTensor>): void {
    for (const asked of this.drawing.asked) {
      if (!isArray(asked.path)) continue;
      const tensor = outputs.get(this.outputOf(outputs, asked));
      if (asked.path === '-') {
        if (tensor) outBytes(npyBytes(tensor));
        continue;
      }
      if (tensor) writeWhole(asked.path, npyBytes(tensor));
      say(this.flags, `wrote ${asked.path}`);
    }
  }

  private refuse(found: string, hint: string): never {
    return fail(badOption, { with: { option: '--output', found, expected: `a name ending in ${ends}`, hint } });
  }

  private outputOf(outputs: ReadonlyMap<string, HostTensor>, { output, path }: Asked): string {
    const names = [...outputs.keys()];
    const [first = ''] = names;
    if (output === undefined) {
      const form = this.drawing.forms.get('');
      const drawn = !isArray(path) && (form === undefined || form === 'boxes');
      return (drawn ? boxOutputs(outputs)?.boxes : undefined) ?? first;
    }
    if (outputs.has(output)) return output;
    return fail(badOption, {
      with: {
        option: '--output',
        found: output,
        expected: `one of ${names.join(', ')}`,
        hint: `--output ${nearest(output, names) ?? first}=${path}`,
      },
    });
  }

  /** What is asked for, else what the shape says: boxes, scores of classes that cannot be a picture, or a picture. */
  private formOf(turn: Turn, name: string, path: string): Form {
    const asked = this.drawing.forms.get(name) ?? this.drawing.forms.get('');
    if (asked) return asked;
    const tensor = turn.outputs.get(name);
    const end = extname(path);
    if (tensor && isPath(tensor) && (end === '.svg' || end === '.pdf' || (end === '.png' && !hasChannels(tensor)))) return 'path';
    if (end === '.svg') return 'boxes';
    if (boxOutputs(turn.outputs)?.boxes === name) return 'boxes';
    return tensor && isMask(tensor, gridOf(turn)) && !turn.ranges.has(name) ? 'mask' : 'picture';
  }

  private async writePictures(turn: Turn, name: string, path: string, rows: RowWritten[]): Promise<void> {
    const { files, text, warning } = await outputPictures(turn, name);
    if (warning && !this.flags.json) report(this.flags, [warning]);
    this.sayOnce(`${name}: ${text}`);
    this.writeEach(turn, name, path, files, '.png', rows);
  }

  private async writeMasks(turn: Turn, name: string, path: string, rows: RowWritten[]): Promise<void> {
    const tensor = turn.outputs.get(name);
    const found = tensor && masksOf(tensor, this.flags.threshold, gridOf(turn));
    if (!found) {
      return fail(badOption, {
        with: {
          option: '--as mask',
          found: `${name}: ${tensor?.elem}[${tensor?.dims.join(', ')}]`,
          expected: 'scores [N, C, H, W] of at most 256 classes, one channel, or whole numbers that are classes',
          hint: `-o ${name}=${name}.npy`,
        },
      });
    }
    this.sayOnce(`${name}: ${found.how}`);
    const { labels } = this.drawing;
    this.writeEach(turn, name, path, await Promise.all(found.masks.map(maskPng)), '.png', rows);
    found.masks.forEach((mask, i) => {
      const row = rows[Math.min(i, rows.length - 1)];
      if (row) row.mask = mask;
      if (!this.drawing.list || this.flags.quiet || this.flags.json) return;
      const lines = legendOf(mask).map(({ index, share, colour }) => {
        const swatch = colored(screen(1)) ? `\u001b[48;2;${colour.join(';')}m  \u001b[0m ` : '';
        return `${swatch}${`${shareText(share)} %`.padStart(8)}  ${labels?.[index] ?? `class ${index}`}`;
      });
      const file = turn.total > 1 ? [turn.files[i] ?? `#${turn.from + i}`] : [];
      print([...file, ...lines].join('\n'));
    });
  }

  private async writePath(turn: Turn, name: string, path: string): Promise<void> {
    const tensor = turn.outputs.get(name);
    if (!tensor || !isPath(tensor)) {
      return fail(badOption, {
        with: {
          option: `--output ${path}`,
          found: `${name}: ${tensor?.elem}[${tensor?.dims.join(', ')}]`,
          expected: 'a path: places in the plane one after the other, [T, 2], or of several points, [T, N, 2]',
          hint: `-o ${name}=${name}.npy`,
        },
      });
    }
    const kind = pictureKinds.find((end) => end === extname(path));
    if (!kind) return this.refuse(path, `-o ${name}=${name}.svg`);
    const [{ pathScene }, { pictureOf }] = await Promise.all([import('../view/plot/path.ts'), import('./drawing.ts')]);
    const file = this.pathFor(name, path, turn, 0, 1, kind);
    writeWhole(file, await pictureOf(pathScene({ title: name, paths: pathsIn(tensor) }), kind, this.flags.theme));
    say(this.flags, `wrote ${file}`);
  }

  private async writeBoxes(turn: Turn, name: string, path: string, rows: RowWritten[]): Promise<void> {
    const found = boxOutputs(turn.outputs);
    const which = found?.boxes === name || (found && !this.drawing.forms.has(name)) ? found : undefined;
    const shapes = [...turn.outputs].map(([one, tensor]) => `${one}: ${tensor.elem}[${tensor.dims.join(', ')}]`).join('\n');
    const refuse = (what: string, hint: string): never =>
      fail(badOption, {
        with: {
          option: `--output ${path}`,
          found: what,
          expected: 'boxes [K, 4] or [N, K, 4], and the picture that they lie on',
          hint,
        },
      });
    if (!which) return refuse(shapes, `-o ${name}=${name}.npy`);
    const pictures = [...turn.pictures.values()].find((list) => list.length === turn.files.length);
    if (!pictures) return refuse('no picture among the inputs', `-o ${name}=${name}.npy`);
    const batched = turn.outputs.get(which.boxes)?.dims.length === 3;
    if (!batched && pictures.length > 1) return refuse(`${shapes}\nof ${pictures.length} pictures in one run`, '--batch 1');
    const { threshold, overlap } = this.flags;
    const { labels } = this.drawing;
    for (const [i, seen] of pictures.entries()) {
      const { picture, height, width, placed } = seen;
      const { boxes, how } = boxesOf(turn.outputs, which, i, { input: [height, width], placed }, { threshold, overlap });
      const row = rows[i];
      if (row) row.boxes = boxes;
      this.sayOnce(`${which.boxes}: ${how.join(', ')}`);
      const file = this.pathFor(name, path, turn, i, pictures.length, '.png');
      const kind = extname(file);
      const png = (data: Uint8Array): Promise<Uint8Array> =>
        encodePng({ width: picture.width, height: picture.height, channels: 3, data });
      if (kind === '.png') writeWhole(file, await png(drawBoxes(picture, boxes)));
      else if (kind === '.svg') writeWhole(file, boxesSvg(picture, await png(picture.data), boxes, labels));
      else if (kind === '.json') writeWhole(file, `${JSON.stringify(boxesJson(seen, boxes, labels), null, 2)}\n`);
      else this.refuse(path, `--output ${name}=boxes.svg`);
      if (row) row.written[which.boxes] = file;
      if (this.drawing.list && !this.flags.quiet && !this.flags.json)
        print(
          [...(turn.total > 1 ? [picture.name] : []), ...(boxes.length > 0 ? boxLines(boxes, labels) : ['no box'])].join('\n'),
        );
      if (turn.total === 1 || !isInFolder(path)) say(this.flags, `wrote ${file}`);
    }
  }

  private writeEach(turn: Turn, name: string, path: string, files: readonly Uint8Array[], end: string, rows: RowWritten[]): void {
    for (const [i, bytes] of files.entries()) {
      const file = this.pathFor(name, path, turn, i, files.length, end);
      writeWhole(file, bytes);
      const row = rows[Math.min(i, rows.length - 1)];
      if (row) row.written[name] = file;
      if (!isInFolder(path)) say(this.flags, `wrote ${file}`);
    }
  }

  /** The file that holds one picture of a batch: named after it in a folder, or numbered beside the others. */
  private pathFor(output: string, path: string, turn: Turn, row: number, rows: number, end: string): string {
    const index = turn.from + row;
    if (isInFolder(path)) {
      // Several outputs in one folder are told apart by their names.
      const alone = this.drawing.asked.filter((other) => other.path === path).length === 1;
      return join(path, `${stemOf(turn.files[row] ?? `${index}`, turn)}${alone ? '' : `-${output}`}${end}`);
    }
    return turn.total <= 1 && rows <= 1 ? path : `${withoutEnd(path)}-${index}${extname(path)}`;
  }

  private sayOnce(text: string): void {
    if (this.told.has(text)) return;
    this.told.add(text);
    say(this.flags, text);
  }
}

/** Steps, perhaps points, and two coordinates. */
export const isPath = ({ elem, dims }: HostTensor): boolean =>
  isFloat(elem) && (dims.length === 2 || dims.length === 3) && dims.at(-1) === 2 && (dims[0] ?? 0) > 1;
/** Whether it may be a picture, two pixels wide. */
const hasChannels = ({ dims }: HostTensor): boolean => dims.length === 3 && [1, 3, 4].includes(dims[0] ?? 0);

/** A path for each point, in the order of the steps. */
export function pathsIn({ dims, data }: HostTensor): readonly (readonly { readonly x: number; readonly y: number }[])[] {
  const [steps = 0] = dims;
  const points = dims.length === 3 ? (dims[1] ?? 0) : 1;
  return Array.from({ length: points }, (_, n) =>
    Array.from({ length: steps }, (__, t) => {
      const at = 2 * (t * points + n);
      return { x: data[at] ?? Number.NaN, y: data[at + 1] ?? Number.NaN };
    }),
  );
}

/** The size of the first picture that was given. */
function gridOf(turn: Turn): readonly [height: number, width: number] | undefined {
  const [seen] = [...turn.pictures.values()][0] ?? [];
  return seen && [seen.height, seen.width];
}

/** Boxes as data, corners in pixels of the picture. */
export function boxesJson(
  { picture: { name, width, height } }: Pick<Seen, 'picture'>,
  boxes: readonly Box[],
  labels: readonly string[] | undefined,
): Readonly<Record<string, unknown>> {
  return {
    file: name,
    width,
    height,
    boxes: boxes.map(({ corners, score, index }) => ({
      box: corners.map((v) => Number(v.toFixed(3))),
      ...(score !== undefined && { score: Number(score.toPrecision(6)) }),
      ...(index !== undefined && { class: index, ...(labels?.[index] !== undefined && { label: labels[index] }) }),
    })),
  };
}
