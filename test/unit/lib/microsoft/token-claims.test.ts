import { describe, expect, it } from 'vitest';
import { readClaims } from '../../../../src/lib/microsoft/token-reply.ts';

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: unknown): string => `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`;

describe('readClaims', () => {
  it.each([
    [{ tid: 'ABCDEF00-0000-4000-8000-000000000001' }, { tenantId: 'abcdef00-0000-4000-8000-000000000001' }],
    [{ aud: 'https://graph.microsoft.com' }, { audience: 'https://graph.microsoft.com' }],
    [{ oid: 'object' }, { objectId: 'object' }],
    [{ upn: 'a@x.example', unique_name: 'b', preferred_username: 'c' }, { username: 'a@x.example' }],
    [{ unique_name: 'b', preferred_username: 'c' }, { username: 'b' }],
    [{ preferred_username: 'c' }, { username: 'c' }],
    [{ appid: 'version 1', azp: 'version 2' }, { clientId: 'version 1' }],
    [{ azp: 'version 2' }, { clientId: 'version 2' }],
    [{ uti: 'unique' }, { tokenIdentifier: 'unique' }],
    [{ exp: 1_800_000_000 }, { expiresAtMs: 1_800_000_000_000 }],
    [{ scp: 'User.Read  Mail.Read ' }, { scopes: ['User.Read', 'Mail.Read'] }],
    [{ scp: '' }, { scopes: [] }],
    [{ roles: ['A', 7, 'B'] }, { scopes: ['A', 'B'] }],
    [{ scp: 'User.Read A', roles: ['A', 'B'] }, { scopes: ['User.Read', 'A', 'B'] }],
    [{ amr: ['pwd', 'mfa', null] }, { authenticationMethods: ['pwd', 'mfa'] }],
    [{ amr: 'mfa' }, { authenticationMethods: ['mfa'] }],
  ])('reads from %j only %j', (claims, expected) => {
    expect(readClaims(jwt(claims))).toStrictEqual(expected);
  });

  it('reads all claims of one token', () => {
    const claims = { tid: 'T', aud: 'a', oid: 'o', upn: 'u', appid: 'c', uti: 'i', exp: 1, scp: 's', amr: ['mfa'] };
    expect(readClaims(jwt(claims))).toStrictEqual({
      tenantId: 't',
      audience: 'a',
      objectId: 'o',
      username: 'u',
      clientId: 'c',
      tokenIdentifier: 'i',
      expiresAtMs: 1000,
      scopes: ['s'],
      authenticationMethods: ['mfa'],
    });
  });

  it.each([
    { tid: 1, aud: {}, oid: [], upn: null, appid: true, uti: 0, exp: '1', scp: 7, roles: {}, amr: null },
    { aud: 'x'.repeat(1025), oid: 'x'.repeat(1025) },
    {},
  ])('leaves out claims of another type and overlong ones (%#)', (claims) => {
    expect(readClaims(jwt(claims))).toStrictEqual({});
  });

  it('reads a claim of 1,024 characters', () => {
    expect(readClaims(jwt({ aud: 'x'.repeat(1024) })).audience).toHaveLength(1024);
  });

  it.each([
    ['nothing', ''],
    ['an opaque token', 'opaque'],
    ['two parts', `${part({})}.${part({ aud: 'a' })}`],
    ['no JSON', 'a.b.c'],
    ['a list', jwt([{ aud: 'a' }])],
    ['null', jwt(null)],
    ['a text', jwt('aud')],
  ])('finds no claims in %s', (_, token) => {
    expect(readClaims(token)).toStrictEqual({});
  });
});
