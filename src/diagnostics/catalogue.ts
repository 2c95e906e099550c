/** The whole catalogue: importing this file enters every kind of diagnostic, so that `definedKinds` lists them all. */
import './catalogue/api.ts';
import './catalogue/axes.ts';
import './catalogue/bytes.ts';
import './catalogue/cli.ts';
import './catalogue/codegen.ts';
import './catalogue/edit.ts';
import './catalogue/import.ts';
import './catalogue/ir.ts';
import './catalogue/names.ts';
import './catalogue/passes.ts';
import './catalogue/runtime.ts';
import './catalogue/shapes.ts';
import './catalogue/structure.ts';
import './catalogue/syntax.ts';
import './catalogue/text.ts';
import './catalogue/values.ts';
import './catalogue/weights.ts';

export { definedKinds } from './diagnostic.ts';
