import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { between, pick, type Random } from '../../seeded.ts';
import { idOf, perTenant, randomOf, securityIdentifierOf, type TenantFacts, time } from './facts.ts';
import { departments, type Profile, profilesOf } from './user-profiles.ts';

/** The kinds of groups that partners tell apart. */
type GroupKind = 'security' | 'team' | 'unified' | 'dynamic' | 'mailSecurity' | 'distribution';

/** A group with the ids of its members and owners. Members may be groups. */
export interface GroupData {
  readonly id: string;
  readonly kind: GroupKind;
  readonly displayName: string;
  readonly description: string;
  readonly mailNickname: string;
  readonly membershipRule: string | null;
  readonly createdMs: number;
  readonly memberIds: readonly string[];
  readonly ownerIds: readonly string[];
  /** Whether it can have directory roles. */
  readonly isAssignableToRole?: boolean;
}

interface Plan {
  readonly key: string;
  readonly kind: GroupKind;
  readonly displayName: string;
  readonly description: string;
  readonly memberIds: readonly string[];
  readonly membershipRule?: string;
}

const projects = [
  'Website',
  'Warehouse move',
  'Annual report',
  'Quality audit',
  'Fleet renewal',
  'Summer event',
] as const;

const idsOf = (profiles: readonly Profile[]): readonly string[] => profiles.map(({ user }) => user.id);

/** The groups of a customer. The partner's own groups are in its directory. */
export const groupDataOf = perTenant((facts): readonly GroupData[] => {
  if (facts.isPartner) return [];
  const generated = [...wholeTenant(facts), ...ofDepartments(facts), ...ofProjects(facts)].map((plan): GroupData => {
    const random = randomOf(facts, 'group', plan.key);
    return {
      id: idOf(facts, 'group', plan.key),
      kind: plan.kind,
      displayName: plan.displayName,
      description: plan.description,
      mailNickname: plan.displayName.toLowerCase().replace(/[^a-z0-9]+/g, ''),
      membershipRule: plan.membershipRule ?? null,
      createdMs: facts.startMs - between(random, 60, 390) * dayMs,
      memberIds: plan.memberIds,
      ownerIds: ownersOf(facts, plan, random),
    };
  });
  return [...generated, ...ownGroups(facts)];
});

/** The id of a group that the caller gives. */
const ownGroupId = (facts: TenantFacts, name: string): string => idOf(facts, 'own group', name);

/** The id of a user or a group that the caller names. */
export const namedId = perTenant((facts): ((name: string) => string) => {
  const users = new Map(facts.users.map(({ userPrincipalName, id }) => [userPrincipalName, id]));
  return (name) => users.get(name) ?? ownGroupId(facts, name);
});

const ownGroups = (facts: TenantFacts): readonly GroupData[] =>
  facts.own.groups.map(({ displayName, members, owners = [], isAssignableToRole = false }) => ({
    id: ownGroupId(facts, displayName),
    kind: 'security',
    displayName,
    description: displayName,
    mailNickname: displayName.toLowerCase().replace(/[^a-z0-9]+/g, ''),
    membershipRule: null,
    createdMs: facts.startMs - 60 * dayMs,
    memberIds: members.map(namedId(facts)),
    ownerIds: owners.map(namedId(facts)),
    isAssignableToRole,
  }));

/** Teams and Microsoft 365 groups have one or two owners; of the others, some have none. */
function ownersOf(facts: TenantFacts, { kind, memberIds }: Plan, random: Random): readonly string[] {
  const candidates = staffOf(facts).filter(({ user }) => memberIds.includes(user.id));
  if (kind === 'dynamic' || candidates.length === 0) return [];
  if (kind !== 'team' && kind !== 'unified' && random() < 0.4) return [];
  return [...new Set([pick(random, candidates).user.id, pick(random, candidates).user.id])];
}

const staffOf = perTenant((facts): readonly Profile[] =>
  profilesOf(facts).filter(({ department, user }) => department !== null && user.accountEnabled),
);

function wholeTenant(facts: TenantFacts): readonly Plan[] {
  const staffIds = idsOf(staffOf(facts));
  const admin = facts.users.slice(0, 1).map(({ id }) => id);
  return [
    {
      key: 'all company',
      kind: 'unified',
      displayName: 'All Company',
      description: 'Everybody who works here.',
      memberIds: staffIds,
    },
    ...securityGroups(facts, admin),
    {
      key: 'helpdesk',
      kind: 'mailSecurity',
      displayName: 'Helpdesk',
      description: 'Receives requests for help.',
      memberIds: [...new Set([...admin, ...staffIn(facts, 'IT')])],
    },
    {
      key: 'everyone',
      kind: 'distribution',
      displayName: 'Everyone',
      description: 'Distribution list of the organization.',
      memberIds: staffIds,
    },
  ];
}

