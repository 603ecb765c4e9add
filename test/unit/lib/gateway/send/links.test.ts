import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  gatewayLink,
  type LinkOwner,
  type LinkReading,
  readLink,
  signLink,
} from '../../../../../src/lib/gateway/send/links.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';

const newKey = (): Secret => new Secret(randomBytes(32).toString('base64url'));
const key = newKey();
const owner: LinkOwner = {
  rule: 'helpdesk reads users',
  caller: '0c1f4a2e-0000-4000-8000-000000000001',
  tenantId: 'b0000000-0000-4000-8000-000000000001' as TenantId,
  resource: 'graph',
};
const url = '/v1.0/users?$select=id,displayName&$skiptoken=RFNwdAIAAQAAABg6%2BQ';
const selected = ['id', 'displayName', 'manager'];
const signed = signLink(key, owner, { url, selected });
const refused: LinkReading = {
  ok: false,
  reason:
    'The link was changed, or belongs to another caller, rule or tenant; follow the links of answers as they are.',
};

describe('readLink', () => {
  it('returns the URL and what the first query selected', () => {
    expect(readLink([key], owner, signed)).toEqual({ ok: true, url, link: { selected } });
  });

  it('reads a link to a path without a query', () => {
    const link = signLink(key, owner, { url: '/v1.0/operations/1', selected: [] });
    expect(readLink([key], owner, link)).toEqual({ ok: true, url: '/v1.0/operations/1', link: { selected: [] } });
  });

  it('takes a URL without a MAC for no link', () => {
    expect(readLink([key], owner, url)).toEqual({ ok: true, url, link: undefined });
  });

  it('accepts the order and encoding of other clients', () => {
    const [path = '', query = ''] = signed.split('?');
    const reordered = query.split('&').toReversed().join('&');
    expect(readLink([key], owner, `${path}?${reordered}`)).toMatchObject({ ok: true, link: { selected } });
    expect(readLink([key], owner, signed.replaceAll('$', '%24'))).toMatchObject({ ok: true, link: { selected } });
    expect(readLink([key], owner, signed.replace('users', '%75sers'))).toMatchObject({ ok: true });
  });

  it('accepts options of one name in another order', () => {
    const link = signLink(key, owner, { url: '/v1.0/users?b=2&a=2&a=1&b=1', selected: [] });
    const mark = link.split('&').at(-1);
    for (const query of ['a=1&a=2&b=1&b=2', 'b=1&b=2&a=1&a=2', 'a=2&b=2&b=1&a=1'])
      expect(readLink([key], owner, `/v1.0/users?${mark}&${query}`)).toMatchObject({ ok: true });
  });

  it('accepts a MAC of every key, and of no other', () => {
    expect(readLink([newKey(), key], owner, signed)).toMatchObject({ ok: true });
    expect(readLink([newKey()], owner, signed)).toEqual(refused);
    expect(readLink([], owner, signed)).toEqual(refused);
  });

  it.each(['rule', 'caller', 'tenantId', 'resource'] as const)('refuses the link of another %s', (part) => {
    expect(readLink([key], { ...owner, [part]: `${owner[part]}x` }, signed)).toEqual(refused);
  });

  it.each([
    ['another path', signed.replace('users', 'groups')],
    ['another version', signed.replace('v1.0', 'beta')],
    ['another token', signed.replace('RFNw', 'RFNx')],
    ['a further option', signed.replace('?', '?$expand=memberOf&')],
    ['a removed option', signed.replace('$select=id,displayName&', '')],
    ['another selection', signed.replace('id,displayName', 'id,mail')],
    ['an encoded slash', signed.replace('/users', '%2Fusers')],
    ['a plus sign that was encoded', signed.replace('%2BQ', '+Q')],
    ['two marks', `${signed}&ptb_link=${signed.split('ptb_link=')[1]}`],
    ['two marks, one encoded', `${signed}&ptb%5Flink=a.b`],
    ['no MAC', signed.slice(0, signed.lastIndexOf('.'))],
    ['an empty mark', `${url}&ptb_link=`],
    ['a mark without a value', `${url}&ptb_link`],
    ['padding', `${signed}=`],
    ['a line break', `${signed}%0A`],
    ['an option without a value in place of one', signed.replace('$skiptoken=RFNwdAIAAQAAABg6%2BQ', '$skiptoken')],
    ['a text that is not UTF-8', signed.replace('RFNw', '%FF')],
  ])('refuses a link with %s', (_, changed) => {
    expect(readLink([key], owner, changed)).toEqual(refused);
  });

  it('refuses the mark of one link on another', () => {
    const mark = signed.split('ptb_link=')[1] ?? '';
    const other = '/v1.0/users?$skiptoken=other';
    expect(readLink([key], owner, `${other}&ptb_link=${mark}`)).toEqual(refused);
  });

  it('does not take parts of the owner for each other', () => {
    const one = signLink(key, { ...owner, rule: 'a', caller: 'bc' }, { url, selected });
    expect(readLink([key], { ...owner, rule: 'ab', caller: 'c' }, one)).toEqual(refused);
  });

  it('accepts none of the links in which characters were changed', () => {
    const meaning = (text: string): string => {
      try {
        const [path = '', query = ''] = text.split(/\?(.*)/s);
        const decoded = (part: string): string => decodeURIComponent(part.replaceAll('+', ' '));
        return JSON.stringify([path.split('/').map(decodeURIComponent), query.split('&').map(decoded).toSorted()]);
      } catch {
        return text;
      }
    };
    const edit = fc.tuple(fc.nat(signed.length - 1), fc.nat(2), fc.string({ maxLength: 3 }));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let changed = signed;
        for (const [at, cut, text] of edits) changed = changed.slice(0, at) + text + changed.slice(at + cut);
        fc.pre(meaning(changed) !== meaning(signed));
        const reading = readLink([key], owner, changed);
        expect(reading.ok && reading.link !== undefined).toBe(false);
      }),
      { numRuns: 3_000 },
    );
  });

  it('reads every link that it signed', () => {
    const text = fc
      .string({ unit: 'grapheme', maxLength: 20 })
      .map((value) => encodeURIComponent(value.toWellFormed()));
    fc.assert(
      fc.property(fc.array(text), fc.array(fc.tuple(text, text)), fc.array(fc.string()), (path, query, names) => {
        const options = query.map(([name, value]) => `${name}=${value}`).join('&');
        const link = { url: `/v1.0/${path.join('/')}?${options}x=1`, selected: names };
        const reading = readLink([key], owner, signLink(key, owner, link));
        expect(reading).toEqual({ ok: true, url: link.url, link: { selected: names } });
      }),
      { numRuns: 300 },
    );
  });
});

