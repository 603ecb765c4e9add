import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { noLongerNeeded } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { FairLimiter } from '../../core/fair-limiter.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { CloudEndpoints, ResourceRegistry } from '../../core/resources.ts';
import type { Grant as TokenGrant, Secret, TokenSource } from '../../core/secrets.ts';
import { Requesters } from '../../core/share.ts';
import { type Grant, orRefused, type Refused, type VisibleParts, visibleParts } from '../../judge/verdict.ts';
import type { ExchangeDeps } from '../../microsoft/exchange.ts';
import { createExchangeOnlineClient } from '../../microsoft/exchange-online.ts';
import { createGraphClient, type RequestGate } from '../../microsoft/graph.ts';
import { createPartnerCenterClient } from '../../microsoft/partner-center.ts';
import { inTurns } from '../../core/turns.ts';
import { isObject } from '../../core/objects.ts';
import { once } from '../../core/single-flight.ts';
import type { RunId } from '../store/run.ts';
import { createDnsClient, type ResolveTxt } from './dns.ts';
import { readParameters } from './job-parameters.ts';
import { countingOf, type Job, type JobContext, type JobTenant } from './job.ts';
import { rowSteps, secretForms, type WrittenRows } from './row.ts';
import type { TraceRecorder } from './tenant-trace.ts';

interface JobGateDeps {
  /** The permission map in force. @throws BrokerError storage_unavailable */
  readonly permissionMap: () => Promise<PermissionMap>;
  readonly endpoints: Pick<CloudEndpoints, 'graph' | 'exchange' | 'partnerCenter'>;
}

/** The judge speaks of the rule of a caller. Here the definition of the job takes its place. */
async function refuse({ reason }: Refused): Promise<never> {
  // A job that repeats a refused request for ever must not keep the process from everything else.
  await setImmediate();
  const ofJob = reason.replaceAll(/\b([Tt])he rule\b/g, '$1he job');
  throw new BrokerError('job_failed', `The request was not sent. ${ofJob}`);
}

/** Passes on what the judge says. Loads it at the first request of a job, to keep start-up short. */
async function judged<T>(judge: () => Promise<() => T>): Promise<T> {
  const work = await judge();
  const verdict = orRefused(() => ({ passed: work() }));
  return 'passed' in verdict ? verdict.passed : refuse(verdict);
}

/** Loaded at the first request of a job, to keep start-up short. Once, because each `import()` passes through the module loader. */
const loadJudge = once(() => import('../../judge/judge.ts'));

/**
 * Holds a job's Graph client to the `permissions` of its definition, by the judge that holds callers of the gateway to their
 * rule. The token carries everything that the application was consented for, so without this a job could use, and come to
 * depend on, permissions that it does not declare.
 */
export const jobGate = ({ permissionMap, endpoints }: JobGateDeps, job: Pick<Job, 'permissions'>): RequestGate => {
  const grant: Grant = {
    scheme: 'delegated',
    permissions: new Set(job.permissions),
    beta: true,
    me: true,
    host: new URL(endpoints.graph).host,
  };
  return {
    admit: async ({ path, headers, selected }) => {
      const link = selected === undefined ? undefined : { selected };
      const { judgeRequest } = await loadJudge();
      const verdict = judgeRequest(await permissionMap(), grant, { method: 'GET', url: path, headers, link });
      if (!verdict.allowed) return refuse(verdict);
      const { request, answer } = verdict;
      return {
        path: request.url.slice(`https://${grant.host}`.length),
        headers: request.headers,
        selected: verdict.selected,
        visible: (value) => inTurns(visible(value, visibleParts(answer))),
      };
    },
  };
};

