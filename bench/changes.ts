import { setTimeout as delay } from 'node:timers/promises';
import { changeTenant, readLedger, resetLedger } from 'microsoft-cloud/client';
import type { PlanAnswer, PlansAnswer } from '../src/lib/api/answers/plans.ts';
import type { RunAnswer } from '../src/lib/api/answers/runs.ts';
import { tuning } from '../src/lib/config/tuning.ts';
import type { DemoOptions } from '../src/cli/demo/start-demo.ts';
import { storeCredential } from '../test/support/stored-credential.ts';
import { buildChangedApp, editSources, withJob } from '../test/support/tuned-app.ts';
import { cpuSeconds } from './cpu-time.ts';
import { type Bench, type BenchResult, embeddedHost, type Figure, figure, round } from './measure.ts';
import { type Product, startProduct } from './product.ts';

const tenants = Number(process.env['PTB_TENANTS'] ?? 1_000);
const delayMs = 50;
const pairs = 3;
/** One read before a change and three after it, and the change. */
const requestsPerTenant = 5;
const mostRequestsPerTenant = 5.05;
const mostAdded = 0.25;
/** The processes that share the machine. In Azure, each has processors of its own. */
const parts = ['the app', 'Azurite', 'the simulated cloud'];

interface Pass {
  readonly seconds: number;
  /** Of each of `parts`. */
  readonly cpuSeconds: readonly number[];
}

/** A change in many tenants, beside a job that sends the same requests and nothing else. */
export const changes: Bench = {
  name: 'changes',
  run: async () => {
    const app = await buildChangedApp(editSources([withJob('../../bench/apps/plain-change.ts')]));
    try {
      const storageRequests = await countStorage(app.folder, Math.min(500, tenants));
      const passes = { applied: [] as Pass[], plain: [] as Pass[] };
      for (let pair = 0; pair < pairs; pair += 1) {
        // Azurite slows down with the blobs that it has, so each pair gets a new one.
        const product = await startProduct({ tenants, delayMs, appFolder: app.folder, obtainCredential });
        try {
          const send = await prepare(product);
          const applied = async () => {
            const planId = await makePlan(send);
            passes.applied.push(await measured(product, () => applyPlan(send, planId)));
          };
          const plain = async () => passes.plain.push(await measured(product, () => runPlain(send)));
          // Neither of the two is always the first.
          if (pair % 2 === 0) await applied().then(plain);
          else await plain().then(applied);
        } finally {
          await product.stop();
        }
      }
      return resultOf(passes, storageRequests);
    } finally {
      await app.remove();
    }
  },
};

/** A credential with the permissions of the change, which those of the reports are not. */
const obtainCredential: NonNullable<DemoOptions['obtainCredential']> = (_script, _environment, cloud) =>
  storeCredential(cloud);

type Send = (method: 'GET' | 'POST', path: string, body?: object) => Promise<unknown>;

