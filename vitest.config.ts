import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The workspaces' own sources, not what was last built of them.
  ssr: { resolve: { conditions: ['source', ...defaultServerConditions] } },
  test: {
    include: ['test/**/*.test.ts', 'packages/*/test/**/*.test.ts'],
    // Two cores is what CI has; end-to-end files start processes of their own.
    maxWorkers: 2,
    // For a hang, not for slowness: end-to-end tests share two cores with the processes that they start.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', ['json', { outputFile: '.local/test-results.json' }], './tools/test-record.ts'],
    env: { NO_PROXY: '127.0.0.1,localhost' },
    coverage: {
      provider: 'v8',
      reporter: ['text', 'json-summary'],
      reportsDirectory: '.local/coverage',
      include: ['src/lib/**/*.ts'],
      // Ports that are interfaces alone: nothing of them runs.
      exclude: [
        'src/lib/audit/audit-log.ts',
        'src/lib/credential/credential-store.ts',
        'src/lib/runs/{orchestrations,run-log}.ts',
      ],
      thresholds: { lines: 95, branches: 95 },
    },
  },
});
