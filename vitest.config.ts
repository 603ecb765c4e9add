import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

// `npm test` runs the projects whose names do not start with `rest`, and `npm run test:rest` the others. Every test file is
// in one project. The projects differ in what their files share.

const files = (...patterns: readonly string[]): string[] =>
  globSync(patterns, { cwd: import.meta.dirname }).map((path) => path.replaceAll('\\', '/'));
const without = (all: readonly string[], ...some: readonly (readonly string[])[]): string[] =>
  all.filter((path) => !some.some((each) => each.includes(path)));

const all = files('test/**/*.test.{ts,tsx}', 'packages/*/test/**/*.test.ts');

/** These replace modules, or use the managed identity, whose tokens MSAL keeps in static memory. */
const ownWorker = /\bvi\.(?:mock|doMock|resetModules)\(|IDENTITY_ENDPOINT/;
const canShare = (path: string): boolean => !ownWorker.test(readFileSync(join(import.meta.dirname, path), 'utf8'));

const lowLevel = all.filter((path) =>
  /^(?:test\/(?:unit|contract|functions|replay|composition)|packages\/[^/]+\/test\/unit)\//.test(path),
);

/** Tests that share workers: most take milliseconds, so loading what they import would take longest. */
const units = files(
  // The dashboard's tests replace modules and need a DOM, and those of infra and tools start compilers. Jobs, openapi,
  // registrations, durable and app-loading load an app, which a process can do only once.
  'test/unit/!(dashboard|infra|jobs|support|tools)/**/!(openapi).test.ts',
  'test/functions/!(registrations).test.ts',
  'test/replay/*.test.ts',
  'packages/functions-host/test/unit/!(app-loading|durable)/**/*.test.ts',
  'packages/graph-permissions/test/unit/*.test.ts',
  'packages/microsoft-cloud/test/unit/**/*.test.ts',
  'test/contract/!(credential-hand-edits|credential-store).test.ts',
).filter(canShare);

/** The dashboard's tests share workers that have a DOM. */
const dashboard = files('test/unit/dashboard/*.test.{ts,tsx}').filter(canShare);

/** Tests that start compilers and other programs. They share workers, too. */
const tools = files('test/unit/{infra,support,tools}/*.test.ts', 'test/contract/credential-{hand-edits,store}.test.ts');

/** The main job and, for each surface, one end-to-end test. */
const surfaces = [
  'test/e2e/main-job.test.ts',
  'test/e2e/api/contract.test.ts',
  'test/e2e/remote-commands.test.ts',
  'test/e2e/powershell/main-commands.test.ts',
  'test/e2e/clients/typescript.test.ts',
  'test/e2e/mcp.test.ts',
  'test/e2e/package/deployed.test.ts',
  'packages/functions-host/test/e2e/web.test.ts',
  'packages/microsoft-cloud/test/e2e/library.test.ts',
];

/** The surface of the browser. */
const surfacePages = ['test/e2e/pages/dashboard.test.ts'];

const rest = without(all, lowLevel, surfaces, surfacePages);
const restPages = rest.filter((path) => path.startsWith('test/e2e/pages/'));

/** They load an app, which a process can do only once, replace modules, or use the managed identity. */
const restAlone = rest.filter(
  (path) =>
    /^(?:test\/(?:attack|chaos|func|e2e\/powershell)|packages\/[^/]+\/test\/examples)\//.test(path) ||
    ['test/e2e/credential/timer.test.ts', 'packages/functions-host/test/e2e/library.test.ts'].includes(path) ||
    (path.startsWith('packages/microsoft-cloud/test/e2e/') && !canShare(path)),
);

/** They compose apps, which have timers as long as their process lives. */
const composition = lowLevel.filter((path) => path.startsWith('test/composition/'));

/** Each of these tests fails if it leaves something open. End-to-end tests share demos, browsers and hosts instead. */
const setupFiles = ['test/support/leftovers.ts'];

/** Tests restore what they replace, because the files of a worker share it. `npm run test:stress` runs them in random order. */
const shared = { setupFiles, isolate: false, unstubEnvs: true, unstubGlobals: true, restoreMocks: true };

/** Page tests share a browser, and many of them a demo. */
const browser = { isolate: false, globalSetup: ['test/e2e/pages/browser-server.ts', 'test/e2e/pages/shared-demo.ts'] };

const conditions = ['workspace-source', ...defaultServerConditions];

export default defineConfig({
  // The sources of the workspaces, not their last build: for tests, and for the global setup of Vitest.
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    projects: [
      { extends: true, test: { name: 'units', include: units, ...shared } },
      {
        extends: true,
        test: { name: 'alone', include: without(lowLevel, units, dashboard, tools, composition), setupFiles },
      },
      { extends: true, test: { name: 'composition', include: composition } },
      {
        extends: true,
        test: { name: 'dashboard', include: dashboard, environment: 'happy-dom', setupFiles, isolate: false },
      },
      { extends: true, test: { name: 'tools', include: tools, setupFiles, isolate: false } },
      // To start a worker and to load the same modules for each of these would take one to two seconds of processor time.
      { extends: true, test: { name: 'surfaces', include: surfaces, isolate: false } },
      { extends: true, test: { name: 'pages', include: surfacePages, ...browser } },
      { extends: true, test: { name: 'rest', include: without(rest, restPages, restAlone), isolate: false } },
      { extends: true, test: { name: 'rest-alone', include: restAlone } },
      { extends: true, test: { name: 'rest-pages', include: restPages, ...browser } },
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
      exclude: ['src/lib/audit/audit-log.ts', 'src/lib/tokens/credential/credential-store.ts'],
      thresholds: { lines: 95, branches: 95 },
    },
  },
});
