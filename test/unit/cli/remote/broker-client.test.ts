import { afterEach, describe, expect, test, vi } from 'vitest';
import { nextStep } from '../../../../src/cli/command-failure.ts';
import { createBrokerClient } from '../../../../src/cli/remote/broker-client.ts';
import { brokerFetch } from '../../../../src/cli/remote/connection.ts';
import type { BrokerError } from '../../../../src/lib/model/errors.ts';

const client = (answer: () => Response | Promise<Response>) =>
  createBrokerClient(
    async () => answer(),
    'https://broker.example',
    async () => 'caller-token',
  );
const problem = (status: number, body: object): Response => Response.json({ status, ...body }, { status });

describe('an answer of the broker', () => {
  test('that refuses comes back as the error that it was there', async () => {
    const refusing = client(() =>
      problem(429, { code: 'caller_throttled', detail: 'Too many.', retryAfterSeconds: 7 }),
    );
    await expect(refusing.get('/jobs')).rejects.toMatchObject({
      code: 'caller_throttled',
      detail: 'Too many.',
      retryAfterSeconds: 7,
    });
  });

  test.each([
    ['a page of somebody else', () => new Response('<html>hello</html>', { status: 404 }), 'resource_error'],
    ['a code that this version does not know', () => problem(418, { code: 'teapot' }), 'resource_error'],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }),
      'resource_error',
    ],
    ['a connection that breaks', () => Promise.reject(new TypeError('fetch failed')), 'resource_error'],
    ["the platform's empty 401", () => new Response(null, { status: 401 }), 'caller_unauthenticated'],
  ])('%s is said to be what it is', async (_, answer, code) => {
    await expect(client(answer).get('/jobs')).rejects.toMatchObject({ code });
  });

  test.each([
    ['a page of somebody else', () => new Response('<html>hello</html>', { status: 404 }), 'Check BROKER_URL'],
    ['no answer', () => Promise.reject(new TypeError('fetch failed')), 'Check BROKER_URL'],
    ['a setting of the app', () => problem(503, { code: 'config_invalid', detail: 'It is missing.' }), 'app settings'],
    ["the platform's empty 401", () => new Response(null, { status: 401 }), 'PTB_FUNCTION_KEY'],
    ["the broker's 401", () => problem(401, { code: 'caller_unauthenticated' }), '`az login`'],
    ['a failure behind it', () => problem(502, { code: 'resource_error' }), 'correlation id'],
  ])('leads to the next step of whoever typed the command: %s', async (_, answer, step) => {
    const failure: unknown = await client(answer)
      .get('/jobs')
      .catch((thrown: unknown) => thrown);
    expect(nextStep(failure as BrokerError)).toContain(step);
  });
});

describe('the function key', () => {
  afterEach(() => vi.unstubAllGlobals());

  test.each([
    [{ functionKey: 'key-1' }, 'key-1'],
    [{ functionKey: '' }, null],
    [{}, null],
  ])('of %j is sent as %s', async (flags, sent) => {
    let headers = new Headers();
    vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
      headers = new Headers(init.headers);
      return new Response('{}');
    });
    await createBrokerClient(brokerFetch(flags), 'https://broker.example', async () => 'caller-token').get('/jobs');
    expect(headers.get('x-functions-key')).toBe(sent);
    expect(headers.get('authorization')).toBe('Bearer caller-token');
  });
});
