import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The sources of the workspaces, not their last build.
  ssr: { resolve: { conditions: ['workspace-source', ...defaultServerConditions] } },
  test: {
    include: ['test/**/*.test.{ts,tsx}', 'packages/*/test/**/*.test.ts'],
    // CI has two cores, and end-to-end tests start processes of their own.
    maxWorkers: 2,
    // Ends a test that hangs. It is generous, because end-to-end tests share the cores with the processes they start.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    // The only deadline of waits in tests. It does not slow a test down that passes.
    expect: { poll: { timeout: 120_000 } },
    reporters: ['default', ['json', { outputFile: '.local/test-results.json' }], './tools/skipped-tests-reporter.ts'],
    env: { NO_PROXY: '127.0.0.1,localhost' },
    coverage: {
      provider: 'v8',
      reporter: ['text'],
      reportsDirectory: '.local/coverage',
      include: ['src/lib/**/*.ts'],
      // These files hold only interfaces.
      exclude: [
        'src/lib/audit/audit-log.ts',
        'src/lib/credential/credential-store.ts',
        'src/lib/runs/{orchestrations,run-log}.ts',
      ],
      thresholds: { lines: 95, branches: 95 },
    },
  },
});
