import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const source = (file: string): string => join(import.meta.dirname, 'src', file);

export default defineConfig({
  // The examples import the package by its name, and must run without a build.
  resolve: {
    alias: [
      { find: /^microsoft-cloud$/, replacement: source('index.ts') },
      { find: /^microsoft-cloud\/(\w+)$/, replacement: source('$1.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Some tests start processes of their own.
    maxWorkers: 2,
    // Long enough for a busy machine.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // The Azure SDKs use a proxy for loopback addresses as well.
    env: { NO_PROXY: '127.0.0.1,localhost' },
  },
});
