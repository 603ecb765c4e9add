import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { CloudDocument } from 'microsoft-cloud';
import { changeTenant, readRows } from 'microsoft-cloud/client';
import type { AuditEntry } from '../../../lib/audit/audit-log.ts';
import { parseSettings } from '../../../lib/config/settings.ts';
import { createStorage, type Storage } from '../../../lib/config/storage.ts';
import type { Caller, CallerRole } from '../../../lib/core/caller.ts';
import { dayMs, hourMs, minuteMs, systemClock } from '../../../lib/core/clock.ts';
import { defaultApplication, parseTenantId, type TenantId } from '../../../lib/core/identifiers.ts';
import { silentLogger as log } from '../../../lib/core/log.ts';
import { followTenants } from '../../../lib/tenant-events/follow-tenants.ts';
import {
  TableEventLog,
  TableToldStates,
  tenantEventsTable,
  toldStatesTable,
} from '../../../lib/tenant-events/table-event-log.ts';
import { jobs } from '../../../jobs/index.ts';
import { createCheckpointKey } from '../checkpoint-key.ts';
import { PastAudit } from './past-audit.ts';
import { writePastApprovals } from './past-approvals.ts';
import { writePastRuns } from './past-runs.ts';
import { PastTenant } from './past-tenants.ts';
import { patientClock } from './write-batches.ts';

const pastDays = 90;

/**
 * Writes the last 90 days of an app that has just been set up, with the code that writes them in production: runs, their
 * history, events, approvals, and the audit log with its checkpoints. The same start gives the same story. Creates the key of
 * the checkpoints.
 * @param policy the text of the access policy.
 */
export async function writePast(
  cloud: CloudDocument,
  environment: Readonly<Record<string, string>>,
  policy: string,
): Promise<void> {
  const toMs = systemClock.nowMs();
  const fromMs = toMs - pastDays * dayMs;
  const settings = parseSettings(environment);
  const storage = createStorage(settings, () => Promise.reject(new Error('not used')), patientClock);
  const random = randomFrom(1);
  const audit = new PastAudit(randomUUID);
  const [tenants, callers, key] = await Promise.all([
    PastTenant.readAll(cloud, { nowMs: toMs, random }),
    readCallers(cloud),
    importKey(cloud),
  ]);
  const shared = { storage, audit, tenants, random };
  const { signInClientId } = cloud.brokerApplication;
  const [portal, approver] = [callers.named('Portal'), callers.named('approver')];
  // Ten minutes ago, a run may still be under way.
  const writing = writePastRuns(shared, { fromMs, toMs: toMs - 10 * minuteMs });
  recordRequests(shared, callers, { fromMs, toMs });
  await Promise.all([
    writing,
    writePastApprovals({ ...shared, policy, signInClientId, portal, approver }, toMs),
    writeEvents(storage, tenants, toMs),
    giveRoles(cloud),
  ]);
  const retentionMs = settings.AUDIT_RETENTION_DAYS * dayMs;
  await audit.write({ storage, key, retentionMs }, { fromMs, toMs });
}

/** Customers have given the partner the roles that change jobs need, so that plans can be applied. */
async function giveRoles({ control, tenants }: CloudDocument): Promise<void> {
  const moreRoles = [...new Set(jobs.flatMap(({ changes, directoryRoles = [] }) => (changes ? directoryRoles : [])))];
  const working = tenants.filter(({ state }) => state === 'ok');
  await Promise.all(working.map(({ tenantId }) => changeTenant(control, tenantId, { moreRoles })));
}

async function importKey(cloud: CloudDocument) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, id: await createCheckpointKey(cloud, privateKey) };
}

/** A linear congruential generator ("Numerical Recipes"): the same numbers at each start. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/** The callers of the simulated cloud, as their tokens show them. */
async function readCallers({ control, partnerTenantId, brokerApplication, accounts }: CloudDocument) {
  const { users, servicePrincipals } = await readRows(control, partnerTenantId, ['users', 'servicePrincipals']);
  const idOf = (rows: typeof users, column: string, value: string): string =>
    String(rows.find((row) => row[column] === value)?.['id']);
  const tenantId = parseTenantId(partnerTenantId) as TenantId;
  const named = (name: string): Caller => {
    const application = brokerApplication.callers.find((caller) => caller.name === name);
    const account = accounts.find(({ username }) => username.startsWith(`${name}@`));
    if (application !== undefined) {
      const { clientId: applicationId, roles } = application;
      const objectId = idOf(servicePrincipals, 'appId', applicationId);
      return { applicationId, objectId, kind: 'application', roles: roles as CallerRole[], tenantId, name };
    }
    if (account === undefined) throw new Error(`The simulated cloud has no caller ${name}.`);
    const { username, roles } = account;
    const objectId = idOf(users, 'userPrincipalName', username);
    const person = { kind: 'user', roles: roles as CallerRole[], tenantId, name: username } as const;
    return { applicationId: brokerApplication.signInClientId, objectId, ...person };
  };
  return { named };
}

/** Days before now on which somebody looked at the lists and something had changed, or is about to. */
const looks = [pastDays, 71, 63, 40, 39, 34, 33, 21, 0];

