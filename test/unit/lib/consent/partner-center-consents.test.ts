import { describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { PartnerCenterConsents } from '../../../../src/lib/consent/partner-center-consents.ts';
import { inTurn, type Scripted, scriptedFetch } from '../../../fakes/scripted-fetch.ts';
import { graph, refusal, tenants } from './customer-consent-bench.ts';

const [customer = '' as never] = tenants(1);

/** Partner Center with these answers, in turn. Sleeping passes the time at once. */
function stage(...answers: (() => Scripted)[]) {
  const { fetch, seen } = scriptedFetch(inTurn(...answers));
  const startMs = Date.UTC(2026, 10, 24);
  let nowMs = startMs;
  let ids = 0;
  const clock = {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
  const sentAtMs: number[] = [];
  const deps = {
    fetch: (...request: Parameters<typeof fetch>) => {
      sentAtMs.push(nowMs - startMs);
      return fetch(...request);
    },
    clock,
    newId: () => `id-${(ids += 1)}`,
    partnerCenterEndpoint: 'https://partner.test',
    token: async () => new Secret('partner-token'),
  };
  const consents = new PartnerCenterConsents(deps, { clientId: 'client', displayName: 'Broker' });
  return { consents, deps, seen, sentAtMs };
}

const created = (): Scripted => Response.json({}, { status: 201 });
const refused =
  (status: number, headers: Record<string, string> = {}) =>
  (): Scripted =>
    new Response('{}', { status, headers });

describe('a request', () => {
  it('to consent is JSON, with the token and an id of its own', async () => {
    const { consents, seen } = stage(created);
    await consents.give(customer, graph);
    await consents.give(customer, graph);
    const [first, second] = seen;
    expect([first?.method, first?.url.href]).toEqual([
      'POST',
      `https://partner.test/v1/customers/${customer}/applicationconsents`,
    ]);
    expect(Object.fromEntries(first?.headers ?? [])).toEqual({
      authorization: 'Bearer partner-token',
      accept: 'application/json',
      'content-type': 'application/json',
      'ms-requestid': 'id-1',
      'ms-correlationid': 'id-1',
    });
    expect(second?.headers.get('ms-requestid')).toBe('id-2');
  });

  it('to withdraw names the application and has no body', async () => {
    const { consents, seen } = stage(() => new Response(null, { status: 204 }));
    expect(await consents.withdraw(customer)).toEqual({
      status: 204,
      code: '',
      message: '',
      retryAfterSeconds: undefined,
    });
    expect(seen.map(({ method, url }) => `${method} ${url.pathname}`)).toEqual([
      `DELETE /v1/customers/${customer}/applicationconsents/client`,
    ]);
    expect([seen[0]?.body, seen[0]?.headers.has('content-type')]).toEqual([undefined, false]);
  });

  it('is not sent without a token', async () => {
    const { deps, seen } = stage(created);
    const token = () => Promise.reject(new BrokerError('credential_missing', 'There is none.'));
    const consents = new PartnerCenterConsents({ ...deps, token }, { clientId: 'client', displayName: 'Broker' });
    await expect(consents.give(customer, graph)).rejects.toMatchObject({ code: 'credential_missing' });
    expect(seen).toEqual([]);
  });

  it('follows the one before it after 25 milliseconds', async () => {
    const { consents, sentAtMs } = stage(created);
    await Promise.all([1, 2, 3].map(() => consents.give(customer, graph)));
    // Here, each that waits passes the time for the others, too.
    expect(sentAtMs).toHaveLength(3);
    for (let number = 0; number < 3; number += 1) await consents.give(customer, graph);
    const [one = 0, two = 0, three = 0] = sentAtMs.slice(3);
    expect([two - one, three - two]).toEqual([25, 25]);
  });
});

describe('an answer', () => {
  it.each<[string, Scripted, { code: string; message: string }]>([
    ['a number as the code', refusal(400, 2000, 'Wrong name'), { code: '2000', message: 'Wrong name' }],
    ['a text as the code', refusal(400, 'Bad', 'Wrong name'), { code: 'Bad', message: 'Wrong name' }],
    ['another name of the description', Response.json({ message: 'No' }, { status: 400 }), { code: '', message: 'No' }],
    ['control characters', refusal(400, 1, '\u001b[31m a\r\n\tb '), { code: '1', message: '[31m a b' }],
    [
      'a long text',
      refusal(400, 'c'.repeat(200), 'd'.repeat(400)),
      { code: 'c'.repeat(100), message: 'd'.repeat(300) },
    ],
    ['no JSON', new Response('<html>', { status: 400 }), { code: '', message: '' }],
    ['a JSON value that is no object', new Response('"no"', { status: 400 }), { code: '', message: '' }],
  ])('with %s is read', async (_, answer, expected) => {
    const { consents } = stage(() => answer);
    expect(await consents.give(customer, graph)).toEqual({ status: 400, retryAfterSeconds: undefined, ...expected });
  });

  it('that does not come says so', async () => {
    const { consents, seen } = stage(() => {
      throw new TypeError('fetch failed');
    });
    expect(await consents.give(customer, graph)).toEqual({
      status: 0,
      code: '',
      message: 'Partner Center could not be reached.',
      retryAfterSeconds: undefined,
      mayHaveWorked: true,
    });
    expect(seen).toHaveLength(4);
  });
});

describe('a repetition', () => {
  it.each([500, 503])('after %i comes 2, 4 and 8 seconds later, with the same id', async (status) => {
    const { consents, seen, sentAtMs } = stage(refused(status));
    expect(await consents.give(customer, graph)).toMatchObject({ status, mayHaveWorked: true });
    expect(sentAtMs).toEqual([0, 2_000, 6_000, 14_000]);
    expect(new Set(seen.map(({ headers }) => headers.get('ms-requestid')))).toEqual(new Set(['id-1']));
  });

  it('comes when Partner Center says, up to two minutes later', async () => {
    const { consents, sentAtMs } = stage(refused(503, { 'retry-after': '120' }), created);
    expect(await consents.give(customer, graph)).toMatchObject({ status: 201, mayHaveWorked: true });
    expect(sentAtMs).toEqual([0, 120_000]);
    const late = stage(refused(503, { 'retry-after': '121' }), created);
    expect(await late.consents.give(customer, graph)).toMatchObject({ status: 503, retryAfterSeconds: 121 });
    expect(late.sentAtMs).toEqual([0]);
  });

  it('after throttling comes later for other tenants, too, and did nothing at first', async () => {
    const { consents, sentAtMs } = stage(refused(429, { 'retry-after': '57' }), refused(403));
    const answer = await consents.give(customer, graph);
    expect([answer.status, answer]).toEqual([403, expect.not.objectContaining({ mayHaveWorked: true })]);
    expect(sentAtMs).toEqual([0, 57_000]);
    await consents.give(customer, graph);
    expect(sentAtMs[2]).toBeGreaterThan(57_000);
  });

  it.each([400, 401, 403, 404, 409, 499])('does not come after %i', async (status) => {
    const { consents, seen } = stage(refused(status), created);
    const answer = await consents.give(customer, graph);
    expect([answer.status, seen.length]).toEqual([status, 1]);
    expect(answer).not.toHaveProperty('mayHaveWorked');
  });
});
