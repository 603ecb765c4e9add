import type { DomainName } from '../../src/lib/core/identifiers.ts';
import { createDomainResolver } from '../../src/lib/tenants/domain-resolver.ts';
import { FakeClock, seededRandom } from '../fakes/fake-clock.ts';

export const contoso = 'bbbbbbbb-0000-4000-8000-000000000001';

/** A resolver whose Entra takes 200 to 400 ms, and knows every domain that is not made up. */
export function slowResolver() {
  const clock = new FakeClock();
  const random = seededRandom(7);
  const requests: string[] = [];
  const fetch = async (url: string, { signal }: RequestInit): Promise<Response> => {
    requests.push(url);
    await clock.sleep(200 + random() * 200, signal ?? undefined);
    if (url.includes('made-up')) return Response.json({ error: 'invalid_tenant' }, { status: 400 });
    return Response.json({ issuer: `https://login.microsoftonline.com/${contoso}/v2.0` });
  };
  const resolver = createDomainResolver({ clock, fetch }, 'https://login.microsoftonline.com');
  return { clock, resolver, requests };
}

export const domain = (name: string, nth: number): DomainName => `${name}-${nth}.example` as DomainName;
