import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

/** Tests that run the package on Microsoft's host: `npm run test:func`. */
export default defineConfig({
  // The sources of the workspaces, not their last build.
  ssr: { resolve: { conditions: ['workspace-source', ...defaultServerConditions] } },
  test: {
    include: ['test/func/**/*.func.ts'],
    testTimeout: 600_000,
    hookTimeout: 900_000,
    reporters: ['default', './tools/skipped-tests-reporter.ts'],
    env: { NO_PROXY: '127.0.0.1,localhost' },
  },
});
