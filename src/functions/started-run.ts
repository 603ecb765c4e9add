import { hash } from 'node:crypto';
import type * as z from 'zod';
import type { Services } from '../composition.ts';
import { tenantsToVisit } from '../lib/access/tenants/named-tenants.ts';
import type { StartedRunAnswer } from '../lib/api/answers/runs.ts';
import type { startRunSchema } from '../lib/api/requests.ts';
import { type Answer, type AnswerDocument, directoryFailures, jsonContent } from '../lib/api/route.ts';
import { actorOf, type Caller } from '../lib/core/caller.ts';
import { BrokerError } from '../lib/core/errors.ts';
import type { Orchestrations } from '../lib/core/orchestrations.ts';
import { startRun } from '../lib/runs/engine/start-run.ts';
import { manualWindow, type RunId } from '../lib/runs/store/run.ts';
import { runDeps } from './orchestrations.ts';

const locationOf = (runId: RunId): string => `/api/runs/${encodeURIComponent(runId)}`;

/** What the OpenAPI document says about the header, by its name. */
export const idempotencyKeyHeader = {
  'Idempotency-Key':
    '1 to 255 visible ASCII characters, unique per request, such as a UUID. A request that is repeated with its key is answered with the run that it started; another request with the same key for the same job gets 422.',
};

/**
 * The window of a run. A key and its caller determine it, so a repeated request finds its run.
 * Names and statuses follow draft-ietf-httpapi-idempotency-key-header-07. A key counts as long as its run is kept.
 * @param request tells requests for the same job apart. It may name its window.
 * @throws BrokerError request_invalid
 */
export function ownWindow(
  headers: { get(name: string): string | null },
  { applicationId, objectId }: Pick<Caller, 'applicationId' | 'objectId'>,
  newId: () => string,
  request: object & { readonly window?: string | undefined },
): { readonly window: string; readonly requestDigest?: string } {
  const key = headers.get('idempotency-key');
  if (key === null) return { window: request.window ?? manualWindow(newId()) };
  if (request.window !== undefined)
    throw new BrokerError('request_invalid', 'Send a `window` or an Idempotency-Key, not both.');
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new BrokerError('request_invalid', 'An Idempotency-Key has 1 to 255 visible ASCII characters.');
  const digestOf = (value: object): string => hash('sha256', JSON.stringify(value), 'hex').slice(0, 32);
  return { window: manualWindow(digestOf([applicationId, objectId, key])), requestDigest: digestOf(request) };
}

/** A request to start a run of a job. */
interface StartCall {
  readonly request: { readonly headers: { get(name: string): string | null } };
  readonly body: z.output<typeof startRunSchema>;
  readonly caller: Caller;
  readonly correlationId: string;
  readonly orchestrations: Orchestrations;
}

/** Failures of a request that {@link startNamed} serves. */
export const startFailures = [
  'tenant_unknown',
  ...directoryFailures,
  'job_unknown',
  'run_conflict',
  'idempotency_key_reused',
  'storage_unavailable',
] as const;

/** Starts a run of a job over the tenants that a request names, or a plan. @throws BrokerError as `startRun` does. */
export async function startNamed(
  services: Services,
  job: string,
  { request: { headers }, body, caller, correlationId, orchestrations }: StartCall,
): Promise<Answer> {
  const runId = await startRun(runDeps(services, orchestrations), {
    job,
    ...ownWindow(headers, caller, services.newId, body),
    startedBy: caller.applicationId,
    starter: actorOf(caller),
    correlationId,
    limits: () => tenantsToVisit(services, caller, body),
    ...(body.parameters === undefined ? {} : { parameters: body.parameters }),
  });
  return startedRunAnswer(runId);
}

/** The answer to a request that started a run. */
export function startedRunAnswer(runId: RunId): Answer {
  const location = locationOf(runId);
  const started: StartedRunAnswer = { runId, status: 'pending', location };
  return { status: 202, headers: { location, 'retry-after': '2' }, jsonBody: started };
}

/** Documents {@link startedRunAnswer}. */
export async function documentStartedRun(runId: RunId): Promise<AnswerDocument> {
  const { startedRunSchema } = await import('../lib/api/answers/runs.ts');
  const example = { runId, status: 'pending', location: locationOf(runId) };
  return {
    status: 202,
    description: 'The run is recorded and will start. Poll `location` for its progress.',
    contents: [jsonContent(startedRunSchema, example)],
    headers: { Location: 'Address of the run.', 'Retry-After': 'Seconds to wait before the first poll.' },
  };
}
