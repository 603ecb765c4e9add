import { hash } from 'node:crypto';
import type { StartedRunAnswer } from '../lib/api/answers/runs.ts';
import { type Answer, type AnswerDocument, jsonContent } from '../lib/api/route.ts';
import type { Caller } from '../lib/core/caller.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { manualWindow, type RunId } from '../lib/runs/store/run.ts';

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
