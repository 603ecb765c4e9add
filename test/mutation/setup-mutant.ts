/** Setup file of the tests under Stryker. */
import { beforeEach, inject, vi } from 'vitest';

const injected = (key: string): unknown => inject(key as never);
const globals = globalThis as Record<string, unknown>;

// The worker outlives the run. While modules are loaded no mutant is active, except one that changes what happens then.
const stryker = globals[String(injected('globalNamespace'))] as { activeMutant?: string } | undefined;
if (stryker !== undefined && injected('mutantActivation') !== 'static') delete stryker.activeMutant;

if (injected('mode') === 'mutant') {
  // Many mutants make a test wait for ever. A worker that is kept gets the limit with its configuration (kept-worker.ts).
  // A wait ends before its test, whose loop would keep the process alive otherwise.
  const limits = { testTimeout: 20_000, expect: { poll: { timeout: 15_000 } } };
  if (process.env['MUTATION_ISOLATE'] === 'true') vi.setConfig(limits);
  // One failed test is enough. The option `bail` of vitest would cancel the next run as well, because the message comes
  // too late for this one.
  const key = '__detectedMutant';
  const mutant = injected('activeMutant');
  beforeEach((context) => {
    if (globals[key] === mutant) context.skip();
    context.onTestFailed(() => {
      globals[key] = mutant;
    });
  });
}