/** The part of an answer that a token with only these permissions would have got, in steps. */
function* visible(value: unknown, parts: VisibleParts, within: readonly string[] = []): Generator<void, unknown> {
  yield;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) items.push(yield* visible(item, parts, within));
    return items;
  }
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([name, item]) => ({
    name,
    item,
    text: typeof item === 'string' ? item : undefined,
  }));
  const shown: [string, unknown][] = [];
  for (const { name, item } of parts.kept(members, within) ?? members)
    if (!parts.hides(name)) shown.push([name, yield* visible(item, parts, [...within, name])]);
  return Object.fromEntries(shown);
}

export interface ExecuteDeps extends Omit<ExchangeDeps, 'limiter'>, JobGateDeps {
  /** Limits the concurrent requests of all runs of the process. Runs take turns. */
  readonly requestSlots: Pick<FairLimiter, 'as'>;
  readonly tokens: TokenSource;
  readonly resolveTxt: ResolveTxt;
  readonly partnerTenantId: TenantId;
  readonly resources: ResourceRegistry;
  readonly log: Logger;
  readonly newId: () => string;
}

/** What one attempt of a job needs. */
export interface AttemptDeps extends ExecuteDeps {
  /** The run of the attempt. Runs take turns, also two of one job. */
  readonly runId: RunId;
  /** Receives what the job logs and throws. */
  readonly trace: TraceRecorder;
  /** Receives every token that the job gets. */
  readonly handedOut: Secret[];
}

/**
 * Runs a job for one tenant with a time limit and validates the rows it returns.
 * @param given stored parameters, which an earlier version of the job may have accepted.
 * @throws BrokerError the job's own BrokerError, `job_failed` for any other throw or invalid rows, `job_timed_out`, or
 * `request_invalid` for parameters that do not fit.
 */
export async function executeJob(
  deps: AttemptDeps,
  job: Job,
  tenant: JobTenant,
  given: Readonly<Record<string, unknown>>,
): Promise<WrittenRows> {
  const parameters = readParameters(job, given);
  const deadline = new AbortController();
  const finished = new AbortController();
  const timedOut = deps.clock.sleep(job.timeoutSeconds * 1000, finished.signal).then(
    () => {
      const error = new BrokerError('job_timed_out', `The job exceeded its time limit of ${job.timeoutSeconds} s.`);
      deadline.abort(error);
      throw error;
    },
    () => undefined, // The job finished first.
  );
  try {
    const context = jobContext(deps, job, { tenant, parameters, signal: deadline.signal });
    // A job that ignores its abort signal must not delay the run, so its result is abandoned.
    const returned = await Promise.race([callJob(deps, job, context), timedOut]);
    const writing = rowSteps(returned, deps.handedOut, countingOf(job));
    return await readable(deps.trace, async () => checkColumns(job, await inTurns(writing)));
  } finally {
    finished.abort(noLongerNeeded);
  }
}

async function callJob({ trace, handedOut }: AttemptDeps, job: Job, context: JobContext): Promise<unknown> {
  try {
    return await job.run(context);
  } catch (thrown) {
    throw await readable(trace, (): unknown => {
      trace.threw(thrown);
      if (thrown instanceof BrokerError) return withoutSecrets(thrown, handedOut);
      if (context.signal.aborted) return context.signal.reason;
      // The error text may quote a token, so only the trace and the log get it, both without secrets.
      const { cause = '' } = errorFields(thrown);
      return new BrokerError('job_failed', 'The job threw an error.', { logFields: { cause: String(cause) } });
    });
  }
}

/**
 * Reads a value of a job. Its getters, and a proxy, may throw anything.
 * @throws BrokerError of `read`; job_failed if it throws something else.
 */
async function readable<T>(trace: TraceRecorder, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    if (isBrokerError(thrown)) throw thrown;
    const failure = new BrokerError('job_failed', 'The job returned or threw a value that cannot be read.');
    trace.threw(failure);
    throw failure;
  }
}

function isBrokerError(thrown: unknown): boolean {
  try {
    return thrown instanceof BrokerError;
  } catch {
    return false;
  }
}

