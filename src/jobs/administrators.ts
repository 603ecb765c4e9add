import * as z from 'zod';
import type { GraphClient } from '../lib/microsoft/graph.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import {
  demandsMfaEverywhere,
  includesEverybody,
  namesMfa,
  type Policy,
  readPolicies,
  securityDefaults,
} from './conditional-access.ts';
import { methodStrength } from './method-strength.ts';
import { flagOf, hasEntraPremium, licensed, type PartRead, readPart, timeMs } from './parts.ts';

const text = z.string().nullish();
const definition = z.object({ id: z.string(), templateId: text, displayName: text });
const assignment = z.object({ principalId: z.string(), roleDefinitionId: z.string(), directoryScopeId: text });
const instance = assignment.extend({ assignmentType: text, endDateTime: text });
type Instance = z.output<typeof instance>;
const user = z.object({
  id: z.string(),
  displayName: text,
  userPrincipalName: text,
  accountEnabled: z.boolean().nullish(),
  onPremisesSyncEnabled: z.boolean().nullish(),
});
const group = z.object({ id: z.string(), displayName: text });
const member = z.object({ id: z.string(), '@odata.type': text });
const registration = z.object({
  id: z.string(),
  isMfaRegistered: z.boolean().nullish(),
  methodsRegistered: z.array(z.string()).nullish(),
});

const roles = '/roleManagement/directory';

/** A role that somebody holds. */
interface Holding {
  readonly principalId: string;
  readonly roleId: string;
  readonly scope: string;
  readonly state: 'active' | 'permanent' | 'activated' | 'eligible';
  readonly ends: string | null;
}

/**
 * Reports who holds which directory role, and how these users prove who they are. Privileged identity management may be
 * unlicensed, or closed to delegated administrators; then active roles are reported, and `eligibleRead` says why no others
 * are. Delegated administrators of partners are in no list of the tenant.
 */
