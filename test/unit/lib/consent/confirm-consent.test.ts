import { expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { confirmConsent, confirmWithdrawal } from '../../../../src/lib/consent/consent-result.ts';
import { type CustomerConsent, noConsent, type ScopedResource } from '../../../../src/lib/consent/customer-grants.ts';
import { exchange, graph, tenants } from './customer-consent-bench.ts';

const [customer = '' as never] = tenants(1);
const withGrants = (...grants: readonly ScopedResource[]): CustomerConsent => ({ ...noConsent, grants });

/** Sleeping passes the time at once. @param read what is read, by milliseconds since the start. */
function stage(read: (afterMs: number) => CustomerConsent) {
  let nowMs = 0;
  const readAtMs: number[] = [];
  const deps = {
    clock: {
      nowMs: () => nowMs,
      sleep: async (ms: number) => {
        nowMs += ms;
      },
    },
    read: async () => {
      readAtMs.push(nowMs);
      return read(nowMs);
    },
  };
  return { deps, readAtMs };
}

it('a consent is confirmed once all of it is visible', async () => {
  const { deps, readAtMs } = stage((atMs) => (atMs >= 3_000 ? withGrants(graph, exchange) : withGrants(graph)));
  expect(await confirmConsent(deps, customer, [graph, exchange])).toEqual({ consent: withGrants(graph, exchange) });
  expect(readAtMs).toEqual([0, 1_000, 3_000]);
});

it('a failure to read may pass, for as long as a consent needs to take effect', async () => {
  const away = new BrokerError('consent_required', 'There is no consent.');
  const passing = stage((atMs) => {
    if (atMs < 1_000) throw away;
    return withGrants(graph);
  });
  expect(await confirmConsent(passing.deps, customer, [graph])).toEqual({ consent: withGrants(graph) });
  const lasting = stage(() => {
    throw away;
  });
  expect(await confirmConsent(lasting.deps, customer, [graph])).toEqual({ error: away });
  // The pauses grow to 15 seconds. None of them goes beyond three minutes.
  expect(lasting.readAtMs.slice(0, 7)).toEqual([0, 1_000, 3_000, 7_000, 15_000, 30_000, 45_000]);
  expect(lasting.readAtMs.at(-1)).toBe(180_000);
});

it('a consent that stays incomplete is returned as it was last read', async () => {
  const { deps } = stage((atMs) => (atMs === 0 ? noConsent : withGrants(graph)));
  expect(await confirmConsent(deps, customer, [graph, exchange])).toEqual({ consent: withGrants(graph) });
});

it('a withdrawal is confirmed once nothing is granted', async () => {
  const { deps, readAtMs } = stage((atMs) => (atMs >= 1_000 ? noConsent : withGrants(exchange)));
  expect(await confirmWithdrawal(deps, customer)).toEqual({ consent: noConsent });
  expect(readAtMs).toEqual([0, 1_000]);
});
