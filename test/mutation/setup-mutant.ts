/** Setup file of the tests under Stryker. */
import { inject, vi } from 'vitest';

const injected = (key: string): unknown => inject(key as never);

// The worker outlives the run. While modules are loaded no mutant is active, except one that changes what happens then.
const stryker = (globalThis as Record<string, unknown>)[String(injected('globalNamespace'))] as
  | { activeMutant?: string }
  | undefined;
if (stryker !== undefined && injected('mutantActivation') !== 'static') delete stryker.activeMutant;

// Many mutants make a test wait for ever. The first run, without a mutant, has the longer limit of the configuration.
if (injected('mode') === 'mutant') vi.setConfig({ testTimeout: 4_000 });
