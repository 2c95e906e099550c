/** Brings a source into the canonical form. `parse` recovers from mistakes; only a source without any is formatted. */
import { format, parse } from 'rescc';

const { file, diagnostics } = parse({ name: 'net.res', text: 'model Net { input x:f32[N,4]\n linear( 8 )   relu;output y }' });
if (diagnostics.length > 0) throw new Error(diagnostics.map((d) => d.title).join('\n'));
process.stdout.write(format(file));
