import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { CloudDocument } from 'microsoft-cloud';
import { changeTenant, readRows } from 'microsoft-cloud/client';
import type { AuditEntry } from '../../../lib/audit/audit-log.ts';
import { parseSettings } from '../../../lib/config/settings.ts';
import { createStorage } from '../../../lib/config/storage.ts';
import type { Caller, CallerRole } from '../../../lib/core/caller.ts';
import { type Clock, dayMs, hourMs, minuteMs, systemClock } from '../../../lib/core/clock.ts';
import { defaultApplication, parseTenantId, type TenantId } from '../../../lib/core/identifiers.ts';
import { silentLogger as log } from '../../../lib/core/log.ts';
import { followTenants } from '../../../lib/tenant-events/follow-tenants.ts';
import * as eventTables from '../../../lib/tenant-events/table-event-log.ts';
import { jobs } from '../../../jobs/index.ts';
import { createCheckpointKey } from '../checkpoint-key.ts';
import { PastAudit } from './past-audit.ts';
import { writePastApprovals } from './past-approvals.ts';
import { writePastRuns } from './past-runs.ts';
import { type Past, readTenants } from './past-tenants.ts';

const pastDays = 90;
/** Recent days, with as many requests as a helpdesk sends. A start must not take long, so the days before have few. */
const busyDays = 21;

/**
 * Writes the past of an app that has just been set up, with the code that writes it in production: 90 days of runs, their
 * history, events, approvals and the audit log with its checkpoints. The same start gives the same story. Creates the key of
 * the checkpoints.
 * @param policy the text of the access policy.
 */
export async function writePast(
  cloud: CloudDocument,
  environment: Readonly<Record<string, string>>,
  policy: string,
): Promise<void> {
  const toMs = systemClock.nowMs();
  const patientClock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(20 * ms, signal) };
  const storage = createStorage(parseSettings(environment), () => Promise.reject(new Error('not used')), patientClock);
  const random = randomFrom(1);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [tenants, callerOf, id] = await Promise.all([
    readTenants(cloud, { nowMs: toMs, random }),
    readCallers(cloud),
    createCheckpointKey(cloud, privateKey),
  ]);
  const fromMs = toMs - pastDays * dayMs;
  const audit = new PastAudit(fromMs);
  const past = { storage, audit, tenants, random, patientClock, fromMs, toMs, policy, callerOf };
  recordRequests(past);
  await Promise.all([writePastRuns(past), writePastApprovals(past), writeEvents(past), giveRoles(cloud)]);
  await audit.write(storage, patientClock, { id, privateKey }, toMs);
}

/** Customers have given the partner the roles that change jobs need, so that plans can be applied. */
async function giveRoles({ control, tenants }: CloudDocument): Promise<void> {
  const moreRoles = [...new Set(jobs.flatMap(({ changes, directoryRoles = [] }) => (changes ? directoryRoles : [])))];
  const working = tenants.filter(({ state }) => state === 'ok');
  await Promise.all(working.map(({ tenantId }) => changeTenant(control, tenantId, { moreRoles })));
}

/** A linear congruential generator ("Numerical Recipes"): the same numbers at each start. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

async function readCallers({ control, partnerTenantId, brokerApplication, accounts }: CloudDocument) {
  const { servicePrincipals } = await readRows(control, partnerTenantId, ['servicePrincipals']);
  const tenantId = parseTenantId(partnerTenantId) as TenantId;
  return (name: string): Caller => {
    const application = brokerApplication.callers.find((caller) => caller.name === name);
    const account = accounts.find(({ username }) => username.startsWith(`${name}@`));
    const { clientId } = application ?? {};
    const principal = servicePrincipals.find(({ appId }) => appId === clientId);
    return {
      applicationId: clientId ?? brokerApplication.signInClientId,
      objectId: account?.objectId ?? String(principal?.['id']),
      kind: account === undefined ? 'application' : 'user',
      roles: ((account ?? application)?.roles ?? []) as CallerRole[],
      tenantId,
      name: account?.name ?? name,
    };
  };
}

/** Days before now on which somebody looked at the lists and something had changed, or is about to. */
const looks = [pastDays, 71, 50, 40, 39, 21, 20, 0];

