import { describe, expect, it } from 'vitest';
import { namedTenants, tenantNamed, withTenant } from '../../../../src/cli/remote/named-tenants.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';

const id = (digit: number): string => `aaaaaaaa-0000-4000-8000-00000000000${digit}`;
const tenants = [
  { tenantId: id(1), name: 'Contoso', defaultDomain: 'contoso.com' },
  { tenantId: id(2), name: 'Contoso Roofing', defaultDomain: 'roofing.example' },
  { tenantId: id(3), name: 'Booking.com', defaultDomain: 'booking.onmicrosoft.com' },
  { tenantId: id(4), name: 'Smith, Jones', defaultDomain: undefined },
  { tenantId: id(5), name: 'Twins', defaultDomain: 'one.example' },
  { tenantId: id(6), name: 'twins', defaultDomain: 'two.example' },
];
/** Texts that some reader takes for a domain, as a customer may call itself, and the domain. */
const disguised = [
  [' booking.com', 'booking.com'],
  ['booking.com.', 'booking.com'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['ｂｏｏｋｉｎｇ。com', 'booking.com'],
] as const;
const disguises = disguised.map(([name], at) => ({ tenantId: id(at), name, defaultDomain: undefined }));

/** A broker that knows these domains, and whose caller may read tenants or not. */
function stage({ mayRead = true, listed = tenants }: { mayRead?: boolean; listed?: readonly object[] } = {}) {
  const paths: string[] = [];
  const get = async (path: string): Promise<unknown> => {
    paths.push(path);
    if (!mayRead) throw new BrokerError('caller_forbidden', 'No.');
    if (path === '/tenants') return { tenants: listed };
    const found = tenants.find(({ defaultDomain }) => path === `/tenants/${defaultDomain}`);
    if (found === undefined) throw new BrokerError('tenant_unknown', 'No tenant has it.');
    return found;
  };
  return { client: { get }, paths };
}

describe('tenantNamed', () => {
  it.each([
    [id(2), 2],
    ['CONTOSO', 1],
    ['Roofing.example', 2],
    ['Smith, Jones', 4],
    [' Booking.com ', 3],
  ])('finds %j', (text, digit) => {
    expect(tenantNamed(tenants, text).tenantId).toBe(id(digit));
  });

  it('lists the tenants if several have the name', () => {
    expect(() => tenantNamed(tenants, 'Twins')).toThrow(
      '"Twins" is the name of several tenants:\n  Twins (one.example)\n  twins (two.example)\nGive the domain or the id.',
    );
  });

  it('takes no beginning of a name, and lists whose names begin so', () => {
    expect(() => tenantNamed(tenants, 'contoso r')).toThrow(
      'No tenant is called "contoso r". These names begin so:\n  Contoso Roofing (roofing.example)\nGive the whole name, the domain or the id.',
    );
    const many = Array.from({ length: 7 }, (_, at) => ({ tenantId: id(at), name: `A${at}` }));
    expect(() => tenantNamed(many, 'a')).toThrow(/A4[^]*and 2 more\n/);
  });

  it('asks for the whole name of which the first word is misspelt, or the group or tag that the command takes', () => {
    const asked = (text: string): unknown => {
      try {
        return tenantNamed(tenants.slice(1), text, ['group:gold', 'tag:trial']);
      } catch (thrown) {
        return (thrown as Error).message.split('; ')[1];
      }
    };
    expect(asked('cnotoso')).toBe('did you mean "Contoso Roofing"?');
    expect(asked('gold')).toBe('did you mean "group:gold"?');
    expect(asked('grup:gold')).toBe('did you mean "group:gold"?');
    expect(asked('tags:trial')).toBe('did you mean "tag:trial"?');
  });

  it('asks whether the nearest name or domain is meant', () => {
    expect(() => tenantNamed(tenants, 'cnotoso')).toThrow('No tenant is called "cnotoso"; did you mean "Contoso"?');
    expect(() => tenantNamed(tenants, 'boking.onmicrosoft.com')).toThrow('"booking.onmicrosoft.com"?');
    expect(() => tenantNamed(tenants, 'quite other')).toThrow('No tenant is called "quite other".');
  });

  it.each(['', '  '])('takes %j for no tenant, although every name begins with it', (text) => {
    expect(() => tenantNamed(tenants.slice(0, 1), text)).toThrow('An empty text names no tenant.');
  });
});

describe('withTenant', () => {
  const unknown = async (): Promise<never> => Promise.reject(new BrokerError('tenant_unknown', 'No such tenant.'));

  it.each([id(9), 'any.example'])('passes %s on without a request of its own', async (text) => {
    const { client, paths } = stage({ mayRead: false });
    expect([await withTenant(client, text, async (reference) => reference), paths]).toEqual([text, []]);
  });

  it('turns a name into the id', async () => {
    expect(await withTenant(stage().client, 'contoso', async (reference) => reference)).toBe(id(1));
  });

  it('takes no text that looks like a domain for a name, and says which customer is called so', async () => {
    const asked: string[] = [];
    const work = async (reference: string) => {
      asked.push(reference);
      return unknown();
    };
    await expect(withTenant(stage().client, 'booking.com', work)).rejects.toThrow(
      `"booking.com" is not among the customer tenants; a customer is called so: ${id(3)}`,
    );
    expect(asked).toEqual(['booking.com']);
  });

  it.each(disguised)('asks for the domain in place of a customer that is called %j', async (text, domain) => {
    const asked: string[] = [];
    const work = async (reference: string) => void asked.push(reference);
    await withTenant(stage({ listed: disguises }).client, text, work);
    expect(asked).toEqual([domain]);
    await expect(namedTenants(stage({ listed: disguises }).client, [text])).rejects.toThrow(domain);
  });

  it('never takes the beginning of a domain for another domain', async () => {
    await expect(withTenant(stage().client, 'contoso.co', unknown)).rejects.toMatchObject({
      code: 'tenant_unknown',
      detail: '"contoso.co" is not among the customer tenants; did you mean "contoso.com"?',
    });
  });

  it('leaves the answer as it is if the caller may not read tenants, and every other failure', async () => {
    const { client } = stage({ mayRead: false });
    await expect(withTenant(client, 'x.example', unknown)).rejects.toMatchObject({ detail: 'No such tenant.' });
    await expect(withTenant(client, 'Contoso', unknown)).rejects.toMatchObject({ code: 'caller_forbidden' });
    const busy = () => Promise.reject(new BrokerError('busy', 'Later.'));
    await expect(withTenant(stage().client, 'x.example', busy)).rejects.toMatchObject({ code: 'busy' });
  });
});

describe('namedTenants', () => {
  it('leaves ids, groups, tags and domains, and turns names into ids by one list', async () => {
    const { client, paths } = stage();
    const typed = [id(7), 'group:gold', 'tag:a,tag:b', '*', 'contoso.com', 'Smith, Jones', 'contoso roofing'];
    expect(await namedTenants(client, typed)).toEqual([
      id(7),
      'group:gold',
      'tag:a',
      'tag:b',
      '*',
      'contoso.com',
      id(4),
      id(2),
    ]);
    expect(paths.toSorted()).toEqual(['/tenants', '/tenants/contoso.com']);
    expect(await namedTenants(client, undefined)).toBeUndefined();
  });

  it('asks for a group or tag of the broker that was written as a name', async () => {
    const get = async (): Promise<unknown> => ({ tenants: [{ ...tenants[0], tags: ['trial'] }], groups: ['gold'] });
    await expect(namedTenants({ get }, ['gold'])).rejects.toThrow('did you mean "group:gold"?');
    await expect(namedTenants({ get }, ['trail'])).rejects.toThrow('did you mean "tag:trial"?');
  });

  it('refuses a domain that no customer has, and passes it on for a caller who may not read tenants', async () => {
    await expect(namedTenants(stage().client, ['contoso.com', 'contosso.com'])).rejects.toMatchObject({
      detail: '"contosso.com" is not among the customer tenants; did you mean "contoso.com"?',
    });
    expect(await namedTenants(stage({ mayRead: false }).client, ['x.example'])).toEqual(['x.example']);
  });
});