/** Removes tokens from a job's error: people who read run records may not be allowed to hold tokens. */
function withoutSecrets(error: BrokerError, handedOut: readonly Secret[]): BrokerError {
  if (!handedOut.flatMap(secretForms).some((form) => error.detail.includes(form))) return error;
  const { code, scope, retryAfterSeconds, logFields } = error;
  const detail = 'The error text contained a token and was removed.';
  // The cause is dropped because its text would be logged and contains the same token.
  return new BrokerError(code, detail, { scope, retryAfterSeconds, logFields });
}

/** What the context of one visit is for. */
export type Execution = Pick<JobContext, 'tenant' | 'parameters' | 'signal'>;

export function jobContext(deps: AttemptDeps, job: Job, { tenant, parameters, signal }: Execution): JobContext {
  const { handedOut, trace, runId } = deps;
  const correlationId = randomUUID();
  const tokenOf = async (alias: string, grant: TokenGrant, ofPartner = false): Promise<Secret> => {
    if (!job.resources.includes(alias)) {
      throw new BrokerError(
        'job_failed',
        `The job requested the resource "${alias.slice(0, 40)}", which its definition does not list.`,
      );
    }
    const { secret } = await deps.tokens.getToken(
      {
        tenantId: tenant.tenantId,
        resource: deps.resources.get(alias),
        grant,
        application: job.application,
        minimumLifetimeSeconds: 60,
        ...(ofPartner ? { ofPartner: true } : {}),
        purpose: `job:${job.name}`,
        runId,
        correlationId,
      },
      signal,
    );
    if (!handedOut.some((known) => known.equals(secret))) handedOut.push(secret);
    return secret;
  };
  const requester = { id: runId, kind: 'background' } as const;
  const { tenantId } = tenant;
  const requests = { ...deps, limiter: deps.requestSlots.as(requester) };
  const bind = (resource: string, baseUrl: string, ofPartner = false) => ({
    baseUrl,
    token: () => tokenOf(resource, 'delegated', ofPartner),
    signal,
    correlationId,
    counted: { resource, tenantId, application: job.application, requesters: new Requesters(requester) },
  });
  const { endpoints } = deps;
  const { dns, gate } = createDnsClient(deps.resolveTxt, jobGate(deps, job));
  return {
    tenant,
    partnerTenantId: deps.partnerTenantId,
    token: (alias, { grant = 'delegated' } = {}) => tokenOf(alias, grant),
    graph: createGraphClient(requests, bind('graph', endpoints.graph), gate),
    dns,
    exchange: createExchangeOnlineClient(requests, { ...bind('exchange', endpoints.exchange), tenantId }, (body) =>
      judged(async () => {
        const { judgeReadingCmdlet } = await import('../../judge/reading/cmdlet.ts');
        return () => judgeReadingCmdlet(job.permissions ?? [], body);
      }),
    ),
    partnerCenter: createPartnerCenterClient(requests, bind('partner-center', endpoints.partnerCenter, true), (path) =>
      judged(async () => {
        const { judgeCustomerUrl } = await import('../../judge/reading/non-graph-url.ts');
        return () => judgeCustomerUrl(path.replace('/{tenant}', `/${tenantId}`), tenantId);
      }),
    ),
    log: trace.logger(deps.log.child({ job: job.name, tenantId, correlationId })),
    signal,
    parameters,
    nowMs: deps.clock.nowMs(),
    newId: deps.newId,
  };
}

/** Rejects rows with columns that the job's definition does not list. @throws BrokerError job_failed. */
function checkColumns(job: Job, rows: WrittenRows): WrittenRows {
  const unlisted = job.columns && rows.columns.find((name) => !job.columns?.some((column) => column.name === name));
  if (unlisted === undefined) return rows;
  throw new BrokerError(
    'job_failed',
    `The job returned a column that its definition does not list: "${unlisted.slice(0, 60)}".`,
  );
}