export default defineJob({
  name: 'administrators',
  title: 'Administrators',
  description:
    'Who holds which directory role, active or eligible, with registered methods and what demands a second factor. Parts that need Entra ID P1 or P2 are marked where they cannot be read.',
  topic: 'identity',
  resources: ['graph'],
  permissions: [
    'RoleManagement.Read.Directory',
    'User.Read.All',
    'GroupMember.Read.All',
    'AuditLog.Read.All',
    'Policy.Read.All',
    'Organization.Read.All',
  ],
  directoryRoles: ['Global Reader'],
  timeoutSeconds: 900,
  parameters: z.object({
    emergency: z.array(z.string().min(1).max(120)).max(100).default([]).meta({
      title: 'Emergency accounts',
      description: 'User principal names, or their part before the @, of accounts that are marked in the report.',
    }),
  }),
  columns: [
    { name: 'principal', title: 'Principal', type: 'text' },
    { name: 'name', title: 'Name', type: 'text' },
    { name: 'kind', title: 'Kind', type: 'text' },
    { name: 'role', title: 'Role', type: 'text' },
    { name: 'state', title: 'State', type: 'text' },
    { name: 'via', title: 'Via group', type: 'text' },
    { name: 'scope', title: 'Scope', type: 'text' },
    { name: 'enabled', title: 'Enabled', type: 'boolean' },
    { name: 'synced', title: 'Synchronized', type: 'boolean' },
    // An activation ends within hours.
    { name: 'ends', title: 'Ends', type: 'date', compare: false },
    { name: 'registered', title: 'MFA registered', type: 'boolean' },
    { name: 'strength', title: 'Strength', type: 'text' },
    { name: 'methods', title: 'Methods', type: 'text' },
    { name: 'enforcedBy', title: 'MFA demanded by', type: 'text' },
    { name: 'emergency', title: 'Emergency account', type: 'boolean' },
    { name: 'eligibleRead', title: 'Eligible roles read', type: 'text' },
    { name: 'methodsRead', title: 'Methods read', type: 'text' },
    { name: 'principalId', title: 'Principal id', type: 'text' },
    { name: 'roleId', title: 'Role id', type: 'text' },
    { name: 'viaId', title: 'Group id', type: 'text' },
  ],
  key: ['principalId', 'roleId', 'state', 'scope', 'viaId'],
  historyBy: 'strength',
  async run({ graph, parameters, nowMs }) {
    const list = <T>(path: string, shape: z.ZodType<T>) => graph.list(path, { shape });
    const isPremium = await hasEntraPremium(graph);
    const definitions = await byId(list(`${roles}/roleDefinitions`, definition));
    const assigned = await Array.fromAsync(list(`${roles}/roleAssignments`, assignment));
    const eligible = await readPart(list(`${roles}/roleEligibilityScheduleInstances`, instance));
    const active = await readPart(list(`${roles}/roleAssignmentScheduleInstances`, instance));
    const eligibleRead = eligible.read === 'yes' ? active.read : eligible.read;
    const isCurrent = ({ endDateTime }: Instance): boolean => (timeMs(endDateTime) ?? Infinity) > nowMs;
    const holdings = holdingsOf(assigned, active.items.filter(isCurrent), {
      eligible: eligible.items.filter(isCurrent),
      isKnown: active.read === 'yes',
    });
    const users = await byId(
      list('/users?$select=id,displayName,userPrincipalName,accountEnabled,onPremisesSyncEnabled&$top=999', user),
    );
    const isOther = holdings.some(({ principalId }) => !users.has(principalId));
    // Only such groups can hold a role, and they contain no groups ("Use Microsoft Entra groups to manage role assignments").
    const groups = isOther
      ? await byId(list('/groups?$filter=isAssignableToRole eq true&$select=id,displayName&$top=999', group))
      : new Map<string, z.output<typeof group>>();
    const members = new Map<string, readonly z.output<typeof member>[]>();
    for (const { principalId } of holdings)
      if (groups.has(principalId) && !members.has(principalId))
        members.set(
          principalId,
          await Array.fromAsync(list(`/groups/${principalId}/transitiveMembers?$select=id&$top=999`, member)),
        );
    const registrations = isPremium
      ? await readPart(licensed(list('/reports/authenticationMethods/userRegistrationDetails?$top=999', registration)))
      : { items: [], read: 'no licence' as PartRead };
    const methodsOf = new Map(registrations.items.map((each) => [each.id, each]));
    const {
      items: [isDefault = null],
    } = await readPart([securityDefaults(graph)]);
    const policies = await readPart(readPolicies(graph));
    const activeRoles = new Map<string, Set<string>>();

    const emergency = new Set(parameters.emergency.map((name) => name.toLowerCase()));
    const rows: Row[] = [];
    const templateIdOf = (roleId: string): string => definitions.get(roleId)?.templateId ?? roleId;
    // Policies concern active roles for the whole tenant alone ("Conditional Access: Users, groups, agents").
    const addRole = (id: string, { roleId, state, scope }: Holding): void => {
      const known = activeRoles.get(id) ?? new Set();
      activeRoles.set(id, scope === '/' && state !== 'eligible' ? known.add(templateIdOf(roleId)) : known);
    };
    const add = (holding: Holding, id: string, via: z.output<typeof group> | undefined): void => {
      const found = users.get(id);
      const held = groups.get(id);
      const role = definitions.get(holding.roleId);
      const name = found?.userPrincipalName?.toLowerCase();
      const known = methodsOf.get(id);
      rows.push({
        principal: found?.userPrincipalName ?? held?.displayName ?? id,
        name: found?.displayName ?? held?.displayName ?? null,
        kind: found ? 'user' : held ? 'group' : 'other',
        role: role?.displayName ?? holding.roleId,
        state: holding.state,
        via: via === undefined ? null : (via.displayName ?? via.id),
        scope: holding.scope,
        enabled: found?.accountEnabled ?? null,
        synced: flagOf(found?.onPremisesSyncEnabled),
        ends: holding.ends,
        registered: known?.isMfaRegistered ?? null,
        // The registration report has no rows for disabled users.
        strength:
          known === undefined
            ? found !== undefined && registrations.read === 'yes'
              ? 'absent'
              : null
            : methodStrength(known.methodsRegistered),
        methods: known?.methodsRegistered?.join(' ') ?? null,
        enforcedBy:
          found === undefined
            ? null
            : enforcedBy(isDefault, policies, {
                id,
                // An eligible role is active while it is used.
                roles: new Set(activeRoles.get(id)).add(holding.scope === '/' ? templateIdOf(holding.roleId) : ''),
              }),
        emergency:
          name === undefined || emergency.size === 0
            ? null
            : emergency.has(name) || emergency.has(name.split('@')[0] ?? name),
        eligibleRead,
        methodsRead: registrations.read,
        principalId: id,
        roleId: holding.roleId,
        viaId: via?.id ?? null,
      });
    };
    const membersOf = ({ principalId }: Holding): readonly string[] =>
      (members.get(principalId) ?? [])
        // A device cannot use a role. A service principal can.
        .filter((each) => each['@odata.type'] !== '#microsoft.graph.device')
        .map(({ id }) => id);
    for (const holding of holdings) for (const id of [holding.principalId, ...membersOf(holding)]) addRole(id, holding);
    for (const holding of holdings) {
      add(holding, holding.principalId, undefined);
      for (const id of membersOf(holding)) add(holding, id, groups.get(holding.principalId));
    }
    return withPerUserMfa(graph, rows);
  },
});

