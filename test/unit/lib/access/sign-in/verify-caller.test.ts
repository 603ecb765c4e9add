import { createHmac, createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CallerVerifier } from '../../../../../src/lib/core/caller.ts';
import { createCallerVerifier } from '../../../../../src/lib/access/sign-in/verify-caller.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { guid, tenant } from '../../../../support/audit-entries.ts';
import {
  audiences,
  base64url,
  claims,
  clientId,
  entraEndpoint,
  homeTenant,
  KeyServer,
  newSigningKey,
  type SigningKey,
  signJwt,
} from '../../../../support/token-forge.ts';

let key: SigningKey;
let foreignKey: SigningKey;
beforeAll(() => {
  key = newSigningKey('key-1');
  foreignKey = newSigningKey('key-1');
});

function start(changes: { audiences?: string[]; cloud?: 'china' } = {}, names?: Map<string, string>) {
  const clock = new FakeClock();
  const server = new KeyServer(key);
  const { log, lines } = recordingLogger();
  const settings = { entraEndpoint, tenantId: homeTenant, audiences, ...changes };
  const verifier = createCallerVerifier({ fetch: server.fetch, clock, log, callerNames: async () => names }, settings);
  return { clock, server, verifier, lines, now: () => clock.nowMs() };
}

async function reasonOf(verifier: CallerVerifier, authorization: string | null): Promise<string> {
  try {
    await verifier.verify(authorization);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof BrokerError)) return `threw ${String(error)}`;
    return error.code === 'caller_unauthenticated' ? String(error.logFields['reason']) : error.code;
  }
}

const [application, object] = [guid(0xa1), guid(0xb1)];
const start8 = application.slice(0, 8);
const ofApplication = { app_displayname: 'ada@partner.example' };
const ofPerson = { ...ofApplication, scp: 'access', preferred_username: 'ann@contoso.com' };
const forPerson = { ...ofPerson, xms_act_fct: '11' };

