import { join } from 'node:path';
import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { endKeptWorker, keptWorker } from './kept-worker.ts';

const isolate = process.env['MUTATION_ISOLATE'] === 'true';

/** Configuration of the tests under Stryker. `run.ts` names the test files. */
export default defineConfig({
  ssr: { resolve: { conditions: ['workspace-source', ...defaultServerConditions] } },
  plugins: [
    {
      name: 'kept-worker',
      // Stryker chooses one of the built-in pools.
      configureVitest({ project, vitest }) {
        if (isolate) return;
        Object.assign(project.config, { pool: keptWorker.name, poolRunner: keptWorker });
        vitest.onClose(endKeptWorker);
      },
    },
  ],
  test: {
    include: JSON.parse(process.env['MUTATION_TESTS'] ?? '[]') as string[],
    isolate,
    // As in `npm test`, for files that share a worker.
    unstubEnvs: true,
    unstubGlobals: true,
    restoreMocks: true,
    setupFiles: [join(import.meta.dirname, 'setup-mutant.ts')],
    // Of the first run. It is generous, because a failed test there ends everything.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 120_000 } },
    env: { NO_PROXY: '127.0.0.1,localhost' },
    // What a worker reports has no prototype, and Stryker crashes when it writes that as text.
    onUnhandledError: (error) => void Object.setPrototypeOf(error, Error.prototype),
  },
});
