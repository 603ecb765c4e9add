import type { Declaration, Row } from '../../../graph/declaration.ts';
import { dayMs } from '../../../clock.ts';
import { auditRow, auditsOf } from '../audit-data.ts';
import { registrationRows } from '../authentication-data.ts';
import { factsOf } from '../facts.ts';
import { needsEntraP2, needsEntraPremium } from '../premium.ts';
import { controlProfileRows, secureScoreRows } from '../secure-score-data.ts';
import { alertRow, alertsOf, incidentRow, riskDetectionRow, risksOf, riskyUserRow } from '../security-data.ts';
import { healthOverviewRows, issueRows, messageRows } from '../service-health.ts';
import { logDays } from '../latest-sign-in.ts';
import { signInRow, signInsOf } from '../sign-in-data.ts';
import { entitySet } from './declare.ts';

/** Logs are kept for 30 days and have pages of up to 1,000 ("List signIns", "List directoryAudits"). */
const log = {
  refresh: 'daily',
  defaultTop: 1000,
  maxTop: 1000,
} as const;

const within =
  (todayMs: number) =>
  ({ atMs }: { readonly atMs: number }): boolean =>
    atMs >= todayMs - logDays * dayMs;

const announcements = 'admin/serviceAnnouncement';

/** The objects of another list that belong to an object, as `$expand` asks for them ("List incidents", "List healthOverviews"). */
const related = (
  path: string,
  target: string,
  type: string,
  { name, belongs }: { readonly name: string; readonly belongs: (owner: Row, row: Row) => boolean },
): Declaration => ({
  kind: 'references',
  path: `${path}/{id}/${name}`,
  type: `microsoft.graph.${type}`,
  targets: [target],
  ids: (tenant, key = '') => {
    const owner = tenant.row(path, key);
    return owner === undefined
      ? []
      : tenant
          .rows(target)
          .filter((row) => belongs(owner, row))
          .map(({ id }) => String(id));
  },
  live: true,
  opensWithOwner: true,
});

export const monitoringSets: readonly Declaration[] = [
  {
    kind: 'set',
    path: 'auditLogs/signIns',
    type: 'microsoft.graph.signIn',
    ...log,
    check: needsEntraPremium,
    rows: (tenant): readonly Row[] => {
      const facts = factsOf(tenant);
      return signInsOf(facts)
        .filter(within(tenant.todayMs))
        .map((signIn) => signInRow(facts, signIn));
    },
    // The logs of sign-ins that are not interactive, which beta has. Nothing here was tried at Graph.
    more: {
      property: 'signInEventTypes',
      rows: ({ world, tenantId }) => world.signInLog.of(tenantId).map((row) => ({ ...row, isInteractive: false })),
    },
  },
  {
    kind: 'set',
    path: 'auditLogs/directoryAudits',
    type: 'microsoft.graph.directoryAudit',
    ...log,
    rows: (tenant): readonly Row[] => {
      const facts = factsOf(tenant);
      return auditsOf(facts)
        .filter(within(tenant.todayMs))
        .map((audit) => auditRow(facts, audit));
    },
  },
  entitySet('reports/authenticationMethods/userRegistrationDetails', 'userRegistrationDetails', registrationRows, {
    check: needsEntraPremium,
  }),
  {
    kind: 'set',
    path: 'security/secureScores',
    type: 'microsoft.graph.secureScore',
    refresh: 'daily',
    rows: (tenant) => secureScoreRows(factsOf(tenant), tenant.todayMs),
  },
  entitySet('security/secureScoreControlProfiles', 'secureScoreControlProfile', controlProfileRows),
  entitySet('security/alerts_v2', 'security.alert', (facts) => alertsOf(facts).map((alert) => alertRow(facts, alert)), {
    writes: { operations: ['update'] },
  }),
  entitySet(
    'security/incidents',
    'security.incident',
    (facts) => alertsOf(facts).map((alert) => incidentRow(facts, alert)),
    { writes: { operations: ['update'] } },
  ),
  related('security/incidents', 'security/alerts_v2', 'security.alert', {
    name: 'alerts',
    belongs: (incident, alert) => alert['incidentId'] === incident['id'],
  }),
  entitySet('identityProtection/riskyUsers', 'riskyUser', (facts) => risksOf(facts).map(riskyUserRow), {
    check: needsEntraP2,
  }),
  entitySet(
    'identityProtection/riskDetections',
    'riskDetection',
    (facts) => risksOf(facts).map((risk) => riskDetectionRow(facts, risk)),
    // "List riskDetections"
    { check: needsEntraP2, defaultTop: 20, maxTop: 500 },
  ),
  entitySet(`${announcements}/healthOverviews`, 'serviceHealth', healthOverviewRows),
  related(`${announcements}/healthOverviews`, `${announcements}/issues`, 'serviceHealthIssue', {
    name: 'issues',
    belongs: (overview, issue) => issue['service'] === overview['service'],
  }),
  entitySet(`${announcements}/issues`, 'serviceHealthIssue', issueRows),
  entitySet(`${announcements}/messages`, 'serviceUpdateMessage', messageRows),
];
