import type { Declaration, Row } from '../../../src/graph/declaration.ts';
import { directorySets } from '../../../src/graph/sets/directory.ts';
import { guid, smallEngine } from './small-engine.ts';

const users: readonly Row[] = Array.from({ length: 250 }, (_, at) => ({
  id: guid(at),
  displayName: `Person ${at}`,
  userPrincipalName: `person${at}@a.example`,
  mail: at % 2 === 0 ? `person${at}@a.example` : null,
  accountEnabled: at % 3 !== 0,
  proxyAddresses: [`SMTP:person${at}@a.example`],
  assignedLicenses: at < 3 ? [{ skuId: guid(9000), disabledPlans: [] }] : [],
  department: at < 5 ? 'Sales' : 'Works',
}));
const groups: readonly Row[] = [
  { id: guid(1000), displayName: 'Inner', groupTypes: [], securityEnabled: true, mailEnabled: false },
  { id: guid(1001), displayName: 'Outer', groupTypes: ['Unified'], securityEnabled: false, mailEnabled: true },
];
const members: Readonly<Record<string, readonly string[]>> = {
  [guid(1000)]: users.slice(0, 30).map(({ id }) => String(id)),
  [guid(1001)]: [guid(1000), guid(40)],
};

const directoryObject = 'microsoft.graph.directoryObject';
const declarations: readonly Declaration[] = [
  ...directorySets,
  {
    kind: 'set',
    path: 'users',
    type: 'microsoft.graph.user',
    rows: () => users,
    delta: true,
    searched: ['displayName', 'mail'],
    alternateKeys: ['userPrincipalName'],
    writes: {
      operations: ['create', 'update', 'delete'],
      required: ['displayName', 'userPrincipalName'],
      unique: ['userPrincipalName'],
      visibleAfterMs: 1000,
    },
  },
  { kind: 'set', path: 'groups', type: 'microsoft.graph.group', rows: () => groups },
  { kind: 'set', path: 'devices', type: 'microsoft.graph.device', rows: () => [] },
  {
    kind: 'references',
    path: 'groups/{id}/members',
    type: directoryObject,
    targets: ['users', 'groups'],
    ids: (_tenant, id = '') => members[id] ?? [],
    writable: true,
  },
  { kind: 'inverse', path: 'users/{id}/memberOf', type: directoryObject, of: ['groups/{id}/members'] },
  { kind: 'inverse', path: 'groups/{id}/memberOf', type: directoryObject, of: ['groups/{id}/members'] },
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
    ids: (_tenant, id = '') =>
      Number(id.slice(-4)) % 10 === 0 ? [] : [guid(Math.floor(Number(id.slice(-4)) / 10) * 10)],
    single: true,
    writable: true,
  },
  {
    kind: 'set',
    path: 'identity/conditionalAccess/namedLocations',
    type: 'microsoft.graph.namedLocation',
    rows: () => [
      { '@odata.type': '#microsoft.graph.ipNamedLocation', id: guid(2000), displayName: 'Office', isTrusted: true },
      { '@odata.type': '#microsoft.graph.countryNamedLocation', id: guid(2001), displayName: 'Home' },
    ],
    writes: {
      operations: ['create', 'update', 'delete'],
      required: ['displayName'],
      etag: true,
      unique: ['displayName'],
    },
  },
  {
    kind: 'singleton',
    path: 'policies/authorizationPolicy',
    type: 'microsoft.graph.authorizationPolicy',
    row: () => ({ id: 'authorizationPolicy', displayName: 'Authorization Policy', allowInvitesFrom: 'everyone' }),
    writes: {},
  },
  {
    kind: 'report',
    path: "reports/getMailboxUsageDetail(period='{period}')",
    lines: (_tenant, period = '') => [
      ['Report Refresh Date', 'User Principal Name', 'Is Deleted', 'Item Count', 'Report Period'],
      ['2026-11-25', 'a "b", c@a.example', 'False', '17', period],
    ],
  },
];
export const fresh = () => smallEngine(declarations);
const shared = fresh();
export const get = (address: string, headers?: Readonly<Record<string, string>>) => shared.get(address, headers);
export const eventual = { consistencylevel: 'eventual' };
export const query = (path: string, options: Readonly<Record<string, string>>): string =>
  `/v1.0/${path}?${new URLSearchParams(options).toString()}`;
