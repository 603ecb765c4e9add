import { afterAll, beforeAll, expect, test } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import { changeTenant } from 'microsoft-cloud/client';
import type { RunningCloud } from '../../../packages/microsoft-cloud/src/index.ts';
import { accessToken, startTrustedCloud } from '../../../packages/microsoft-cloud/src/testing.ts';
import type { BrokerError } from '../../../src/lib/core/errors.ts';
import { systemClock } from '../../../src/lib/core/clock.ts';
import { parseTenantId } from '../../../src/lib/core/identifiers.ts';
import { clouds, createResourceRegistry } from '../../../src/lib/core/resources.ts';
import { Secret } from '../../../src/lib/core/secrets.ts';
import { createTenantSlots } from '../../../src/lib/runs/engine/visit-tenants.ts';
import { executeJob } from '../../../src/lib/runs/job/execute-job.ts';
import { defineJob, type JobContext } from '../../../src/lib/runs/job/job.ts';
import { TraceRecorder } from '../../../src/lib/runs/job/tenant-trace.ts';
import { recordingLogger } from '../../fakes/recording-logger.ts';

let cloud: RunningCloud;
let tenant: string;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 8, plain: true });
  // It has many users.
  tenant = cloud.document.tenants[7]?.tenantId ?? '';
});
afterAll(() => cloud.stop());

/** Runs a job in the tenant, with the tokens that the simulated Entra issues. */
async function run<T>(work: (context: JobContext) => Promise<T>, tenantId = tenant): Promise<T> {
  let result: T | undefined;
  const job = defineJob({
    name: 'probe',
    title: 'Probe',
    resources: ['exchange', 'partner-center'],
    permissions: ['Exchange.Manage'],
    timeoutSeconds: 60,
    run: async (context) => {
      result = await work(context);
      return [];
    },
  });
  const { exchange, graph, partnerCenter } = cloud.document;
  const deps = {
    fetch: (url: string, init: RequestInit) => fetch(url, init),
    clock: systemClock,
    resolveTxt: async () => [],
    random: () => 0,
    newId: () => 'unused',
    log: recordingLogger().log,
    trace: new TraceRecorder({ clock: systemClock, jobPositions: (stack) => stack }, []),
    handedOut: [],
    runId: 'probe@try',
    requestSlots: createTenantSlots(4),
    resources: createResourceRegistry(clouds.public, []),
    endpoints: { exchange, graph, partnerCenter },
    permissionMap: async () => partnerMap(),
    partnerTenantId: parseTenantId(cloud.document.partnerTenantId)!,
    tokens: {
      getToken: async (request: Parameters<Parameters<typeof executeJob>[0]['tokens']['getToken']>[0]) => {
        const of = request.ofPartner ? cloud.document.partnerTenantId : request.tenantId;
        const secret = new Secret(await accessToken(cloud, of, request.resource.identifier));
        return { ...request, secret, scopes: [], expiresAtMs: systemClock.nowMs() + 3_600_000, fromCache: false };
      },
      forgetTenant: () => undefined,
    },
  };
  await executeJob(deps, job, { tenantId: parseTenantId(tenantId)!, name: 'Tenant' }, {});
  return result as T;
}

const nameOf = (mailbox: object): string => (mailbox as { UserPrincipalName: string }).UserPrincipalName;
const rulesOf = ({ exchange }: JobContext, mailboxes: readonly string[]) =>
  exchange.batch(
    mailboxes.map((Mailbox) => ({ id: Mailbox, cmdlet: 'Get-InboxRule', parameters: { Mailbox } })),
    { select: ['Name', 'RuleIdentity'] },
  );

test('a job reads mailboxes, and the rules of many in few requests, with an outcome for each', async () => {
  const { mailboxes, rules } = await run(async (context) => {
    const names = (await Array.fromAsync(context.exchange.list('Get-Mailbox', { ResultSize: 'Unlimited' }))).map(
      nameOf,
    );
    return { mailboxes: names, rules: await rulesOf(context, [...names.slice(0, 24), 'nobody']) };
  });
  expect(mailboxes.length).toBeGreaterThan(24);
  expect(rules.map(({ id }) => id)).toEqual([...mailboxes.slice(0, 24), 'nobody']);
  expect(rules.slice(0, 24).every(({ ok }) => ok)).toBe(true);
  const found = rules.flatMap((reply) => (reply.ok ? reply.value : []));
  expect(found.length).toBeGreaterThan(0);
  expect(Object.keys(found[0] ?? {})).toEqual(['Name', 'RuleIdentity']);
  expect(rules.at(-1)).toMatchObject({
    ok: false,
    error: { code: 'job_failed', logFields: { status: 404, resourceCode: 'ManagementObjectNotFoundException' } },
  });
});

test('a wrong parameter, a missing role and an object that does not exist are told apart', async () => {
  const failure = (cmdlet: string, parameters = {}) =>
    run(({ exchange }) => Array.fromAsync(exchange.list(cmdlet, parameters))).catch((error: unknown) => error);
  expect(await failure('Get-Mailbox', { ResultSize: 'many' })).toMatchObject({
    code: 'job_failed',
    logFields: { status: 400 },
  });
  expect(await failure('Get-Mailbox', { Identity: 'nobody' })).toMatchObject({
    code: 'job_failed',
    logFields: { status: 404 },
  });
  await changeTenant(cloud.control, tenant, { withoutRoles: ['Exchange Administrator'] });
  try {
    const rules = await run(async (context) => {
      const names = (await Array.fromAsync(context.exchange.list('Get-Mailbox'))).map(nameOf);
      return rulesOf(context, names.slice(0, 3));
    });
    expect(rules.map((reply) => !reply.ok && reply.error.code)).toEqual(
      Array.from({ length: 3 }, () => 'access_denied'),
    );
    expect(await failure('Get-RecipientPermission')).toMatchObject({ code: 'access_denied' });
  } finally {
    await changeTenant(cloud.control, tenant, { withoutRoles: [] });
  }
});

test("a job reads what Partner Center knows of its tenant, with the partner's own token", async () => {
  const path = '/v1/customers/{tenant}/subscriptions';
  const codes = new Set<string>();
  for (const { tenantId } of cloud.document.tenants) {
    const read = run(({ partnerCenter }) => Array.fromAsync(partnerCenter.list(path)), tenantId);
    const subscriptions = await read.catch(({ code }: BrokerError) => void codes.add(code));
    if (subscriptions === undefined) continue;
    codes.add('none');
    const links = subscriptions.map(({ links: each }) => JSON.stringify(each));
    expect(links.length).toBeGreaterThan(0);
    expect(links.every((link) => link.includes(`/customers/${tenantId}/`))).toBe(true);
  }
  // The partner sells to some of them only, and Partner Center does not know every one.
  expect([...codes].toSorted()).toEqual(['access_denied', 'job_failed', 'none']);
});
