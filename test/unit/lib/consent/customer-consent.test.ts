import { beforeEach, describe, expect, it } from 'vitest';
import { ConsentBench, consentOf, exchange, graph, refusal, teams, tenants } from './customer-consent-bench.ts';

let bench: ConsentBench;
const [first = '' as never, second = '' as never] = tenants(2);
beforeEach(() => {
  bench = new ConsentBench();
});

describe('consentInTenants', () => {
  it('sends one request per resource with the registered name, and scopes joined by comma and blank', async () => {
    expect(await bench.give(bench.orders(1))).toMatchObject([
      { tenantId: first, outcome: 'consented', resources: [{ outcome: 'consented' }, { outcome: 'consented' }] },
    ]);
    expect(bench.seen.map(({ url }) => url.pathname)).toEqual(
      Array(2).fill(`/v1/customers/${first}/applicationconsents`),
    );
    expect(bench.seen.map(({ body }) => consentOf(body))).toEqual([
      {
        applicationId: 'client',
        displayName: 'Broker',
        applicationGrants: [{ enterpriseApplicationId: 'graph', scope: 'User.Read.All, Group.Read.All' }],
      },
      {
        applicationId: 'client',
        displayName: 'Broker',
        applicationGrants: [{ enterpriseApplicationId: 'exchange', scope: 'Exchange.Manage' }],
      },
    ]);
  });

  it('reports a consent only after it is visible in the customer', async () => {
    bench.delayMs = 50_000;
    const reported: number[] = [];
    const started = bench.clock.nowMs();
    const results = bench.give(bench.orders(1));
    void results.then(() => reported.push(bench.clock.nowMs() - started));
    expect(await results).toMatchObject([{ outcome: 'consented' }]);
    expect(reported[0]).toBeGreaterThanOrEqual(50_000);
    bench.delayMs = 600_000;
    expect(await bench.give(bench.orders(2).slice(1))).toMatchObject([
      {
        outcome: 'failed',
        code: 'consent_required',
        detail: expect.stringContaining('could not be confirmed in the customer tenant within three minutes') as string,
        resources: [{ outcome: 'unconfirmed' }, { outcome: 'unconfirmed' }],
      },
    ]);
  });

  it('skips a resource that a customer lacks, and reports it', async () => {
    bench.missingResources.set(first, 'exchange');
    const results = await bench.give(bench.orders(2));
    expect(results).toMatchObject([
      { outcome: 'consented', resources: [{ outcome: 'consented' }, { resource: 'Exchange', outcome: 'unavailable' }] },
      { outcome: 'consented', resources: [{ outcome: 'consented' }, { outcome: 'consented' }] },
    ]);
  });

  it('looks whether a customer lacks a resource that Partner Center refuses', async () => {
    bench.granted.set(first, { grants: [teams], visibleAtMs: 0 });
    const orders = bench.orders(1, false, [exchange]);
    bench.missingResources.set(first, 'exchange');
    expect(await bench.give(orders)).toMatchObject([
      { outcome: 'failed', code: 'resource_unavailable', resources: [{ outcome: 'unavailable' }] },
    ]);
  });

  it('fails a customer that has none of the resources', async () => {
    bench.missingResources.set(first, 'exchange');
    bench.granted.set(first, { grants: [teams], visibleAtMs: 0 });
    expect(await bench.give(bench.orders(1, false, [exchange]))).toMatchObject([
      { outcome: 'failed', code: 'resource_unavailable' },
    ]);
    expect(bench.seen).toEqual([]);
  });

  it.each([403, 404])('ends the work in a customer after a first %i, and continues in the others', async (status) => {
    bench.answer = ({ url }) => (url.pathname.includes(first) ? refusal(status, 900308, 'Denied') : undefined);
    const results = await bench.give(bench.orders(2));
    expect(results.map(({ outcome }) => outcome)).toEqual(['failed', 'consented']);
    expect(bench.seen.filter(({ url }) => url.pathname.includes(first))).toHaveLength(1);
  });

  it('tries the other resources after a 403 that follows a success', async () => {
    bench.answer = ({ body }) => (body?.includes('"exchange"') ? refusal(403) : undefined);
    const [result] = await bench.give(bench.orders(1, false, [graph, exchange, teams]));
    expect(result?.resources.map(({ outcome }) => outcome)).toEqual(['consented', 'failed', 'consented']);
    expect(result).toMatchObject({ outcome: 'failed', code: 'access_denied' });
  });

  it('tries no further customer when Partner Center refuses the token', async () => {
    bench.answer = () => refusal(401, 900421, 'Unauthorized - MFA required');
    const results = await bench.give(bench.orders(50));
    expect(results).toHaveLength(50);
    expect(new Set(results.map(({ code, nextStep }) => `${code} ${nextStep}`))).toEqual(
      new Set(['interaction_required Run `ptb consent` and sign in with MFA.']),
    );
    // The concurrency.
    expect(bench.seen).toHaveLength(8);
  });

  it('tries the customers after those that Partner Center refuses one by one', async () => {
    const orders = bench.orders(9);
    bench.answer = ({ url }) => (url.pathname.includes(orders[8]!.tenantId) ? undefined : refusal(403, 20002));
    expect((await bench.give(orders)).map(({ outcome }) => outcome)).toEqual([...Array(8).fill('failed'), 'consented']);
  });

  it('needs no token for a customer that lacks nothing', async () => {
    bench.granted.set(tenants(9)[8]!, { grants: [graph, exchange], visibleAtMs: 0 });
    bench.answer = () => refusal(401);
    expect((await bench.give(bench.orders(9))).at(-1)).toMatchObject({ outcome: 'already' });
  });

  it('tells each result when it is known', async () => {
    const told: string[] = [];
    await bench.give(bench.orders(2), ({ tenantId, outcome }) => told.push(`${tenantId} ${outcome}`));
    expect(told).toEqual([`${first} consented`, `${second} consented`]);
  });

  it('counts a 409 only after reading the consent back', async () => {
    bench.granted.set(second, { grants: [graph, exchange], visibleAtMs: 0 });
    bench.answer = () => refusal(409, 2000, 'Permission entry already exists.');
    const orders = tenants(2).map((tenantId) => ({ ...bench.orders(1)[0]!, tenantId }));
    expect(await bench.give(orders)).toMatchObject([
      { outcome: 'failed', nextStep: expect.stringContaining('--renew') as string },
      { outcome: 'already' },
    ]);
  });

  it('repeats a 500 with the same request id, and recognizes work that was done in spite of it', async () => {
    bench.answer = (request, count) => {
      if (count > 1) return undefined;
      bench.work(request);
      return refusal(500);
    };
    expect(await bench.give(bench.orders(1))).toMatchObject([{ outcome: 'consented' }]);
    const [one, again] = bench.seen.map(({ headers }) => headers.get('ms-requestid'));
    expect(again).toBe(one);
    const always = new ConsentBench();
    always.answer = (request) => {
      always.work(request);
      return refusal(500);
    };
    expect(await always.give(always.orders(1))).toMatchObject([{ outcome: 'consented' }]);
    expect(always.seen).toHaveLength(8);
  });

  it('reports after four attempts that Partner Center cannot be reached', async () => {
    bench.answer = () => {
      throw new TypeError('fetch failed');
    };
    expect(await bench.give(bench.orders(1, false, [graph]))).toMatchObject([
      {
        outcome: 'failed',
        code: 'resource_error',
        detail: 'Microsoft Graph: Partner Center could not be reached.',
        nextStep: 'Run the command again.',
      },
    ]);
    expect(bench.seen).toHaveLength(4);
  });

  it('obeys Retry-After for all customers, because the limit is that of the application', async () => {
    bench.answer = (_request, count) =>
      count === 1 ? new Response('{}', { status: 429, headers: { 'retry-after': '57' } }) : undefined;
    const results = await bench.give(bench.orders(20, false, [graph]));
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['consented']));
    const [start = 0] = bench.sentAtMs;
    // Those that had their turn already are sent.
    expect(bench.sentAtMs.filter((atMs) => atMs - start < 57_000).length).toBeLessThanOrEqual(8);
  });

  it('fails a customer when Partner Center demands a longer wait than two minutes', async () => {
    bench.answer = () => new Response('{}', { status: 429, headers: { 'retry-after': '600' } });
    expect(await bench.give(bench.orders(1))).toMatchObject([
      { outcome: 'failed', code: 'throttled', nextStep: 'Wait 600 seconds. Run the command again.' },
    ]);
  });

  it('sends at most fifty requests per second', async () => {
    expect(await bench.give(bench.orders(100))).toHaveLength(100);
    expect(bench.sentAtMs.length).toBeGreaterThan(100);
    for (const atMs of bench.sentAtMs) {
      expect(bench.sentAtMs.filter((other) => other >= atMs && other < atMs + 1000).length).toBeLessThanOrEqual(50);
    }
  });

  it('reports permissions that need a withdrawal, and leaves them alone', async () => {
    bench.granted.set(first, { grants: [{ ...graph, scopes: ['User.Read.All'] }], visibleAtMs: 0 });
    expect(await bench.give(bench.orders(1))).toMatchObject([
      {
        outcome: 'failed',
        detail: 'The consent lacks Microsoft Graph: Group.Read.All.',
        nextStep: expect.stringContaining('`ptb tenants consent --renew`') as string,
        resources: [{ resource: 'Exchange', outcome: 'consented' }, { outcome: 'outdated' }],
      },
    ]);
    expect(bench.methods()).toEqual(['POST']);
  });
});
