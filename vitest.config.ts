import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Reference evaluation of whole networks takes seconds on two shared cores; a hang is caught all the same.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Vitest leaves one core free, which is half of a small machine.
    maxWorkers: '100%',
    globalSetup: ['test/global-setup.ts'],
  },
});
