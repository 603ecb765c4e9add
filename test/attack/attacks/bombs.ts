import type { FaultRule } from 'microsoft-cloud';
import { type Attack, control } from '../attack.ts';
import { memoryGrowthMb, memoryMb } from '../measure.ts';
import { runWhen, startRun } from '../runs.ts';
import type { Host, Stage } from '../stage.ts';

/** A gigabyte in memory, or as text, is more. */
const largestMb = 300;
const longestMs = 45_000;

interface Bomb {
  readonly name: string;
  readonly rule: FaultRule;
  /** Makes the app read the reply. @returns what the app answers. */
  set(host: Host, stage: Stage): Promise<{ readonly status: number; readonly ms: number }>;
}

const get =
  (path: string) =>
  (host: Host, { forge }: Stage) =>
    host.ask({ path: `/api${path}`, headers: { authorization: forge.bearer() }, timeoutMs: longestMs });

/** Each of its own tenant: a failure is remembered for a while. */
const token =
  (nth: number) =>
  (host: Host, { forge, tenants }: Stage) =>
    host.ask({
      method: 'POST',
      path: '/api/tokens',
      body: { tenant: tenants[nth]?.tenantId, resource: 'graph' },
      headers: { authorization: forge.bearer() },
      timeoutMs: longestMs,
    });

const job = (window: string) => async (host: Host, stage: Stage) => {
  const startedMs = performance.now();
  const order = { tenants: stage.tenants.slice(0, 1).map(({ tenantId }) => tenantId), window };
  const { status, body, text } = await startRun(host, stage, order);
  control(status === 202, `the run does not start: ${status} ${text}`);
  const { tenants } = await runWhen(
    host,
    stage,
    String(body['runId']),
    ({ status: now }) => !['pending', 'running'].includes(now),
  );
  return { status: tenants.succeeded === 0 ? 502 : 200, ms: performance.now() - startedMs };
};

/** The reply of the list comes first, since the list is kept; that of the signing keys last, since it locks callers out. */
const bombs: readonly Bomb[] = [
  {
    name: 'Graph, list of relationships',
    rule: { service: 'graph', path: 'delegatedAdminRelationships' },
    set: get('/tenants'),
  },
  { name: 'Partner Center, list of customers', rule: { service: 'partnerCenter' }, set: get('/tenants') },
  {
    name: 'Entra, token of a customer',
    rule: { service: 'entra', path: '/token$', grant: 'refresh_token' },
    set: token(0),
  },
  { name: 'Entra, refusal', rule: { service: 'entra', path: '/token$', status: 400 }, set: token(1) },
  { name: 'Graph, request of a job', rule: { service: 'graph', path: 'subscribedSkus' }, set: job('bomb-1') },
  { name: 'Graph, failure', rule: { service: 'graph', path: 'subscribedSkus', status: 403 }, set: job('bomb-2') },
];

export const bombsAttack: Attack = {
  name: 'bombs',
  tries: 'replies of 1 MB that expand to 1 GB, from Entra, Graph, Partner Center and the endpoint of the signing keys',
  promise: 'One caller does not stop another.',
  run: async (stage, { full }, tally) => {
    const { faults } = stage.cloud;
    const host = await stage.startHost();
    await host.ask({ path: '/api/health' });
    control(
      (await memoryMb(host.pid)) !== undefined || process.platform !== 'linux',
      'the memory of the app cannot be read',
    );
    const chosen = full ? bombs : bombs.filter(({ rule }) => rule.service === 'entra');
    if (!full) {
      const { status } = await get('/tenants')(host, stage);
      control(status === 200, `the list of customers is not read: ${status}`);
    }
    for (const bomb of chosen) {
      const { name, rule } = bomb;
      const fault = faults.add({ ...rule, kind: 'gzip_bomb' });
      let answer = { status: 0, ms: 0 };
      const growth = await memoryGrowthMb(host.pid, async () => {
        answer = await bomb.set(host, stage);
      });
      const applied = faults.list().find(({ id }) => id === fault)?.applied ?? 0;
      faults.clear(fault);
      control(applied > 0, `${name}: the app has not asked`);
      tally.attempt(growth < largestMb, `${name}: the memory of the app grows by ${Math.round(growth)} MB`);
      tally.attempt(
        answer.status > 0 && answer.status !== 500 && answer.ms < longestMs,
        `${name}: ${answer.status} after ${Math.round(answer.ms)} ms`,
      );
      tally.note(`${name}: ${answer.status} after ${Math.round(answer.ms)} ms, memory +${Math.round(growth)} MB`);
    }
    await host.stop();
    await setKeysBomb(stage, tally);
  },
};

/** A host that has no signing keys yet. */
async function setKeysBomb(stage: Stage, tally: Parameters<Attack['run']>[2]): Promise<void> {
  const host = await stage.startHost();
  await host.ask({ path: '/api/health' });
  const fault = stage.cloud.faults.add({ service: 'entra', path: 'discovery/v2.0/keys$', kind: 'gzip_bomb' });
  let answer = { status: 0, ms: 0 };
  const growth = await memoryGrowthMb(host.pid, async () => {
    answer = await get('/tenants')(host, stage);
  });
  stage.cloud.faults.clear(fault);
  tally.attempt(
    growth < largestMb && answer.status > 0 && answer.status !== 500,
    `signing keys: ${answer.status}, memory +${Math.round(growth)} MB`,
  );
  tally.note(`signing keys: ${answer.status} after ${Math.round(answer.ms)} ms, memory +${Math.round(growth)} MB`);
  await host.stop();
}
