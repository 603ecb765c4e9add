import { createHmac } from 'node:crypto';
import { base64url, newSigningKey, signJwt } from '../../support/token-forge.ts';
import { guid } from '../../support/audit-entries.ts';
import type { Forge } from '../forge.ts';

/** A kind of forged token: its name, and the Authorization header. */
export type Kind = readonly [name: string, authorization: string | undefined];

interface Parts {
  readonly forge: Forge;
  readonly partnerTenantId: string;
  /** A customer's tenant id. */
  readonly customer: string;
  readonly entra: string;
  readonly audience: string;
  /** An address of the attacker that must never be called. */
  readonly trap: string;
  /** A genuine signing key's id, whose private part nobody has. */
  readonly genuineKeyId: string;
}

/** Every kind of token that must not be accepted. */
export const forgedKinds = (parts: Parts): readonly Kind[] => [
  ...wrongAlgorithms(parts),
  ...wrongHeaders(parts),
  ...wrongKeys(parts),
  ...wrongIssuers(parts),
  ...wrongAudiences(parts),
  ...wrongTimes(parts),
  ...wrongShapes(parts),
  ...damagedTexts(parts),
  ...wrongCarriers(parts),
];

const bearer = (token: string): string => `Bearer ${token}`;

function wrongAlgorithms({ forge }: Parts): Kind[] {
  const payload = base64url(forge.claims());
  const head = (alg: unknown): string => base64url({ alg, typ: 'JWT', kid: forge.key.keyId });
  const pem = JSON.stringify(forge.key.jwk);
  const confused = (alg: string, hash: string, secret: string): string => {
    const input = `${head(alg)}.${payload}`;
    return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`;
  };
  return [
    ...['none', 'None', 'NONE', 'nOnE', '', 'null'].flatMap((alg): Kind[] => [
      [`alg ${JSON.stringify(alg)} without a signature`, bearer(`${head(alg)}.${payload}.`)],
      [
        `alg ${JSON.stringify(alg)} with a signature`,
        bearer(forge.sign(forge.claims(), { alg, typ: 'JWT', kid: forge.key.keyId })),
      ],
    ]),
    ['HS256 with the public key as secret', bearer(confused('HS256', 'sha256', pem))],
    ['HS256 with the modulus as secret', bearer(confused('HS256', 'sha256', String(forge.key.jwk['n'])))],
    ['HS256 with an empty secret', bearer(confused('HS256', 'sha256', ''))],
    ['HS512 with the public key as secret', bearer(confused('HS512', 'sha512', pem))],
    ...['RS384', 'RS512', 'PS256', 'ES256', 'EdDSA', 'rs256', 'RS256 ', 7, null, undefined, ['RS256']].map(
      (alg): Kind => [
        `alg ${JSON.stringify(alg)} over an RS256 signature`,
        bearer(forge.sign(forge.claims(), { alg, typ: 'JWT', kid: forge.key.keyId })),
      ],
    ),
  ];
}

function wrongHeaders({ forge, trap }: Parts): Kind[] {
  const foreign = newSigningKey(forge.key.keyId);
  const usual = { alg: 'RS256', typ: 'JWT', kid: forge.key.keyId };
  const byForeign = (more: object): string => bearer(signJwt(foreign, forge.claims(), { ...usual, ...more }));
  const signed = (header: unknown): string => bearer(forge.sign(forge.claims(), header));
  const { jwk } = foreign;
  return [
    ['a key in the header (jwk)', byForeign({ jwk })],
    ['a key address in the header (jku)', byForeign({ jku: `${trap}/keys` })],
    ['jku with another kid', byForeign({ jku: `${trap}/keys`, kid: 'attacker' })],
    ['a certificate address (x5u)', byForeign({ x5u: `${trap}/certificate` })],
    ['a certificate chain (x5c)', byForeign({ x5c: ['MIIB'] })],
    ['only a thumbprint (x5t)', signed({ alg: 'RS256', typ: 'JWT', x5t: forge.key.keyId })],
    ['critical header exp', signed({ ...usual, crit: ['exp'] })],
    ['critical header b64', signed({ ...usual, crit: ['b64'], b64: false })],
    ['empty critical headers', signed({ ...usual, crit: [] })],
    ['critical headers null', signed({ ...usual, crit: null })],
    ...['JWE', 'at+jwt ', '', 7, undefined].map(
      (typ): Kind => [`typ ${JSON.stringify(typ)}`, signed({ ...usual, typ })],
    ),
    ['header twice kid', signed(`{"alg":"RS256","typ":"JWT","kid":"other","kid":"${forge.key.keyId}"}`)],
    ['header twice alg', signed(`{"alg":"none","typ":"JWT","kid":"${forge.key.keyId}","alg":"RS256"}`)],
    ['header is a list', signed('[]')],
    ['header is null', signed('null')],
    ['header is no JSON', signed('{')],
  ];
}

function wrongKeys({ forge, genuineKeyId, trap }: Parts): Kind[] {
  const foreign = newSigningKey(forge.key.keyId);
  const small = newSigningKey(forge.key.keyId, 1024);
  const kids = [
    'unknown-key',
    '',
    '../keys',
    '/dev/null',
    "x' or '1'='1",
    `${trap}/key`,
    '__proto__',
    'constructor',
    `${forge.key.keyId}\u0000`,
    forge.key.keyId.toUpperCase(),
    7,
    null,
    undefined,
    [forge.key.keyId],
    'k'.repeat(5_000),
  ];
  return [
    ['signed with a foreign key under a known kid', bearer(signJwt(foreign, forge.claims()))],
    ['signed with a small foreign key', bearer(signJwt(small, forge.claims()))],
    [
      'signed with another key of Entra than kid says',
      bearer(forge.sign(forge.claims(), { alg: 'RS256', typ: 'JWT', kid: genuineKeyId })),
    ],
    ...kids.map(
      (kid): Kind => [
        `kid ${JSON.stringify(kid)?.slice(0, 30)}`,
        bearer(forge.sign(forge.claims(), { alg: 'RS256', typ: 'JWT', kid })),
      ],
    ),
  ];
}

/** Each set of claims is signed correctly, so only the claims are wrong. */
const claimed =
  ({ forge }: Parts, what: string) =>
  (changes: Readonly<Record<string, unknown>>): Kind => [
    `${what}: ${JSON.stringify(changes)?.slice(0, 90)}`,
    bearer(forge.sign(forge.claims(changes))),
  ];

function wrongIssuers(parts: Parts): Kind[] {
  const { entra, partnerTenantId, customer, trap } = parts;
  const issuers = [
    undefined,
    null,
    '',
    7,
    [`${entra}/${partnerTenantId}/v2.0`],
    `${entra}/${customer}/v2.0`,
    `${entra}/common/v2.0`,
    `${entra}/${partnerTenantId}/v2.0/`,
    `${entra}/${partnerTenantId}/`,
    `${entra}/${partnerTenantId}`.toUpperCase(),
    `https://sts.windows.net/${customer}/`,
    `https://sts.windows.net/${partnerTenantId}`,
    `${trap}/${partnerTenantId}/v2.0`,
    `${entra}.evil.example/${partnerTenantId}/v2.0`,
    `${entra}/${partnerTenantId}/v2.0#`,
  ];
  return [
    ...issuers.map((iss) => claimed(parts, 'issuer')({ iss })),
    ...[
      undefined,
      null,
      '',
      7,
      customer,
      'common',
      [partnerTenantId],
      `{${partnerTenantId}}`,
      `${partnerTenantId}\u0000`,
      ` ${partnerTenantId}`,
    ].map((tid) => claimed(parts, 'tenant')({ tid })),
    claimed(parts, 'issuer and tenant of a customer')({ iss: `${entra}/${customer}/v2.0`, tid: customer }),
    claimed(parts, 'version')({ ver: '1.0' }),
    claimed(parts, 'version of the other issuer')({ ver: '2.0', iss: `https://sts.windows.net/${partnerTenantId}/` }),
    ...[undefined, null, '3.0', 2, ''].map((ver) => claimed(parts, 'version')({ ver })),
  ];
}

