/** onnxruntime-node, whose CPU sessions run in a process that may crash, with the reference over all cores. */
import type { RuntimeHost } from './host.ts';
import { RuntimeProcess, runtimeName } from './provider.ts';
import { openSession } from './session.ts';
import { withThreads } from './threads.ts';

/** `environment` is that of the processes. */
export function nodeHost(environment: Readonly<Record<string, string>> | undefined): RuntimeHost {
  return {
    name: runtimeName,
    during: async (work) => {
      const process = new RuntimeProcess(environment);
      try {
        return await withThreads(() => work((model, options) => openSession(model, { ...options, process })));
      } finally {
        process.end();
      }
    },
  };
}
