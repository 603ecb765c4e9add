import type { PolicyStore } from '../../src/lib/access/policy/policy-store.ts';

/** A policy in force that allows no token and does not limit what callers read. */
export const openPolicy: PolicyStore = {
  current: async () => ({ policy: { rules: [], groups: new Map() }, state: 'current', loadedAtMs: 0 }),
};
