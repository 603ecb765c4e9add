import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import type * as z from 'zod';
import { type Services, services, withInvocation } from '../composition.ts';

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
