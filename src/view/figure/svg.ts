/** A scene as SVG 1.1: one file that needs nothing else. */
import { type Fonts, readFonts, textWidth } from './font.ts';
import type { Point } from './placed.ts';
import type { Scene, Shape } from './scene.ts';
import { type Colour, size, type Theme, type ThemeName, themes } from './style.ts';

/** Fonts with the same widths, by the names that systems know them by. */
export const fontFamily = "Helvetica, Arial, Arimo, 'Liberation Sans', sans-serif";

const number = (n: number): string => String(Math.round(n * 100) / 100);

/** A line with its corners cut round. */
export function roundedPath(
  points: readonly Point[],
  radius: number,
): readonly { readonly op: 'M' | 'L' | 'Q'; readonly at: readonly Point[] }[] {
  const out: { op: 'M' | 'L' | 'Q'; at: readonly Point[] }[] = [];
  points.forEach((p, i) => {
    const before = points[i - 1];
    const after = points[i + 1];
    if (!before) out.push({ op: 'M', at: [p] });
    else if (!after || radius === 0) out.push({ op: 'L', at: [p] });
    else {
      const cut = (to: Point): Point => {
        const length = Math.hypot(to.x - p.x, to.y - p.y);
        const part = length === 0 ? 0 : Math.min(radius, length / 2) / length;
        return { x: p.x + (to.x - p.x) * part, y: p.y + (to.y - p.y) * part };
      };
      out.push({ op: 'L', at: [cut(before)] }, { op: 'Q', at: [p, cut(after)] });
    }
  });
  return out;
}

/** The three corners of the head of an arrow at the end of a line. */
export function arrowHead(points: readonly Point[]): readonly [Point, Point, Point] {
  const end = points.at(-1) ?? { x: 0, y: 0 };
  const from = points.findLast((p) => p.x !== end.x || p.y !== end.y) ?? { x: end.x, y: end.y - 1 };
  const length = Math.hypot(end.x - from.x, end.y - from.y);
  const [ux, uy] = [(end.x - from.x) / length, (end.y - from.y) / length];
  const [bx, by] = [end.x - ux * size.arrow, end.y - uy * size.arrow];
  const half = size.arrow * 0.42;
  return [end, { x: bx - uy * half, y: by + ux * half }, { x: bx + uy * half, y: by - ux * half }];
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function drawn(shape: Shape, fonts: Fonts): string {
  switch (shape.kind) {
    case 'rect': {
      const { area, radius, fill, line, dashed } = shape;
      const place = `x="${number(area.x)}" y="${number(area.y)}" width="${number(area.width)}" height="${number(area.height)}"`;
      return `<rect ${place} rx="${number(radius)}" class="f-${fill} s-${line}"${dashed ? ' stroke-dasharray="2 1.5"' : ''}/>`;
    }
    case 'line': {
      const path = roundedPath(shape.points, shape.sharp ? 0 : size.bend)
        .map(({ op, at }) => `${op}${at.map((p) => `${number(p.x)} ${number(p.y)}`).join(' ')}`)
        .join('');
      const line = `<path d="${path}" class="l s-${shape.colour}"${shape.dashed ? ' stroke-dasharray="2 1.5"' : ''}/>`;
      if (!shape.arrow) return line;
      const head = arrowHead(shape.points)
        .map((p) => `${number(p.x)},${number(p.y)}`)
        .join(' ');
      return `${line}<polygon points="${head}" class="f-${shape.colour}"/>`;
    }
    case 'dot':
      return `<circle cx="${number(shape.at.x)}" cy="${number(shape.at.y)}" r="1.1" class="f-${shape.colour}"/>`;
    case 'text': {
      const { at, text, anchor, weight, colour } = shape;
      const width = number(textWidth(fonts[weight], text, size.font));
      const middle = anchor === 'middle' ? ' text-anchor="middle"' : '';
      const heavy = weight === 'bold' ? ' font-weight="bold"' : '';
      return `<text x="${number(at.x)}" y="${number(at.y)}"${middle}${heavy} textLength="${width}" class="f-${colour}">${escaped(text)}</text>`;
    }
  }
}

/** Classes of fills and strokes, because a style sheet can follow the reader's theme and an attribute cannot. */
function rules(theme: Theme): string {
  return (Object.keys(theme) as Colour[])
    .map((name) => `.f-${name}{fill:${theme[name]}}.s-${name}{stroke:${theme[name]}}`)
    .join('');
}

/** SVG in one theme, or, without one, light with a dark form where the reader asks for it. Sizes are points. */
export function toSvgText(scene: Scene, theme?: ThemeName): string {
  const fonts = readFonts();
  const [width, height] = [number(scene.width), number(scene.height)];
  const dark = theme === undefined ? `@media (prefers-color-scheme:dark){${rules(themes.dark)}}` : '';
  const style = `${rules(themes[theme ?? 'light'])}.l{fill:none}${dark}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}pt" height="${height}pt" viewBox="0 0 ${width} ${height}" font-family="${escaped(fontFamily)}" font-size="${size.font}" stroke-width="${size.stroke}">`,
    `<title>${escaped(scene.title)}</title>`,
    `<style>text{stroke:none}${style}</style>`,
    `<rect width="${width}" height="${height}" class="f-paper" stroke="none"/>`,
    ...scene.shapes.map((shape) => drawn(shape, fonts)),
    '</svg>',
    '',
  ].join('\n');
}
