import type { GetTokenOptions } from '@azure/core-auth';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  PartnerTokenCredential,
  type PartnerTokenCredentialOptions,
} from '../../../../clients/typescript/src/index.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const graph = 'https://graph.microsoft.com/.default';
const tenantId = '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10';

interface Asked {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

let clock: FakeClock;
let asked: Asked[];
let answers: (() => Response | Promise<Response>)[];
let callerScopes: unknown[];

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  answers = [];
  callerScopes = [];
});

/** @param aheadMs By how much the broker's clock is ahead of the client's. */
const token = (name: string, aheadMs = 0): Response =>
  Response.json({
    accessToken: name,
    expiresAt: new Date(clock.nowMs() + aheadMs + 3_600_000).toISOString(),
    expiresInSeconds: 3600,
    tenantId,
  });

const refusal = (status: number, code: string, retryAfter?: number): Response =>
  Response.json(
    { code, title: 'Title', detail: 'Detail.', advice: 'Advice.', correlationId: 'c1' },
    { status, headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) } },
  );

const credential = (options: Partial<PartnerTokenCredentialOptions> = {}): PartnerTokenCredential =>
  new PartnerTokenCredential({
    brokerUrl: 'https://broker.example',
    brokerScope: 'api://broker/.default',
    tenant: 'contoso.com',
    callerCredential: {
      getToken: async (scopes: string | string[], given?: GetTokenOptions) => {
        callerScopes.push([scopes, given]);
        return { token: 'caller-secret', expiresOnTimestamp: clock.nowMs() + 60_000 };
      },
    },
    clock,
    fetch: async (url, init) => {
      asked.push({
        url,
        headers: init.headers as Record<string, string>,
        body: JSON.parse(String(init.body)) as Asked['body'],
      });
      const answer = answers.shift();
      if (answer === undefined) throw new Error('nobody expected this request');
      return answer();
    },
    ...options,
  });

