import { randomUUID } from 'node:crypto';
import type { ResourceRegistry } from '../../core/resources.ts';
import type { TokenSource } from '../../core/token.ts';
import { noLongerNeeded } from '../../core/deadline.ts';
import { BrokerError } from '../../core/errors.ts';
import { createGraphClient } from '../../microsoft/client.ts';
import type { ExchangeDeps } from '../../microsoft/exchange.ts';
import type { FairLimiter } from '../../core/fair-limiter.ts';
import type { Logger } from '../../core/log.ts';
import type { Secret } from '../../core/secret.ts';
import { Requesters } from '../../core/requesters.ts';
import { type Job, type JobContext, type JobTenant, uncompared } from './job.ts';
import { readParameters } from './job-parameters.ts';
import { jobGate, type JobGateDeps } from './job-gate.ts';
import { writeRows, type WrittenRows } from './row.ts';
import type { RunId } from '../store/run-id.ts';
import { secretForms } from './secret-forms.ts';
import type { TraceRecorder } from './tenant-trace.ts';

export interface ExecuteDeps extends Omit<ExchangeDeps, 'limiter'>, JobGateDeps {
  /** Limits the concurrent requests of all runs of the process. Runs take turns. */
  readonly requestSlots: Pick<FairLimiter, 'as'>;
  readonly tokens: TokenSource;
  readonly resources: ResourceRegistry;
  readonly log: Logger;
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
    const counting = { by: job.historyBy, without: uncompared(job) };
    return checkColumns(job, writeRows(returned, deps.handedOut, counting));
  } finally {
    finished.abort(noLongerNeeded);
  }
}

async function callJob({ trace, handedOut }: AttemptDeps, job: Job, context: JobContext): Promise<unknown> {
  try {
    return await job.run(context);
  } catch (thrown) {
    trace.threw(thrown);
    if (thrown instanceof BrokerError) throw withoutSecrets(thrown, handedOut);
    if (context.signal.aborted) throw context.signal.reason;
    // The error text may quote a token, so only the trace and the log get it, both without secrets.
    throw new BrokerError('job_failed', 'The job threw an error.', { cause: thrown });
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

type Execution = Pick<JobContext, 'tenant' | 'parameters' | 'signal'>;

function jobContext(deps: AttemptDeps, job: Job, { tenant, parameters, signal }: Execution): JobContext {
  const { handedOut, trace, runId } = deps;
  const correlationId = randomUUID();
  const token: JobContext['token'] = async (alias, { grant = 'delegated' } = {}) => {
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
  const counted = {
    resource: 'graph',
    tenantId,
    application: job.application,
    requesters: new Requesters(requester),
  };
  return {
    tenant,
    token,
    graph: createGraphClient(
      { ...deps, limiter: deps.requestSlots.as(requester) },
      { baseUrl: deps.graphUrl, token: () => token('graph'), signal, correlationId, counted },
      jobGate(deps, job),
    ),
    log: trace.logger(deps.log.child({ job: job.name, tenantId, correlationId })),
    signal,
    parameters,
    nowMs: deps.clock.nowMs(),
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
