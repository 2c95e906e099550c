/** Other optimisers of ONNX files, and how nodes are counted in what they write. */
import { readFileSync } from 'node:fs';
import { memorySource } from '../src/io/bytes.ts';
import type { OnnxGraph } from '../src/onnx/model.ts';
import { readOnnxFile } from '../src/onnx/read.ts';

/** Each peer as its documentation says to call it, with its default settings. */
export const peers: Readonly<Record<string, string>> = {
  onnxslim: 'import onnxslim; onnxslim.slim(a, b)',
  onnxsim:
    'import onnx, onnxsim; model, ok = onnxsim.simplify(onnx.load(a)); assert ok, "its own check failed"; onnx.save(model, b)',
  onnxoptimizer: 'import onnx, onnxoptimizer as o; onnx.save(o.optimize(onnx.load(a), o.get_fuse_and_elimination_passes()), b)',
  onnxscript: 'import onnx, onnxscript.optimizer as o; onnx.save(o.optimize(onnx.load(a)), b)',
};

function countNodes(graph: OnnxGraph): number {
  let count = 0;
  const open = [graph];
  for (let next = open.pop(); next; next = open.pop()) {
    for (const node of next.nodes) {
      // A constant is data, whether it is written as a node or as an initialiser.
      if (node.opType !== 'Constant') count++;
      for (const attribute of node.attributes) {
        if (attribute.kind === 'graph') open.push(attribute.value);
        else if (attribute.kind === 'graphs') open.push(...attribute.value);
      }
    }
  }
  return count;
}

export async function nodesOf(path: string): Promise<number> {
  return countNodes((await readOnnxFile(memorySource(path, readFileSync(path)))).graph);
}
