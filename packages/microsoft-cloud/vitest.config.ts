import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Some tests start processes of their own.
    maxWorkers: 2,
    // Long enough for a busy machine.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
    // The Azure SDKs use a proxy for loopback addresses as well.
    env: { NO_PROXY: '127.0.0.1,localhost' },
  },
});
