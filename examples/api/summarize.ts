/** What a model costs, scope by scope, without compiling it. Sizes that are not known stay symbols. */
import { build, summarize, summaryText } from 'rescc';

const { graph } = build(`
model Net {
  input image: f32[N, 3, H, W]
  stem: sequential { conv: conv(16, 7x7, stride=2, bias=true)  bn: batchnorm }
  relu  global_avgpool  flatten
  fc: linear(10)
  output logits
}`);
if (!graph) throw new Error('the source has errors');

const tree = summarize(graph);
const stem = tree.children.find((scope) => scope.path === 'stem');
console.log(`stem: ${stem?.parameters} parameters, ${stem?.buffers} buffers, ${stem?.madds} multiply-adds`);
console.log(summaryText(tree, { width: 80 }));
