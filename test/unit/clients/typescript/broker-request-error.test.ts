import { beforeEach, describe, expect, it } from 'vitest';
import { FakeBroker, graph, problem, tenantId } from './fake-broker.ts';

let broker: FakeBroker;

beforeEach(() => {
  broker = new FakeBroker();
});

/** What a token request is rejected with, however long it is repeated. */
async function failureOf(of: FakeBroker): Promise<unknown> {
  const failure = of
    .credential()
    .getToken(graph)
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  await of.clock.advance(60_000);
  return failure;
}

describe('a failed token request', () => {
  it('carries code, advice and correlation id', async () => {
    broker.answers = [() => problem(403, 'consent_required')];
    await expect(broker.credential().getToken(graph)).rejects.toMatchObject({
      name: 'BrokerRequestError',
      message: 'Title. Detail.',
      code: 'consent_required',
      status: 403,
      advice: 'Advice.',
      correlationId: 'c1',
    });
  });

  it('is retried after Retry-After, with at most three attempts', async () => {
    broker.answers = [
      () => problem(503, 'throttled', 5),
      () => problem(429, 'caller_throttled', 7),
      () => broker.token('t1'),
    ];
    const partner = broker.credential();
    const pending = partner.getToken(graph);
    await broker.clock.advance(4_999);
    expect(broker.requests).toHaveLength(1);
    await broker.clock.advance(1);
    expect(broker.requests).toHaveLength(2);
    await broker.clock.advance(7_000);
    expect((await pending).token).toBe('t1');

    broker.answers = [1, 2, 3].map(() => () => problem(503, 'throttled', 1));
    expect(await failureOf(broker)).toMatchObject({ code: 'throttled' });
    expect(broker.requests).toHaveLength(6);
  });

  it('is retried after one and two seconds while the broker cannot write its audit record', async () => {
    const refusal = () => problem(503, 'audit_unavailable');
    broker.answers = [refusal, refusal, () => broker.token('t1')];
    const pending = broker.credential().getToken(graph);
    await broker.clock.advance(999);
    expect(broker.requests).toHaveLength(1);
    await broker.clock.advance(1);
    expect(broker.requests).toHaveLength(2);
    await broker.clock.advance(1_999);
    expect(broker.requests).toHaveLength(2);
    await broker.clock.advance(1);
    expect((await pending).token).toBe('t1');

    broker.answers = [refusal, refusal, refusal];
    expect(await failureOf(broker)).toMatchObject({ code: 'audit_unavailable' });
    expect(broker.requests).toHaveLength(6);
  });

  it('is retried after Retry-After if the broker names one for its audit record', async () => {
    broker.answers = [() => problem(503, 'audit_unavailable', 20), () => broker.token('t1')];
    const pending = broker.credential().getToken(graph);
    await broker.clock.advance(19_999);
    expect(broker.requests).toHaveLength(1);
    await broker.clock.advance(1);
    expect((await pending).token).toBe('t1');
  });

  it.each([
    ['with a long Retry-After for the audit record', () => problem(503, 'audit_unavailable', 31), 'audit_unavailable'],
    ['without Retry-After for the storage', () => problem(503, 'storage_unavailable'), 'storage_unavailable'],
    ['with a long Retry-After', () => problem(503, 'throttled', 31), 'throttled'],
    ['without Retry-After', () => problem(403, 'caller_forbidden'), 'caller_forbidden'],
    ['with the response of a proxy', () => new Response('<html>Bad gateway</html>', { status: 502 }), 'unexpected'],
    ['with a response that is not from a broker', () => Response.json({ token: 'x' }), 'unexpected'],
    ['with a response without lifetime', () => Response.json({ accessToken: 'x', tenantId }), 'unexpected'],
    ['on the network', () => Promise.reject(new TypeError('fetch failed')), 'network'],
  ])('%s is not retried', async (_case, answer, code) => {
    broker.answers = [answer];
    await expect(broker.credential().getToken(graph)).rejects.toMatchObject({ code });
    expect(broker.requests).toHaveLength(1);
  });

  it('is not cached', async () => {
    broker.answers = [() => problem(403, 'consent_required'), () => broker.token('t1')];
    const partner = broker.credential();
    await expect(partner.getToken(graph)).rejects.toThrow();
    expect((await partner.getToken(graph)).token).toBe('t1');
  });

  it("does not contain the caller's token", async () => {
    broker.answers = [() => problem(500, 'internal')];
    const error: unknown = await broker
      .credential()
      .getToken(graph)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('caller-secret');
  });
});
