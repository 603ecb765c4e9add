import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { between, pick } from '../../seeded.ts';
import { idOf, perTenant, randomOf, type TenantFacts, time } from './facts.ts';
import { groupDataOf } from './group-data.ts';
import { logDays } from './latest-sign-in.ts';
import { type Profile, profilesOf } from './user-profiles.ts';

/** Most audit records of one tenant. */
const mostAudits = 300;

export interface AuditData {
  readonly id: string;
  readonly atMs: number;
  readonly activity: string;
  readonly category: string;
  readonly operation: string;
  readonly actor: Profile;
  readonly targets: readonly Row[];
}

const userTarget = ({ user }: Profile): Row => ({
  id: user.id,
  displayName: user.displayName,
  type: 'User',
  userPrincipalName: user.userPrincipalName,
  groupType: null,
  modifiedProperties: [],
});

const changes = [
  { activity: 'Update user', operation: 'Update' },
  { activity: 'Change user license', operation: 'Update' },
  { activity: 'Reset user password', operation: 'Update' },
  { activity: 'Update StsRefreshTokenValidFrom Timestamp', operation: 'Update' },
] as const;

/** What happened in the directory in the last 30 days before the start, newest first. */
export const auditsOf = perTenant((facts): readonly AuditData[] => {
  const profiles = profilesOf(facts);
  const [admin] = profiles;
  if (admin === undefined) return [];
  const fromMs = facts.startMs - logDays * dayMs;
  const passwordChanges = profiles
    .filter(({ lastPasswordChangeMs }) => lastPasswordChangeMs >= fromMs)
    .map(
      (profile): AuditData => ({
        id: auditId(facts, 'password', profile.index),
        atMs: profile.lastPasswordChangeMs,
        activity: 'Change user password',
        category: 'UserManagement',
        operation: 'Update',
        actor: profile,
        targets: [userTarget(profile)],
      }),
    );
  return [...passwordChanges, ...administration(facts, admin), ...memberships(facts, admin)]
    .slice(0, mostAudits)
    .toSorted((left, right) => right.atMs - left.atMs);
});

const auditId = (facts: TenantFacts, kind: string, at: number): string =>
  `Directory_${idOf(facts, 'audit', kind, at)}_${String(at).padStart(8, '0')}`;

function administration(facts: TenantFacts, admin: Profile): readonly AuditData[] {
  const profiles = profilesOf(facts);
  return Array.from({ length: Math.min(100, 5 + Math.floor(profiles.length / 4)) }, (_, at) => {
    const random = randomOf(facts, 'audit', at);
    const target = pick(random, profiles);
    return {
      id: auditId(facts, 'change', at),
      atMs: facts.startMs - Math.floor(random() * logDays * dayMs),
      category: 'UserManagement',
      ...pick(random, changes),
      actor: admin,
      targets: [userTarget(target)],
    };
  });
}

/** Additions of members to groups in which they are. */
function memberships(facts: TenantFacts, admin: Profile): readonly AuditData[] {
  const groups = groupDataOf(facts).filter(({ kind, memberIds }) => kind !== 'dynamic' && memberIds.length > 0);
  if (groups.length === 0) return [];
  const profiles = new Map(profilesOf(facts).map((profile) => [profile.user.id, profile]));
  return Array.from({ length: between(randomOf(facts, 'audit groups'), 1, 6) }, (_, at): readonly AuditData[] => {
    const random = randomOf(facts, 'audit group', at);
    const group = pick(random, groups);
    const member = profiles.get(pick(random, group.memberIds));
    if (member === undefined) return [];
    const groupTarget: Row = {
      id: group.id,
      displayName: group.displayName,
      type: 'Group',
      userPrincipalName: null,
      groupType: group.kind === 'team' || group.kind === 'unified' ? 'unifiedGroups' : 'azureAD',
      modifiedProperties: [],
    };
    return [
      {
        id: auditId(facts, 'member', at),
        atMs: facts.startMs - Math.floor(random() * logDays * dayMs),
        activity: 'Add member to group',
        category: 'GroupManagement',
        operation: 'Assign',
        actor: admin,
        targets: [userTarget(member), groupTarget],
      },
    ];
  }).flat();
}

/** `auditLogs/directoryAudits`. */
export const auditRow = (facts: TenantFacts, audit: AuditData): Row => ({
  id: audit.id,
  activityDateTime: time(audit.atMs),
  activityDisplayName: audit.activity,
  additionalDetails: [],
  category: audit.category,
  correlationId: idOf(facts, 'correlation', audit.id),
  initiatedBy: {
    app: null,
    user: {
      id: audit.actor.user.id,
      displayName: null,
      ipAddress: '198.51.100.20',
      userPrincipalName: audit.actor.user.userPrincipalName,
    },
  },
  loggedByService: 'Core Directory',
  operationType: audit.operation,
  result: 'success',
  resultReason: '',
  targetResources: audit.targets,
});
