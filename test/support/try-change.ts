import { setTimeout as delay } from 'node:timers/promises';
import { changeTenant } from 'microsoft-cloud/client';
import { accessToken, call, createCloud, type TestCloud } from 'microsoft-cloud/testing';
import { carryOut, createApplyMemory } from '../../src/lib/changes/carry-out.ts';
import { ruleDigest } from '../../src/lib/changes/rule-digest.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import { defined, type JsonObject } from '../../src/lib/core/objects.ts';
import type { Fetch } from '../../src/lib/core/outbound.ts';
import { clouds } from '../../src/lib/core/resources.ts';
import type { ChangeVisitEnd } from '../../src/lib/runs/engine/tenant-run.ts';
import { executeJob } from '../../src/lib/runs/job/execute-job.ts';
import type { Job } from '../../src/lib/runs/job/job.ts';
import type { ApplyRequest, ChangeRequest, RunId } from '../../src/lib/runs/store/run.ts';
import { digestOf } from '../../src/lib/runs/store/stored-plan.ts';
import { createRunPlans } from '../../src/lib/runs/store/runs.ts';
import { MemoryRunLog, MemoryRunResults } from '../fakes/memory-run-log.ts';
import type { SeenRequest } from '../fakes/scripted-fetch.ts';
import { portal, stage } from '../unit/lib/gateway/send/stage.ts';
import { attemptOf, report, unneededBy } from './job-attempt.ts';
import { partnerTenantId } from './try-job.ts';

/** A change as a plan shows it and, of an apply, its outcome. */
interface TriedRow {
  readonly action: string;
  readonly target: string;
  /** JSON. Null: it is not there. */
  readonly before: string | null;
  readonly after: string | null;
  readonly undo: string;
  readonly outcome?: string;
  readonly detail?: string | null;
}

export interface TryChangeOptions {
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Brings the tenant into the state that the job is for, with requests to Graph such as `PATCH /v1.0/users/ID`. */
  readonly prepare?: (graph: (method: string, path: string, body?: object) => Promise<JsonObject>) => Promise<void>;
}

export interface TriedChange {
  /** What the job would change. */
  readonly plan: readonly TriedRow[];
  /** The same changes with their outcomes, after the plan was applied. */
  readonly applied: readonly TriedRow[];
  /** What the job would change after that: nothing, if it knows its own work. */
  readonly left: readonly TriedRow[];
  /** The changes that took it back, with their outcomes. */
  readonly undone: readonly TriedRow[];
  /** What the job would change after that: the same as at first, if everything was taken back. */
  readonly again: readonly TriedRow[];
  /** Permissions of the job's definition that none of its requests to Graph needs. */
  readonly unneeded: readonly string[];
}

/**
 * Plans the changes of a job in one tenant of a simulated cloud, applies the plan and takes it back, as the app does. The
 * partner has the `directoryRoles` of the job there. Reads that confirm a change take no real time.
 * @throws BrokerError the failure that the tenant's record would contain.
 */
export async function tryChange(job: Job, options: TryChangeOptions = {}): Promise<TriedChange> {
  await using cloud = await createCloud({ tenants: 1, plain: true });
  const [tenant] = cloud.document.tenants;
  const tenantId = parseTenantId(tenant?.tenantId ?? '') as TenantId;
  if (job.directoryRoles !== undefined)
    await changeTenant(cloud.document.control, tenantId, { moreRoles: job.directoryRoles });
  const { fetch, seen } = cloudFetch(cloud, tenantId);
  await options.prepare?.(async (method, path, body) => {
    const token = await accessToken(cloud, tenantId);
    const init = { method, ...(body && { body: JSON.stringify(body) }) };
    return (await call(`${cloud.document.graph}${path}`, token, init)).body;
  });
  const trial = new Trial(job, { tenantId, name: tenant?.name ?? '' }, fetch);
  const planned = await trial.plan(options.parameters ?? {});
  const applied = await trial.apply(planned);
  const left = await trial.plan(options.parameters ?? {});
  const undone = await trial.apply(await trial.planUndo());
  const again = await trial.plan(options.parameters ?? {});
  const unneeded = await unneededBy(job, seen);
  report(job, unneeded);
  return { plan: rowsOf(planned), applied, left: rowsOf(left), undone, again: rowsOf(again), unneeded };
}

/** Sends requests to the cloud, with the tokens of the partner there, and records them. */
function cloudFetch(cloud: TestCloud, tenantId: TenantId): { readonly fetch: Fetch; readonly seen: SeenRequest[] } {
  const { graph, exchange } = clouds.public.endpoints;
  const addresses = new Map([
    [graph, cloud.document.graph],
    [exchange, cloud.document.exchange],
  ]);
  const seen: SeenRequest[] = [];
  const tokens = new Map<string, Promise<string>>();
  const fetch: Fetch = async (url, init) => {
    const { origin, pathname, search } = new URL(url);
    const address = addresses.get(origin);
    if (address === undefined) throw new Error(`tryChange has no cloud at ${origin}.`);
    const headers = new Headers(init.headers);
    const body = typeof init.body === 'string' ? init.body : undefined;
    seen.push({ method: init.method ?? 'GET', url: new URL(url), headers, body });
    const token = tokens.get(origin) ?? accessToken(cloud, tenantId, origin);
    tokens.set(origin, token);
    headers.set('authorization', `Bearer ${await token}`);
    return globalThis.fetch(`${address}${pathname}${search}`, { ...init, headers });
  };
  return { fetch, seen };
}

/** The stored rows of a plan, one JSON text a line. */
type PlanText = string;

