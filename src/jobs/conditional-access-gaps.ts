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
}

/** What a tenant without security defaults needs at least one enabled policy for. */
const checks: readonly Check[] = [
  {
    id: 'mfa-for-all-users',
    name: 'Multifactor authentication for all users and applications',
    isMet: (policy) => includesEverybody(policy) && demandsMfaEverywhere(policy),
  },
  {
    id: 'mfa-for-administrators',
    name: 'Multifactor authentication for administrators',
    isMet: (policy) =>
      (includesEverybody(policy) || concernsRole(policy, directoryRoles['Global Administrator'])) &&
      !excludesRole(policy, directoryRoles['Global Administrator']) &&
      demandsMfaEverywhere(policy),
  },
  {
    id: 'legacy-authentication-blocked',
    name: 'Legacy authentication blocked',
    isMet: (policy) => includesEverybody(policy) && blocksLegacy(policy),
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
  async run({ graph }) {
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
      ...policies.map((policy) => ({ ...policyRow(policy), policiesRead })),
    ];
    if (policiesRead !== 'yes' || isDefault !== false) return rows;
    for (const { id, name, isMet } of checks) {
      const met = policies.filter(isMet);
      if (met.some(({ state }) => state === 'enabled')) continue;
      const tried = met.filter(({ state }) => state === 'enabledForReportingButNotEnforced');
      rows.push({
        kind: 'gap',
        name,
        state: 'missing',
        finding:
          tried.length > 0 ? 'report-only policy exists' : met.length > 0 ? 'disabled policy exists' : 'no policy',
        policiesRead,
        id,
      });
    }
    return rows;
  },
});

function policyRow(policy: Policy): Row {
  const { users, applications, clientAppTypes } = policy.conditions ?? {};
  const { builtInControls, authenticationStrength, operator } = policy.grantControls ?? {};
  const controls = [...(builtInControls ?? []), ...(authenticationStrength == null ? [] : ['authenticationStrength'])];
  const isForMfa = controls.includes('mfa') || authenticationStrength != null;
  const findings = [
    ...(isForMfa && !demandsMfa(policy) ? ['another control suffices'] : []),
    ...narrowings(policy).map((name) => `limited by ${name}`),
    ...(isForMfa && !holdsForModernClients(policy) ? ['limited by client types'] : []),
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
    serviceProviders: serviceProviders(policy),
    finding: findings.join('\n') || null,
    id: policy.id,
  };
}
