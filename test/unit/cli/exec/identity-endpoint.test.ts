import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type IdentityDeps,
  type IdentityEndpoint,
  openIdentityEndpoint,
} from '../../../../src/cli/exec/identity-endpoint.ts';
import { addResource } from '../../../../src/cli/exec/resource-aliases.ts';
import type { TokenAnswer } from '../../../../src/lib/api/answers/approvals.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { exampleExecTenant as tenant } from './example-tenant.ts';

const startMs = Date.UTC(2026, 0, 1);
const graph = 'https://graph.microsoft.com/';

const tokenFor = (tenantId: string, resource: string, expiresAtMs = startMs + 3_600_000): TokenAnswer => ({
  accessToken: `token of ${tenantId} for ${resource}`,
  tokenType: 'Bearer',
  expiresAt: new Date(expiresAtMs).toISOString(),
  expiresInSeconds: 3600,
  tenantId,
  resource,
  scopes: [],
  grant: 'delegated',
  tokenId: '1',
});

let endpoint: IdentityEndpoint;
let nowMs: number;
const getToken = vi.fn<IdentityDeps['getToken']>();
afterEach(async () => {
  await endpoint.close();
});

async function open(more: Partial<IdentityDeps> = {}): Promise<void> {
  nowMs = startMs;
  getToken.mockReset().mockImplementation(async (tenantId, alias) => tokenFor(tenantId, alias));
  endpoint = await openIdentityEndpoint({
    tenant,
    resources: addResource('graph'),
    newSecret: () => 'the secret',
    getToken,
    nowMs: () => nowMs,
    ...more,
  });
}

async function ask(
  query: string,
  headers: Record<string, string> = { 'X-IDENTITY-HEADER': 'the secret' },
  method = 'GET',
) {
  const response = await fetch(`${endpoint.url}?${query}`, { headers, method });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}
const version = 'api-version=2019-08-01';

