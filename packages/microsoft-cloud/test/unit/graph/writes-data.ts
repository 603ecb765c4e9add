import type { Declaration, Row } from '../../../src/graph/declaration.ts';
import { directorySets } from '../../../src/graph/sets/directory.ts';
import { guid, smallEngine } from './small-engine.ts';

export const sku = guid(500);
export const licence = { skuId: sku, disabledPlans: [] };
const users: readonly Row[] = [0, 1, 2].map((at) => ({
  id: guid(at),
  displayName: `Person ${at}`,
  userPrincipalName: `person${at}@a.example`,
  usageLocation: at === 2 ? null : 'GB',
  assignedLicenses: at === 0 ? [licence] : [],
}));
const directoryObject = 'microsoft.graph.directoryObject';
const every = ['create', 'update', 'delete'] as const;
const declarations: readonly Declaration[] = [
  ...directorySets,
  {
    kind: 'set',
    path: 'users',
    type: 'microsoft.graph.user',
    rows: () => users,
    delta: true,
    alternateKeys: ['userPrincipalName'],
    writes: { operations: every, required: ['displayName', 'userPrincipalName'], unique: ['userPrincipalName'] },
  },
  {
    kind: 'set',
    path: 'groups',
    type: 'microsoft.graph.group',
    rows: () => [{ id: guid(100), displayName: 'Group', groupTypes: [], securityEnabled: true }],
    delta: true,
    writes: { operations: every, required: ['displayName'] },
  },
  {
    kind: 'references',
    path: 'groups/{id}/members',
    type: directoryObject,
    targets: ['users', 'groups'],
    ids: () => [guid(0)],
    writable: true,
  },
  { kind: 'inverse', path: 'users/{id}/memberOf', type: directoryObject, of: ['groups/{id}/members'] },
  {
    kind: 'inverse',
    path: 'users/{id}/transitiveMemberOf',
    type: directoryObject,
    of: ['groups/{id}/members'],
    transitive: true,
  },
  {
    kind: 'references',
    path: 'users/{id}/manager',
    type: directoryObject,
    targets: ['users'],
    ids: () => [],
    single: true,
    writable: true,
  },
  {
    kind: 'set',
    path: 'identity/conditionalAccess/namedLocations',
    type: 'microsoft.graph.namedLocation',
    rows: () => [{ '@odata.type': '#microsoft.graph.ipNamedLocation', id: guid(200), displayName: 'Office' }],
    writes: { operations: every, required: ['displayName'], etag: true, unique: ['displayName'] },
  },
  {
    kind: 'set',
    path: 'subscribedSkus',
    type: 'microsoft.graph.subscribedSku',
    live: true,
    rows: (tenant) => [
      {
        id: 'sku',
        skuId: sku,
        prepaidUnits: { enabled: 2 },
        servicePlans: [{ servicePlanId: guid(600) }],
        consumedUnits: tenant
          .rows('users')
          .filter(({ assignedLicenses = [] }) => (assignedLicenses as Row[]).length > 0).length,
      },
    ],
  },
  {
    kind: 'set',
    path: 'deviceManagement/deviceConfigurations',
    type: 'microsoft.graph.deviceConfiguration',
    rows: () => [{ id: guid(300), displayName: 'Old' }],
    writes: { operations: ['update'] },
  },
];
export const fresh = () => smallEngine(declarations);
export const locations = '/v1.0/identity/conditionalAccess/namedLocations';
export const newUser = {
  displayName: 'New',
  userPrincipalName: 'new@a.example',
  passwordProfile: { password: 'secret' },
};
