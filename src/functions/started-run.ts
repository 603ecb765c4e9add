import type { StartedRunAnswer } from '../lib/api/answers/runs.ts';
import { type Answer, type AnswerDocument, jsonContent } from '../lib/api/route.ts';
import type { RunId } from '../lib/runs/store/run.ts';

const locationOf = (runId: RunId): string => `/api/runs/${encodeURIComponent(runId)}`;

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