async function byId<T extends { readonly id: string }>(items: AsyncIterable<T>): Promise<ReadonlyMap<string, T>> {
  return new Map((await Array.fromAsync(items)).map((item) => [item.id, item]));
}

/** An eligible role that is active is among the assignments as well; only its instance tells it from a permanent one. */
function holdingsOf(
  assigned: readonly z.output<typeof assignment>[],
  active: readonly Instance[],
  { eligible, isKnown }: { readonly eligible: readonly Instance[]; readonly isKnown: boolean },
): readonly Holding[] {
  const found = new Map<string, Holding>();
  const add = (each: z.output<typeof assignment>, state: Holding['state'], ends: string | null): void => {
    const { principalId, roleDefinitionId: roleId } = each;
    const scope = each.directoryScopeId ?? '/';
    const key = [principalId, roleId, scope, state].join(' ');
    if (!found.has(key)) found.set(key, { principalId, roleId, scope, state, ends });
  };
  const placeOf = (each: z.output<typeof assignment>): string =>
    [each.principalId, each.roleDefinitionId, each.directoryScopeId ?? '/'].join(' ');
  const listed = new Set(active.map(placeOf));
  for (const each of active)
    add(each, each.assignmentType === 'Activated' ? 'activated' : 'permanent', each.endDateTime ?? null);
  for (const each of assigned) if (!listed.has(placeOf(each))) add(each, isKnown ? 'permanent' : 'active', null);
  for (const each of eligible) add(each, 'eligible', each.endDateTime ?? null);
  return [...found.values()];
}

/** Values of `enforcedBy` in place of which per-user MFA may be at work. */
const inPart = 'Conditional Access in part';
const nothing = 'nothing';

/** Looks up per-user MFA where no policy surely demands a second factor. Untested: whether Graph lets partners read it. */
async function withPerUserMfa(graph: GraphClient, rows: readonly Row[]): Promise<readonly Row[]> {
  const isOpen = (row: Row): boolean => row['enforcedBy'] === inPart || row['enforcedBy'] === nothing;
  const ids = new Set(rows.filter(isOpen).map((row) => String(row['principalId'])));
  const requirements = await readPart(
    (async function* () {
      for (const id of ids) {
        const found = await graph.find(`/beta/users/${id}/authentication/requirements`);
        yield [id, found?.['perUserMfaState']] as const;
      }
    })(),
  );
  const states = new Map(requirements.items);
  return rows.map((row) => {
    if (!isOpen(row)) return row;
    const state = states.get(String(row['principalId']));
    if (state === 'enabled' || state === 'enforced') return { ...row, enforcedBy: 'per-user MFA' };
    return row['enforcedBy'] === nothing && state !== 'disabled' ? { ...row, enforcedBy: null } : row;
  });
}

/**
 * Which policy demands a second factor of a user with roles. Null if it is not known. Members of groups are not looked up, so
 * that a policy for groups, like one for some sign-ins, demands it in part.
 */
function enforcedBy(
  isDefault: boolean | null,
  { items, read }: { readonly items: readonly Policy[]; readonly read: PartRead },
  { id, roles }: { readonly id: string; readonly roles: ReadonlySet<string> },
): string | null {
  if (isDefault === true) return 'security defaults';
  if (read !== 'yes') return null;
  const open = items.filter(({ state, conditions }) => {
    const { excludeUsers, excludeRoles } = conditions?.users ?? {};
    const isExcluded = excludeUsers?.includes(id) === true || excludeRoles?.some((role) => roles.has(role)) === true;
    return state === 'enabled' && !isExcluded;
  });
  const isIncluded = (policy: Policy): boolean => {
    const { includeUsers, includeRoles } = policy.conditions?.users ?? {};
    const isNamed = includeUsers?.includes(id) === true || includeRoles?.some((role) => roles.has(role)) === true;
    return includesEverybody(policy) || isNamed;
  };
  const met = open.filter((policy) => isIncluded(policy) && demandsMfaEverywhere(policy));
  if (met.length > 0)
    return met.some(({ conditions }) => (conditions?.users?.excludeGroups?.length ?? 0) === 0)
      ? 'Conditional Access'
      : 'Conditional Access, but for excluded groups';
  const isForGroups = ({ conditions }: Policy): boolean => (conditions?.users?.includeGroups?.length ?? 0) > 0;
  if (open.some((policy) => (isIncluded(policy) || isForGroups(policy)) && namesMfa(policy))) return inPart;
  return isDefault === null ? null : nothing;
}
