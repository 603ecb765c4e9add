import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { clouds, createResourceRegistry } from '../../src/lib/core/resources.ts';
import { createGraphClient } from '../../src/lib/microsoft/graph.ts';
import type { ExchangeDeps } from '../../src/lib/microsoft/exchange.ts';
import { createPartnerCenterClient } from '../../src/lib/microsoft/partner-center.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import { Limiter } from '../../src/lib/core/limiter.ts';
import { createLogger } from '../../src/lib/core/log.ts';
import { Secret } from '../../src/lib/core/secrets.ts';
import { createTenantListReader, uniteTenants } from '../../src/lib/tenants/lists.ts';
import { accessToken, graphReplies, partnerCenterReplies, partnerTenantId } from './genuine.ts';
import { damaged, type GenuineReply } from './mutate.ts';
import { expectNoSecret, expectProperFailure, share, Tally } from './verdict.ts';

const nowMs = Date.UTC(2026, 10, 24);
const hosts = { graph: 'https://graph.microsoft.com', partnerCenter: 'https://api.partnercenter.microsoft.com' };
/** Pages of one list that repeat, as from a server whose paging loops. */
const mostRequests = 40;

class TooManyRequests extends Error {}

/** A service that answers with damaged replies and counts requests, and a clock whose sleeps end immediately. */
function service(replies: readonly GenuineReply[], seed: number, count: number) {
  const state = { requests: 0, waitedMs: 0 };
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const { origin } = new URL(url);
    if (origin !== hosts.graph && origin !== hosts.partnerCenter) throw new Error(`a token was sent to ${origin}`);
    if (init.redirect !== 'manual') throw new Error('a redirect would be followed');
    state.requests += 1;
    if (state.requests > mostRequests) throw new TooManyRequests('enough');
    const chosen = replies[(seed + state.requests) % replies.length] ?? { status: 200, body: {} };
    const { status, headers, body } = damaged(chosen, seed + state.requests * 7_919, count);
    return new Response(status === 204 ? null : body, { status, headers });
  };
  const clock = {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      if (!(ms >= 0 && ms <= 3_600_000)) throw new Error(`a wait of ${ms} ms`);
      state.waitedMs += ms;
    },
  };
  const deps: ExchangeDeps = { fetch, clock, random: () => 0.5, limiter: new Limiter(4) };
  return { state, deps };
}

const binding = (baseUrl: string) => ({
  baseUrl,
  token: async () => new Secret(accessToken),
  correlationId: '00000000-0000-4000-8000-000000000001',
});

/** Runs the work and checks that any failure is a proper one. */
async function tried(work: () => Promise<unknown>, tally: Tally): Promise<void> {
  try {
    await work();
    tally.usable += 1;
  } catch (thrown) {
    expectProperFailure(thrown);
    tally.failed += 1;
  }
}

async function collect(items: AsyncIterable<unknown>): Promise<number> {
  let found = 0;
  for await (const _ of items) found += 1;
  return found;
}

const damage = fc.record({ seed: fc.nat(), count: fc.integer({ min: 0, max: 4 }) });
const shape = z.object({ skuId: z.string(), consumedUnits: z.number() });

describe('any reply of Microsoft Graph', () => {
  test('ends a read with a value or a BrokerError', { timeout: 600_000 }, async () => {
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(damage, fc.nat(3), async ({ seed, count }, kind) => {
        const { deps } = service(graphReplies, seed, count);
        const graph = createGraphClient(deps, binding(hosts.graph));
        await tried(() => {
          if (kind === 0) return graph.get('/organization');
          if (kind === 1) return graph.find('/users/x');
          if (kind === 2) return collect(graph.list('/subscribedSkus', { shape }));
          return graph.batch([
            { id: '1', path: '/a' },
            { id: '2', path: '/b' },
          ]);
        }, tally);
      }),
      share(0.14),
    );
    console.log(tally.summary('replies of Graph'));
    expect(Math.min(tally.usable, tally.failed)).toBeGreaterThan(10);
  });
});

describe('any reply of Partner Center', () => {
  test('ends the list of customers with items or a BrokerError', { timeout: 600_000 }, async () => {
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(damage, async ({ seed, count }) => {
        const { deps } = service(partnerCenterReplies, seed, count);
        await tried(
          () => collect(createPartnerCenterClient(deps, binding(hosts.partnerCenter)).list('/v1/customers')),
          tally,
        );
      }),
      share(0.08),
    );
    console.log(tally.summary('replies of Partner Center'));
    expect(Math.min(tally.usable, tally.failed)).toBeGreaterThan(10);
  });
});

describe('any content of the three tenant lists', () => {
  test('produces well-formed tenants without duplicates', { timeout: 600_000 }, async () => {
    const resources = createResourceRegistry(clouds.public, []);
    const log = createLogger((_level, line) => expectNoSecret('the log', line));
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(damage, async ({ seed, count }) => {
        const { deps } = service([...graphReplies.slice(0, 3), ...partnerCenterReplies.slice(0, 1)], seed, count);
        const tokens = {
          getToken: async () => ({ secret: new Secret(accessToken) }) as never,
          forgetTenant: () => undefined,
        };
        await tried(async () => {
          const own = { tokens, resources, endpoints: hosts, partnerTenantId: partnerTenantId as TenantId };
          const { lists } = await createTenantListReader({ ...deps, ...own, newId: () => 'id', log })();
          const tenants = uniteTenants(lists, { include: 'all', exclude: new Set(), withoutGdap: 'allow' }, nowMs);
          if (new Set(tenants.map(({ tenantId }) => tenantId)).size !== tenants.length)
            throw new Error('a tenant twice');
          if (tenants.some(({ tenantId }) => parseTenantId(tenantId) !== tenantId)) throw new Error('no tenant id');
          return tenants;
        }, tally);
      }),
      share(0.04),
    );
    console.log(tally.summary('lists of tenants'));
    expect(Math.min(tally.usable, tally.failed)).toBeGreaterThan(10);
  });
});
