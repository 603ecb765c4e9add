import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

/** Tests that share workers: most take milliseconds, so loading what they import would take longest. */
const shared = [
  // The dashboard's tests replace modules and need a DOM, and those of infra and tools start compilers. Jobs, openapi,
  // registrations, durable and app-loading load an app, which a process can do only once.
  'test/unit/!(dashboard|infra|jobs|support|tools)/**/!(openapi).test.ts',
  'test/functions/!(registrations).test.ts',
  'test/replay/*.test.ts',
  'packages/functions-host/test/unit/!(app-loading|durable)/**/*.test.ts',
  'packages/graph-permissions/test/unit/*.test.ts',
  'packages/microsoft-cloud/test/unit/**/*.test.ts',
  'packages/microsoft-cloud/test/e2e/*.test.ts',
  'test/contract/!(credential-hand-edits|credential-store).test.ts',
];

/** These replace modules, or use the managed identity, whose tokens MSAL keeps in static memory. */
const ownWorker = /\bvi\.(?:mock|doMock|resetModules)\(|IDENTITY_ENDPOINT/;
const needsOwnWorker = (path: string): boolean => ownWorker.test(readFileSync(join(import.meta.dirname, path), 'utf8'));
const allShared = globSync(shared, { cwd: import.meta.dirname });
const unshared = allShared.filter(needsOwnWorker);

/** The dashboard's tests share workers that have a DOM. */
const dashboard = globSync('test/unit/dashboard/*.test.{ts,tsx}', { cwd: import.meta.dirname }).filter(
  (path) => !needsOwnWorker(path),
);

/** They share a browser, and many of them a demo. */
const pages = 'test/e2e/pages/*.test.ts';

/**
 * They test other processes, start compilers, or run commands of `ptb`. To start a worker and to load the same modules for
 * each of them would take one to two seconds of processor time.
 */
const processes = [
  'test/durable-engine/*.test.ts',
  'test/e2e/{api,clients,cloud,instances,package,recipes,runs}/*.test.ts',
  'test/e2e/*.test.ts',
  // The other file composes the app, which a process can do only once.
  'test/e2e/credential/!(timer).test.ts',
  'test/contract/credential-{hand-edits,store}.test.ts',
  'test/unit/{infra,support,tools}/*.test.ts',
  'test/fuzz/*.test.ts',
  // The other file loads an app.
  'packages/functions-host/test/e2e/!(library).test.ts',
  'packages/microsoft-cloud/test/package/*.test.ts',
];

const conditions = ['workspace-source', ...defaultServerConditions];

export default defineConfig({
  // The sources of the workspaces, not their last build: for tests, and for the global setup of Vitest.
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: shared,
          exclude: unshared,
          // The files of a worker share its modules, so every test restores what it replaces. `npm run test:stress` runs
          // them in random order.
          isolate: false,
          unstubEnvs: true,
          unstubGlobals: true,
          restoreMocks: true,
        },
      },
      {
        extends: true,
        test: {
          name: 'isolated',
          include: ['test/**/*.test.{ts,tsx}', 'packages/*/test/**/*.test.ts'],
          exclude: [...allShared.filter((path) => !unshared.includes(path)), ...dashboard, ...processes, pages],
        },
      },
      { extends: true, test: { name: 'dashboard', include: dashboard, environment: 'happy-dom', isolate: false } },
      { extends: true, test: { name: 'processes', include: processes, isolate: false } },
      {
        extends: true,
        test: {
          name: 'pages',
          include: [pages],
          isolate: false,
          globalSetup: ['test/e2e/pages/browser-server.ts', 'test/e2e/pages/shared-demo.ts'],
        },
      },
    ],
    sequence: process.env['TEST_ORDER'] === 'random' ? { shuffle: { files: true } } : { sequencer: LongestFirst },
    // More than the cores, because end-to-end tests also wait: for each other's processes, and for real time to pass.
    maxWorkers: availableParallelism() + 2,
    // Ends a test that hangs. It is generous, because end-to-end tests share the cores with the processes they start.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    // The only deadline of waits in tests. It does not slow a test down that passes.
    expect: { poll: { timeout: 120_000 } },
    reporters: [
      'default',
      ['json', { outputFile: '.local/test-results.json' }],
      './tools/skipped-tests-reporter.ts',
      './tools/job-permissions-reporter.ts',
    ],
    env: {
      NO_PROXY: '127.0.0.1,localhost',
      // Compiled code of the libraries, for the many processes that tests start.
      NODE_COMPILE_CACHE: join(import.meta.dirname, '.local/compile-cache'),
    },
    coverage: {
      provider: 'v8',
      reporter: ['text'],
      reportsDirectory: '.local/coverage',
      include: ['src/lib/**/*.ts'],
      // These files hold only interfaces.
      exclude: [
        'src/lib/audit/audit-log.ts',
        'src/lib/tokens/credential/credential-store.ts',
        'src/lib/runs/{orchestrations,run-log}.ts',
      ],
      thresholds: { lines: 95, branches: 95 },
    },
  },
});