describe('CallerVerifier with a valid token', () => {
  it('returns the requesting application and its roles', async () => {
    const { verifier, now } = start();
    expect(await verifier.verify(`Bearer ${signJwt(key, claims(now()))}`)).toEqual({
      applicationId: guid(0xa1),
      objectId: guid(0xb1),
      kind: 'application',
      roles: ['Tokens.Request', 'Audit.Read'],
      tenantId: homeTenant,
      name: guid(0xa1),
    });
  });

  it('accepts version 1, with the claim appid and the issuer of version 1', async () => {
    const { verifier, now } = start();
    const { azp: _azp, ...rest } = claims(now(), {
      ver: '1.0',
      appid: guid(0xa7).toUpperCase(),
      iss: `https://sts.windows.net/${homeTenant}/`,
      aud: `api://${clientId}`,
      app_displayname: 'Billing\r\nforged line',
    });
    const caller = await verifier.verify(`bearer ${signJwt(key, rest)}`);
    const name = `application Billing  forged line (${guid(0xa7).slice(0, 8)}…)`;
    expect(caller).toMatchObject({ applicationId: guid(0xa7), kind: 'application', name });
  });

  it('returns kind user and the roles of the user', async () => {
    const { verifier, now } = start();
    const token = signJwt(
      key,
      claims(now(), { scp: 'access', roles: ['Runs.Read'], preferred_username: 'ann@contoso.com' }),
    );
    expect(await verifier.verify(`Bearer ${token}`)).toMatchObject({
      kind: 'user',
      roles: ['Runs.Read'],
      name: 'ann@contoso.com',
    });
  });

  it.each<[who: string, changes: Record<string, unknown>, names: [id: string, name: string][], name: string]>([
    ['an application with its own name and id', ofApplication, [], `application ada@partner.example (${start8}…)`],
    ['an application as the policy does', ofApplication, [[application, 'Portal']], 'Portal'],
    ['a service principal as the policy does', ofApplication, [[object, 'Portal']], 'Portal'],
    ['a person not as the application', ofPerson, [[application, 'Portal']], 'ann@contoso.com'],
    ['a person as the policy does', ofPerson, [[object, 'Ann']], 'Ann'],
    ['a person without a sign-in name by an id', { ...ofApplication, scp: 'access' }, [], application],
    [
      'an agent with its own name and id',
      { ...ofApplication, xms_act_fct: '11' },
      [],
      `agent ada@partner.example (${start8}…)`,
    ],
    ['an agent as the policy does', { ...ofApplication, xms_act_fct: '11' }, [[application, 'Bot']], 'agent Bot'],
    ['an agent for a person', forPerson, [], `agent ada@partner.example (${start8}…) for ann@contoso.com`],
    ['an agent of the policy for a person', forPerson, [[application, 'Bot']], 'agent Bot for ann@contoso.com'],
    [
      'an agent for a person of the policy',
      forPerson,
      [[object, 'Ann']],
      `agent ada@partner.example (${start8}…) for Ann`,
    ],
    [
      'an agent and a person of the policy',
      forPerson,
      [
        [application, 'Bot'],
        [object, 'Ann'],
      ],
      'agent Bot for Ann',
    ],
    [
      'an agent with a long name for a person',
      { ...forPerson, app_displayname: 'x'.repeat(300) },
      [],
      `agent ${'x'.repeat(40)} (${start8}…) for ann@contoso.com`,
    ],
  ])('names %s', async (_who, changes, names, name) => {
    const { verifier, now } = start({}, new Map(names));
    const token = `Bearer ${signJwt(key, claims(now(), changes))}`;
    expect((await verifier.verify(token)).name).toBe(name);
  });

  it('names a caller as the policy does now, also when its token is known', async () => {
    const names = new Map([[application, 'Portal']]);
    const { verifier, now } = start({}, names);
    const token = `Bearer ${signJwt(key, claims(now(), ofApplication))}`;
    expect((await verifier.verify(token)).name).toBe('Portal');
    names.set(application, 'Helpdesk');
    expect((await verifier.verify(token)).name).toBe('Helpdesk');
  });

  it('returns no roles when the token has none or only unknown ones', async () => {
    const { verifier, now } = start();
    const { roles: _roles, ...rest } = claims(now());
    expect(await verifier.verify(`Bearer ${signJwt(key, rest)}`)).toMatchObject({ roles: [] });
    const foreign = signJwt(key, claims(now(), { roles: ['Global.Admin', 'tokens.request'] }));
    expect(await verifier.verify(`Bearer ${foreign}`)).toMatchObject({ roles: [] });
  });

  it('accepts a clock difference of up to 60 s', async () => {
    const { verifier, now } = start();
    const second = Math.floor(now() / 1000);
    const times = (nbf: number, exp: number) => `Bearer ${signJwt(key, claims(now(), { iat: nbf, nbf, exp }))}`;
    expect(await reasonOf(verifier, times(second + 60, second + 600))).toBe('accepted');
    expect(await reasonOf(verifier, times(second + 61, second + 600))).toBe('not_yet_valid');
    expect(await reasonOf(verifier, times(second - 600, second - 59))).toBe('accepted');
    expect(await reasonOf(verifier, times(second - 600, second - 60))).toBe('expired');
  });

  it('says how far the times of the token are from the clock of the broker', async () => {
    const { verifier, now } = start();
    const second = Math.floor(now() / 1000);
    const here = new Date(now()).toISOString();
    const times = (nbf: number, exp: number) => `Bearer ${signJwt(key, claims(now(), { iat: nbf, nbf, exp }))}`;
    await expect(verifier.verify(times(second - 4_000, second - 7_200))).rejects.toThrow(
      `The token has expired. It ended 7200 s ago by the clock of the broker, which says ${here}.`,
    );
    await expect(verifier.verify(times(second + 600, second + 4_000))).rejects.toThrow(
      `The token is not valid yet. It begins in 600 s by the clock of the broker, which says ${here}.`,
    );
    const far = Number.MAX_SAFE_INTEGER;
    await expect(verifier.verify(times(far, far))).rejects.toThrow(/begins in \d+ s/);
  });

  it('accepts the issuer of a national cloud only if that cloud is configured', async () => {
    const v1 = (now: number) => {
      const { azp: _azp, ...rest } = claims(now, {
        ver: '1.0',
        appid: guid(1),
        iss: `https://sts.chinacloudapi.cn/${homeTenant}/`,
      });
      return `Bearer ${signJwt(key, rest)}`;
    };
    const [global, china] = [start(), start({ cloud: 'china' })];
    expect(await reasonOf(global.verifier, v1(global.now()))).toBe('issuer');
    expect(await reasonOf(china.verifier, v1(china.now()))).toBe('accepted');
  });

  it('cuts a name that is too long for the log', async () => {
    const { verifier, now } = start();
    const token = signed(now(), { scp: 'access', preferred_username: `${'n'.repeat(200)}@contoso.com` });
    expect(await verifier.verify(`Bearer ${token}`)).toMatchObject({ name: 'n'.repeat(100) });
  });

  it('accepts a kind that the token states, and any number of spaces', async () => {
    const { verifier, now } = start();
    expect(await reasonOf(verifier, `Bearer   ${signed(now(), { idtyp: 'app' })}`)).toBe('accepted');
    expect(await reasonOf(verifier, `Bearer ${signed(now(), { idtyp: 'user', scp: 'access' })}`)).toBe('accepted');
  });
});