describe('gatewayLink', () => {
  const route = {
    gatewayUrl: 'https://broker.example/api/gateway/T/graph',
    resourceUrl: 'https://graph.microsoft.com',
    rootUrl: 'https://graph.microsoft.com/v1.0',
    requestUrl: 'https://graph.microsoft.com/v1.0/teams/1/channels?$top=5',
  };
  const rewritten = (link: string): string | undefined => gatewayLink(route, link, (below) => `${below}#signed`);

  it('leads to the gateway', () => {
    expect(rewritten('https://graph.microsoft.com/v1.0/users?$skiptoken=a%2Fb')).toBe(
      'https://broker.example/api/gateway/T/graph/v1.0/users?$skiptoken=a%2Fb#signed',
    );
    expect(rewritten('HTTPS://Graph.Microsoft.com:443/v1.0/users')).toBe(
      'https://broker.example/api/gateway/T/graph/v1.0/users#signed',
    );
  });

  it.each(['/v1.0/users/1', '/users/1'])('that starts with a slash continues the version: %s', (link) => {
    expect(rewritten(link)).toBe(`${route.gatewayUrl}/v1.0/users/1#signed`);
  });

  it.each([
    ['channels/2', '/v1.0/teams/1/channels/2'],
    ['./2', '/v1.0/teams/1/2'],
    ['../2/channels', '/v1.0/teams/2/channels'],
    ['../../../../../beta/users', '/beta/users'],
    ['?$skiptoken=a', '/v1.0/teams/1/channels?$skiptoken=a'],
  ])('that is relative to the request is resolved: %s', (link, expected) => {
    expect(rewritten(link)).toBe(`${route.gatewayUrl}${expected}#signed`);
  });

  it('has a colon in a name, which is no scheme', () => {
    expect(rewritten('./a:b')).toBe(`${route.gatewayUrl}/v1.0/teams/1/a:b#signed`);
    expect(rewritten('/users/a:b')).toBe(`${route.gatewayUrl}/v1.0/users/a:b#signed`);
  });

  it('hides no fault of the code that signs it', () => {
    const fault = new RangeError('fault');
    expect(() =>
      gatewayLink(route, '/users', () => {
        throw fault;
      }),
    ).toThrow(fault);
  });

  it('takes an option that cannot be decoded for no mark', () => {
    expect(readLink([key], owner, '/v1.0/users?%E0=1')).toMatchObject({ ok: true, link: undefined });
  });

  it('is below the address of the resource', () => {
    const based = { ...route, resourceUrl: 'https://api.example/base' };
    expect(gatewayLink(based, 'https://api.example/base/v1/a', (below) => below)).toBe(`${route.gatewayUrl}/v1/a`);
    expect(gatewayLink(based, 'https://api.example/baseless/v1', (below) => below)).toBeUndefined();
  });

  it.each([
    'https://graph.microsoft.com.evil.example/v1.0/users',
    'https://graph.microsoft.com@evil.example/v1.0/users',
    'https://user:pass@graph.microsoft.com/v1.0/users',
    'https://user@graph.microsoft.com/v1.0/users',
    'https://:pass@graph.microsoft.com/v1.0/users',
    'http://graph.microsoft.com/v1.0/users',
    'https://graph.microsoft.com:444/v1.0/users',
    'https://tenant.sharepoint.com/_layouts/download.aspx?tempauth=x',
    String.raw`https://graph.microsoft.com\@evil.example/v1.0`,
    'https://graph.microsoft.com/v1.0/users#fragment',
    ' https://graph.microsoft.com/v1.0/users',
    'https://graph.microsoft.com',
    '//evil.example/v1.0/users',
    String.raw`/\evil.example/v1.0`,
    '/v1.0/users#fragment',
    '///evil.example/v1.0',
    'https:evil.example/v1.0',
    'https:graph.microsoft.com/v1.0',
    'javascript:1',
    String.raw`..\..\evil.example`,
    'channels/2#fragment',
    '',
  ])('does not lead to %s', (link) => {
    expect(rewritten(link)).toBeUndefined();
  });

  it('does not lead to an address that cannot be signed', () => {
    const sign = (below: string): string => signLink(key, owner, { url: below, selected: [] });
    expect(gatewayLink(route, 'https://graph.microsoft.com/v1.0/%FF', sign)).toBeUndefined();
    expect(gatewayLink(route, 'https://graph.microsoft.com/v1.0/a?ptb_link=a.b', sign)).toBeUndefined();
  });
});
