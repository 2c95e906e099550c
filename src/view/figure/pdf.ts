/**
 * A scene as PDF 1.7 (ISO 32000-1): one page of its size with the letters embedded, so that a press or a reviewer's machine needs
 * no font, and the text can be searched and copied.
 */
import { zlibSync } from 'fflate';
import { type Font, type Fonts, readFonts, textWidth, type Weight } from './font.ts';
import type { Area, Point } from './placed.ts';
import type { Scene, Shape } from './scene.ts';
import { size, type Theme, type ThemeName, themes } from './style.ts';
import { arrowHead, roundedPath } from './svg.ts';

const latin = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const number = (n: number): string => String(Math.round(n * 100) / 100);
const hex4 = (n: number): string => n.toString(16).padStart(4, '0').toUpperCase();

/** `#8b98a6` as three numbers from 0 to 1. */
function rgb(colour: string): string {
  return [1, 3, 5].map((at) => number(Number.parseInt(colour.slice(at, at + 2), 16) / 255)).join(' ');
}

/** Length of the handles with which a Bézier curve is a quarter of a circle. */
const quarter = 0.5523;

class Writer {
  readonly #fonts: Fonts;
  readonly #theme: Theme;
  readonly #height: number;
  readonly #out: string[] = [];
  /** Glyphs that were used, with their characters. */
  readonly used: Readonly<Record<Weight, Map<number, string>>> = { regular: new Map(), bold: new Map() };

  constructor(fonts: Fonts, theme: Theme, height: number) {
    this.#fonts = fonts;
    this.#theme = theme;
    this.#height = height;
  }

  get content(): string {
    return this.#out.join('\n');
  }

  /** y goes up in a PDF. */
  #point({ x, y }: Point): string {
    return `${number(x)} ${number(this.#height - y)}`;
  }

  draw(shape: Shape): void {
    const theme = this.#theme;
    switch (shape.kind) {
      case 'rect':
        this.#out.push(`${rgb(theme[shape.fill])} rg ${rgb(theme[shape.line])} RG ${shape.dashed ? '[2 1.5]' : '[]'} 0 d`);
        this.#out.push(`${this.#rounded(shape.area, shape.radius)} B`);
        return;
      case 'line': {
        this.#out.push(`${rgb(theme[shape.colour])} RG ${rgb(theme[shape.colour])} rg ${shape.dashed ? '[2 1.5]' : '[]'} 0 d`);
        let last: Point = { x: 0, y: 0 };
        const path = roundedPath(shape.points, shape.sharp ? 0 : size.bend).map(({ op, at }) => {
          const [first, second] = at;
          const from = last;
          last = at.at(-1) ?? last;
          if (op !== 'Q' || !first || !second) return `${this.#point(last)} ${op === 'M' ? 'm' : 'l'}`;
          // A quadratic curve as a cubic one.
          const handle = (end: Point): Point => ({
            x: end.x + ((first.x - end.x) * 2) / 3,
            y: end.y + ((first.y - end.y) * 2) / 3,
          });
          return `${this.#point(handle(from))} ${this.#point(handle(second))} ${this.#point(second)} c`;
        });
        this.#out.push(`${path.join(' ')} S`);
        if (!shape.arrow) return;
        const [a, b, c] = arrowHead(shape.points);
        this.#out.push(`${this.#point(a)} m ${this.#point(b)} l ${this.#point(c)} l f`);
        return;
      }
      case 'dot': {
        const r = 1.1;
        const area = { x: shape.at.x - r, y: shape.at.y - r, width: 2 * r, height: 2 * r };
        this.#out.push(`${rgb(theme[shape.colour])} rg ${this.#rounded(area, r)} f`);
        return;
      }
      case 'text': {
        const { at, text, weight, colour, anchor } = shape;
        const font = this.#fonts[weight];
        const glyphs = [...text].map((character) => {
          const glyph = font.glyphOf(character);
          this.used[weight].set(glyph, character);
          return hex4(glyph);
        });
        const x = anchor === 'middle' ? at.x - textWidth(font, text, size.font) / 2 : at.x;
        const name = weight === 'bold' ? 'F2' : 'F1';
        const place = this.#point({ x, y: at.y });
        this.#out.push(`BT ${rgb(theme[colour])} rg /${name} ${size.font} Tf ${place} Td <${glyphs.join('')}> Tj ET`);
      }
    }
  }

  #rounded({ x, y, width, height }: Area, radius: number): string {
    const r = Math.min(radius, width / 2, height / 2);
    const k = r * (1 - quarter);
    const p = (px: number, py: number): string => this.#point({ x: x + px, y: y + py });
    return [
      `${p(r, 0)} m ${p(width - r, 0)} l ${p(width - k, 0)} ${p(width, k)} ${p(width, r)} c`,
      `${p(width, height - r)} l ${p(width, height - k)} ${p(width - k, height)} ${p(width - r, height)} c`,
      `${p(r, height)} l ${p(k, height)} ${p(0, height - k)} ${p(0, height - r)} c`,
      `${p(0, r)} l ${p(0, k)} ${p(k, 0)} ${p(r, 0)} c h`,
    ].join(' ');
  }
}

