import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import type { AllowedPart } from '../../../../../src/lib/gateway/send/authorize.ts';
import { sendBatch } from '../../../../../src/lib/gateway/send/send-batch.ts';
import type { Answer } from '../../../../../src/lib/gateway/send/rewrite-answer.ts';
import { judgeBatch, readBatch } from '../../../../../src/lib/judge/batch.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';

const limits = { concurrency: 4, maximumBytes: 1_000_000 };
const headers = { 'content-type': 'application/json' };
const ok = (body: unknown, status = 200): Answer => ({ status, headers, body: Buffer.from(JSON.stringify(body)) });

async function judged(requests: readonly object[]) {
  const verdict = await judgeBatch(
    partnerMap(),
    {
      scheme: 'delegated',
      permissions: new Set(['User.Read.All']),
      beta: false,
      me: false,
      host: 'graph.microsoft.com',
    },
    readBatch({ method: 'POST', url: '/v1.0/$batch', body: JSON.stringify({ requests }) }, 'graph.microsoft.com'),
    async () => undefined,
  );
  if (!verdict.readable) throw new Error(verdict.reason);
  return verdict.parts;
}

const get = (id: string, url: string, more: object = {}): object => ({ id, method: 'GET', url, ...more });

interface Response {
  readonly id: string;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

async function responses(
  requests: readonly object[],
  send: (part: AllowedPart) => Promise<Answer>,
  given = limits,
): Promise<readonly Response[]> {
  const text = await sendBatch(await judged(requests), send, given);
  return (JSON.parse(text) as { responses: Response[] }).responses;
}

describe('sendBatch', () => {
  it('sends what is allowed and answers the rest with 403, in the order of the parts', async () => {
    const sent: string[] = [];
    const answers = await responses(
      [get('a', '/groups'), get('b', '/users'), get('c', '/users?$where=x')],
      async (part) => {
        sent.push(part.verdict.request.url);
        return ok({ value: [] });
      },
    );
    expect(sent).toEqual(['https://graph.microsoft.com/v1.0/users']);
    expect(answers).toEqual([
      {
        id: 'a',
        status: 403,
        headers: { 'Content-Type': 'application/json' },
        body: { error: { code: 'Forbidden', message: expect.stringContaining('GET /groups') as string } },
      },
      { id: 'b', status: 200, headers: { 'Content-Type': 'application/json' }, body: { value: [] } },
      {
        id: 'c',
        status: 400,
        headers: { 'Content-Type': 'application/json' },
        body: { error: { code: 'BadRequest', message: expect.stringContaining('$where') as string } },
      },
    ]);
  });

  it('waits for the parts that a part depends on, and does not send it if one failed', async () => {
    const order: string[] = [];
    const answers = await responses(
      [
        get('1', '/users/1'),
        get('2', '/users/2', { dependsOn: ['1'] }),
        get('3', '/users/3'),
        get('4', '/users/4', { dependsOn: ['3', '1'] }),
        get('5', '/users/5', { dependsOn: ['4'] }),
        get('6', '/groups'),
        get('7', '/users/7', { dependsOn: ['6'] }),
      ],
      async ({ id }) => {
        await new Promise((resolve) => setTimeout(resolve, id === '1' ? 20 : 1));
        order.push(id);
        return id === '3' ? ok({ error: {} }, 404) : ok({});
      },
    );
    expect(order).toEqual(['3', '1', '2']);
    expect(answers.map(({ id, status }) => `${id}:${status}`)).toEqual([
      '1:200',
      '2:200',
      '3:404',
      '4:424',
      '5:424',
      '6:403',
      '7:424',
    ]);
  });

  it.each([
    [200, 200],
    [302, 200],
    [400, 424],
    [503, 424],
  ])('answers a part that depends on one with the status %i with the status %i', async (first, second) => {
    const answers = await responses(
      [get('1', '/users/1'), get('2', '/users/2', { dependsOn: ['1'] })],
      async ({ id }) => ok({}, id === '1' ? first : 200),
    );
    expect(answers.map(({ status }) => status)).toEqual([first, second]);
  });

  it('has at most the allowed number of parts under way', async () => {
    let active = 0;
    let most = 0;
    await responses(
      Array.from({ length: 20 }, (_, index) => get(String(index), `/users/${index}`)),
      async () => {
        active += 1;
        most = Math.max(most, active);
        await new Promise((resolve) => setImmediate(resolve));
        active -= 1;
        return ok({});
      },
    );
    expect(most).toBe(4);
  });

  it('answers a part that could not be sent with its error, and the others as usual', async () => {
    const answers = await responses(
      [get('1', '/users/1'), get('2', '/users/2'), get('3', '/users/3')],
      async ({ id }) => {
        if (id === '1') throw new BrokerError('throttled', 'Microsoft Graph throttles.', { retryAfterSeconds: 7 });
        if (id === '2') throw new Error('secret text');
        return ok({ id: '3' });
      },
    );
    expect(answers).toMatchObject([
      { status: 503, headers: { 'Retry-After': '7' }, body: { error: { code: 'throttled' } } },
      { status: 500, body: { error: { code: 'internal' } } },
      { status: 200, body: { id: '3' } },
    ]);
    expect(JSON.stringify(answers)).not.toContain('secret text');
  });

  it('writes pictures as Base64, numbers as they are, and no body for none', async () => {
    const bodies: Record<string, Answer> = {
      1: { status: 200, headers: { 'content-type': 'image/png' }, body: Buffer.from([1, 2, 3]) },
      2: { status: 204, headers: { 'request-id': 'r', 'retry-after': '3', location: 'l' }, body: new Uint8Array() },
      3: { status: 200, headers, body: Buffer.from('\uFEFF{"size":12345678901234567890}') },
      4: { status: 200, headers, body: Buffer.from('"}],"responses":[{') },
    };
    const text = await sendBatch(
      await judged(['1', '2', '3', '4'].map((id) => get(id, `/users/${id}`))),
      async ({ id }) => bodies[id] ?? ok({}),
      limits,
    );
    expect(text).toContain('"body":{"size":12345678901234567890}');
    const [picture, empty, , broken] = (JSON.parse(text) as { responses: Response[] }).responses;
    expect(picture).toMatchObject({ body: 'AQID', headers: { 'Content-Type': 'image/png' } });
    expect(empty).toEqual({ id: '2', status: 204, headers: { 'request-id': 'r', 'Retry-After': '3', Location: 'l' } });
    expect(broken).toMatchObject({ status: 502, body: { error: { code: 'resource_error' } } });
  });

  it('bounds the bytes of all answers', async () => {
    const requests = Array.from({ length: 5 }, (_, index) => get(String(index), `/users/${index}`));
    const answers = await responses(requests, async () => ok('x'.repeat(98)), { concurrency: 1, maximumBytes: 250 });
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 502, 502, 502]);
  });
});