function wrongAudiences(parts: Parts): Kind[] {
  const { audience, customer } = parts;
  const audiences = [
    undefined,
    null,
    '',
    7,
    [audience],
    [audience, 'x'],
    `${audience} `,
    `api://${audience}/`,
    `api://${audience}/.default`,
    'https://graph.microsoft.com',
    '00000003-0000-0000-c000-000000000000',
    guid(0x99),
    customer,
    '*',
  ];
  return audiences.map((aud) => claimed(parts, 'audience')({ aud }));
}

function wrongTimes(parts: Parts): Kind[] {
  const now = Math.floor(Date.now() / 1000);
  const times: Readonly<Record<string, unknown>>[] = [
    { exp: now - 3_600 },
    { exp: now - 120 },
    { exp: 0 },
    { exp: -1 },
    { exp: undefined },
    { exp: null },
    { exp: String(now + 3_600) },
    { exp: 1.5e300 },
    { exp: now + 0.5 },
    { nbf: now + 600 },
    { nbf: undefined },
    { nbf: 'x' },
    { iat: now + 600 },
    { iat: undefined },
    { iat: null },
    { nbf: now - 10, exp: now - 20 },
    { exp: [now + 3_600] },
  ];
  return times.map(claimed(parts, 'time'));
}

function wrongShapes(parts: Parts): Kind[] {
  const { forge } = parts;
  const changes: Readonly<Record<string, unknown>>[] = [
    { roles: 'Tokens.Request' },
    { roles: 7 },
    { roles: null },
    { roles: {} },
    { roles: { 0: 'Tokens.Request', length: 1 } },
    { roles: [['Tokens.Request']] },
    { roles: [7] },
    { roles: Array.from({ length: 201 }, () => 'Tokens.Request') },
    { azp: undefined },
    { azp: '*' },
    { azp: 7 },
    { azp: [guid(1)] },
    { azp: undefined, appid: guid(1) },
    { oid: undefined },
    { oid: '*' },
    { oid: { id: guid(1) } },
    { idtyp: 'user' },
    { idtyp: 'APP' },
    { idtyp: 7 },
    { scp: 'access', idtyp: 'app' },
    { scp: ['access'] },
  ];
  const text = JSON.stringify(forge.claims());
  const twice = (member: string): string => bearer(forge.sign(`${text.slice(0, -1)},${member}}`));
  return [
    ...changes.map(claimed(parts, 'claim')),
    ['roles twice', twice('"roles":["Tokens.Request"]')],
    ['tid twice', twice(`"tid":"${parts.partnerTenantId}"`)],
    ['aud twice, once escaped', twice(`"a\\u0075d":"${parts.audience}"`)],
    ['exp twice', twice('"exp":9999999999')],
    ['payload is a list', bearer(forge.sign('[]'))],
    ['payload is null', bearer(forge.sign('null'))],
    ['payload is no JSON', bearer(forge.sign(`${text} x`))],
    ['payload with a byte order mark', bearer(forge.sign(`\ufeff${text}`))],
    [
      'roles only below __proto__',
      bearer(forge.sign(text.replace(/"roles":\[[^\]]*\]/, '"__proto__":{"roles":["Tokens.Request"]},"roles":7'))),
    ],
  ];
}

