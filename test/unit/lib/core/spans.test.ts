import { describe, expect, it } from 'vitest';
import { clouds, createResourceRegistry } from '../../../../src/lib/core/resources.ts';
import {
  type AccessToken,
  type CachingTokenSource,
  Secret,
  type TokenRequest,
} from '../../../../src/lib/core/secrets.ts';
import { hostsInSpans, type SpanFacts, type Spans, tracedFetch, tracedTokens } from '../../../../src/lib/core/spans.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';

interface Ran {
  readonly name: string;
  readonly facts: SpanFacts;
}

function recordingSpans(): Spans & { readonly ran: Ran[] } {
  const ran: Ran[] = [];
  return {
    ran,
    run: async (name, facts, work, found) => {
      const result = await work();
      ran.push({ name, facts: { ...facts, ...found?.(result) } });
      return result;
    },
  };
}

const tenantId = parseTenantId('00000000-0000-4000-8000-000000000001')!;

describe('the span of a token', () => {
  const resources = createResourceRegistry(clouds.public, [
    ['sharepoint-contoso', 'https://contoso-admin.sharepoint.com'],
  ]);
  const request = (alias: string): TokenRequest => ({
    tenantId,
    resource: resources.get(alias),
    grant: 'delegated',
    application: 'default',
    minimumLifetimeSeconds: 60,
    correlationId: 'c',
  });
  const token = (asked: TokenRequest): AccessToken => ({
    ...asked,
    secret: new Secret('secret'),
    scopes: [],
    expiresAtMs: 1,
    fromCache: true,
  });
  const source: CachingTokenSource = {
    getToken: async (asked) => token(asked),
    getNewerToken: async () => undefined,
    forgetTenant: () => undefined,
  };

  it('names a resource of Microsoft, and no alias that somebody chose', async () => {
    const spans = recordingSpans();
    const traced = tracedTokens(spans, source);
    expect(await traced.getToken(request('graph'))).toMatchObject({ tenantId, fromCache: true });
    await traced.getToken(request('sharepoint-contoso'));
    const facts = { 'ptb.grant': 'delegated', 'ptb.from_cache': true };
    expect(spans.ran).toEqual([
      { name: 'token.get', facts: { ...facts, 'ptb.resource': 'graph' } },
      { name: 'token.get', facts: { ...facts, 'ptb.resource': 'other' } },
    ]);
  });
});

describe('the span of a request', () => {
  it('to an address that is none rejects as fetch does', async () => {
    const parts = { spans: recordingSpans(), hosts: hostsInSpans(clouds.public) };
    const asked = tracedFetch(parts, async () => new Response(''))('no address', {});
    await expect(asked).rejects.toThrow('Invalid URL');
  });

  it.each([
    ['https://graph.microsoft.com/v1.0/users/adele@contoso.com', 'graph.microsoft.com'],
    ['https://contoso-admin.sharepoint.com/_api/web', undefined],
  ])('to %s names the host %s, and never the path', async (url, host) => {
    const spans = recordingSpans();
    const fetch = tracedFetch(
      { spans, hosts: hostsInSpans(clouds.public) },
      async () => new Response('', { status: 403 }),
    );
    expect((await fetch(url, { method: 'PATCH' })).status).toBe(403);
    expect(spans.ran).toEqual([
      {
        name: 'PATCH',
        facts: { 'http.request.method': 'PATCH', 'server.address': host, 'http.response.status_code': 403 },
      },
    ]);
  });
});
