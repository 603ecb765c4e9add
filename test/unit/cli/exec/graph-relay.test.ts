import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openGraphRelay } from '../../../../src/cli/exec/graph-relay.ts';
import type { LoopbackServer } from '../../../../src/cli/exec/loopback-server.ts';
import type { BrokerClient } from '../../../../src/cli/remote/broker-client.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { exampleExecTenant as tenant } from './example-tenant.ts';

const brokerUrl = 'https://broker.example';
const gateway = `${brokerUrl}/api/gateway/${tenant.tenantId}/graph`;
const relay = vi.fn<BrokerClient['relay']>();

const reply = (
  body: string,
  headers: Record<string, string> = { 'content-type': 'application/json' },
  status = 200,
) => ({
  status,
  headers: new Headers(headers),
  body: Buffer.from(body),
});

let server: LoopbackServer;
beforeEach(async () => {
  relay.mockReset();
  server = await openGraphRelay({ tenant, client: { url: brokerUrl, relay }, newSecret: () => 'secret' });
});
afterEach(() => server.close());

describe('the address of Graph without a token', () => {
  it('sends a request to the gateway of its tenant, with the headers of a Graph client alone', async () => {
    relay.mockResolvedValue(
      reply('{"id":1}', { 'content-type': 'application/json', 'request-id': 'r', 'set-cookie': 'c=1' }),
    );
    const response = await fetch(`${server.url}/v1.0/users?$top=5`, {
      method: 'PATCH',
      headers: {
        'content-type': 'application/json',
        consistencylevel: 'eventual',
        authorization: 'Bearer mine',
        cookie: 'a=b',
        'x-functions-key': 'of the program',
        // What only the operator may say.
        'x-break-glass': 'true',
        'x-reason': 'A program says so.',
        'x-ask-again': 'true',
        'x-correlation-id': tenant.tenantId,
        'x-ms-client-principal': 'someone',
      },
      body: '{"a":1}',
    });
    expect([response.status, await response.text(), response.headers.get('request-id')]).toEqual([
      200,
      '{"id":1}',
      'r',
    ]);
    expect(response.headers.get('set-cookie')).toBeNull();
    const [sent] = relay.mock.calls[0] ?? [];
    expect(sent).toMatchObject({ method: 'PATCH', url: `${gateway}/v1.0/users?$top=5` });
    expect(sent?.headers).toEqual({
      accept: '*/*',
      'accept-language': '*',
      'content-type': 'application/json',
      consistencylevel: 'eventual',
    });
    expect(Buffer.from(sent?.body ?? []).toString()).toBe('{"a":1}');
  });

  it.each([
    [{ 'x-http-method-override': 'DELETE' }, 'The header "x-http-method-override" replaces method or path'],
    [{ accept: 'application/json;odata.metadata=none' }, 'The header "accept" has parameters'],
  ])('does not send a request that the gateway would read in another way: %j', async (headers, reason) => {
    const response = await fetch(`${server.url}/v1.0/users`, { method: 'POST', headers, body: '{}' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'request_invalid', detail: expect.stringContaining(reason) });
    expect(relay).not.toHaveBeenCalled();
  });

  it('leads links to itself, and only whole values', async () => {
    relay.mockResolvedValue(
      reply(
        `{"@odata.nextLink":"${gateway}/v1.0/users?$skiptoken=1","note":"see ${gateway}/x","other":"${gateway}"}`,
        { 'content-type': 'application/json', location: `${gateway}/v1.0/users/1` },
        201,
      ),
    );
    const response = await fetch(`${server.url}/v1.0/users`);
    expect(await response.json()).toEqual({
      '@odata.nextLink': `${server.url}/v1.0/users?$skiptoken=1`,
      note: `see ${gateway}/x`,
      other: gateway,
    });
    expect(response.headers.get('location')).toBe(`${server.url}/v1.0/users/1`);
  });

  it('passes bytes and large numbers as they are', async () => {
    relay.mockResolvedValueOnce(reply('{"n":12345678901234567890}'));
    expect(await (await fetch(`${server.url}/v1.0/a`)).text()).toBe('{"n":12345678901234567890}');
    relay.mockResolvedValueOnce({ ...reply('', { 'content-type': 'image/jpeg' }), body: Buffer.from([0, 255, 128]) });
    expect([...new Uint8Array(await (await fetch(`${server.url}/v1.0/photo`)).arrayBuffer())]).toEqual([0, 255, 128]);
  });

  it('shows refusals of the broker in the form of Graph', async () => {
    relay.mockRejectedValue(new BrokerError('caller_throttled', 'Too many.', { retryAfterSeconds: 3 }));
    const response = await fetch(`${server.url}/v1.0/users`);
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3']);
    expect(await response.json()).toMatchObject({
      code: 'caller_throttled',
      error: { code: 'caller_throttled', message: 'contoso.com: Too many.' },
    });
  });

  it.each([
    ['/v1.0/users', 404],
    ['/secreT/v1.0/users', 404],
    ['/secre/v1.0/users', 404],
    ['/secret', 404],
    ['/secret/../other/graph/v1.0/users', 400],
    ['/secret/%2e%2e/%2e%2e/other-tenant/graph/v1.0/users', 400],
    ['/secret/..%2f..%2fx', 200],
  ])('sends nothing beyond its tenant: %s', async (path, status) => {
    relay.mockResolvedValue(reply('{}'));
    // `fetch` would resolve the dots itself.
    const { request } = await import('node:http');
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      const { hostname, port } = new URL(server.url);
      request({ hostname, port, path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(answered).toBe(status);
    for (const [sent] of relay.mock.calls) expect(sent.url.startsWith(`${gateway}/`)).toBe(true);
    expect(relay).toHaveBeenCalledTimes(status === 200 ? 1 : 0);
  });

  it('changes no other byte of an answer with links', async () => {
    const body = Buffer.concat([
      Buffer.from(`{"a":"${gateway}/v1.0/x","b":"`),
      Buffer.from([0xc3, 0x28, 0xff]),
      Buffer.from('ü"}'),
    ]);
    relay.mockResolvedValue({ ...reply(''), body });
    const answered = Buffer.from(await (await fetch(`${server.url}/v1.0/a`)).arrayBuffer());
    expect(answered.toString('latin1')).toBe(body.toString('latin1').replace(gateway, server.url));
  });

  it('says what is wrong with a body that cannot be sent on', async () => {
    const coded = await fetch(`${server.url}/v1.0/a`, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip' },
      body: 'x',
    });
    // The libraries for Go send it again without a coding after this status.
    expect(coded.status).toBe(415);
    const { request } = await import('node:http');
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      request(`${server.url}/v1.0/a`, { headers: { 'content-length': 2 } }, (response) =>
        resolve(response.resume().statusCode),
      )
        .on('error', reject)
        .end('{}');
    });
    expect(answered).toBe(400);
    expect(relay).not.toHaveBeenCalled();
  });

  it('gives up what is under way once the program has left or is over', async () => {
    const signals: AbortSignal[] = [];
    relay.mockImplementation(({ signal }) => {
      if (signal !== undefined) signals.push(signal);
      return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    });
    const leaving = new AbortController();
    const left = fetch(`${server.url}/v1.0/a`, { signal: leaving.signal }).catch(() => 'left');
    await expect.poll(() => signals.length).toBe(1);
    leaving.abort();
    expect(await left).toBe('left');
    await expect.poll(() => signals[0]?.aborted).toBe(true);
    const open = fetch(`${server.url}/v1.0/a`).catch(() => 'closed');
    await expect.poll(() => signals.length).toBe(2);
    await server.close();
    expect(await open).toBe('closed');
    await expect.poll(() => signals[1]?.aborted).toBe(true);
  });

  it('refuses a body above 4 MiB and other methods', async () => {
    const response = await fetch(`${server.url}/v1.0/a`, { method: 'POST', body: new Uint8Array(4 * 1024 * 1024 + 1) });
    expect(response.status).toBe(413);
    expect((await fetch(`${server.url}/v1.0/a`, { method: 'OPTIONS' })).status).toBe(405);
    expect(relay).not.toHaveBeenCalled();
  });
});
