import { describe, expect, it } from 'vitest';
import { callerHeaders, readAddress } from '../../../../../src/lib/gateway/send/gateway-request.ts';

const named = { tenant: 'contoso.com', resource: 'graph' };
const route = { ...named, path: 'v1.0/users' };
const base = 'https://broker.example/api/gateway/contoso.com/graph';

describe('readAddress', () => {
  it.each([
    [`${base}/v1.0/users?$top=5`, '/v1.0/users?$top=5'],
    [`${base}/v1.0/users`, '/v1.0/users'],
    [`${base}/v1.0/users?`, '/v1.0/users'],
    [base, '/'],
    [`${base}/v1.0/users/a%2Fb%20c?$filter=x%20eq%20%27a%26b%27`, '/v1.0/users/a%2Fb%20c?$filter=x%20eq%20%27a%26b%27'],
    [`${base}/v1.0/users?code=KEY&$top=5`, '/v1.0/users?$top=5'],
    [`${base}/v1.0/users?code=KEY`, '/v1.0/users'],
    [`${base}/v1.0/users?%63ode=KEY&$top=5`, '/v1.0/users?$top=5'],
    [`${base}/v1.0/users?$top=5&CoDE=KEY`, '/v1.0/users?$top=5'],
    [`${base}/v1.0/users?code`, '/v1.0/users'],
    [`${base}/v1.0/users?%=1&codes=2`, '/v1.0/users?%=1&codes=2'],
    [`${base}/v1.0/users?$filter=code=1`, '/v1.0/users?$filter=code=1'],
    [`${base}//evil.example/x`, '//evil.example/x'],
  ])('%s', (url, expected) => {
    expect(readAddress(url, route, true)).toEqual({ ...named, url: expected, gatewayUrl: base });
  });

  it('keeps the option code of the resource if the host asks for no key', () => {
    expect(readAddress(`${base}/x?code=1`, route, false).url).toBe('/x?code=1');
  });

  it('keeps the address as it was written for links', () => {
    const written = 'http://localhost:7071/API/Gateway/a%2Eb/graph';
    expect(readAddress(`${written}/x`, { ...route, tenant: 'a.b' }, true).gatewayUrl).toBe(written);
  });

  it.each([
    // The worker has resolved dot segments that the host had decoded: they lead to another tenant.
    'https://broker.example/api/gateway/fabrikam.com/graph/v1.0/users',
    'https://broker.example/api/gateway/contoso.com/exchange/x',
    'https://broker.example/api/gateway/contoso.com',
    'https://broker.example/api/tokens',
    'https://broker.example/x/api/gateway/contoso.com/graph/y',
    'https://broker.example/api/gateway/%E0%A4/graph/x',
  ])('refuses %s, which the host has read otherwise', (url) => {
    expect(() => readAddress(url, route, true)).toThrow(/request_invalid: The address can be read in two ways/);
  });
});

describe('a path that the host has decoded', () => {
  const read =
    (path: string, url = `${base}/${path}`) =>
    () =>
      readAddress(url, { ...route, path }, true);

  // As Microsoft's host 4.1037 hands over %252e%252e, %2541, %2523, %25c3%25bc, and %ff.
  it.each([
    ['v1.0/subscribedSkus/%2e%2e/users', `${base}/v1.0/users`],
    ['v1.0/users/%41lice', undefined],
    ['v1.0/users/x%23y', undefined],
    ['v1.0/users/%c3%BC', undefined],
    ['v1.0/users/%ff', undefined],
  ])('and that is still encoded is refused: %s', (path, url) => {
    expect(read(path, url)).toThrow(/request_invalid: The address can be read in two ways/);
  });

  it.each([
    ['v1.0/users/a%2fb%2Fc', undefined],
    ['v1.0/users/100%', `${base}/v1.0/users/100%25`],
    ['v1.0/users/%zz', `${base}/v1.0/users/%25zz`],
    ['', base],
  ])('is left to the judge otherwise: %s', (path, url) => {
    expect(read(path, url)).not.toThrow();
  });
});

it('headers of front ends do not look like attempts to replace the address', () => {
  const headers = new Headers({
    'x-original-url': '/api/gateway',
    'x-forwarded-host': 'a',
    'x-arr-ssl': 'b',
    'x-http-method-override': 'DELETE',
    Accept: 'application/json',
  });
  expect(callerHeaders(headers)).toEqual({ accept: 'application/json', 'x-http-method-override': 'DELETE' });
});
