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

describe('createBrokerClient', () => {
  test('throws the error of a problem document', async () => {
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
    ['a page of another server', () => new Response('<html>hello</html>', { status: 404 }), 'resource_error'],
    ['an unknown error code', () => problem(418, { code: 'teapot' }), 'resource_error'],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }),
      'resource_error',
    ],
    ['a broken connection', () => Promise.reject(new TypeError('fetch failed')), 'resource_error'],
    ["the platform's empty 401", () => new Response(null, { status: 401 }), 'caller_unauthenticated'],
  ])('maps %s to an error code', async (_, answer, code) => {
    await expect(client(answer).get('/jobs')).rejects.toMatchObject({ code });
  });

  test.each([
    ['a page of another server', () => new Response('<html>hello</html>', { status: 404 }), 'Check BROKER_URL'],
    ['no answer', () => Promise.reject(new TypeError('fetch failed')), 'Check BROKER_URL'],
    [
      'a wrong setting of the app',
      () => problem(503, { code: 'config_invalid', detail: 'It is missing.' }),
      'app settings',
    ],
    ["the platform's empty 401", () => new Response(null, { status: 401 }), 'PTB_FUNCTION_KEY'],
    ["the broker's 401", () => problem(401, { code: 'caller_unauthenticated' }), '`az login`'],
    ['an error of a resource', () => problem(502, { code: 'resource_error' }), 'correlation id'],
  ])('names the next step for the operator: %s', async (_, answer, step) => {
    const failure: unknown = await client(answer)
      .get('/jobs')
      .catch((thrown: unknown) => thrown);
    expect(nextStep(failure as BrokerError)).toContain(step);
  });
});

describe('brokerFetch', () => {
  afterEach(() => vi.unstubAllGlobals());

  test.each([
    [{ functionKey: 'key-1' }, 'key-1'],
    [{ functionKey: '' }, null],
    [{}, null],
  ])('sends the function key of %j as %s', async (flags, sent) => {
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
