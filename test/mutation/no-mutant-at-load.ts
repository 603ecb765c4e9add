/** Setup file: no mutant is active while modules are loaded, except one that changes what happens then. */
import { inject } from 'vitest';

const { mutantActivation, globalNamespace } = {
  mutantActivation: inject('mutantActivation' as never) as string,
  globalNamespace: inject('globalNamespace' as never) as string,
};
const stryker = (globalThis as Record<string, unknown>)[globalNamespace] as { activeMutant?: string } | undefined;
if (stryker !== undefined && mutantActivation !== 'static') delete stryker.activeMutant;
