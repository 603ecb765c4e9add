import { expect, it } from 'vitest';
import { readyToRedeem, reportThrottled } from '../../../../src/lib/tokens/redemptions.ts';
import { wholeBudget } from '../../../../src/lib/core/share.ts';
import { aadstsFailure, failureReply } from '../../../fakes/fake-redeemer.ts';
import { tenant } from './stage.ts';

const request = (n: number, resourceIdentifier: string) =>
  ({ tenantId: tenant(n), application: 'default', grant: 'delegated', correlationId: '', resourceIdentifier }) as const;

function sharedBudgets() {
  const left = new Map<string, number>();
  return {
    share: () => wholeBudget(1),
    release: () => undefined,
    ready: () => Promise.resolve(),
    pause: (name: string, ms: number) => void left.set(name, ms),
    pausedMs: (name: string) => left.get(name) ?? 0,
  };
}

async function refusals(reply: Parameters<typeof reportThrottled>[2]): Promise<readonly (number | undefined)[]> {
  const budgets = sharedBudgets();
  reportThrottled(budgets, request(1, 'a'), reply);
  const { signal } = new AbortController();
  const asked = [request(1, 'a'), request(1, 'b'), request(2, 'a')];
  return Promise.all(
    asked.map((each) =>
      readyToRedeem(budgets, each, signal).then(
        () => undefined,
        (thrown: { retryAfterSeconds: number }) => thrown.retryAfterSeconds,
      ),
    ),
  );
}

it.each([
  ['a 429', failureReply({ code: 'throttled', retryAfterSeconds: 30 }), [30, undefined, undefined]],
  ['a throttled tenant', aadstsFailure(90055, 20), [20, 20, undefined]],
  ['a throttled tenant without a time', aadstsFailure(90055), [undefined, undefined, undefined]],
  ['an overloaded server', failureReply({ retryAfterSeconds: 30 }), [undefined, undefined, undefined]],
])('%s of Entra stops on all instances what it concerns', async (_what, reply, expected) => {
  expect(await refusals(reply)).toEqual(expected);
});