describe('CallerVerifier with a cached token', () => {
  it('uses neither keys nor signature again until the token expires', async () => {
    const { verifier, server, clock, now } = start();
    const header = `Bearer ${signJwt(key, claims(now()))}`;
    const first = await verifier.verify(header);
    server.keys = [];
    expect((await verifier.verify(header)).roles).toBe(first.roles);
    await clock.advance(3_600_000 + 60_000);
    expect(await reasonOf(verifier, header)).toBe('expired');
    expect(server.requests).toHaveLength(2);
  });

  it('forgets a short-lived token when it expires', async () => {
    const { verifier, clock, now } = start();
    const header = `Bearer ${signed(now(), { exp: Math.floor(now() / 1000) + 300 })}`;
    await verifier.verify(header);
    await clock.advance(360_000);
    expect(await reasonOf(verifier, header)).toBe('expired');
  });

  it('verifies a token again after an hour, because Entra may have withdrawn its key', async () => {
    const { verifier, server, clock, now } = start();
    const header = `Bearer ${signed(now(), { exp: Math.floor(now() / 1000) + 86_400 })}`;
    await verifier.verify(header);
    server.keys = [{ ...key.jwk, kid: 'key-2' }];
    await clock.advance(3_599_999);
    expect(await reasonOf(verifier, header)).toBe('accepted');
    await clock.advance(1);
    expect(await reasonOf(verifier, header)).toBe('key_unknown');
  });

  it('verifies another token with the same claims', async () => {
    const { verifier, now } = start();
    const token = signJwt(key, claims(now()));
    await verifier.verify(`Bearer ${token}`);
    const forged = `${token.slice(0, token.lastIndexOf('.'))}.${signJwt(foreignKey, claims(now())).split('.')[2]}`;
    expect(await reasonOf(verifier, `Bearer ${forged}`)).toBe('signature');
  });
});

