import { HttpRequest } from '@azure/functions';
import { afterEach, describe, expect, it, vi } from 'vitest';
import '../../src/functions/pages.ts';
import { boundRoutes } from '../../src/functions/route.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { guid, tenant } from '../support/audit-entries.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

function answer(name: string, headers: Record<string, string> = {}) {
  const route = boundRoutes().find(({ definition }) => definition.name === name);
  if (route === undefined) throw new Error(`There is no function ${name}.`);
  const request = new HttpRequest({ method: 'GET', url: `http://localhost/api/${name}`, headers });
  const admitted = { request, caller: undefined, correlationId: guid(3), log: silentLogger };
  return route.answer(undefined, admitted);
}

function configure(clientId: string): void {
  vi.stubEnv('PARTNER_TENANT_ID', tenant(9));
  vi.stubEnv('BROKER_AUDIENCES', `${guid(1)},api://${tenant(9)}/broker`);
  vi.stubEnv('SIGN_IN_CLIENT_ID', clientId);
}

describe('GET /api/sign-in', () => {
  it('says where and how people sign in, and nobody may store it', async () => {
    configure(guid(2));
    expect(await answer('sign-in')).toEqual({
      status: 200,
      headers: { 'cache-control': 'no-store' },
      jsonBody: {
        entraEndpoint: 'https://login.microsoftonline.com',
        tenantId: tenant(9),
        clientId: guid(2),
        scope: `api://${tenant(9)}/broker/access_as_user`,
      },
    });
  });

  it('says what is missing, and what to do', async () => {
    configure('');
    expect(await answer('sign-in')).toMatchObject({
      status: 200,
      jsonBody: {
        problem: expect.stringContaining('SIGN_IN_CLIENT_ID') as string,
        advice: expect.stringContaining('ptb setup api') as string,
      },
    });
  });
});

describe('GET /api/openapi.json', () => {
  it('is the document, which clients keep while it is the same', async () => {
    const { status, headers, body } = await answer('openapi');
    expect([status, headers?.['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(String(body))).toMatchObject({ openapi: '3.1.0' });
    const again = await answer('openapi', { 'if-none-match': headers?.['etag'] ?? '' });
    expect(again.status).toBe(304);
  });
});
