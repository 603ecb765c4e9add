import type { Singleton } from '../../graph/declaration.ts';

/** Security defaults are on in tenants without Conditional Access: here, in two of three. */
export const securityDefaults: Singleton = {
  kind: 'singleton',
  path: 'policies/identitySecurityDefaultsEnforcementPolicy',
  type: 'microsoft.graph.identitySecurityDefaultsEnforcementPolicy',
  row: ({ tenantId, world }) => ({
    id: '00000000-0000-0000-0000-000000000005',
    displayName: 'Security Defaults',
    isEnabled: world.seeded.random('security-defaults', tenantId)() < 0.67,
  }),
  writes: {},
};
