import { create, created, update } from '../../../src/lib/changes/change.ts';
import { defineChange } from '../../../src/lib/changes/define-change.ts';

/*
 * A job of the campaigns: three changes in each tenant, of which the second rests on a fact, and the third uses what the
 * second creates. The campaigns build it into the app.
 */

export const aim = 'Campaign';
export const paths = {
  consent: '/policies/authorizationPolicy',
  locations: '/identity/conditionalAccess/namedLocations',
  policies: '/identity/conditionalAccess/policies',
} as const;
/** The state in which the third change creates its policy. */
export const createdState = 'enabledForReportingButNotEnforced';

export const policyIn = (locationId: string, state = createdState) => ({
  displayName: aim,
  state,
  conditions: {
    users: { includeUsers: ['All'] },
    applications: { includeApplications: ['All'] },
    locations: { includeLocations: [locationId] },
  },
  grantControls: { operator: 'OR', builtInControls: ['mfa'] },
});

export default defineChange({
  name: 'three-changes',
  title: 'Three changes in each tenant',
  permissions: ['Policy.ReadWrite.Authorization', 'Policy.ReadWrite.ConditionalAccess', 'Policy.Read.All'],
  plan: async () => [
    update(paths.consent, { defaultUserRolePermissions: { permissionGrantPoliciesAssigned: [] } }),
    create(
      paths.locations,
      {
        '@odata.type': '#microsoft.graph.ipNamedLocation',
        displayName: aim,
        ipRanges: [{ '@odata.type': '#microsoft.graph.iPv4CidrRange', cidrAddress: '203.0.113.0/24' }],
      },
      { key: ['displayName'], as: 'office', while: { path: paths.consent, properties: ['blockMsolPowerShell'] } },
    ),
    create(paths.policies, policyIn(created('office').id), { key: ['displayName'] }),
  ],
});
