import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TableClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { type Attack, control, type Tally } from '../attack.ts';
import { ended, runWhen, startRun, tokensIssuedFor } from '../runs.ts';
import type { Host, HostOptions, Stage } from '../stage.ts';

/** A run that waits for its second round while its app is stopped and something changes. */
interface Interrupted {
  readonly runId: string;
  /** Its only tenant, for which Entra fails until the app is stopped. */
  readonly tenantId: string;
  /** Another customer, of which the run knows nothing. */
  readonly other: string;
}

/** Stops the app between two rounds, lets `change` happen, and starts it again with the same orchestrations. */
async function interrupt(
  stage: Stage,
  window: string,
  change: (run: Interrupted) => Promise<HostOptions>,
): Promise<{ readonly run: Interrupted; readonly host: Host }> {
  const store = join(stage.folder, `${window}.sqlite`);
  const first = await stage.startHost({ store });
  const [tenantId = '', other = ''] = stage.tenants.slice(-2).map((tenant) => tenant.tenantId);
  const fault = stage.cloud.faults.add({ service: 'entra', tenantId, path: '/token$', status: 503, body: '{}' });
  const started = await startRun(first, stage, { tenants: [tenantId], window });
  control(started.status === 202, `the run does not start: ${started.status} ${started.text}`);
  const run = { runId: String(started.body['runId']), tenantId, other };
  // The tenant has failed once, so the run waits for the next round.
  const records = {
    path: `/api/runs/${encodeURIComponent(run.runId)}/tenants`,
    headers: { authorization: stage.forge.bearer() },
  };
  for (;;) {
    const { text } = await first.ask(records);
    if (text.includes('"retrying"') || text.includes('entra_unavailable')) break;
    await runWhen(first, stage, run.runId, ({ status }) => ['pending', 'running'].includes(status));
    await delay(100);
  }
  // The activity that wrote this ends as well: the next host would wait a minute for one that may still work.
  await delay(500);
  await first.kill();
  const options = await change(run);
  stage.cloud.faults.clear(fault);
  stage.cloud.ledger.reset();
  return { run, host: await stage.startHost({ ...options, store }) };
}

function expectNoToken(stage: Stage, tenantId: string, what: string, tally: Tally): void {
  const count = tokensIssuedFor(stage).filter((id) => id === tenantId).length;
  tally.attempt(count === 0, `${what}: Entra issued ${count} tokens for it`);
}

export const plannedRun: Attack = {
  name: 'planned-run',
  tries: 'a run that was planned before its tenant is excluded, and whose next round comes after that',
  promise: 'An excluded tenant gets no token',
  run: async (stage, _options, tally) => {
    const { run, host } = await interrupt(stage, 'planned', async ({ tenantId }) => ({
      settings: { TENANTS_EXCLUDE: tenantId },
    }));
    const { tenants } = await ended(host, stage, run.runId);
    tally.attempt(tenants.succeeded === 0, `the run reads the excluded tenant: ${JSON.stringify(tenants)}`);
    expectNoToken(stage, run.tenantId, 'an excluded tenant', tally);
    await host.stop();
  },
};

export const editedPlan: Attack = {
  name: 'edited-plan',
  tries: 'a stored plan that somebody edits to reach another customer',
  promise: 'No token for the wrong tenant.',
  run: async (stage, _options, tally) => {
    const { run, host } = await interrupt(stage, 'edited', async ({ runId, tenantId, other }) => {
      const container = BlobServiceClient.fromConnectionString(stage.connectionString).getContainerClient('results');
      const blob = container.getBlockBlobClient(`${runId}/plan.json`);
      const text = (await blob.downloadToBuffer()).toString('utf8');
      control(text.includes(tenantId), 'the plan does not name its tenant');
      const changed = text.replaceAll(tenantId, other);
      await blob.upload(changed, Buffer.byteLength(changed));
      return {};
    });
    const { tenants, status } = await ended(host, stage, run.runId);
    tally.attempt(tenants.succeeded === 0, `the run reads the other tenant: ${status} ${JSON.stringify(tenants)}`);
    expectNoToken(stage, run.other, 'a tenant of the edited plan', tally);
    await host.stop();
  },
};

