import { directoryRoles } from '../lib/microsoft/directory-roles.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import {
  blocksLegacy,
  concernsRole,
  demandsMfa,
  demandsMfaEverywhere,
  excludesRole,
  exclusions,
  holdsForModernClients,
  includesEverybody,
  inWords,
  namesMfa,
  narrowings,
  type Policy,
  readPolicies,
  securityDefaults,
  serviceProviders,
} from './conditional-access.ts';
import { readPart } from './parts.ts';

interface Check {
  readonly id: string;
  readonly name: string;
  readonly isMet: (policy: Policy) => boolean;
  /** Whether the policy has the same purpose, and meets the check in part at most: for some users, sign-ins or controls. */
  readonly isNear: (policy: Policy) => boolean;
}

const { 'Global Administrator': administrator } = directoryRoles;
const namesSome = ({ conditions }: Policy): boolean =>
  [conditions?.users?.includeUsers, conditions?.users?.includeGroups].some((list) => (list?.length ?? 0) > 0);

/** What a tenant without security defaults needs at least one enabled policy for. */
const checks: readonly Check[] = [
  {
    id: 'mfa-for-all-users',
    name: 'Multifactor authentication for all users and applications',
    isMet: (policy) => includesEverybody(policy) && demandsMfaEverywhere(policy),
    isNear: (policy) => namesSome(policy) && namesMfa(policy),
  },
  {
    id: 'mfa-for-administrators',
    name: 'Multifactor authentication for administrators',
    isMet: (policy) =>
      (includesEverybody(policy) || concernsRole(policy, administrator)) &&
      !excludesRole(policy, administrator) &&
      demandsMfaEverywhere(policy),
    isNear: (policy) =>
      (namesSome(policy) || (policy.conditions?.users?.includeRoles?.length ?? 0) > 0) && namesMfa(policy),
  },
  {
    id: 'legacy-authentication-blocked',
    name: 'Legacy authentication blocked',
    isMet: (policy) => includesEverybody(policy) && blocksLegacy(policy),
    isNear: ({ conditions, grantControls }) =>
      grantControls?.builtInControls?.includes('block') === true &&
      conditions?.clientAppTypes?.some((type) => type === 'other' || type === 'exchangeActiveSync') === true,
  },
];

/**
 * Reports Conditional Access policies, and what no enabled policy demands. Where the policies cannot be read, nothing is
 * said about gaps. A policy that blocks the service account hides the tenant altogether: Entra issues no token.
 */
export default defineJob({
  name: 'conditional-access-gaps',
  title: 'Conditional Access',
  description:
    'Which Conditional Access policies exist, how they are weakened, whether they concern the partner, and which usual demand no enabled policy makes.',
  topic: 'identity',
  resources: ['graph'],
  permissions: ['Policy.Read.All'],
  directoryRoles: ['Security Reader', 'Global Reader', 'Conditional Access Administrator', 'Security Administrator'],
  timeoutSeconds: 300,
  columns: [
    { name: 'kind', title: 'Kind', type: 'text' },
    { name: 'name', title: 'Name', type: 'text' },
    { name: 'state', title: 'State', type: 'text' },
    { name: 'users', title: 'Users', type: 'text' },
    { name: 'excluded', title: 'Exclusions', type: 'number' },
    { name: 'apps', title: 'Applications', type: 'text' },
    { name: 'clients', title: 'Clients', type: 'text' },
    { name: 'grant', title: 'Demands', type: 'text' },
    { name: 'serviceProviders', title: 'Service providers', type: 'text' },
    { name: 'finding', title: 'Finding', type: 'text' },
    { name: 'policiesRead', title: 'Policies read', type: 'text' },
    { name: 'id', title: 'Id', type: 'text' },
  ],
  key: ['kind', 'id'],
  historyBy: 'state',
  async run({ graph, partnerTenantId }) {
    const isDefault = await securityDefaults(graph);
    const { items: policies, read: policiesRead } = await readPart(readPolicies(graph));
    const rows: Row[] = [
      {
        kind: 'security defaults',
        name: 'Security defaults',
        state: isDefault === null ? null : isDefault ? 'enabled' : 'disabled',
        policiesRead,
        id: 'security-defaults',
      },
      ...policies.map((policy) => ({ ...policyRow(policy, partnerTenantId), policiesRead })),
    ];
    if (policiesRead !== 'yes' || isDefault !== false) return rows;
    for (const { id, name, isMet, isNear } of checks) {
      const states = new Set(policies.filter(isMet).map(({ state }) => state));
      if (states.has('enabled')) continue;
      const findings = [
        ...(states.has('enabledForReportingButNotEnforced') ? ['report-only policy exists'] : []),
        ...(states.has('disabled') ? ['disabled policy exists'] : []),
        ...(policies.some((policy) => policy.state === 'enabled' && isNear(policy)) ? ['limited policy exists'] : []),
      ];
      rows.push({
        kind: 'gap',
        name,
        state: 'missing',
        finding: findings.join('\n') || 'no policy',
        policiesRead,
        id,
      });
    }
    return rows;
  },
});

function policyRow(policy: Policy, partnerTenantId: string): Row {
  const { users, applications, clientAppTypes } = policy.conditions ?? {};
  const { builtInControls, authenticationStrength, operator } = policy.grantControls ?? {};
  const controls = [...(builtInControls ?? []), ...(authenticationStrength == null ? [] : ['authenticationStrength'])];
  const findings = [
    ...(namesMfa(policy) && !demandsMfa(policy) ? ['another control suffices'] : []),
    ...narrowings(policy).map((name) => `limited by ${name}`),
    ...(namesMfa(policy) && !holdsForModernClients(policy) ? ['limited by client types'] : []),
  ];
  const included = [
    inWords(users?.includeUsers, 'user'),
    inWords(users?.includeGroups, 'group'),
    inWords(users?.includeRoles, 'role'),
    users?.includeGuestsOrExternalUsers == null ? undefined : 'external users',
  ].filter((text) => text !== undefined);
  return {
    kind: 'policy',
    name: policy.displayName ?? null,
    state: policy.state ?? null,
    users: included.join(', ') || null,
    excluded: exclusions(policy),
    apps: inWords(applications?.includeApplications, 'application') ?? null,
    clients: inWords(clientAppTypes, 'client') ?? null,
    grant: controls.join(operator === 'OR' ? ' or ' : ' and ') || null,
    serviceProviders: serviceProviders(policy, partnerTenantId),
    finding: findings.join('\n') || null,
    id: policy.id,
  };
}