const textOf = ({ jsonLines }: { readonly jsonLines: Uint8Array }): PlanText => Buffer.from(jsonLines).toString();

const rowsOf = (text: PlanText): readonly TriedRow[] =>
  text.split('\n').flatMap((line) => {
    if (line === '') return [];
    const { content: _, change: __, ...row } = JSON.parse(line) as TriedRow & { content?: unknown; change: unknown };
    return [row];
  });

function memoryRuns() {
  const [log, results] = [new MemoryRunLog(), new MemoryRunResults()];
  return { log, results, plans: createRunPlans({ results, runLog: log }) };
}

/** One job in one tenant. */
class Trial {
  readonly #job: Job;
  readonly #tenant: { readonly tenantId: TenantId; readonly name: string };
  readonly #fetch: Fetch;
  readonly #stage: ReturnType<typeof stage>;
  readonly #runs = memoryRuns();
  readonly #rules: readonly string[];
  #count = 0;

  constructor(job: Job, tenant: { readonly tenantId: TenantId; readonly name: string }, fetch: Fetch) {
    const rule = {
      name: 'applies',
      callers: { applications: [portal.applicationId] },
      tenants: ['*'],
      changes: [job.name],
    };
    this.#rules = [ruleDigest({ ...rule, approval: undefined })];
    this.#job = job;
    this.#tenant = tenant;
    this.#fetch = fetch;
    this.#stage = stage([rule], { tenantId: tenant.tenantId, nowMs: Date.now() });
  }

  async plan(parameters: Readonly<Record<string, unknown>>): Promise<PlanText> {
    const { deps } = attemptOf(this.#job, { fetch: this.#fetch, clock: this.#stage.clock, partnerTenantId });
    return textOf(await this.#inTime(executeJob(deps, this.#job, this.#tenant, parameters)));
  }

  /** Applies a plan, visit after visit. */
  async apply(text: PlanText): Promise<readonly TriedRow[]> {
    const planId = `${this.#job.name}@plan-${(this.#count += 1)}`;
    await this.#runs.results.putRows(planId, 'rows', text);
    const change: ApplyRequest = {
      kind: 'apply',
      plan: planId,
      digest: digestOf(text),
      rules: this.#rules,
      waves: [1],
      stop: { failed: 0, unclear: 0 },
      pauseMinutes: 0,
      confirmWaves: false,
      expiresAtMs: Infinity,
    };
    const runId = await this.#start(change, { rowsName: 'rows', rowsDigest: digestOf(text) });
    for (;;) {
      const { written, waitSeconds } = await this.#visit(runId, change);
      if (waitSeconds === undefined) return rowsOf(textOf(written));
      await this.#stage.clock.advance(waitSeconds * 1000);
    }
  }

  /** Plans to take the last apply back. */
  async planUndo(): Promise<PlanText> {
    const change = { kind: 'undo' as const, apply: this.#applyId };
    return textOf((await this.#visit(await this.#start(change), change)).written);
  }

  get #applyId(): RunId {
    return `${this.#job.name}@apply-${this.#count}`;
  }

  async #start(change: ChangeRequest, planned?: { rowsName: string; rowsDigest: string }): Promise<RunId> {
    const runId = change.kind === 'apply' ? this.#applyId : `${this.#job.name}@undo-${this.#count}`;
    const { log, results } = this.#runs;
    const nowMs = this.#stage.clock.nowMs();
    const { name: job } = this.#job;
    await log.create({ runId, job, window: 'try', startedBy: 'try', createdAtMs: nowMs }, { parameters: {}, change });
    const attempt = [defined({ ...this.#tenant, wave: 1, planned })];
    const { digest } = await results.putPlan(runId, {
      job,
      parameters: {},
      asker: portal,
      change,
      attempt,
      decided: [],
    });
    await log.change(runId, { planDigest: digest });
    return runId;
  }

  async #visit(runId: RunId, change: ChangeRequest): Promise<ChangeVisitEnd> {
    const { results } = this.#runs;
    const { clock, deps: gateway } = this.#stage;
    const { deps } = attemptOf(this.#job, { fetch: this.#fetch, clock, partnerTenantId });
    const plan = await results.plan({ runId });
    const [tenant] = plan?.attempt ?? [];
    if (plan === undefined || tenant === undefined) throw new Error('The trial has no plan.');
    const visit = { change, job: this.#job, plan, tenant, isBegun: false, again: false, last: false };
    let next = 0;
    const newId = (): string => `${runId} ${(next += 1)} ${clock.nowMs()}`;
    const services = {
      gateway: { ...gateway, upstream: this.#upstream },
      runs: this.#runs,
      newId,
      log: deps.log,
      memory: createApplyMemory(),
    };
    return this.#inTime(carryOut(services, { ...deps, runId }, visit));
  }

  /** Sends what the gateway sends. */
  readonly #upstream: ReturnType<typeof stage>['deps']['upstream'] = async ({ method, url, headers, body }) => {
    const text = body === undefined ? {} : { body: Buffer.from(body).toString('utf8') };
    const reply = await this.#fetch(url, { method, headers: { ...headers }, ...text });
    const bytes = Buffer.from(await reply.arrayBuffer());
    return { status: reply.status, headers: Object.fromEntries(reply.headers), body: bytes };
  };

  /** The virtual clock moves at least as fast as the real one, so that whatever waits for Microsoft ends. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const finished = work.finally(() => {
      isDone = true;
    });
    finished.catch(() => undefined);
    const stepMs = 100;
    for (;;) {
      await Promise.race([finished.catch(() => undefined), delay(stepMs)]);
      if (isDone) return finished;
      await this.#stage.clock.advance(stepMs);
    }
  }
}
