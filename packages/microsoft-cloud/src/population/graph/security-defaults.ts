import type { Singleton } from '../../graph/declaration.ts';
import { factsOf } from './facts.ts';
import { hasSecurityDefaults } from './policy-data.ts';

/** Security defaults are on in most tenants without Conditional Access, and off in tenants with it. */
export const securityDefaults: Singleton = {
  kind: 'singleton',
  path: 'policies/identitySecurityDefaultsEnforcementPolicy',
  type: 'microsoft.graph.identitySecurityDefaultsEnforcementPolicy',
  row: (tenant) => ({
    id: '00000000-0000-0000-0000-000000000005',
    displayName: 'Security Defaults',
    description: 'Basic protection of identities that applies to all users of the organization.',
    isEnabled: hasSecurityDefaults(factsOf(tenant)),
  }),
  writes: {},
};
