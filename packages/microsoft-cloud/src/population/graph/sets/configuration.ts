import { dayMs } from '../../../clock.ts';
import type { CollectionRules, Declaration, Row, TenantView } from '../../../graph/declaration.ts';
import { between, type Random } from '../../../seeded.ts';
import { hasEntraP2 } from '../licensing.ts';
import { factsOf, hourMs, idOf, perTenant, randomOf, time, type TenantFacts } from '../facts.ts';

/**
 * Tenant configuration management: monitors that compare a tenant with a baseline, what they found, and snapshots. Sources:
 * the v1.0 pages of configurationMonitor and its relatives. Nothing can be written here.
 */

/** "configurationMonitor resource type": monitors run at 0, 6, 12 and 18 o'clock GMT. */
const runEveryMs = 6 * hourMs;
/** Snapshots are kept for seven days. */
const snapshotDays = 7;
/** How long results are kept is not documented: two weeks is chosen. */
const resultDays = 14;
/** A drift that was fixed is deleted after 30 days ("Use the Tenant Configuration Management APIs", API limits). */
const fixedDriftDays = 30;

interface Monitored {
  readonly resourceType: string;
  readonly property: string;
  readonly desired: unknown;
  /** Another value, which a tenant that has drifted has. */
  readonly other: unknown;
}

/** Resources that a baseline may contain. The types are those of the schema of tenant configuration management. */
const catalogue: readonly Monitored[] = [
  {
    resourceType: 'microsoft.exchange.transportconfig',
    property: 'SmtpClientAuthenticationDisabled',
    desired: true,
    other: false,
  },
  {
    resourceType: 'microsoft.exchange.organizationconfig',
    property: 'MailTipsAllTipsEnabled',
    desired: true,
    other: false,
  },
  { resourceType: 'microsoft.exchange.remotedomain', property: 'AutoForwardEnabled', desired: false, other: true },
  { resourceType: 'microsoft.entra.securitydefaults', property: 'IsEnabled', desired: true, other: false },
  {
    resourceType: 'microsoft.entra.authorizationpolicy',
    property: 'AllowInvitesFrom',
    desired: 'adminsAndGuestInviters',
    other: 'everyone',
  },
  {
    resourceType: 'microsoft.teams.meetingpolicy',
    property: 'AllowAnonymousUsersToJoinMeeting',
    desired: false,
    other: true,
  },
];

interface Monitor {
  readonly id: string;
  readonly number: number;
  readonly createdMs: number;
  readonly resources: readonly Monitored[];
  /** Since when the monitor is inactive. Infinity: it is active. */
  readonly inactiveMs: number;
  readonly drifts: readonly Drift[];
}

/** A resource that differed from the baseline since a time before the start. */
interface Drift {
  readonly resource: Monitored;
  readonly sinceMs: number;
  /** When a run found it fixed. Infinity: never. */
  readonly fixedMs: number;
}

/** Tenants with Entra ID P2, and some others, have up to three monitors, of 30 that a tenant may have. */
const monitorsOf = perTenant((facts): readonly Monitor[] => {
  const random = randomOf(facts, 'configuration monitors');
  const isUsed = random() < 0.3 || hasEntraP2(facts);
  const count = facts.isPartner || !isUsed ? 0 : between(random, 1, 3);
  return Array.from({ length: count }, (_, number) => {
    const resources = catalogue.filter(() => random() < 0.6);
    const used = resources.length === 0 ? catalogue.slice(0, 1) : resources;
    const createdMs = facts.startMs - between(random, 20, 60) * dayMs;
    const inactiveMs = random() < 0.2 ? facts.startMs - between(random, 2, 10) * dayMs : Number.POSITIVE_INFINITY;
    return {
      id: idOf(facts, 'configuration monitor', number),
      number,
      createdMs,
      resources: used,
      inactiveMs,
      drifts: used.filter(() => random() < 0.35).map((resource) => driftOf(facts, resource, { random, inactiveMs })),
    };
  });
});

/** Runs alone find and fix drifts, so neither happens to a monitor that is inactive. */
function driftOf(
  { startMs }: TenantFacts,
  resource: Monitored,
  { random, inactiveMs }: { readonly random: Random; readonly inactiveMs: number },
): Drift {
  const lastMs = Math.min(startMs, inactiveMs);
  const sinceMs = runBefore(lastMs - between(random, 1, 15) * dayMs);
  const isFixed = random() < 0.3;
  return {
    resource,
    sinceMs,
    fixedMs: isFixed ? runBefore((sinceMs + lastMs) / 2) + runEveryMs : Number.POSITIVE_INFINITY,
  };
}

