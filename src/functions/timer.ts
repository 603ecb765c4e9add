import { app, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { type Services, services, withInvocation } from '../composition.ts';
import type { Orchestrations } from '../lib/core/orchestrations.ts';
import { errorFields } from '../lib/core/log.ts';
import { orchestrationsOf } from './orchestrations.ts';

type ErrorFields = ReturnType<typeof errorFields>;

export interface TimerDefinition {
  readonly name: string;
  /** NCRONTAB expression with six fields, UTC. */
  readonly schedule: string;
  /** Must work without services. The failure is rethrown, so that the platform counts it. */
  readonly logFailure: (fields: ErrorFields) => void;
}

/** Registers a timer. The platform does not retry a failed timer, so its next firing must catch up. */
export function timer(
  { name, schedule, logFailure }: TimerDefinition,
  work: (services: Services) => Promise<unknown>,
): void {
  app.timer(name, { schedule, handler: (_timer, context) => attempt(context, work, logFailure) });
}

/** Registers a timer that starts or ends orchestrations. */
export function durableTimer(
  { name, schedule, logFailure }: TimerDefinition,
  work: (services: Services, orchestrations: Orchestrations) => Promise<unknown>,
): void {
  df.app.client.timer(name, {
    schedule,
    handler: (_timer, client, context) =>
      attempt(context, (services) => work(services, orchestrationsOf(client)), logFailure),
  });
}

const attempt = (
  context: InvocationContext,
  work: (services: Services) => Promise<unknown>,
  logFailure: TimerDefinition['logFailure'],
): Promise<void> =>
  withInvocation(context, async () => {
    try {
      await work(await services());
    } catch (thrown) {
      logFailure(errorFields(thrown));
      throw thrown;
    }
  });