function securityGroups(facts: TenantFacts, admin: readonly string[]): readonly Plan[] {
  const guests = profilesOf(facts).filter(({ user }) => user.userType === 'Guest');
  return [
    {
      key: 'all guests',
      kind: 'dynamic',
      displayName: 'All Guests',
      description: 'Guests of the organization.',
      membershipRule: '(user.userType -eq "Guest")',
      memberIds: idsOf(guests),
    },
    {
      key: 'all departments',
      kind: 'security',
      displayName: 'SG All Departments',
      description: 'Contains the groups of all departments.',
      memberIds: departments
        .filter(({ name }) => staffIn(facts, name).length > 0)
        .map(({ name }) => idOf(facts, 'group', `department ${name}`)),
    },
    {
      key: 'exclusions',
      kind: 'security',
      displayName: 'SG Conditional Access Exclusions',
      description: 'Accounts that Conditional Access policies leave out.',
      memberIds: admin,
    },
  ];
}

const staffIn = (facts: TenantFacts, department: string): readonly string[] =>
  idsOf(staffOf(facts).filter((profile) => profile.department === department));

/** A security group for each department that has staff, and a team for those with three people or more. */
function ofDepartments(facts: TenantFacts): readonly Plan[] {
  return departments.flatMap(({ name }): readonly Plan[] => {
    const memberIds = staffIn(facts, name);
    if (memberIds.length === 0) return [];
    const security: Plan = {
      key: `department ${name}`,
      kind: 'security',
      displayName: `SG ${name}`,
      description: `Staff of ${name}.`,
      memberIds,
    };
    if (memberIds.length < 3) return [security];
    const team: Plan = {
      key: `team ${name}`,
      kind: 'team',
      displayName: name,
      description: `Team of ${name}.`,
      memberIds,
    };
    return [security, team];
  });
}

/** One team for about every twenty users, at most sixty. */
function ofProjects(facts: TenantFacts): readonly Plan[] {
  const staff = staffOf(facts);
  if (staff.length < 3) return [];
  return Array.from({ length: Math.min(60, Math.ceil(staff.length / 20)) }, (_, at): Plan => {
    const random = randomOf(facts, 'project', at);
    const members = Array.from({ length: between(random, 2, 8) }, () => pick(random, staff));
    const round = Math.floor(at / projects.length);
    const name = `${projects[at % projects.length]}${round === 0 ? '' : ` ${round + 1}`}`;
    return {
      key: `project ${at}`,
      kind: 'team',
      displayName: name,
      description: `Project: ${name}.`,
      memberIds: [...new Set(idsOf(members))],
    };
  });
}

/** A group as Graph returns it. */
export const isPublicTeam = (facts: TenantFacts, { id }: GroupData): boolean =>
  randomOf(facts, 'public team', id)() < 0.25;

export function groupRow(facts: TenantFacts, group: GroupData): Row {
  const { kind } = group;
  const isUnified = kind === 'unified' || kind === 'team';
  const isMail = isUnified || kind === 'mailSecurity' || kind === 'distribution';
  const mail = isMail ? `${group.mailNickname}@${facts.defaultDomain}` : null;
  const isDynamic = group.membershipRule !== null;
  return {
    id: group.id,
    classification: null,
    createdDateTime: time(group.createdMs),
    deletedDateTime: null,
    description: group.description,
    displayName: group.displayName,
    expirationDateTime: null,
    groupTypes: [...(isUnified ? ['Unified'] : []), ...(isDynamic ? ['DynamicMembership'] : [])],
    isAssignableToRole: group.isAssignableToRole ?? null,
    mail,
    mailEnabled: isMail,
    mailNickname: group.mailNickname,
    membershipRule: group.membershipRule,
    membershipRuleProcessingState: isDynamic ? 'On' : null,
    proxyAddresses: mail === null ? [] : [`SMTP:${mail}`],
    renewedDateTime: time(group.createdMs),
    resourceBehaviorOptions: [],
    resourceProvisioningOptions: kind === 'team' ? ['Team'] : [],
    securityEnabled: kind !== 'distribution' && !isUnified,
    securityIdentifier: securityIdentifierOf(group.id),
    visibility: isUnified ? (kind === 'team' && !isPublicTeam(facts, group) ? 'Private' : 'Public') : null,
  };
}

export const groupById = perTenant(
  (facts): ReadonlyMap<string, GroupData> => new Map(groupDataOf(facts).map((group) => [group.id, group])),
);