const isFoundAt =
  (atMs: number) =>
  ({ sinceMs, fixedMs }: Drift): boolean =>
    sinceMs <= atMs && atMs < fixedMs;

const runBefore = (ms: number): number => ms - (ms % runEveryMs);

const nameOf = ({ resourceType, property }: Monitored): string => `${resourceType.split('.').at(-1) ?? ''} ${property}`;

const identity = (facts: TenantFacts): Row => {
  const { id = null, displayName = null } = facts.users.find(({ isAdmin }) => isAdmin) ?? {};
  return { user: { id, displayName } };
};

const isActive = (inactiveMs: number): boolean => inactiveMs === Number.POSITIVE_INFINITY;

const monitorRow = (facts: TenantFacts, { id, number, createdMs, inactiveMs }: Monitor): Row => ({
  id,
  displayName: `Baseline ${number + 1}`,
  description: 'Compares the tenant with the baseline.',
  tenantId: facts.tenantId,
  status: isActive(inactiveMs) ? 'active' : 'inactive',
  mode: 'monitorOnly',
  monitorRunFrequencyInHours: runEveryMs / hourMs,
  createdDateTime: time(createdMs),
  lastModifiedDateTime: time(isActive(inactiveMs) ? createdMs : inactiveMs),
  createdBy: identity(facts),
  lastModifiedBy: identity(facts),
  // The text is chosen.
  inactivationReason: isActive(inactiveMs) ? null : 'The service principal of the monitor lacks permissions.',
  parameters: { FQDN: facts.initialDomain, TenantId: facts.tenantId },
});

const baselineRow = (facts: TenantFacts, id: string): Row | undefined => {
  const monitor = monitorsOf(facts).find((each) => each.id === id);
  return monitor === undefined
    ? undefined
    : {
        id: idOf(facts, 'configuration baseline', monitor.number),
        displayName: `Baseline ${monitor.number + 1}`,
        description: null,
        parameters: [],
        resources: monitor.resources.map((each) => ({
          displayName: nameOf(each),
          resourceType: each.resourceType,
          properties: { [each.property]: each.desired },
        })),
      };
};

function driftRows(tenant: TenantView): readonly Row[] {
  const facts = factsOf(tenant);
  const nowMs = tenant.world.clock.nowMs();
  return monitorsOf(facts).flatMap((monitor) =>
    monitor.drifts
      .filter(({ fixedMs }) => fixedMs + fixedDriftDays * dayMs > nowMs)
      .map(({ resource, sinceMs, fixedMs }) => ({
        id: idOf(facts, 'configuration drift', monitor.number, resource.property),
        monitorId: monitor.id,
        tenantId: facts.tenantId,
        resourceType: resource.resourceType,
        baselineResourceDisplayName: nameOf(resource),
        firstReportedDateTime: time(sinceMs),
        status: fixedMs <= nowMs ? 'fixed' : 'active',
        resourceInstanceIdentifier: { Identity: nameOf(resource) },
        driftedProperties: [
          { propertyName: resource.property, currentValue: resource.other, desiredValue: resource.desired },
        ],
      })),
  );
}

/** One result for each run of each monitor until now, newest first. */
function resultRows(tenant: TenantView): readonly Row[] {
  const facts = factsOf(tenant);
  const lastMs = runBefore(tenant.world.clock.nowMs());
  return Array.from({ length: (resultDays * dayMs) / runEveryMs }, (_, back) => lastMs - back * runEveryMs).flatMap(
    (atMs) =>
      monitorsOf(facts)
        .filter(({ createdMs, inactiveMs }) => createdMs < atMs && atMs < inactiveMs)
        .map((monitor) => ({
          id: idOf(facts, 'configuration run', monitor.number, atMs / runEveryMs),
          monitorId: monitor.id,
          tenantId: facts.tenantId,
          runInitiationDateTime: time(atMs),
          runCompletionDateTime: time(atMs + 4 * 60_000),
          ...outcomeOf(facts, monitor, atMs),
        })),
  );
}

/** Some runs fail. As on the page of the list, they count no drifts. */
function outcomeOf(facts: TenantFacts, { number, resources, drifts }: Monitor, atMs: number): Row {
  const [resource] = resources;
  if (resource !== undefined && randomOf(facts, 'configuration run', number, atMs / runEveryMs)() < 0.1) {
    const { resourceType } = resource;
    // The text is chosen.
    const errorMessage = 'The resource could not be read. Check the permissions of the service principal.';
    const errorDetails = [{ resourceType, resourceInstanceName: nameOf(resource), errorMessage }];
    return { runStatus: 'failed', driftsCount: 0, errorDetails };
  }
  return { runStatus: 'successful', driftsCount: drifts.filter(isFoundAt(atMs)).length, errorDetails: [] };
}