interface Object {
  readonly dict: string;
  readonly stream?: Uint8Array;
}

/** Five objects of a font whose codes are its glyphs, the first at `first`. */
function fontObjects(font: Font, name: string, used: ReadonlyMap<number, string>, first: number): readonly Object[] {
  const em = (n: number): number => Math.round((n * 1000) / font.unitsPerEm);
  const glyphs = [...used].sort(([a], [b]) => a - b);
  const widths = glyphs.map(([glyph]) => `${glyph} [${em(font.advanceOf(glyph))}]`).join(' ');
  const utf16 = (text: string): string => [...Array(text.length).keys()].map((i) => hex4(text.charCodeAt(i))).join('');
  const lines = glyphs.map(([glyph, character]) => `<${hex4(glyph)}> <${utf16(character)}>`);
  // At most 100 lines stand in one section of such a map.
  const sections = Array.from({ length: Math.ceil(lines.length / 100) }, (_, i) => lines.slice(100 * i, 100 * (i + 1)));
  const cmap = [
    '/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Adobe-Identity-UCS def /CMapType 2 def',
    '1 begincodespacerange <0000> <FFFF> endcodespacerange',
    ...sections.map((section) => `${section.length} beginbfchar\n${section.join('\n')}\nendbfchar`),
    'endcmap CMapName currentdict /CMap defineresource pop end end',
  ].join('\n');
  const packed = zlibSync(font.file);
  const system = '/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>';
  const box = font.box.map(em).join(' ');
  return [
    {
      dict: `/Type /Font /Subtype /Type0 /BaseFont /${name} /Encoding /Identity-H /DescendantFonts [${first + 1} 0 R] /ToUnicode ${first + 4} 0 R`,
    },
    {
      dict: `/Type /Font /Subtype /CIDFontType2 /BaseFont /${name} ${system} /FontDescriptor ${first + 2} 0 R /CIDToGIDMap /Identity /W [${widths}]`,
    },
    {
      dict: `/Type /FontDescriptor /FontName /${name} /Flags 32 /FontBBox [${box}] /ItalicAngle 0 /Ascent ${em(font.ascent)} /Descent ${em(font.descent)} /CapHeight 716 /StemV 80 /FontFile2 ${first + 3} 0 R`,
    },
    { dict: `/Filter /FlateDecode /Length1 ${font.file.length}`, stream: packed },
    { dict: '', stream: latin(cmap) },
  ];
}

/** A text of the document's properties, in UTF-16. */
const property = (text: string): string =>
  `<FEFF${[...Array(text.length).keys()].map((i) => hex4(text.charCodeAt(i))).join('')}>`;

/** The bytes depend on the scene and the theme alone: no date, no random identifier. */
export function toPdf(scene: Scene, theme: ThemeName = 'light'): Uint8Array {
  const fonts = readFonts();
  const colours = themes[theme];
  const writer = new Writer(fonts, colours, scene.height);
  for (const shape of scene.shapes) writer.draw(shape);
  const [width, height] = [number(scene.width), number(scene.height)];
  const paper = `${rgb(colours.paper)} rg 0 0 ${width} ${height} re f ${size.stroke} w 1 j`;
  const content = zlibSync(latin(`${paper}\n${writer.content}\n`));
  const objects: readonly Object[] = [
    { dict: '/Type /Catalog /Pages 2 0 R' },
    { dict: '/Type /Pages /Kids [3 0 R] /Count 1' },
    {
      dict: `/Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents 4 0 R /Resources << /Font << /F1 6 0 R /F2 11 0 R >> >>`,
    },
    { dict: '/Filter /FlateDecode', stream: content },
    { dict: `/Title ${property(scene.title)} /Producer (rescc)` },
    ...fontObjects(fonts.regular, 'RESCCA+Arimo', writer.used.regular, 6),
    ...fontObjects(fonts.bold, 'RESCCB+Arimo-Bold', writer.used.bold, 11),
  ];
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array): void => {
    parts.push(bytes);
    at += bytes.length;
  };
  put(latin('%PDF-1.7\n%\xE2\xE3\xCF\xD3\n'));
  const offsets = objects.map(({ dict, stream }, i) => {
    const offset = at;
    put(latin(`${i + 1} 0 obj\n<< ${dict}${stream ? ` /Length ${stream.length}` : ''} >>\n`));
    if (stream) {
      put(latin('stream\n'));
      put(stream);
      put(latin('\nendstream\n'));
    }
    put(latin('endobj\n'));
    return offset;
  });
  const start = at;
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  put(latin(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`));
  put(latin(`trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n${start}\n%%EOF\n`));
  const out = new Uint8Array(at);
  let to = 0;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}
