/** `rescc explain RES0302`: the page of a diagnostic; the name of a pass or rule prints its proof. */
import type { Command } from 'commander';
import { definedKinds } from '../diagnostics/catalogue.ts';
import { unknownCode } from '../diagnostics/catalogue/cli.ts';
import { fail } from '../diagnostics/diagnostic.ts';
import { explain } from '../diagnostics/render.ts';
import { explainRule, passNames } from '../passes/pipeline.ts';
import { out } from './output.ts';

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('explains a diagnostic (RES0302) or proves a pass (fold-batchnorm); lists all diagnostics without one')
    .argument('[what]', 'a code, or the name of a pass or rule')
    .action((what: string | undefined) => {
      if (what === undefined) {
        for (const kind of definedKinds()) out(`${kind.code}  ${kind.title.parts.map((part, i) => part + (kind.title.holes[i] === undefined ? '' : '…')).join('')}`);
        return;
      }
      const code = /^(res)?\d+$/i.test(what) ? `RES${what.replace(/^res/i, '').padStart(4, '0')}` : what;
      const text = explain(code) ?? explainRule(what);
      if (text === undefined) fail(unknownCode, { with: { given: what, example: `RES0302, or ${passNames[1] ?? 'simplify'}` } });
      out(text ?? '');
    });
}