/** Follows the tenants as the timer does, at the times at which there was something to see. */
async function writeEvents({ storage, tenants, toMs }: Past): Promise<void> {
  const failing = jobs.filter(({ schedule }) => schedule !== undefined).map(({ name }) => name);
  for (const day of looks) {
    const atMs = toMs - Math.max(day * dayMs - hourMs, 3 * minuteMs);
    const deps = { clock: { ...systemClock, nowMs: () => atMs }, log, newId: randomUUID };
    const listed = tenants.flatMap((tenant) => tenant.listedAt(atMs) ?? []);
    const withoutConsent = tenants.filter((tenant) => tenant.refusalAt(atMs)?.code === 'consent_required');
    const lacking = new Set(withoutConsent.map(({ tenantId }) => tenantId));
    await followTenants({
      ...deps,
      eventLog: new eventTables.TableEventLog(() => storage.table(eventTables.tenantEventsTable), deps),
      toldStates: new eventTables.TableToldStates(() => storage.table(eventTables.toldStatesTable)),
      completeReads: { completeRead: async () => ({ tenants: listed, refused: [] }) },
      observe: async () => ({
        tagsOf: () => [],
        consentOf: (tenantId) => (lacking.has(tenantId) ? { state: 'missing', atMs, jobs: failing } : undefined),
        roleOf: () => ({ state: 'held', atMs }),
      }),
      announce: async () => undefined,
    });
  }
}

/** Each hour with records is a transaction of its own. */
const busyHours = [9, 8, 11, 14];

/** Requests through the gateway and for tokens: many on working days, few at weekends, and some that were refused. */
function recordRequests({ audit, tenants, random, callerOf, toMs }: Past): void {
  const [helpdesk, operator, reporting] = [callerOf('Helpdesk'), callerOf('operator'), callerOf('Reporting')];
  const shared = {
    resource: 'graph',
    grant: 'delegated',
    application: defaultApplication,
    scopes: ['User.Read.All'],
  } as const;
  const record = (by: Caller, atMs: number, more: Pick<AuditEntry, 'outcome'> & Partial<AuditEntry>): void => {
    const { applicationId, objectId, kind, roles } = by;
    const about = { caller: { applicationId, objectId, kind }, roles, correlationId: randomUUID(), atMs };
    void audit.record({ ...shared, ...about, tokenId: randomUUID(), ...more });
  };
  /** A request through the gateway, with the record of its answer. */
  const request = (caller: Caller, atMs: number, about: Partial<AuditEntry>): void => {
    const same = { method: 'GET', path: '/v1.0/users', kind: 'request', tokenId: randomUUID(), ...about } as const;
    record(caller, atMs, { ...same, outcome: 'sent' });
    record(caller, atMs + 300, { ...same, outcome: 'answered', status: 200 });
  };
  const perform = (atMs: number): void => {
    const tenant = tenants[Math.floor(random() * tenants.length)];
    if (tenant?.listedAt(atMs) === undefined) return;
    const refusal = tenant.refusalAt(atMs);
    const kind = random();
    const isToken = kind < 0.45;
    const rule = `local callers may try ${isToken ? 'every customer' : 'the gateway'}`;
    const [caller, about] = [isToken ? helpdesk : operator, { tenantId: tenant.tenantId, rule }];
    // No rule allowed it.
    if (kind < 0.06)
      record(reporting, atMs, { tenantId: tenant.tenantId, outcome: 'denied', code: 'caller_forbidden' });
    else if (refusal !== undefined) record(caller, atMs, { ...about, outcome: 'denied', code: refusal.code });
    else if (!isToken) {
      const [template, scopes] =
        kind < 0.9 ? ['/v1.0/users', ['User.Read.All']] : ['/v1.0/groups/*', ['Group.Read.All']];
      const path = template.replace('*', randomUUID());
      request(caller, atMs, { ...about, path, template, query: '$select=id,displayName', scopes });
    } else record(caller, atMs, { ...about, outcome: 'issued', expiresAtMs: atMs + 70 * minuteMs, fromCache: false });
  };
  const [{ tenantId } = { tenantId: undefined }] = tenants;
  if (tenantId !== undefined)
    request(operator, toMs - 16 * dayMs, {
      tenantId,
      rule: 'revoke sessions in an emergency',
      method: 'POST',
      path: `/v1.0/users/${randomUUID()}/revokeSignInSessions`,
      template: '/v1.0/users/*/revokeSignInSessions',
      scopes: ['User.RevokeSessions.All'],
      breakGlass: true,
      reason: 'Ticket 4248: an account was taken over',
    });
  for (let day = 0; day <= pastDays; day += 1) {
    const startMs = Math.floor(toMs / dayMs - day) * dayMs;
    const isBusy = day <= busyDays && ![0, 6].includes(new Date(startMs).getUTCDay());
    for (let left = Math.floor((isBusy ? 26 : 3) + random() * (isBusy ? 16 : 3)); left > 0; left -= 1) {
      const hour = busyHours[Math.floor(random() * (isBusy ? busyHours.length : 1))] ?? 9;
      const atMs = Math.floor(startMs + (hour + random()) * hourMs);
      if (atMs < toMs - minuteMs) perform(atMs);
    }
  }
}
