import type { Group } from '../../../directory/records.ts';
import type { Declaration, PropertyRule, References, Row, TenantView } from '../../../graph/declaration.ts';
import { factsOf, perTenant, time } from '../facts.ts';
import { type GroupData, groupById, groupDataOf, groupRow } from '../group-data.ts';
import { checkGroup, checkMembership } from '../write-checks/groups.ts';

const generatedRows = perTenant((facts): readonly Row[] => groupDataOf(facts).map((group) => groupRow(facts, group)));

/** A group of the partner's directory. Its members can change while the cloud runs. */
const ofDirectory = (tenant: TenantView, { id, displayName, description, members }: Group): GroupData => ({
  id,
  kind: 'security',
  displayName,
  description,
  mailNickname: displayName.replaceAll(' ', ''),
  membershipRule: null,
  createdMs: tenant.world.establishedMs,
  memberIds: [...members],
  ownerIds: [],
});

const groupOf = (tenant: TenantView, id: string): GroupData | undefined => {
  const stored = tenant.directory.groups.get(id);
  return stored === undefined ? groupById(factsOf(tenant)).get(id) : ofDirectory(tenant, stored);
};

function groupRows(tenant: TenantView): readonly Row[] {
  const facts = factsOf(tenant);
  const stored = [...tenant.directory.groups.values()].map((group) => groupRow(facts, ofDirectory(tenant, group)));
  return stored.length === 0 ? generatedRows(facts) : [...stored, ...generatedRows(facts)];
}

/** Ids of members, directly or through another group. */
function transitiveMembers(tenant: TenantView, id: string, seen = new Set<string>()): readonly string[] {
  for (const memberId of tenant.references('groups/{id}/members', id)) {
    if (seen.has(memberId)) continue;
    seen.add(memberId);
    if (tenant.row('groups', memberId) !== undefined) transitiveMembers(tenant, memberId, seen);
  }
  return [...seen];
}

const members: References = {
  kind: 'references',
  path: 'groups/{id}/members',
  type: 'microsoft.graph.directoryObject',
  targets: ['users', 'groups', 'devices'],
  ids: (tenant, id = '') => groupOf(tenant, id)?.memberIds ?? [],
  live: true,
  writable: true,
  checkChange: checkMembership,
  queries: 'directory',
};

const inverse = (path: string, of: readonly string[], transitive?: true): Declaration => ({
  kind: 'inverse',
  path,
  type: 'microsoft.graph.directoryObject',
  of,
  queries: 'directory',
  ...(transitive === undefined ? {} : { transitive }),
});

const memberships = [
  'groups/{id}/members',
  'directoryRoles/{id}/members',
  'directory/administrativeUnits/{id}/members',
];

/** "Supported only on the Get group API": the descriptions of these properties. */
const ofOneGroup: Readonly<Record<string, PropertyRule>> = Object.fromEntries(
  [
    'allowExternalSenders',
    'autoSubscribeNewMembers',
    'hideFromAddressLists',
    'hideFromOutlookClients',
    'isSubscribedByMail',
    'membershipRuleProcessingStatus',
    'unseenCount',
  ].map((name) => [name, { objectOnly: true }]),
);

export const groupSets: readonly Declaration[] = [
  {
    kind: 'set',
    path: 'groups',
    type: 'microsoft.graph.group',
    rows: groupRows,
    live: true,
    queries: 'directory',
    delta: true,
    searched: ['displayName', 'description', 'mail', 'mailNickname'],
    properties: ofOneGroup,
    writes: {
      operations: ['create', 'update', 'delete'],
      required: ['displayName', 'mailEnabled', 'mailNickname', 'securityEnabled'],
      check: checkGroup,
      complete: ({ world }, row) => ({ groupTypes: [], createdDateTime: time(world.clock.nowMs()), ...row }),
    },
  },
  members,
  {
    ...members,
    path: 'groups/{id}/owners',
    targets: ['users'],
    checkChange: () => undefined,
    ids: (tenant, id = '') => groupOf(tenant, id)?.ownerIds ?? [],
  },
  {
    kind: 'references',
    path: 'groups/{id}/transitiveMembers',
    type: 'microsoft.graph.directoryObject',
    targets: ['users', 'groups', 'devices'],
    ids: (tenant, id = '') => transitiveMembers(tenant, id),
    live: true,
    queries: 'directory',
  },
  inverse('users/{id}/memberOf', memberships),
  inverse('users/{id}/transitiveMemberOf', memberships, true),
  inverse('users/{id}/ownedObjects', ['groups/{id}/owners']),
  inverse('groups/{id}/memberOf', ['groups/{id}/members']),
  inverse('groups/{id}/transitiveMemberOf', ['groups/{id}/members'], true),
  inverse('devices/{id}/memberOf', ['groups/{id}/members']),
];
