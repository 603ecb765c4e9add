import { beforeEach, describe, expect, test } from 'vitest';
import type { DomainName } from '../../../../src/lib/core/identifiers.ts';
import { createDomainResolver, type DomainResolver } from '../../../../src/lib/tenants/domain-resolver.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const contoso = 'bbbbbbbb-0000-4000-8000-000000000001';
const domain = 'contoso.com' as DomainName;
let clock: FakeClock;
let requests: string[];
let answer: () => Response;
let resolver: DomainResolver;

beforeEach(() => {
  clock = new FakeClock();
  requests = [];
  answer = () => Response.json({ issuer: `https://login.microsoftonline.com/${contoso}/v2.0` });
  const fetch = async (url: string): Promise<Response> => {
    requests.push(url);
    return answer();
  };
  resolver = createDomainResolver({ clock, fetch }, 'https://login.microsoftonline.com');
});

describe('createDomainResolver', () => {
  test('resolves a domain with the issuer of its discovery document, which it requests once an hour', async () => {
    const all = await Promise.all([resolver.tenantOf(domain), resolver.tenantOf(domain)]);
    expect(all).toEqual([contoso, contoso]);
    expect(requests).toEqual(['https://login.microsoftonline.com/contoso.com/v2.0/.well-known/openid-configuration']);
    await clock.advance(3_599_000);
    await resolver.tenantOf(domain);
    expect(requests).toHaveLength(1);
    await clock.advance(1_000);
    await resolver.tenantOf(domain);
    expect(requests).toHaveLength(2);
  });

  test('returns undefined for a domain that Entra does not know, and asks again after five minutes', async () => {
    answer = () => Response.json({ error: 'invalid_tenant' }, { status: 400 });
    expect(await resolver.tenantOf(domain)).toBeUndefined();
    expect(await resolver.tenantOf(domain)).toBeUndefined();
    expect(requests).toHaveLength(1);
    await clock.advance(300_000);
    await resolver.tenantOf(domain);
    expect(requests).toHaveLength(2);
  });

  test.each([
    ['an error page of a proxy', () => new Response('<html>', { status: 403 })],
    ['a document without an issuer', () => Response.json({})],
    [
      'an issuer that names no tenant',
      () => Response.json({ issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' }),
    ],
    [
      'a redirect to another host',
      () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }),
    ],
  ])('throws entra_unavailable for %s and does not cache it', async (_, reply) => {
    answer = reply;
    await expect(resolver.tenantOf(domain)).rejects.toMatchObject({ code: 'entra_unavailable' });
    answer = () => Response.json({ issuer: `https://login.microsoftonline.com/${contoso}/v2.0` });
    expect(await resolver.tenantOf(domain)).toBe(contoso);
  });
});

describe('createDomainResolver when Entra does not answer', () => {
  const issuer = `https://login.microsoftonline.com/${contoso}/v2.0`;
  const other = 'fabrikam.com' as DomainName;
  const retryAfter = (status: number, seconds?: string): Response =>
    new Response('', { status, headers: seconds === undefined ? {} : { 'retry-after': seconds } });

  test.each([
    ['429 with Retry-After', () => retryAfter(429, '120'), 120],
    ['429 without Retry-After', () => retryAfter(429), 60],
    ['503 with Retry-After', () => retryAfter(503, '30'), 30],
    ['502 without Retry-After', () => retryAfter(502), 5],
    [
      'a failed connection',
      () => {
        throw new TypeError('fetch failed');
      },
      5,
    ],
  ])('pauses requests for all domains after %s', async (_, reply, seconds) => {
    answer = reply;
    await expect(resolver.tenantOf(domain)).rejects.toMatchObject({ code: 'entra_unavailable' });
    answer = () => Response.json({ issuer });
    await clock.advance((seconds - 1) * 1000);
    await expect(resolver.tenantOf(other)).rejects.toMatchObject({ code: 'entra_unavailable', retryAfterSeconds: 1 });
    expect(requests).toHaveLength(1);
    await clock.advance(1000);
    expect(await resolver.tenantOf(other)).toBe(contoso);
  });

  test('does not pause after a reply that is too large', async () => {
    answer = () => new Response('x'.repeat(10_000_000));
    await expect(resolver.tenantOf(domain)).rejects.toMatchObject({
      code: 'entra_unavailable',
      detail: 'Entra sent a reply that is too large.',
    });
    answer = () => Response.json({ issuer });
    expect(await resolver.tenantOf(other)).toBe(contoso);
  });

  test('returns cached results during the pause', async () => {
    await resolver.tenantOf(domain);
    answer = () => retryAfter(429, '600');
    await expect(resolver.tenantOf(other)).rejects.toMatchObject({ retryAfterSeconds: 600 });
    expect(await resolver.tenantOf(domain)).toBe(contoso);
  });

  test('sends at most eight requests at a time, and none of the waiting ones after Entra throttles', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const fetch = async (url: string): Promise<Response> => {
      requests.push(url);
      await held;
      return retryAfter(429, '60');
    };
    resolver = createDomainResolver({ clock, fetch }, 'https://login.microsoftonline.com');
    const all = Promise.allSettled(
      Array.from({ length: 50 }, (_, number) => resolver.tenantOf(`made-up-${number}.example` as DomainName)),
    );
    await expect.poll(() => requests.length).toBe(8);
    release();
    expect((await all).map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 'rejected'));
    expect(requests).toHaveLength(8);
  });
});
