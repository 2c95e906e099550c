/**
 * A picture as PNG, by resvg: an optional peer, because most pictures are SVG or PDF. Asked for beside rescc, and from the folder
 * where one works.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { rasteriserMissing } from '../diagnostics/catalogue/weights.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { readFonts } from '../view/figure/font.ts';

/** What is used of resvg. */
interface Rasteriser {
  initWasm(module: Uint8Array): Promise<void>;
  readonly Resvg: new (svg: string, options: Readonly<Record<string, unknown>>) => { render(): { asPng(): Uint8Array } };
}

/** Dots per inch, which printers ask for at least. */
const resolution = 300;

/** Where a file of a package is. Throws RES0535 where the package is not there. */
export function resolved(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch (error) {
    try {
      return createRequire(join(process.cwd(), 'package.json')).resolve(name);
    } catch {
      const found = String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
      return fail(rasteriserMissing, { with: { found } });
    }
  }
}

/** `width` in points. */
export async function toPng(svg: string, width: number): Promise<Uint8Array> {
  const wasm = resolved('@resvg/resvg-wasm/index_bg.wasm');
  const resvg = createRequire(wasm)('./index.js') as Rasteriser;
  await resvg.initWasm(readFileSync(wasm));
  const { regular, bold } = readFonts();
  const font = { fontBuffers: [regular.file, bold.file], defaultFontFamily: 'Arimo', sansSerifFamily: 'Arimo' };
  const pixels = Math.round((width / 72) * resolution);
  return new resvg.Resvg(svg, { font, fitTo: { mode: 'width', value: pixels } }).render().asPng();
}