/** Follows the tenants as the timer does, at the times at which there was something to see. */
async function writeEvents(storage: Storage, tenants: readonly PastTenant[], toMs: number): Promise<void> {
  const failing = jobs.filter(({ schedule }) => schedule !== undefined).map(({ name }) => name);
  for (const day of looks) {
    const atMs = toMs - Math.max(day * dayMs - hourMs, 3 * minuteMs);
    const clock = { ...systemClock, nowMs: () => atMs };
    const known = new Map(tenants.map((tenant) => [tenant.tenantId, tenant]));
    const deps = { clock, log, newId: randomUUID };
    await followTenants({
      ...deps,
      eventLog: new TableEventLog(() => storage.table(tenantEventsTable), deps),
      toldStates: new TableToldStates(() => storage.table(toldStatesTable)),
      completeReads: {
        completeRead: async () => ({ tenants: tenants.flatMap((tenant) => tenant.listedAt(atMs) ?? []), refused: [] }),
      },
      observe: async () => ({
        tagsOf: () => undefined,
        consentOf: (tenantId) =>
          known.get(tenantId)?.refusalAt(atMs)?.code === 'consent_required'
            ? { state: 'missing', atMs, jobs: failing }
            : undefined,
        roleOf: () => ({ state: 'held', atMs }),
      }),
      announce: async () => undefined,
    });
  }
}

type Shared = { readonly audit: PastAudit; readonly tenants: readonly PastTenant[]; readonly random: () => number };

/** Requests through the gateway and for tokens: many on working days, few at weekends, and some that were refused. */
function recordRequests(
  { audit, tenants, random }: Shared,
  { named }: Awaited<ReturnType<typeof readCallers>>,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): void {
  const [helpdesk, operator] = [named('Helpdesk'), named('operator')];
  const of = (caller: Caller): Pick<AuditEntry, 'caller' | 'correlationId' | 'tokenId'> => {
    const { applicationId, objectId, kind } = caller;
    return { caller: { applicationId, objectId, kind }, correlationId: randomUUID(), tokenId: randomUUID() };
  };
  const shared = { resource: 'graph', grant: 'delegated', application: defaultApplication, scopes: [] } as const;
  /** A request through the gateway, with the record of its answer. */
  const request = (atMs: number, about: Omit<AuditEntry, 'atMs' | 'outcome'>, status: number): void => {
    void audit.record({ ...about, kind: 'request', atMs, outcome: 'sent' });
    void audit.record({ ...about, kind: 'request', atMs: atMs + 300, outcome: 'answered', status });
  };
  const perform = (atMs: number): void => {
    const tenant = tenants[Math.floor(random() * tenants.length)];
    if (tenant?.listedAt(atMs) === undefined) return;
    const { tenantId } = tenant;
    const refusal = tenant.refusalAt(atMs);
    const kind = random();
    const rule = `local callers may try ${kind < 0.45 ? 'every customer' : 'the gateway'}`;
    const about = { ...shared, ...of(kind < 0.45 ? helpdesk : operator), tenantId, rule };
    if (kind < 0.06)
      void audit.record({ ...about, ...of(named('Reporting')), atMs, outcome: 'denied', code: 'caller_forbidden' });
    else if (refusal !== undefined) void audit.record({ ...about, atMs, outcome: 'denied', code: refusal.code });
    else if (kind < 0.45) {
      const expiresAtMs = atMs + 70 * minuteMs;
      void audit.record({
        ...about,
        atMs,
        outcome: 'issued',
        expiresAtMs,
        scopes: ['User.Read.All'],
        fromCache: false,
      });
    } else request(atMs, { ...about, method: 'GET', path: '/v1.0/users', scopes: ['User.Read.All'] }, 200);
  };
  const [first] = tenants;
  const path = `/v1.0/users/${randomUUID()}/revokeSignInSessions`;
  const emergency = { breakGlass: true, reason: 'Ticket 4248: an account was taken over' } as const;
  const revoked = { method: 'POST', path, scopes: ['User.RevokeSessions.All'], ...emergency };
  const rule = 'revoke sessions in an emergency';
  if (first !== undefined)
    request(toMs - 16 * dayMs, { ...shared, ...of(operator), tenantId: first.tenantId, rule, ...revoked }, 200);
  for (let dayStartMs = fromMs - (fromMs % dayMs); dayStartMs < toMs; dayStartMs += dayMs) {
    const isWeekend = [0, 6].includes(new Date(dayStartMs).getUTCDay());
    for (let left = Math.floor((isWeekend ? 3 : 26) + random() * (isWeekend ? 3 : 16)); left > 0; left -= 1) {
      const hour = busyHours[Math.floor(random() * (isWeekend ? 1 : busyHours.length))] ?? 9;
      const atMs = Math.floor(dayStartMs + (hour + random()) * hourMs);
      if (atMs > fromMs && atMs < toMs - minuteMs) perform(atMs);
    }
  }
}

/** Each hour with records is a transaction of its own. */
const busyHours = [9, 8, 11, 14];
