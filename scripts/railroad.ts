/**
 * Writes grammars/res.ebnf and grammars/railroad.html, the syntax diagrams as one file that needs no network, both of the EBNF
 * that stands beside the productions of the parser. The drawing code is Chevrotain's (Apache-2.0) with Tab Atkins'
 * railroad-diagrams (CC0). With --check nothing is written, and the exit code is 1 when a committed page is not what would be.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ResParser } from '../src/parser/grammar.ts';
import { binaryLevels } from '../src/parser/rank.ts';
import { ebnfFile, readGrammar, toDiagrams } from './ebnf.ts';
import { writeOrCompare } from './generated.ts';

const diagrams = fileURLToPath(new URL('../node_modules/chevrotain/diagrams/', import.meta.url));

const style = readFileSync(`${diagrams}diagrams.css`, 'utf8');
const scripts = ['vendor/railroad-diagrams.js', 'src/diagrams_builder.js', 'src/diagrams_behavior.js', 'src/main.js'].map(
  (file) => readFileSync(`${diagrams}${file}`, 'utf8'),
);
const { productions } = new ResParser(false);
const grammar = JSON.stringify(toDiagrams(readGrammar(productions)), null, 1);
const script = (text: string): string => `<script>\n${text.trim().replaceAll('</script', '<\\/script')}\n</script>\n`;

const page = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>The grammar of .res</title>
<style>
body { background-color: hsl(30, 20%, 95%); font-family: sans-serif; }
${style.trim()}
</style>
<h1>The grammar of .res</h1>
<p>Drawn from the EBNF of the parser's productions by <code>npm run generate</code>. A touching bracket has no blank before it.</p>
<div id="diagrams"></div>
${scripts.map(script).join('')}${script(`window.serializedGrammar = ${grammar};
main.drawDiagramsFromSerializedGrammar(serializedGrammar, document.getElementById('diagrams'));`)}</html>
`.replaceAll('\r\n', '\n');

writeOrCompare('grammars/railroad.html', page, 'the productions');
writeOrCompare('grammars/res.ebnf', ebnfFile(productions, binaryLevels), 'the productions');
