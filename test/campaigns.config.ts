import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

/** Tests that take too long for `npm run test:all`: `npm run test:kills`, `npm run test:scale`. */
export default defineConfig({
  // The sources of the workspaces, not their last build.
  ssr: { resolve: { conditions: ['workspace-source', ...defaultServerConditions] } },
  test: {
    include: ['test/**/*.campaign.ts'],
    // Most campaigns have a limit of their own. The recipes have that of the other tests.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    env: { NO_PROXY: '127.0.0.1,localhost' },
  },
});
