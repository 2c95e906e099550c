/** Peak memory of this process. */
import { readFileSync } from 'node:fs';

/**
 * The largest resident set so far, in bytes. On Linux from the kernel's own account of this program, because the figure of
 * getrusage begins with that of the process that started it.
 */
export function peakMemory(): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (found !== undefined) return Number(found) * 1024;
  } catch {
    // No /proc here.
  }
  return process.resourceUsage().maxRSS * 1024;
}