describe('CallerVerifier with an invalid token', () => {
  const cases: readonly [name: string, reason: string, make: (now: number) => string | null][] = [
    ['no header', 'missing', () => null],
    ['an empty header', 'missing', () => ''],
    ['another scheme', 'malformed', (now) => `Basic ${signJwt(key, claims(now))}`],
    ['another scheme before', 'malformed', (now) => `Basic Bearer ${signed(now, {})}`],
    ['a signature in another spelling', 'malformed', (now) => `Bearer ${respelled(signed(now, {}))}`],
    ['null as header', 'malformed', (now) => `Bearer ${signJwt(key, claims(now), 'null')}`],
    ['a number as payload', 'malformed', () => `Bearer ${signJwt(key, '5')}`],
    ['no token', 'malformed', () => 'Bearer '],
    ['two tokens', 'malformed', (now) => `Bearer ${signJwt(key, claims(now))} ${signJwt(key, claims(now))}`],
    ['two headers joined', 'malformed', (now) => `Bearer ${signJwt(key, claims(now))}, Bearer x.y.z`],
    ['a header of 17 KiB', 'too_large', () => `Bearer ${'a'.repeat(17 * 1024)}`],
    ['a shortened signature', 'signature', (now) => `Bearer ${signJwt(key, claims(now)).slice(0, -10)}`],
    ['only two parts', 'malformed', (now) => `Bearer ${signJwt(key, claims(now)).split('.').slice(0, 2).join('.')}`],
    ['four parts', 'malformed', (now) => `Bearer ${signJwt(key, claims(now))}.x`],
    ['an empty signature', 'malformed', (now) => `Bearer ${signJwt(key, claims(now)).replace(/\.[^.]*$/, '.')}`],
    ['padding', 'malformed', (now) => `Bearer ${signJwt(key, claims(now))}==`],
    ['parts that are not JSON', 'malformed', () => `Bearer ${base64url('x')}.${base64url('y')}.AAAA`],
    ['an array as payload', 'malformed', () => `Bearer ${signJwt(key, [])}`],
    [
      'a payload that is not UTF-8',
      'malformed',
      () => `Bearer ${base64url({ alg: 'RS256', typ: 'JWT', kid: 'key-1' })}._____w.AAAA`,
    ],
    [
      'alg none',
      'algorithm',
      (now) => `Bearer ${base64url({ alg: 'none', typ: 'JWT', kid: 'key-1' })}.${base64url(claims(now))}.AA`,
    ],
    [
      'alg none in other capitals',
      'algorithm',
      (now) => `Bearer ${signJwt(key, claims(now), { alg: 'nOnE', typ: 'JWT', kid: 'key-1' })}`,
    ],
    [
      'alg RS512',
      'algorithm',
      (now) => `Bearer ${signJwt(key, claims(now), { alg: 'RS512', typ: 'JWT', kid: 'key-1' })}`,
    ],
    ['an HMAC keyed with the public key', 'algorithm', (now) => `Bearer ${hmacWithPublicKey(now)}`],
    [
      'a critical extension',
      'malformed',
      (now) =>
        `Bearer ${signJwt(key, claims(now), { alg: 'RS256', typ: 'JWT', kid: 'key-1', crit: ['b64'], b64: false })}`,
    ],
    [
      'another type',
      'malformed',
      (now) => `Bearer ${signJwt(key, claims(now), { alg: 'RS256', typ: 'pop', kid: 'key-1' })}`,
    ],
    ['no key id', 'key_unknown', (now) => `Bearer ${signJwt(key, claims(now), { alg: 'RS256', typ: 'JWT' })}`],
    ['a path as key id', 'key_unknown', (now) => `Bearer ${withKeyId(now, '../../../dev/null')}`],
    ['SQL as key id', 'key_unknown', (now) => `Bearer ${withKeyId(now, "x' UNION SELECT 'key-1")}`],
    ['a URL as key id', 'key_unknown', (now) => `Bearer ${withKeyId(now, 'https://evil.test/keys')}`],
    ['__proto__ as key id', 'key_unknown', (now) => `Bearer ${withKeyId(now, '__proto__')}`],
    [
      'its own key in the header (jwk)',
      'signature',
      (now) =>
        `Bearer ${signJwt(foreignKey, claims(now), { alg: 'RS256', typ: 'JWT', kid: 'key-1', jwk: foreignKey.jwk })}`,
    ],
    [
      'a key URL in the header (jku, x5u)',
      'signature',
      (now) =>
        `Bearer ${signJwt(foreignKey, claims(now), { alg: 'RS256', typ: 'JWT', kid: 'key-1', jku: 'https://evil.test', x5u: 'https://evil.test' })}`,
    ],
    ['the signature of a foreign key', 'signature', (now) => `Bearer ${signJwt(foreignKey, claims(now))}`],
    [
      'a duplicate claim',
      'duplicate_claim',
      (now) => `Bearer ${signJwt(key, appendClaim(claims(now), '"roles":["Tokens.Request"]'))}`,
    ],
    [
      'a duplicate claim with escapes',
      'duplicate_claim',
      (now) => `Bearer ${signJwt(key, appendClaim(claims(now), '"\\u0074id":"x"'))}`,
    ],
    [
      'a duplicate header field',
      'duplicate_claim',
      (now) => `Bearer ${signJwt(key, claims(now), '{"alg":"RS256","typ":"JWT","kid":"key-1","alg":"RS256"}')}`,
    ],
    ['the common issuer', 'issuer', (now) => `Bearer ${signed(now, { iss: `${entraEndpoint}/common/v2.0` })}`],
    ['a truncated issuer', 'issuer', (now) => `Bearer ${signed(now, { iss: `${entraEndpoint}/${homeTenant}` })}`],
    [
      'the issuer of another tenant',
      'issuer',
      (now) => `Bearer ${signed(now, { iss: `${entraEndpoint}/${tenant(2)}/v2.0` })}`,
    ],
    ['a list of issuers', 'issuer', (now) => `Bearer ${signed(now, { iss: [`${entraEndpoint}/${homeTenant}/v2.0`] })}`],
    [
      'the issuer of version 1 in version 2',
      'issuer',
      (now) => `Bearer ${signed(now, { iss: `https://sts.windows.net/${homeTenant}/` })}`,
    ],
    ['another tenant in tid', 'tenant', (now) => `Bearer ${signed(now, { tid: tenant(2) })}`],
    ['no tid', 'claims', (now) => `Bearer ${signed(now, { tid: undefined })}`],
    ['a tid that is not a GUID', 'claims', (now) => `Bearer ${signed(now, { tid: '../x' })}`],
    ['another audience', 'audience', (now) => `Bearer ${signed(now, { aud: 'https://graph.microsoft.com' })}`],
    ['the audience with a suffix', 'audience', (now) => `Bearer ${signed(now, { aud: `${clientId}/` })}`],
    ['a list of audiences', 'claims', (now) => `Bearer ${signed(now, { aud: [clientId, 'x'] })}`],
    ['exp in the past', 'expired', (now) => `Bearer ${signed(now, { exp: Math.floor(now / 1000) - 61 })}`],
    ['nbf in the future', 'not_yet_valid', (now) => `Bearer ${signed(now, { nbf: Math.floor(now / 1000) + 61 })}`],
    ['iat in the future', 'not_yet_valid', (now) => `Bearer ${signed(now, { iat: Math.floor(now / 1000) + 61 })}`],
    ['no exp', 'claims', (now) => `Bearer ${signed(now, { exp: undefined })}`],
    ['exp as text', 'claims', (now) => `Bearer ${signed(now, { exp: '9999999999' })}`],
    [
      'exp beyond the range of numbers',
      'claims',
      (now) => `Bearer ${signJwt(key, JSON.stringify(claims(now)).replace(/"exp":\d+/, '"exp":1e999'))}`,
    ],
    [
      'a lifetime of zero',
      'claims',
      (now) => `Bearer ${signed(now, { nbf: Math.floor(now / 1000), exp: Math.floor(now / 1000) })}`,
    ],
    [
      'no azp, like an ID token',
      'claims',
      (now) => `Bearer ${signed(now, { azp: undefined, preferred_username: 'ann@contoso.com' })}`,
    ],
    [
      'appid instead of azp in version 2',
      'claims',
      (now) => `Bearer ${signed(now, { azp: undefined, appid: guid(1) })}`,
    ],
    ['an azp that is not a GUID', 'claims', (now) => `Bearer ${signed(now, { azp: '*' })}`],
    ['roles as text', 'claims', (now) => `Bearer ${signed(now, { roles: 'Tokens.Request' })}`],
    ['roles that contain an object', 'claims', (now) => `Bearer ${signed(now, { roles: [{}] })}`],
    ['idtyp app with delegated scopes', 'claims', (now) => `Bearer ${signed(now, { idtyp: 'app', scp: 'access' })}`],
    ['idtyp user without scopes', 'claims', (now) => `Bearer ${signed(now, { idtyp: 'user' })}`],
    ['an unknown version', 'claims', (now) => `Bearer ${signed(now, { ver: '3.0' })}`],
  ];

  it.each(cases)('refuses %s with reason %s', async (_name, reason, make) => {
    const { verifier, now, server } = start();
    // Control: the same token without a change is accepted.
    expect(await reasonOf(verifier, `Bearer ${signed(now(), {})}`)).toBe('accepted');
    expect(await reasonOf(verifier, make(now()))).toBe(reason);
    expect(server.requests).toEqual([`${entraEndpoint}/${homeTenant}/discovery/v2.0/keys`]);
  });

  it('includes no part of the token in log or error', async () => {
    const { verifier, now, lines } = start();
    const token = signed(now(), { aud: 'x' });
    const error: unknown = await verifier.verify(`Bearer ${token}`).catch((thrown: unknown) => thrown);
    const output = JSON.stringify([
      lines,
      String(error),
      (error as BrokerError).logFields,
      String((error as BrokerError).cause),
    ]);
    for (const part of token.split('.')) expect(output).not.toContain(part.slice(0, 40));
  });
});