function damagedTexts({ forge }: Parts): Kind[] {
  const token = forge.sign(forge.claims());
  const [header = '', payload = '', signature = ''] = token.split('.');
  const other = forge.sign(forge.claims({ uti: 'y' })).split('.');
  const texts: readonly (readonly [string, string])[] = [
    ['no signature', `${header}.${payload}.`],
    ['no third part', `${header}.${payload}`],
    ['four parts', `${token}.${signature}`],
    ['five parts (JWE)', `${header}.${payload}.${signature}.${payload}.${header}`],
    ['the signature of another token', `${header}.${payload}.${other[2]}`],
    ['the payload of another token', `${header}.${other[1]}.${signature}`],
    ['payload and header exchanged', `${payload}.${header}.${signature}`],
    ['padding', `${header}=.${payload}.${signature}`],
    ['base64 instead of base64url', `${header}.${payload}.${Buffer.from(signature, 'base64url').toString('base64')}/+`],
    ['one more byte of signature', `${token}A`],
    ['spare bits of the signature', `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`],
    ['a truncated signature', token.slice(0, -20)],
    ['a signature of zeros', `${header}.${payload}.${'A'.repeat(signature.length)}`],
    ['an empty payload', `${header}..${signature}`],
    ['dots only', '..'],
    ['20,000 characters', 'A'.repeat(15_000)],
    ['the word null', 'null'],
  ];
  return texts.map(([name, text]) => [name, bearer(text)]);
}

function wrongCarriers({ forge }: Parts): Kind[] {
  const token = forge.sign(forge.claims());
  return [
    ['no Authorization header', undefined],
    ['the scheme alone', 'Bearer'],
    ['the scheme and a blank', 'Bearer '],
    ['no scheme', token],
    ['scheme Basic', `Basic ${token}`],
    ['scheme DPoP', `DPoP ${token}`],
    ['two schemes', `Bearer Bearer ${token}`],
    ['two tokens', `Bearer ${token} ${token}`],
    ['two tokens with a comma', `Bearer ${token}, Bearer ${token}`],
    ['a quoted token', `Bearer "${token}"`],
    ['a tab after the scheme', `Bearer\t${token}`],
    ['parameters', `Bearer token=${token}`],
  ];
}
