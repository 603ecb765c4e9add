import { expect, it } from 'vitest';
import { createCallerVerifier } from '../../../../../src/lib/access/sign-in/verify-caller.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import { FakeClock, seededRandom } from '../../../../fakes/fake-clock.ts';
import { guid, tenant } from '../../../../support/audit-entries.ts';
import { casesOf } from '../../../../support/extent.ts';
import {
  audiences,
  base64url,
  claims,
  entraEndpoint,
  homeTenant,
  KeyServer,
  newSigningKey,
  signJwt,
} from '../../../../support/token-forge.ts';

const mutants = casesOf(100_000);
const seed = 20261124;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const random = seededRandom(seed);
const below = (limit: number): number => Math.floor(random() * limit);
function pick<T>(items: readonly [T, ...T[]] | readonly T[]): T {
  const [item] = items.slice(below(items.length));
  return item as T;
}

const clock = new FakeClock();
const key = newSigningKey('key-1');
const foreignKey = newSigningKey('key-1');
const good = Array.from({ length: 20 }, (_, index) =>
  signJwt(key, claims(clock.nowMs(), { uti: `u${index}`, azp: guid(index) })),
);

const otherThan = (char: string): string => pick([...alphabet].filter((other) => other !== char));

/** Changes that make one claim invalid. Each must be refused even with a valid signature. */
const wrongClaims: readonly (() => Record<string, unknown>)[] = [
  () => ({
    iss: pick([
      undefined,
      '',
      null,
      `${entraEndpoint}/${tenant(below(99))}/v2.0`,
      `${entraEndpoint}/${homeTenant}/`,
      7,
    ]),
  }),
  () => ({
    aud: pick([undefined, '', [...audiences], `${audiences[0]} `, 'https://graph.microsoft.com', guid(below(99))]),
  }),
  () => ({ tid: pick([undefined, '', tenant(below(99)), [homeTenant], `${homeTenant}\u0000`, `{${homeTenant}}`]) }),
  () => ({ exp: pick([undefined, '1', null, -1, 0, Math.floor(clock.nowMs() / 1000) - 61 - below(1e6), 1.5e300]) }),
  () => ({ nbf: pick([undefined, 'x', Math.floor(clock.nowMs() / 1000) + 61 + below(1e6), 1.5]) }),
  () => ({ iat: pick([undefined, 'x', Math.floor(clock.nowMs() / 1000) + 61 + below(1e6), null]) }),
  () => ({ azp: pick([undefined, '', '*', 7, [guid(1)], { a: 1 }]) }),
  () => ({ oid: pick([undefined, '', '*', 7, [guid(1)]]) }),
  () => ({ ver: pick([undefined, '1.0', '2', 2, '3.0']) }),
  () => ({ roles: pick(['Tokens.Request', 7, null, {}, [['Tokens.Request']], [7]]) }),
  () => ({ idtyp: pick(['user', 'APP', 7, null]) }),
];

const wrongHeaders: readonly (() => unknown)[] = [
  () => ({
    alg: pick(['none', 'None', 'HS256', 'RS384', 'RS512', 'PS256', 'ES256', '', 7, null, undefined]),
    typ: 'JWT',
    kid: 'key-1',
  }),
  () => ({ alg: 'RS256', typ: pick(['JWE', '', 7, undefined, 'jwt ']), kid: 'key-1' }),
  () => ({
    alg: 'RS256',
    typ: 'JWT',
    kid: pick([
      '',
      'key-2',
      '../key-1',
      "key-1' --",
      'key-1\u0000',
      7,
      null,
      undefined,
      ['key-1'],
      '__proto__',
      'constructor',
    ]),
  }),
  () => ({
    alg: 'RS256',
    typ: 'JWT',
    kid: 'key-1',
    crit: pick([[], ['exp'], ['b64'], null, 'x']),
    b64: pick([true, false]),
  }),
  () => pick(['[]', 'null', '"x"', '{', '', '{"alg":"RS256","typ":"JWT","kid":"key-1","kid":"key-1"}']),
];

/** Mutations of a valid token that must be refused, by the name under which they are counted. */
const mutations: Readonly<Record<string, () => string>> = {
  'one character of the signed part or the signature': () => {
    const token = pick(good);
    const at = below(token.length);
    const char = token[at] ?? '';
    return `${token.slice(0, at)}${char === '.' ? 'A' : otherThan(char)}${token.slice(at + 1)}`;
  },
  'one character too many': () => {
    const token = pick(good);
    const at = below(token.length + 1);
    return `${token.slice(0, at)}${pick([...alphabet, '.', '=', '+', '/', ' ', '\u0000', 'é'])}${token.slice(at)}`;
  },
  'some characters missing': () => {
    const token = pick(good);
    const at = below(token.length);
    return token.slice(0, at) + token.slice(at + 1 + below(8));
  },
  'parts of two tokens': () => {
    const [one, other] = [
      pick(good).split('.'),
      signJwt(key, claims(clock.nowMs(), { uti: `v${below(1e9)}` })).split('.'),
    ];
    return pick([
      [one[0], one[1], other[2]],
      [one[0], other[1], one[2]],
      [one[1], one[0], one[2]],
      [one[0], one[1], one[0]],
    ]).join('.');
  },
  'other claims under the old signature': () => {
    const [header, , signature] = pick(good).split('.');
    return `${header}.${base64url(claims(clock.nowMs(), { roles: ['Runs.Write'], oid: guid(below(1e6)) }))}.${signature}`;
  },
  'a signature of another key': () => signJwt(foreignKey, claims(clock.nowMs(), { uti: `w${below(1e9)}` })),
  'a wrong claim, correctly signed': () => signJwt(key, claims(clock.nowMs(), pick(wrongClaims)())),
  'a wrong header, correctly signed': () => signJwt(key, claims(clock.nowMs()), pick(wrongHeaders)()),
  'no token at all': () =>
    pick(['', '.', '..', '...', 'null', 'undefined', 'x'.repeat(below(20_000)), pick(good).replaceAll('.', ',')]),
};
// Signing takes 0.5 ms and dominates the time, so mutations without it get the greater share.
const cheap = [
  'one character of the signed part or the signature',
  'one character too many',
  'some characters missing',
  'other claims under the old signature',
  'no token at all',
];

it(`accepts none of ${mutants} mutated tokens`, { timeout: 600_000 }, async () => {
  const verifier = createCallerVerifier(
    { fetch: new KeyServer(key).fetch, clock, log: silentLogger },
    { entraEndpoint, tenantId: homeTenant, audiences },
  );
  // Control: the unchanged tokens are accepted.
  for (const token of good) await verifier.verify(`Bearer ${token}`);
  const whole = new Set(good);
  const names = Object.keys(mutations);
  const counts: Record<string, number> = {};
  const wrong: string[] = [];
  let tried = 0;
  while (tried < mutants) {
    const name = pick(random() < 0.15 ? names : cheap);
    const token = mutations[name]?.() ?? '';
    // Any number of spaces may precede a token (RFC 6750 section 2.1).
    if (whole.has(token.trimStart())) continue;
    tried += 1;
    counts[name] = (counts[name] ?? 0) + 1;
    try {
      await verifier.verify(`Bearer ${token}`);
      wrong.push(`accepted: ${name}: ${token}`);
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'caller_unauthenticated')
        wrong.push(`${String(error)}: ${name}: ${token}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(Object.keys(counts).toSorted()).toEqual(names.toSorted());
  console.log(`mutated tokens: ${tried} tried (seed ${seed}), 0 accepted`, counts);
});
