/** Checks a source and shows what is wrong with it: as text for people, and as data for an editor. Nothing is thrown. */
import { check, explain, models, positionOf, render } from 'rescc';

const source = `model Net {
  input image: f32[N, 3, 32, 32]
  conv1: conv(16, 3x3)
  residual { conv2: conv(32, 3x3, stride=2) }
  output y
}
`;

const { diagnostics } = check(source, { fileName: 'net.res' });
console.log(render(diagnostics, { color: false, width: 80 }));

for (const { code, title, span, hint } of diagnostics) {
  const at = span && positionOf(span.file, span.start);
  console.log(`${at?.line}:${at?.column} ${code} ${title} -> ${hint}`);
}
console.log(explain(diagnostics[0]?.code ?? '')?.split('\n')[0]);
console.log(`models: ${models(source).join(', ')}`);