describe('the managed identity endpoint of a program', () => {
  it('answers as App Service does', async () => {
    await open();
    const { status, headers, body } = await ask(`resource=${graph}&${version}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: `token of ${tenant.tenantId} for graph`,
      expires_on: String((startMs + 3_600_000) / 1000),
      resource: graph,
      token_type: 'Bearer',
    });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(endpoint.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/msi\/token$/);
  });

  it('requests a token once while it is good for more than five minutes, also for several requests at once', async () => {
    await open();
    await Promise.all(Array.from({ length: 5 }, () => ask(`resource=${graph}&${version}`)));
    nowMs = startMs + 3_300_000 - 1;
    await ask(`resource=${graph}&${version}`);
    expect(getToken).toHaveBeenCalledTimes(1);
    nowMs = startMs + 3_300_000;
    await ask(`resource=${graph}&${version}`);
    expect(getToken).toHaveBeenCalledTimes(2);
  });

  it('asks again after a refusal, and remembers the last one', async () => {
    await open();
    getToken.mockRejectedValueOnce(new BrokerError('consent_required', 'No consent.'));
    expect(await ask(`resource=${graph}`)).toMatchObject({
      status: 403,
      body: { statusCode: 403, message: 'No consent. (consent_required)' },
    });
    expect(endpoint.refused()?.code).toBe('consent_required');
    expect((await ask(`resource=${graph}`)).status).toBe(200);
    expect(endpoint.refused()).toBeUndefined();
  });

  it('lets the libraries repeat what may pass, when the broker says', async () => {
    await open();
    getToken.mockRejectedValue(new BrokerError('throttled', 'Too many.', { retryAfterSeconds: 7 }));
    const { status, headers } = await ask(`resource=${graph}`);
    expect([status, headers.get('retry-after')]).toEqual([503, '7']);
  });

  it('lets no library wait for people who decide about approvals', async () => {
    await open();
    getToken.mockRejectedValue(new BrokerError('too_many_approvals', 'Too many.', { retryAfterSeconds: 3_600 }));
    expect((await ask(`resource=${graph}`)).status).toBe(403);
  });

  it('hides a failure that is not an answer of the broker', async () => {
    await open();
    getToken.mockRejectedValue(new Error('token eyJ0 in a stack'));
    expect((await ask(`resource=${graph}`)).body['message']).toBe('The token could not be requested. (internal)');
  });

  it.each([
    ['no header', `resource=${graph}`, {}, 403, 'X-IDENTITY-HEADER'],
    ['a guessed header', `resource=${graph}`, { 'X-IDENTITY-HEADER': 'the secreT' }, 403, 'X-IDENTITY-HEADER'],
    ['a shorter header', `resource=${graph}`, { 'X-IDENTITY-HEADER': 'the' }, 403, 'X-IDENTITY-HEADER'],
    ['another resource', 'resource=https://vault.azure.net', undefined, 403, 'not among those of --resource'],
    ['no resource', version, undefined, 400, 'Name one resource'],
    ['two resources', `resource=${graph}&resource=${graph}`, undefined, 400, 'Name one resource'],
    ['another identity', `resource=${graph}&client_id=1`, undefined, 400, 'Ask without client_id'],
    ['another tenant', `resource=${graph}&tenant=fabrikam.com`, undefined, 400, 'gets tokens for no other'],
    ['another tenant in capitals', `resource=${graph}&Tenant_Id=1`, undefined, 400, 'gets tokens for no other'],
  ])('refuses %s', async (_name, query, headers, status, message) => {
    await open();
    const refused = await ask(query, headers);
    expect(refused.status).toBe(status);
    expect(refused.body['message']).toContain(message);
    expect(JSON.stringify(refused.body)).not.toContain('the secret');
    expect(getToken).not.toHaveBeenCalled();
  });

  it('refuses other methods and paths', async () => {
    await open();
    expect((await ask(`resource=${graph}`, undefined, 'POST')).status).toBe(404);
    const other = await fetch(endpoint.url.replace('/msi/token', '/'), {
      headers: { 'X-IDENTITY-HEADER': 'the secret' },
    });
    expect(other.status).toBe(404);
  });

  it('takes a request without the header for nothing, whatever its address is', async () => {
    await open();
    const { request } = await import('node:http');
    const { hostname, port } = new URL(endpoint.url);
    for (const path of ['//', '/msi/token?resource=x', '//evil.example/msi/token']) {
      const status = await new Promise((resolve, reject) => {
        request({ hostname, port, path }, (response) => resolve(response.resume().statusCode))
          .on('error', reject)
          .end();
      });
      expect(status).toBe(403);
    }
    expect(endpoint.refused()).toBeUndefined();
    expect(getToken).not.toHaveBeenCalled();
  });

  it('requests one token for all that ask after the last one has expired', async () => {
    await open();
    await ask(`resource=${graph}`);
    nowMs = startMs + 3_300_000;
    getToken.mockImplementation(async (tenantId, alias) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return tokenFor(tenantId, alias, nowMs + 3_600_000);
    });
    await Promise.all(Array.from({ length: 5 }, () => ask(`resource=${graph}`)));
    expect(getToken).toHaveBeenCalledTimes(2);
  });

  it('asks the broker no longer once it is closed', async () => {
    await open();
    const signals: AbortSignal[] = [];
    getToken.mockImplementation((_tenantId, _alias, signal) => {
      signals.push(signal);
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    });
    const asked = ask(`resource=${graph}`).catch(() => 'gone');
    await expect.poll(() => signals.length).toBe(1);
    await endpoint.close();
    expect(await asked).toBe('gone');
    expect(signals[0]?.aborted).toBe(true);
  });

  it('gives no token at all if the program sends its requests through the gateway', async () => {
    await open({ resources: new Map() });
    expect((await ask(`resource=${graph}`)).body['message']).toContain('PTB_GRAPH_URL');
    expect(getToken).not.toHaveBeenCalled();
  });

  it('is gone once it is closed', async () => {
    await open();
    await endpoint.close();
    await expect(ask(`resource=${graph}`)).rejects.toThrow('fetch failed');
  });
});