export const withdrawnPolicy: Attack = {
  name: 'withdrawn-policy',
  tries: 'tokens for callers and for a running job after the policy was removed',
  promise: 'Default deny.',
  run: async (stage, { full }, tally) => {
    const { run, host } = await interrupt(stage, 'withdrawn', async () => ({
      settings: { ACCESS_POLICY: join(stage.folder, 'removed-policy.json') },
    }));
    // Without a policy, nobody may read the run.
    const { status, stopCode } = await storedEnd(host, stage, run.runId);
    tally.attempt(status === 'failed' && stopCode === 'policy_missing', `the run ends as ${status} ${stopCode}`);
    expectNoToken(stage, run.tenantId, 'a tenant of a run without a policy', tally);
    const { status: answer } = await ask(host, stage, run.tenantId);
    tally.attempt(answer !== 200, `a caller gets ${answer}`);
    await host.stop();
    if (full) await removeWhileRunning(stage, tally);
  },
};

const ask = (host: Host, { forge }: Stage, tenant: string) =>
  host.ask({
    method: 'POST',
    path: '/api/tokens',
    body: { tenant, resource: 'graph' },
    headers: { authorization: forge.bearer() },
  });

/** The policy is checked every 30 seconds, so this takes as long. */
async function removeWhileRunning(stage: Stage, tally: Tally): Promise<void> {
  const host = await stage.startHost();
  const tenantId = stage.tenants[0]?.tenantId ?? '';
  control((await ask(host, stage, tenantId)).status === 200, 'no token before the policy is removed');
  await rm(host.policyPath);
  const removedMs = Date.now();
  let last = 200;
  while (last === 200 && Date.now() - removedMs < 40_000) last = (await ask(host, stage, tenantId)).status;
  tally.attempt(last === 403, `40 seconds after the removal: ${last}`);
  tally.note(`${((Date.now() - removedMs) / 1000).toFixed(0)} s from the removal to the first refusal`);
  stage.cloud.ledger.reset();
  const window = 'after-removal';
  const started = await startRun(host, stage, {
    tenants: stage.tenants.slice(0, 5).map((tenant) => tenant.tenantId),
    window,
  });
  if (started.status === 202) {
    const { status, stopCode } = await storedEnd(host, stage, String(started.body['runId']));
    tally.attempt(status === 'failed', `a run that starts without a policy ends as ${status} ${stopCode}`);
  } else tally.attempt(started.status === 403, `a run starts without a policy: ${started.status}`);
  const issued = tokensIssuedFor(stage).length;
  tally.attempt(issued === 0, `without a policy, Entra issues ${issued} tokens`);
  await host.stop();
}

/** Waits for the end of the orchestration, and reads the run's record in storage. */
async function storedEnd(host: Host, { connectionString }: Stage, runId: string): Promise<Record<string, unknown>> {
  const instance = {
    path: `/runtime/webhooks/durabletask/instances/${encodeURIComponent(runId)}`,
    headers: { 'x-functions-key': host.ready.masterKey },
  };
  const deadline = Date.now() + 120_000;
  for (;;) {
    const { body } = await host.ask(instance);
    if (['Completed', 'Failed', 'Terminated'].includes(String(body['runtimeStatus']))) break;
    control(Date.now() < deadline, `the orchestration of ${runId} is ${JSON.stringify(body)}`);
    await delay(100);
  }
  const table = TableClient.fromConnectionString(connectionString, 'Runs', { allowInsecureConnection: true });
  const [job = '', window = ''] = runId.split('@');
  return table.getEntity(job, window);
}
