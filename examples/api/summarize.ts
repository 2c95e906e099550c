/** What a model costs, scope by scope, without compiling it. Sizes that are not known stay symbols, or get numbers. */
import { build, evaluate, summarize, summaryText } from 'rescc';

const { graph } = build(`
model Net {
  input image: f32[N, 3, H, W]
  stem: sequential { conv: conv(16, 7x7, stride=2, bias=true)  bn: batchnorm }
  relu
  body: repeat 4 { residual { conv1: conv(16, 3x3)  relu  conv2: conv(16, 3x3) } }
  global_avgpool  flatten
  fc: linear(10)
  output logits
}`);
if (!graph) throw new Error('the source has errors');

const tree = summarize(graph);
const stem = tree.children.find((scope) => scope.path === 'stem');
console.log(`stem: ${stem?.parameters} parameters, ${stem?.buffers} buffers, ${stem?.madds} multiply-adds`);
console.log(summaryText(tree, { width: 80 }));

// The same as numbers, at a size.
const sizes = { N: 1, H: 224, W: 224 };
const there = summarize(graph, { sizes });
console.log(
  `${there.madds?.constant} multiply-adds, ${there.activations?.constant} elements, ${there.peak?.constant} bytes at most`,
);

// Any symbolic number: a cost, or a size of a type.
if (stem?.madds)
  console.log(`stem: ${evaluate(stem.madds, sizes)} of them, ${evaluate(stem.madds, { ...sizes, N: 8 })} for eight pictures`);
