/** Writes src/view/page/asset.ts: the script of the interactive page out of src/view/page/client/, bundled, and its style. */
import { build } from 'esbuild';
import { isProgram, writeOrCompare } from './generated.ts';

export async function pageAsset(): Promise<string> {
  const bundle = async (file: string, more: { readonly format?: 'iife' }): Promise<string> => {
    const made = await build({
      entryPoints: [`src/view/page/client/${file}`],
      bundle: true,
      write: false,
      minify: true,
      target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
      charset: 'ascii',
      logLevel: 'warning',
      ...more,
    });
    return (made.outputFiles[0]?.text ?? '').trim();
  };
  const script = await bundle('main.ts', { format: 'iife' });
  const style = await bundle('style.css', {});
  const literal = (text: string): string =>
    `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`;
  return [
    '/** The script and the style of the interactive page. Written by scripts/page.ts from client/ beside it; do not edit. */',
    '// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of the bundled script',
    `export const script =\n  ${literal(script)};`,
    `export const style =\n  ${literal(style)};`,
    '',
  ].join('\n');
}

if (isProgram(import.meta.url)) {
  const text = await pageAsset();
  writeOrCompare('src/view/page/asset.ts', text, `${text.length} characters`);
}
