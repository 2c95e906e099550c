/**
 * Which room may import which: ARCHITECTURE.md's table as an allow-list, checked by dependency-cruiser; and that no files import
 * each other in a circle. Type-only imports count. A check that saw no module is a failure, because the tool says nothing when it
 * cannot read TypeScript.
 */
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const rooms: Readonly<Record<string, readonly string[]>> = {
  diagnostics: [],
  words: ['diagnostics'],
  io: ['diagnostics'],
  parser: ['diagnostics', 'words'],
  ir: ['diagnostics'],
  ops: ['diagnostics', 'ir'],
  elaborate: ['diagnostics', 'words', 'parser', 'ir', 'ops'],
  tensor: ['diagnostics', 'io', 'ir', 'ops'],
  onnx: ['diagnostics', 'io', 'ir', 'ops', 'tensor'],
  checkpoint: ['diagnostics', 'io', 'ir', 'ops', 'tensor', 'onnx'],
  passes: ['diagnostics', 'ir', 'ops', 'tensor'],
  import: ['diagnostics', 'io', 'ir', 'ops', 'tensor', 'onnx'],
  codegen: ['diagnostics', 'io', 'ir', 'ops', 'tensor', 'onnx', 'checkpoint'],
  edit: ['diagnostics', 'io', 'ir', 'ops', 'tensor', 'onnx', 'checkpoint', 'import', 'codegen'],
  view: ['diagnostics', 'ir'],
  runtime: ['diagnostics', 'io', 'ir', 'ops', 'tensor', 'onnx', 'codegen', 'edit'],
  stdlib: [],
};

/** Folders of a room that have an order: each may import itself and those before it. */
const floors: readonly string[] = ['src/passes/analysis/', 'src/passes/engine/', 'src/passes/transforms/', 'src/passes/'];
const floorOf = (path: string): number => floors.findIndex((folder) => path.startsWith(folder));

/** Files that may import each other, and why. */
const circles: readonly { readonly files: readonly string[]; readonly reason: string }[] = [
  {
    files: ['src/ir/graph.ts', 'src/ir/operator.ts'],
    reason: 'a node has an operator, and the rules of an operator are told about nodes: one data type in two files',
  },
];

const result = await cruise(
  ['src'],
  {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    validate: true,
    // With such a rule the tool looks for circles at all.
    ruleSet: { forbidden: [{ name: 'circle', severity: 'error', from: {}, to: { circular: true } }] },
  },
  undefined,
  { tsConfig: extractTSConfig('tsconfig.json') },
);
const output = result.output as ICruiseResult;
const problems: string[] = [];
let edges = 0;
const unseen = new Set(circles);
const roomOf = (path: string): string | undefined => /^src\/(\w+)\//.exec(path)?.[1];
for (const module of output.modules) {
  const room = roomOf(module.source);
  for (const dependency of module.dependencies) {
    const to = roomOf(dependency.resolved);
    if (room !== undefined && to === 'runtime' && room !== 'runtime' && room !== 'cli')
      problems.push(`${module.source} imports ${dependency.resolved}`);
    if (dependency.module === 'onnxruntime-node' && room !== 'runtime')
      problems.push(`${module.source} imports onnxruntime-node`);
    if (!dependency.resolved.startsWith('src/')) continue;
    edges++;
    if (floorOf(module.source) >= 0 && floorOf(dependency.resolved) > floorOf(module.source))
      problems.push(`${module.source} imports ${dependency.resolved}`);
    if (dependency.circular) {
      const files = [module.source, dependency.resolved, ...(dependency.cycle ?? []).map((step) => step.name)];
      const allowed = circles.find((circle) => files.every((file) => circle.files.includes(file)));
      if (allowed) unseen.delete(allowed);
      else problems.push(`${module.source} imports itself by way of ${files.slice(1).join(' → ')}`);
    }
    const allowed = room === undefined ? undefined : rooms[room];
    if (!allowed || to === room) continue;
    if (to === undefined ? dependency.resolved !== 'src/version.ts' : !allowed.includes(to))
      problems.push(`${module.source} imports ${dependency.resolved}`);
  }
}
if (output.modules.length < 50 || edges < 100)
  problems.push(`only ${output.modules.length} modules and ${edges} imports were seen`);
for (const { files } of unseen) problems.push(`no circle of ${files.join(' and ')}: take it off the list`);
for (const problem of problems) console.error(problem);
console.log(`${output.modules.length} modules, ${edges} imports, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
