/** Other optimisers of ONNX files, and how nodes are counted in what they write. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { memorySource } from '../src/io/bytes.ts';
import { allNodes } from '../src/onnx/model.ts';
import { readOnnxFile } from '../src/onnx/read.ts';

export interface Tool {
  readonly name: string;
  readonly version: string;
  command(from: string, to: string): readonly string[];
}

const built = fileURLToPath(new URL('../dist/rescc.js', import.meta.url));
export const rescc: Tool = {
  name: 'rescc -O1',
  version: '',
  command: (from, to) => [process.execPath, built, 'optimize', from, '-o', to],
};

/** Each peer as its documentation says to call it, with its default settings. */
const peers: Readonly<Record<string, string>> = {
  onnxslim: 'import onnxslim; onnxslim.slim(a, b)',
  onnxsim:
    'import onnx, onnxsim; model, ok = onnxsim.simplify(onnx.load(a)); assert ok, "its own check failed"; onnx.save(model, b)',
  onnxoptimizer: 'import onnx, onnxoptimizer as o; onnx.save(o.optimize(onnx.load(a), o.get_fuse_and_elimination_passes()), b)',
  onnxscript: 'import onnx, onnxscript.optimizer as o; onnx.save(o.optimize(onnx.load(a)), b)',
};

/** Those that this Python has, each with its version and its command. Says which are left out. */
export function installedPeers(python: string): readonly Tool[] {
  return Object.entries(peers).flatMap(([name, code]) => {
    const asked = `import importlib.metadata as m; print(m.version('${name}'))`;
    const version = spawnSync(python, ['-c', asked], { encoding: 'utf8' });
    if (version.status !== 0) {
      console.error(`${name} is not installed for ${python}: left out`);
      return [];
    }
    const command = (from: string, to: string) => [python, '-c', `import sys; a, b = sys.argv[1:]; ${code}`, from, to];
    return [{ name, version: version.stdout.trim(), command }];
  });
}

/** Nodes of a file, those of sub-graphs included. */
export async function nodesOf(path: string): Promise<number> {
  const { graph } = await readOnnxFile(memorySource(path, readFileSync(path)));
  // A constant is data, whether it is written as a node or as an initialiser.
  return [...allNodes(graph.nodes)].filter(({ opType }) => opType !== 'Constant').length;
}