/** @returns sends a request to the app, as an application that may change tenants. */
async function prepare(product: Product): Promise<Send> {
  for (const { tenantId } of product.cloud.tenants)
    await changeTenant(product.cloud.control, tenantId, { moreRoles: ['Privileged Role Administrator'] });
  return async (method, path, body) => {
    for (;;) {
      const answer = await fetch(`${product.url}/api${path}`, {
        method,
        headers: { authorization: `Bearer ${await product.callerToken()}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (answer.ok) return JSON.parse(text) as unknown;
      // Storage may be too busy with the run to answer. That must not end a measurement of minutes.
      if (method !== 'GET' || answer.status !== 503)
        throw new Error(`${method} ${path} answered ${answer.status} ${text}`);
      await delay(500);
    }
  };
}

async function ended<T extends { readonly status: string }>(read: () => Promise<T>): Promise<T> {
  for (;;) {
    const run = await read();
    if (run.status !== 'pending' && run.status !== 'running') return run;
    await delay(500);
  }
}

const runOf = (send: Send, runId: string): Promise<RunAnswer> =>
  ended(async () => (await send('GET', `/runs/${encodeURIComponent(runId)}`)) as RunAnswer);

/** @returns the id of a plan that changes every tenant. */
async function makePlan(send: Send, count = tenants): Promise<string> {
  const { runId } = (await send('POST', '/jobs/block-user-consent/plans', {})) as { readonly runId: string };
  await runOf(send, runId);
  const { status, changes: planned } = (await send('GET', `/plans/${encodeURIComponent(runId)}`)) as PlanAnswer;
  if (status !== 'completed' || planned !== count) throw new Error(`the plan is ${status} with ${planned} changes`);
  return runId;
}

async function applyPlan(send: Send, planId: string): Promise<RunAnswer> {
  const body = { waves: ['100%'], pauseMinutes: 0, confirmWaves: false };
  const { runId } = (await send('POST', `/plans/${encodeURIComponent(planId)}/apply`, body)) as {
    readonly runId: string;
  };
  await ended(async () => {
    // The list has no rows of changes, which would take time of the app.
    const { plans } = (await send('GET', '/plans?limit=1')) as PlansAnswer;
    const apply = plans[0]?.apply;
    if (apply?.waits === true) throw new Error(`the apply is held: ${apply.hold?.detail}`);
    return { status: apply?.status ?? 'pending' };
  });
  return runOf(send, runId);
}

async function runPlain(send: Send): Promise<RunAnswer> {
  const { runId } = (await send('POST', '/jobs/plain-change/runs', {})) as { readonly runId: string };
  return runOf(send, runId);
}

/** Runs something that sends the requests of all tenants. @throws Error if it sends others, or does not change each tenant. */
async function measured(product: Product, work: () => Promise<RunAnswer>): Promise<Pass> {
  const { cloud, hostPid, storagePid, cloudPid } = product;
  const used = (): readonly number[] => [hostPid, storagePid, cloudPid].map(cpuSeconds);
  await resetLedger(cloud.control);
  const before = used();
  const run = await Promise.race([work(), product.broken]);
  const after = used();
  const { total, succeeded } = run.tenants;
  if (run.status !== 'completed' || succeeded !== total)
    throw new Error(`${run.runId} is ${run.status}: ${succeeded} of ${total} tenants succeeded`);
  const { requests } = await readLedger(cloud.control);
  const sent = requests.filter(({ path }) => path === '/v1.0/policies/authorizationPolicy');
  const writes = sent.filter(({ method }) => method === 'PATCH').length;
  // On a busy machine, a change may leave so late that its tenant is read again before.
  if (writes !== total || sent.length < total * requestsPerTenant || sent.length > total * mostRequestsPerTenant)
    throw new Error(`${run.runId} sent ${sent.length} requests, ${writes} of them changes, to ${total} tenants`);
  return {
    seconds: run.durationMs / 1000,
    cpuSeconds: parts.map((_, part) => (after[part] ?? Number.NaN) - (before[part] ?? Number.NaN)),
  };
}

/** Storage requests of an apply per tenant, by kind. */
async function countStorage(appFolder: string, count: number): Promise<Readonly<Record<string, number>>> {
  const product = await startProduct({ tenants: count, appFolder, obtainCredential, storage: {} });
  try {
    const send = await prepare(product);
    const planId = await makePlan(send, count);
    await product.storage?.counts();
    await measured(product, () => applyPlan(send, planId));
    const counts = (await product.storage?.counts()) ?? {};
    return Object.fromEntries(Object.entries(counts).map(([kind, all]) => [kind, all / count]));
  } finally {
    await product.stop();
  }
}

function resultOf(
  { applied, plain }: Readonly<Record<'applied' | 'plain', readonly Pass[]>>,
  storageRequests: Readonly<Record<string, number>>,
): BenchResult {
  const of = (name: string, unit: string, value: (pass: Pass) => number): readonly Figure[] => [
    figure(`apply: ${name}`, unit, applied.map(value)),
    figure(`plain job: ${name}`, unit, plain.map(value)),
  ];
  const added = figure(
    'time that the apply adds',
    '%',
    applied.map(({ seconds }, at) => (seconds / (plain[at]?.seconds ?? Number.NaN) - 1) * 100),
  );
  return {
    title: 'A change in many tenants',
    setting: `An apply of block-user-consent in ${tenants.toLocaleString('en')} tenants, in one wave, beside a job that sends the same ${requestsPerTenant} requests per tenant, at least ${delayMs} ms each; the job in ${tuning.tenantConcurrency - 1} tenants at a time, the apply in ${3 * tuning.tenantConcurrency - 1}. The job neither waits between its reads nor keeps records of its requests.`,
    engine: embeddedHost,
    figures: [
      ...of('whole run', 's', ({ seconds }) => seconds),
      added,
      ...parts.flatMap((part, place) =>
        of(`processor time of ${part} per tenant`, 'ms', (pass) => ((pass.cpuSeconds[place] ?? 0) / tenants) * 1000),
      ),
      ...Object.entries(storageRequests)
        .filter(([, count]) => count >= 0.05)
        .toSorted(([, one], [, other]) => other - one)
        .map(([kind, count]) => figure(`storage requests of the apply per tenant, ${kind}`, 'requests', [count])),
    ],
    cases: ['apply', 'plain job'],
    unlisted: ['storage requests', 'processor time of Azurite', 'processor time of the simulated cloud'],
    goals: [
      {
        goal: `an apply adds at most ${mostAdded * 100} % to the time of a job that sends the same requests`,
        reached: added.median <= mostAdded * 100,
        value: `${round(added.median)} %`,
      },
    ],
  };
}
