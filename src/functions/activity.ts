import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import type * as z from 'zod';
import { type Services, services, withInvocation } from '../composition.ts';
import type { Orchestrations } from '../lib/core/orchestrations.ts';
import { lazyOrchestrations } from './orchestrations.ts';

/** Registers an activity. `input` parses its input, and its log lines belong to the invocation. */
export function activity<I>(
  name: string,
  input: z.ZodType<I>,
  work: (services: Services, input: I) => Promise<unknown>,
): void {
  df.app.activity(name, {
    handler: (given: unknown, context: InvocationContext) =>
      withInvocation(context, async () => work(await services(), input.parse(given))),
  });
}

/** Registers an activity that reaches orchestrations. */
export function durableActivity<I>(
  name: string,
  input: z.ZodType<I>,
  work: (services: Services, orchestrations: Orchestrations, input: I) => Promise<unknown>,
): void {
  df.app.activity(name, {
    extraInputs: [df.input.durableClient()],
    handler: (given: unknown, context: InvocationContext) =>
      withInvocation(context, async () =>
        work(
          await services(),
          lazyOrchestrations(() => df.getClient(context)),
          input.parse(given),
        ),
      ),
  });
}
