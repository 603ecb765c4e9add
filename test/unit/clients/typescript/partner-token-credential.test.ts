import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeBroker, graph, pendingFailure, pendingReply, problem, tenantId } from './fake-broker.ts';

let broker: FakeBroker;

beforeEach(() => {
  broker = new FakeBroker();
});

describe('PartnerTokenCredential.getToken', () => {
  it("requests a token with the caller's token and returns it in the form of the SDKs", async () => {
    broker.answers = [() => broker.token('t1')];
    const {
      token: value,
      expiresOnTimestamp,
      tokenType,
    } = await broker.credential({ grant: 'application' }).getToken(graph);
    expect([value, expiresOnTimestamp, tokenType]).toEqual(['t1', broker.clock.nowMs() + 3_600_000, 'Bearer']);
    expect(broker.requests).toEqual([
      {
        url: 'https://broker.example/api/tokens',
        headers: { authorization: 'Bearer caller-secret', 'content-type': 'application/json' },
        body: {
          tenant: 'contoso.com',
          resource: 'graph',
          scopes: [],
          grant: 'application',
          minimumLifetimeSeconds: 300,
        },
      },
    ]);
  });

  it('caches a token while its lifetime is sufficient, and shares one request among concurrent callers', async () => {
    broker.answers = [() => broker.token('t1'), () => broker.token('t2')];
    const partner = broker.credential();
    const first = await Promise.all([1, 2, 3].map(() => partner.getToken([graph])));
    expect(first.map(({ token: value }) => value)).toEqual(['t1', 't1', 't1']);
    await broker.clock.advance(3_299_000);
    expect((await partner.getToken(graph)).token).toBe('t1');
    await broker.clock.advance(1_000);
    expect((await partner.getToken(graph)).token).toBe('t2');
    expect(broker.requests).toHaveLength(2);
  });

  it.each([-120, -20, 20, 120])(
    'caches a token equally long if the clock of the broker is %d minutes ahead',
    async (minutes) => {
      const aheadMs = minutes * 60_000;
      broker.answers = [() => broker.token('t1', aheadMs), () => broker.token('t2', aheadMs)];
      const partner = broker.credential();
      expect((await partner.getToken(graph)).expiresOnTimestamp).toBe(broker.clock.nowMs() + 3_600_000);
      await broker.clock.advance(3_299_000);
      expect((await partner.getToken(graph)).token).toBe('t1');
      await broker.clock.advance(1_000);
      expect((await partner.getToken(graph)).token).toBe('t2');
    },
  );

  it('counts the lifetime from the time of the request, not of the response', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    broker.answers = [() => problem(503, 'throttled', 5), () => promise];
    const pending = broker.credential().getToken(graph);
    await broker.clock.advance(5_000);
    const sentAtMs = broker.clock.nowMs();
    const answer = broker.token('t1');
    await broker.clock.advance(20_000);
    resolve(answer);
    expect((await pending).expiresOnTimestamp).toBe(sentAtMs + 3_600_000);
  });

  it('times out later than the broker times out on Entra, so that the answer of Entra is not lost', async () => {
    const timeout = vi.spyOn(AbortSignal, 'timeout');
    broker.answers = [() => broker.token('t1')];
    await broker.credential().getToken(graph);
    expect(timeout.mock.lastCall?.[0]).toBeGreaterThanOrEqual(60_000 + 30_000);
    timeout.mockRestore();
  });

  it('caches one token per resource and set of scopes', async () => {
    broker.answers = [() => broker.token('g'), () => broker.token('a'), () => broker.token('u')];
    const partner = broker.credential();
    const get = async (scope: string) => (await partner.getToken(scope)).token;
    const arm = 'https://management.azure.com/.default';
    expect([await get(graph), await get(arm), await get('User.Read'), await get(graph)]).toEqual(['g', 'a', 'u', 'g']);
  });

  it('requests a new token after a claims challenge', async () => {
    broker.answers = [() => broker.token('t1'), () => broker.token('t2')];
    const partner = broker.credential();
    await partner.getToken(graph);
    expect((await partner.getToken(graph, { claims: 'e30=', enableCae: true })).token).toBe('t2');
  });

  it('rejects a request for another tenant', async () => {
    broker.answers = [() => broker.token('t1')];
    const partner = broker.credential();
    const other = { tenantId: '00000000-0000-4000-8000-000000000001' };
    await expect(partner.getToken(graph, other)).rejects.toMatchObject({ code: 'tenant_mismatch' });
    expect((await partner.getToken(graph, { tenantId: tenantId.toUpperCase() })).token).toBe('t1');
    expect(broker.callerTokenCalls).toEqual([['api://broker/.default', undefined]]);
  });

  it('leaves no listener on the signal of a caller, whether it gets its token or not', async () => {
    broker.answers = [() => broker.token('t1'), () => problem(403, 'consent_required')];
    const { signal: abortSignal } = new AbortController();
    expect((await broker.credential().getToken(graph, { abortSignal })).token).toBe('t1');
    await expect(broker.credential().getToken(graph, { abortSignal })).rejects.toThrow();
    expect(getEventListeners(abortSignal, 'abort')).toEqual([]);
  });

  it('rejects a caller that has aborted before', async () => {
    broker.answers = [() => broker.token('t1')];
    const asked = broker.credential().getToken(graph, { abortSignal: AbortSignal.abort() });
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('rejects a caller that aborts, and still resolves for the others', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    broker.answers = [() => promise];
    const partner = broker.credential();
    const controller = new AbortController();
    const aborted = partner.getToken(graph, { abortSignal: controller.signal });
    const waiting = partner.getToken(graph);
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    resolve(broker.token('t1'));
    expect((await waiting).token).toBe('t1');
  });
});

describe('PartnerTokenCredentialOptions', () => {
  it.each(['http://broker.example', 'broker.example', 'ftp://broker.example', ''])(
    'rejects the broker URL %j',
    (brokerUrl) => {
      expect(() => broker.credential({ brokerUrl })).toThrow(/brokerUrl/);
    },
  );

  it.each([
    ['https://broker.example/', 'https://broker.example/api/tokens'],
    ['https://broker.example/api', 'https://broker.example/api/tokens'],
    ['http://127.0.0.1:7071', 'http://127.0.0.1:7071/api/tokens'],
  ])('accepts the broker URL %s', async (brokerUrl, url) => {
    broker.answers = [() => broker.token('t1')];
    await broker.credential({ brokerUrl }).getToken(graph);
    expect(broker.requests[0]?.url).toBe(url);
  });

  it('rejects an empty tenant and an empty scope', () => {
    expect(() => broker.credential({ tenant: '' })).toThrow(/tenant/);
    expect(() => broker.credential({ brokerScope: '' })).toThrow(/brokerScope/);
  });
});

it('fails with the approval that a token waits for, and does not ask again', async () => {
  broker.answers = [pendingReply];
  await expect(broker.credential().getToken(graph)).rejects.toMatchObject(pendingFailure);
  expect(broker.requests).toHaveLength(1);
});
