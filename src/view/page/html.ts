/** The page as one file: data, script and style in it, and nothing from elsewhere. */
import type { PageData } from './model.ts';

/**
 * JSON that ends no element and opens no comment, whatever names the model has: `<` and the two line ends that JavaScript knows
 * and JSON does not are written as escapes.
 */
export function embeddedJson(data: unknown): string {
  return JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function escapedText(text: string): string {
  return text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/**
 * The page, which forbids itself the network: its policy lets nothing load or connect. `script` and `style` are those of
 * `asset.ts`.
 */
export function pageHtml(data: PageData, { script, style }: { readonly script: string; readonly style: string }): string {
  const title = data.models.map(({ name, file }) => name || file).join(' and ');
  const policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta name="generator" content="rescc ${escapedText(data.version)}">`,
    `<title>${escapedText(title)}</title>`,
    `<style>${style.replaceAll('</style', '<\\/style')}</style>`,
    '</head>',
    '<body>',
    '<noscript>This page draws a network, which takes JavaScript.</noscript>',
    `<script type="application/json" id="data">${embeddedJson(data)}</script>`,
    `<script>${script.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}
