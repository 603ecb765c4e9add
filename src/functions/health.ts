import { app, type HttpHandler } from '@azure/functions';
import { type Services, services } from '../composition.ts';
import { adviceFor } from '../lib/model/advice.ts';
import { BrokerError } from '../lib/model/errors.ts';
import type { HealthReportAnswer, HealthWord, Misconfigured } from '../lib/api/answers/health.ts';
import type { Answer } from '../lib/api/problem.ts';
import type { AnonymousHandler } from '../lib/api/pipeline.ts';
import { anonymous, open } from './pipeline.ts';

/** `GET /api/health`: one word for everybody, the whole report for a caller with a token. */
export const health: AnonymousHandler<Pick<Services, 'health' | 'broker' | 'callerLimit'>> = async (
  services,
  { caller },
) => {
  if (caller !== undefined) services.callerLimit.take(caller.applicationId);
  const report = await services.health.report();
  const { status } = report;
  const body: HealthWord | HealthReportAnswer =
    caller === undefined ? { status } : { ...report, tokens: services.broker.counts };
  return {
    // A load balancer takes out what answers 503: only an instance that can hand out nothing at all.
    status: status === 'down' ? 503 : 200,
    headers: { 'cache-control': 'no-store' },
    jsonBody: body,
  };
};

/**
 * The answer while the settings are wrong: nobody can be authenticated then, so it names the settings and what is
 * wrong with them, never a value.
 */
export function misconfigured(error: BrokerError): Answer {
  const { code, detail } = error;
  const body: Misconfigured = { status: 'down', code, detail, advice: adviceFor(code, 'operator') };
  return { status: 503, headers: { 'cache-control': 'no-store' }, jsonBody: body };
}

const answer = anonymous(health);

const handler: HttpHandler = async (request, context) => {
  const error = await configurationError();
  return (error === undefined ? answer : open(async () => misconfigured(error)))(request, context);
};

/** Why there are no services; another failure shows in the answer of the pipeline. */
async function configurationError(): Promise<BrokerError | undefined> {
  try {
    await services();
    return undefined;
  } catch (thrown) {
    return thrown instanceof BrokerError && thrown.code === 'config_invalid' ? thrown : undefined;
  }
}

app.http('health', { route: 'health', methods: ['GET'], authLevel: 'anonymous', handler });
