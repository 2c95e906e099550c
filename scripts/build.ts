/** Bundles the command line and the API into dist/, and writes the types. onnxruntime-node stays outside: it is a native package. */
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
const shared = {
  bundle: true,
  platform: 'node' as const,
  format: 'esm' as const,
  target: 'node20',
  splitting: true,
  outdir: 'dist',
  logLevel: 'warning' as const,
  // Bundled CommonJS packages ask for `require` when they load.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  external: ['onnxruntime-node'] as string[],
  minifySyntax: true,
};
await build({ ...shared, entryPoints: { rescc: 'src/cli/main.ts', index: 'src/index.ts', node: 'src/node.ts' } });
chmodSync('dist/rescc.js', 0o755);
if (process.argv.includes('--types')) {
  const types = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
  if (types.status !== 0) process.exit(types.status ?? 1);
}
