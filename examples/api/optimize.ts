/** Runs passes by name on the graph of a source, and prints what each did. */
import { build, optimize, passNames, printGraph } from 'rescc';

const { graph } = build(`
model Net {
  input x: f32[N, 8, 16, 16]
  conv: conv(8, 3x3)
  bn: batchnorm
  relu
  output y
}`);
if (!graph) throw new Error('the source has errors');

console.log(`passes: ${passNames.join(', ')}`);
const report = optimize(graph, { passes: ['simplify', 'fold-batchnorm'] });
for (const pass of report.passes) {
  console.log(`${pass.name}: ${pass.before.nodes} -> ${pass.after.nodes} nodes`, pass.fired);
}
console.log(printGraph(graph));
