/** JSON of headers and indexes: what the objects of it take is estimated from the text before they are made. */
import { Budget, costOf, structureBudget } from '../diagnostics/budget.ts';

/**
 * The value of a JSON text out of a file of `size` bytes. `damaged` reports text that is none, or whose objects would take more
 * memory than such a file may.
 */
export function parseJson(text: string, size: number, damaged: (found: string, expected: string) => never): unknown {
  const budget = new Budget(structureBudget(size), ({ limit }) =>
    damaged(`more than ${Math.round(limit / 2 ** 20)} MiB of JSON objects`, 'what a file of this size can need'),
  );
  budget.spend(2 * text.length);
  // Every item stands behind a bracket or a comma. Those inside of texts count as well: names have few.
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x7b) budget.spend(2 * costOf.map);
    else if (c === 0x5b) budget.spend(costOf.object);
    else if (c === 0x2c) budget.spend(costOf.item);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    return damaged(`no JSON: ${error instanceof Error ? error.message : String(error)}`, 'JSON');
  }
}
