import type { TestContext } from 'vitest';
import { swiftshaderEnvironment } from '../../src/runtime/provider.ts';

/**
 * The environment with a WebGPU adapter in software. Where it is not installed, tests fail in continuous integration and skip
 * elsewhere.
 */
export function swiftshader(context: TestContext): Readonly<Record<string, string>> {
  const environment = swiftshaderEnvironment();
  if (environment) return environment;
  const missing = 'no SwiftShader in /usr/lib/chromium: apt-get install -y chromium-common';
  if (process.env.CI === 'true') throw new Error(missing);
  return context.skip(missing);
}