it('CallerVerifier does not blame the caller while Entra does not answer', async () => {
  const { verifier, server, now } = start();
  server.instead = () => Promise.resolve(new Response('busy', { status: 503 }));
  expect(await reasonOf(verifier, `Bearer ${signed(now(), {})}`)).toBe('entra_unavailable');
});

it('createCallerVerifier throws without an audience, because any token of the tenant would pass', () => {
  expect(() => start({ audiences: [] })).toThrow('No audience');
});

const signed = (now: number, changes: Record<string, unknown>): string => signJwt(key, claims(now, changes));

/** A token whose last character has other unused bits, which stand for nothing. */
const respelled = (token: string): string =>
  `${token.slice(0, -1)}${String.fromCharCode((token.codePointAt(token.length - 1) ?? 0) + 1)}`;

const withKeyId = (now: number, kid: string): string => signJwt(key, claims(now), { alg: 'RS256', typ: 'JWT', kid });

const appendClaim = (payload: Record<string, unknown>, more: string): string =>
  `${JSON.stringify(payload).slice(0, -1)},${more}}`;

function hmacWithPublicKey(now: number): string {
  const input = `${base64url({ alg: 'HS256', typ: 'JWT', kid: 'key-1' })}.${base64url(claims(now))}`;
  const pem = createPublicKey(key.privateKey).export({ type: 'spki', format: 'pem' });
  return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
}