/**
 * A snapshot was made two days before the start in each tenant with monitors, and another failed an hour before. They are gone
 * after seven days.
 */
function snapshotMonitor(tenant: TenantView): { readonly monitor: Monitor; readonly atMs: number } | undefined {
  const facts = factsOf(tenant);
  const [monitor] = monitorsOf(facts);
  const atMs = facts.startMs - 2 * dayMs;
  return monitor === undefined || tenant.world.clock.nowMs() - atMs > snapshotDays * dayMs
    ? undefined
    : { monitor, atMs };
}

function snapshotJobRows(tenant: TenantView): readonly Row[] {
  const found = snapshotMonitor(tenant);
  if (found === undefined) return [];
  const facts = factsOf(tenant);
  const { monitor, atMs } = found;
  const snapshot = idOf(facts, 'configuration snapshot');
  const job = {
    id: idOf(facts, 'configuration snapshot job'),
    displayName: 'Before the change',
    description: null,
    tenantId: facts.tenantId,
    status: 'succeeded',
    createdDateTime: time(atMs),
    completedDateTime: time(atMs + 3 * 60_000),
    createdBy: identity(facts),
    errorDetails: [] as readonly string[],
    resourceLocation: `https://graph.microsoft.com/v1.0/admin/configurationManagement/configurationSnapshots('${snapshot}')`,
    resources: [...new Set(monitor.resources.map(({ resourceType }) => resourceType))],
  };
  const failed = {
    ...job,
    id: idOf(facts, 'configuration snapshot job', 'failed'),
    status: 'failed',
    createdDateTime: time(atMs - hourMs),
    completedDateTime: time(atMs - hourMs + 3 * 60_000),
    // The text is chosen.
    errorDetails: ['The service principal lacks permissions.'],
    resourceLocation: '',
  };
  return [job, failed];
}

/** The snapshot has the values that the tenant had. */
function snapshotRows(tenant: TenantView): readonly Row[] {
  const found = snapshotMonitor(tenant);
  if (found === undefined) return [];
  const { monitor, atMs } = found;
  const drifted = new Set(monitor.drifts.filter(isFoundAt(atMs)).map(({ resource }) => resource));
  return [
    {
      id: idOf(factsOf(tenant), 'configuration snapshot'),
      displayName: 'Before the change',
      description: null,
      parameters: [],
      resources: monitor.resources.map((each) => ({
        displayName: nameOf(each),
        resourceType: each.resourceType,
        properties: { [each.property]: drifted.has(each) ? each.other : each.desired },
      })),
    },
  ];
}

const root = 'admin/configurationManagement';

/** @param byDefault what is returned without `$select`. Undefined: everything. */
const list = (
  name: string,
  type: string,
  rows: (tenant: TenantView) => readonly Row[],
  byDefault: CollectionRules['byDefault'],
): Declaration => ({
  kind: 'set',
  path: `${root}/${name}`,
  type: `microsoft.graph.${type}`,
  rows,
  live: true,
  ...(byDefault === undefined ? {} : { byDefault }),
});

export const configurationSets: readonly Declaration[] = [
  list(
    'configurationMonitors',
    'configurationMonitor',
    (tenant) => monitorsOf(factsOf(tenant)).map((monitor) => monitorRow(factsOf(tenant), monitor)),
    [
      'id',
      'displayName',
      'description',
      'tenantId',
      'status',
      'mode',
      'monitorRunFrequencyInHours',
      'createdDateTime',
      'lastModifiedDateTime',
    ],
  ),
  {
    kind: 'singleton',
    path: `${root}/configurationMonitors/{id}/baseline`,
    type: 'microsoft.graph.configurationBaseline',
    row: (tenant, id = '') => baselineRow(factsOf(tenant), id),
  },
  list('configurationDrifts', 'configurationDrift', driftRows, [
    'id',
    'monitorId',
    'tenantId',
    'resourceType',
    'baselineResourceDisplayName',
    'firstReportedDateTime',
    'status',
  ]),
  list('configurationMonitoringResults', 'configurationMonitoringResult', resultRows, [
    'id',
    'monitorId',
    'tenantId',
    'runInitiationDateTime',
    'runCompletionDateTime',
    'runStatus',
    'driftsCount',
  ]),
  list('configurationSnapshotJobs', 'configurationSnapshotJob', snapshotJobRows, [
    'id',
    'displayName',
    'description',
    'tenantId',
    'status',
    'createdDateTime',
    'completedDateTime',
  ]),
  list('configurationSnapshots', 'configurationBaseline', snapshotRows, undefined),
];
