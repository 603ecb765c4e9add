import { beforeEach, describe, expect, test } from 'vitest';
import type { DomainName } from '../../../../src/lib/identifiers.ts';
import { createDomainResolver, type DomainResolver } from '../../../../src/lib/tenants/domain-resolver.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const contoso = 'bbbbbbbb-0000-4000-8000-000000000001';
const domain = 'contoso.com' as DomainName;
let clock: FakeClock;
let asked: string[];
let answer: () => Response;
let resolver: DomainResolver;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  answer = () => Response.json({ issuer: `https://login.microsoftonline.com/${contoso}/v2.0` });
  const fetch = async (url: string): Promise<Response> => {
    asked.push(url);
    return answer();
  };
  resolver = createDomainResolver({ clock, fetch }, 'https://login.microsoftonline.com');
});

describe('a domain', () => {
  test("is the tenant's in the issuer of its discovery document, asked once an hour", async () => {
    const all = await Promise.all([resolver.tenantOf(domain), resolver.tenantOf(domain)]);
    expect(all).toEqual([contoso, contoso]);
    expect(asked).toEqual(['https://login.microsoftonline.com/contoso.com/v2.0/.well-known/openid-configuration']);
    await clock.advance(3_599_000);
    await resolver.tenantOf(domain);
    expect(asked).toHaveLength(1);
    await clock.advance(1_000);
    await resolver.tenantOf(domain);
    expect(asked).toHaveLength(2);
  });

  test("that Entra does not know is nobody's, and is asked again after five minutes", async () => {
    answer = () => Response.json({ error: 'invalid_tenant' }, { status: 400 });
    expect(await resolver.tenantOf(domain)).toBeUndefined();
    expect(await resolver.tenantOf(domain)).toBeUndefined();
    expect(asked).toHaveLength(1);
    await clock.advance(300_000);
    await resolver.tenantOf(domain);
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['a stumbling Entra', () => new Response('<html>', { status: 502 })],
    ['a document without an issuer', () => Response.json({})],
    [
      'an issuer that names no tenant',
      () => Response.json({ issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' }),
    ],
    [
      'a redirect to another host',
      () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }),
    ],
  ])('with %s is not decided, and that is not remembered', async (_, reply) => {
    answer = reply;
    await expect(resolver.tenantOf(domain)).rejects.toMatchObject({ code: 'entra_unavailable' });
    answer = () => Response.json({ issuer: `https://login.microsoftonline.com/${contoso}/v2.0` });
    expect(await resolver.tenantOf(domain)).toBe(contoso);
  });
});