describe('a token', () => {
  it("is asked of the broker with the caller's own token, and given on as the SDKs want it", async () => {
    answers = [() => token('t1')];
    const { token: value, expiresOnTimestamp, tokenType } = await credential({ grant: 'application' }).getToken(graph);
    expect([value, expiresOnTimestamp, tokenType]).toEqual(['t1', clock.nowMs() + 3_600_000, 'Bearer']);
    expect(asked).toEqual([
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

  it('is kept until it lives too short, and asked for once by many', async () => {
    answers = [() => token('t1'), () => token('t2')];
    const partner = credential();
    const first = await Promise.all([1, 2, 3].map(() => partner.getToken([graph])));
    expect(first.map(({ token: value }) => value)).toEqual(['t1', 't1', 't1']);
    await clock.advance(3_299_000);
    expect((await partner.getToken(graph)).token).toBe('t1');
    await clock.advance(1_000);
    expect((await partner.getToken(graph)).token).toBe('t2');
    expect(asked).toHaveLength(2);
  });

  it.each([-120, -20, 20, 120])('is kept as long where the broker has a clock %d minutes ahead', async (minutes) => {
    const aheadMs = minutes * 60_000;
    answers = [() => token('t1', aheadMs), () => token('t2', aheadMs)];
    const partner = credential();
    expect((await partner.getToken(graph)).expiresOnTimestamp).toBe(clock.nowMs() + 3_600_000);
    await clock.advance(3_299_000);
    expect((await partner.getToken(graph)).token).toBe('t1');
    await clock.advance(1_000);
    expect((await partner.getToken(graph)).token).toBe('t2');
  });

  it('counts its life from when it was asked for, not from when it came', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    answers = [() => refusal(503, 'throttled', 5), () => promise];
    const pending = credential().getToken(graph);
    await clock.advance(5_000);
    const sentAtMs = clock.nowMs();
    const answer = token('t1');
    await clock.advance(20_000);
    resolve(answer);
    expect((await pending).expiresOnTimestamp).toBe(sentAtMs + 3_600_000);
  });

  it('is waited for longer than the broker waits for Entra, whose verdict is worth more than a timeout', async () => {
    const timeout = vi.spyOn(AbortSignal, 'timeout');
    answers = [() => token('t1')];
    await credential().getToken(graph);
    expect(timeout.mock.lastCall?.[0]).toBeGreaterThanOrEqual(60_000 + 30_000);
    timeout.mockRestore();
  });

  it('is one for each resource and set of scopes', async () => {
    answers = [() => token('g'), () => token('a'), () => token('u')];
    const partner = credential();
    const get = async (scope: string) => (await partner.getToken(scope)).token;
    const arm = 'https://management.azure.com/.default';
    expect([await get(graph), await get(arm), await get('User.Read'), await get(graph)]).toEqual(['g', 'a', 'u', 'g']);
  });

  it('is asked for again after an objection of the resource', async () => {
    answers = [() => token('t1'), () => token('t2')];
    const partner = credential();
    await partner.getToken(graph);
    expect((await partner.getToken(graph, { claims: 'e30=', enableCae: true })).token).toBe('t2');
  });

  it('is not given for another tenant than that of the credential', async () => {
    answers = [() => token('t1')];
    const partner = credential();
    const other = { tenantId: '00000000-0000-4000-8000-000000000001' };
    await expect(partner.getToken(graph, other)).rejects.toMatchObject({ code: 'tenant_mismatch' });
    expect((await partner.getToken(graph, { tenantId: tenantId.toUpperCase() })).token).toBe('t1');
    expect(callerScopes).toEqual([['api://broker/.default', undefined]]);
  });

  it('is left by who aborts, and still had by the others', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    answers = [() => promise];
    const partner = credential();
    const impatient = new AbortController();
    const left = partner.getToken(graph, { abortSignal: impatient.signal });
    const kept = partner.getToken(graph);
    impatient.abort();
    await expect(left).rejects.toMatchObject({ name: 'AbortError' });
    resolve(token('t1'));
    expect((await kept).token).toBe('t1');
  });
});

describe('a refusal', () => {
  it('carries code, advice and correlation id', async () => {
    answers = [() => refusal(403, 'consent_required')];
    await expect(credential().getToken(graph)).rejects.toMatchObject({
      name: 'BrokerRequestError',
      message: 'Title. Detail.',
      code: 'consent_required',
      status: 403,
      advice: 'Advice.',
      correlationId: 'c1',
    });
  });

  it('is tried again as Retry-After says, three times at most', async () => {
    answers = [() => refusal(503, 'throttled', 5), () => refusal(429, 'caller_throttled', 7), () => token('t1')];
    const partner = credential();
    const pending = partner.getToken(graph);
    await clock.advance(4_999);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked).toHaveLength(2);
    await clock.advance(7_000);
    expect((await pending).token).toBe('t1');

    answers = [1, 2, 3].map(() => () => refusal(503, 'throttled', 1));
    const failing = credential().getToken(graph);
    failing.catch(() => undefined);
    await clock.advance(60_000);
    await expect(failing).rejects.toMatchObject({ code: 'throttled' });
    expect(asked).toHaveLength(6);
  });

  it.each([
    ['that would have to wait long', () => refusal(503, 'throttled', 31), 'throttled'],
    ['that names no time', () => refusal(403, 'caller_forbidden'), 'caller_forbidden'],
    ['of a proxy', () => new Response('<html>Bad gateway</html>', { status: 502 }), 'unexpected'],
    ['that is no answer of a broker', () => Response.json({ token: 'x' }), 'unexpected'],
    ['that says no life', () => Response.json({ accessToken: 'x', tenantId }), 'unexpected'],
    ['of the network', () => Promise.reject(new TypeError('fetch failed')), 'network'],
  ])('%s is not tried again', async (_what, answer, code) => {
    answers = [answer];
    await expect(credential().getToken(graph)).rejects.toMatchObject({ code });
    expect(asked).toHaveLength(1);
  });

  it('is not remembered', async () => {
    answers = [() => refusal(403, 'consent_required'), () => token('t1')];
    const partner = credential();
    await expect(partner.getToken(graph)).rejects.toThrow();
    expect((await partner.getToken(graph)).token).toBe('t1');
  });

  it("never says the caller's token", async () => {
    answers = [() => refusal(500, 'internal')];
    const error: unknown = await credential()
      .getToken(graph)
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('caller-secret');
  });
});

describe('the options', () => {
  it.each(['http://broker.example', 'broker.example', 'ftp://broker.example', ''])(
    'refuse the address %j',
    (brokerUrl) => {
      expect(() => credential({ brokerUrl })).toThrow(/brokerUrl/);
    },
  );

  it.each([
    ['https://broker.example/', 'https://broker.example/api/tokens'],
    ['https://broker.example/api', 'https://broker.example/api/tokens'],
    ['http://127.0.0.1:7071', 'http://127.0.0.1:7071/api/tokens'],
  ])('understand the address %s', async (brokerUrl, url) => {
    answers = [() => token('t1')];
    await credential({ brokerUrl }).getToken(graph);
    expect(asked[0]?.url).toBe(url);
  });

  it('refuse an empty tenant and an empty scope', () => {
    expect(() => credential({ tenant: '' })).toThrow(/tenant/);
    expect(() => credential({ brokerScope: '' })).toThrow(/brokerScope/);
  });
});
