import { generateKeyPairSync } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ClientCredential, Secret } from '../../../../src/lib/core/secrets.ts';
import { type BrowserSignIn, SignInClient, SignInExchange } from '../../../../src/operator/setup/sign-in-client.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';
import { readAssertion } from '../../../support/client-assertion.ts';

// Uses the real oauth4webapi. Only the network below it is a fake.

const tenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
const base = `https://login.test/${tenantId}`;
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A clock whose sleeps end immediately, advance its time and are recorded. */
class EagerClock extends FakeClock {
  readonly slept: number[] = [];
  #pastMs = 0;
  override nowMs(): number {
    return super.nowMs() + this.#pastMs;
  }
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.#pastMs += ms;
    await Promise.resolve();
  }
}

let clock: EagerClock;
let seen: SeenRequest[];
let answer: (request: SeenRequest, count: number) => Scripted;
beforeEach(() => {
  clock = new EagerClock();
  answer = () => {
    throw new Error('no reply is scripted');
  };
});

const secret: ClientCredential = { kind: 'secret', secret: new Secret('s+cr&t') };

function client(credential: ClientCredential | 'public' = secret, account?: string): Promise<SignInClient> {
  const scripted = scriptedFetch((request, count) => answer(request, count));
  seen = scripted.seen;
  const deps = {
    fetch: scripted.fetch,
    clock,
    loadOAuth: async () => oauth,
    federatedAssertion: async () => 'assertion-of-the-identity',
  };
  return SignInClient.create(deps, 'https://login.test', {
    tenantId,
    clientId: 'client',
    clientCredential: credential === 'public' ? undefined : credential,
    scopes: ['offline_access'],
    account,
  });
}

const form = (index = 0): URLSearchParams => new URLSearchParams(seen[index]?.body);

/** The reply of Entra after a successful sign-in. */
function issued(nonce?: string, more: object = {}): object {
  const nowSeconds = Math.floor(clock.nowMs() / 1000);
  const claims = {
    iss: `${base}/v2.0`,
    aud: 'client',
    sub: 'subject',
    tid: tenantId,
    iat: nowSeconds,
    exp: nowSeconds + 3600,
    ...(nonce === undefined ? {} : { nonce }),
  };
  return {
    token_type: 'Bearer',
    expires_in: 3600,
    access_token: `${encode({ alg: 'RS256' })}.${encode(claims)}.c2ln`,
    refresh_token: 'the-refresh-token',
    id_token: `${encode({ alg: 'RS256' })}.${encode(claims)}.c2ln`,
    ...more,
  };
}
const refused = (error: string, description = ''): Response =>
  Response.json({ error, error_description: description }, { status: 400 });

describe('SignInClient with a browser', () => {
  const callback = (signIn: BrowserSignIn, more: Record<string, string> = {}): URLSearchParams =>
    new URLSearchParams({ code: 'the-code', state: signIn.state, ...more });

  test('starts with the account picker, or with the configured account', async () => {
    const anybody = new URL((await (await client()).startBrowser('http://localhost:1')).authorizeUrl);
    expect(anybody.origin + anybody.pathname).toBe(`${base}/oauth2/v2.0/authorize`);
    const { state, nonce, code_challenge, ...parameters } = Object.fromEntries(anybody.searchParams);
    expect(parameters).toEqual({
      client_id: 'client',
      response_type: 'code',
      response_mode: 'query',
      redirect_uri: 'http://localhost:1',
      scope: 'openid profile offline_access',
      code_challenge_method: 'S256',
      prompt: 'select_account',
    });
    expect(new Set([state, nonce, code_challenge].map((value) => value?.length ?? 0))).toEqual(new Set([43]));
    const one = new URL((await (await client(secret, 'b@p.example')).startBrowser('http://localhost:1')).authorizeUrl);
    expect([one.searchParams.get('prompt'), one.searchParams.get('login_hint')]).toEqual(['login', 'b@p.example']);
  });

  test('redeems the code with the code verifier of this sign-in', async () => {
    const signing = await client();
    const started = await signing.startBrowser('http://localhost:1');
    answer = () => issued(started.nonce);
    const token = await signing.finishBrowser(started, callback(started));
    expect(token.refreshToken?.reveal()).toBe('the-refresh-token');
    expect(Object.fromEntries(form())).toMatchObject({
      grant_type: 'authorization_code',
      code: 'the-code',
      code_verifier: started.codeVerifier,
      redirect_uri: 'http://localhost:1',
      client_secret: 's+cr&t',
    });
  });

  test.each<[string, (started: BrowserSignIn) => [URLSearchParams, Scripted], RegExp]>([
    ['another state', (s) => [callback(s, { state: 'forged' }), issued(s.nonce)], /does not belong to this sign-in/],
    ['another nonce', (s) => [callback(s), issued('forged')], /does not belong to this sign-in/],
    ['no id token', (s) => [callback(s), issued(s.nonce, { id_token: undefined })], /does not belong/],
    [
      'the issuer of another tenant',
      (s) => [
        callback(s),
        { ...issued(s.nonce), id_token: `${encode({ alg: 'RS256' })}.${encode({ iss: 'x' })}.c2ln` },
      ],
      /does not belong/,
    ],
    ['a cancellation', (s) => [callback(s, { error: 'access_denied' }), {}], /was cancelled/],
    [
      'an AADSTS number',
      (s) => [callback(s), refused('invalid_grant', 'AADSTS50105: not assigned')],
      /AADSTS50105|50105/,
    ],
  ])('rejects a sign-in with %s', async (_, script, detail) => {
    const signing = await client();
    const started = await signing.startBrowser('http://localhost:1');
    const [parameters, reply] = script(started);
    answer = () => reply;
    await expect(signing.finishBrowser(started, parameters)).rejects.toMatchObject({
      detail: expect.stringMatching(detail) as string,
    });
  });

  test('throws entra_unavailable when Entra is unreachable', async () => {
    const signing = await client();
    const started = await signing.startBrowser('http://localhost:1');
    await expect(signing.finishBrowser(started, callback(started))).rejects.toMatchObject({
      code: 'entra_unavailable',
      detail: 'Entra could not be reached.',
    });
  });

  test('validates the id token against the injected clock', async () => {
    await clock.advance(400 * 86_400_000);
    const signing = await client();
    const started = await signing.startBrowser('http://localhost:1');
    answer = () => issued(started.nonce);
    const { refreshToken } = await signing.finishBrowser(started, callback(started));
    expect(refreshToken?.reveal()).toBe('the-refresh-token');
  });
});

describe('SignInClient with a refresh token', () => {
  test('asks for the same scopes again, because Entra takes Graph without a scope', async () => {
    const signing = await client('public');
    answer = () => issued();
    const token = await signing.refresh(new Secret('former-token'));
    expect(token.refreshToken?.reveal()).toBe('the-refresh-token');
    expect(Object.fromEntries(form())).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'former-token',
      scope: 'openid profile offline_access',
      client_id: 'client',
    });
  });

  test.each<[string, Scripted, object]>([
    ['has to sign in again', refused('invalid_grant', 'AADSTS700082: expired'), { code: 'sign_in_refused' }],
    ['waits', new Response('{}', { status: 503 }), { code: 'entra_unavailable', transient: true }],
  ])('throws what tells whether the person %s', async (_, reply, expected) => {
    const signing = await client('public');
    answer = () => reply;
    await expect(signing.refresh(new Secret('former-token'))).rejects.toMatchObject(expected);
  });
});

describe('SignInClient authenticating the application', () => {
  async function fieldsSentFor(credential: ClientCredential | 'public'): Promise<URLSearchParams> {
    const signing = await client(credential);
    answer = () => refused('expired_token');
    await signing.startDevice().catch(() => undefined);
    return form();
  }

  test('sends no credential for a public client', async () => {
    expect([...(await fieldsSentFor('public')).keys()].toSorted()).toEqual(['client_id', 'scope']);
  });

  test('sends the assertion of the managed identity for a federated credential', async () => {
    expect(Object.fromEntries(await fieldsSentFor({ kind: 'federated' }))).toMatchObject({
      client_id: 'client',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: 'assertion-of-the-identity',
    });
  });

  test('sends an assertion for the token endpoint that names the key of a certificate', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const thumbprintSha256 = 'ab'.repeat(32);
    const fields = await fieldsSentFor({
      kind: 'certificate',
      privateKey: new Secret(pem),
      certificate: '',
      thumbprintSha256,
    });
    const { header, payload, isPs256 } = readAssertion(fields.get('client_assertion'), publicKey);
    expect(header).toMatchObject({
      alg: 'PS256',
      'x5t#S256': Buffer.from(thumbprintSha256, 'hex').toString('base64url'),
    });
    expect(header).not.toHaveProperty('x5t');
    expect(isPs256).toBe(true);
    expect(payload).toMatchObject({ iss: 'client', sub: 'client', aud: `${base}/oauth2/v2.0/token` });
  });
});

describe('SignInClient with a device code', () => {
  const code = {
    device_code: 'device',
    user_code: 'ABC-DEF',
    verification_uri: 'https://microsoft.test/devicelogin',
    expires_in: 900,
  };
  const start = async (more: object = {}) => {
    const signing = await client();
    answer = () => ({ ...code, interval: 5, ...more });
    const started = await signing.startDevice();
    return { signing, ...started };
  };

  test('returns the code, then the token as soon as the person has signed in', async () => {
    const { signing, code: deviceCode, grant } = await start();
    expect(deviceCode).toEqual({
      userCode: 'ABC-DEF',
      verificationUri: 'https://microsoft.test/devicelogin',
      expiresInSeconds: 900,
    });
    answer = (_, count) => (count < 4 ? refused('authorization_pending') : issued());
    const token = await signing.finishDevice(grant);
    expect(token.refreshToken?.reveal()).toBe('the-refresh-token');
    expect(form(3).get('device_code')).toBe('device');
    expect(clock.slept).toEqual([5_000, 5_000, 5_000]);
  });

  test('polls every five seconds when Entra names no interval', async () => {
    const { signing, grant } = await start({ interval: undefined });
    answer = () => issued();
    await signing.finishDevice(grant);
    expect(clock.slept).toEqual([5_000]);
  });

  test('polls less often after slow_down and after a server error', async () => {
    const { signing, grant } = await start();
    const replies: (() => Scripted)[] = [
      () => refused('slow_down'),
      () => new Response('busy', { status: 503 }),
      () => refused('authorization_pending'),
      () => issued(),
    ];
    answer = (_, count) => replies[count - 2]!();
    await signing.finishDevice(grant);
    expect(clock.slept).toEqual([5_000, 10_000, 15_000, 15_000]);
  });

  test.each([
    ['authorization_declined', /declined on the other device/],
    ['expired_token', /expired before anyone signed in/],
  ])('ends when Entra answers %s', async (error, detail) => {
    const { signing, grant } = await start();
    answer = () => refused(error);
    await expect(signing.finishDevice(grant)).rejects.toMatchObject({
      code: 'sign_in_refused',
      detail: expect.stringMatching(detail) as string,
    });
    expect(clock.slept).toHaveLength(1);
  });

  test('ends when the code expires, even if Entra still answers authorization_pending', async () => {
    const { signing, grant } = await start({ expires_in: 12 });
    answer = () => refused('authorization_pending');
    await expect(signing.finishDevice(grant)).rejects.toMatchObject({
      detail: 'The code expired before anyone signed in with it.',
    });
    expect(clock.slept).toHaveLength(3);
  });

  test('ends when the operator cancels', async () => {
    const { signing, grant } = await start();
    const stop = new AbortController();
    stop.abort(new Error('Ctrl+C'));
    await expect(signing.finishDevice(grant, stop.signal)).rejects.toThrow('Ctrl+C');
  });

  test('does not start when Entra refuses, and keeps the code of the refusal', async () => {
    const signing = await client();
    answer = () => refused('invalid_client', 'AADSTS7000215: Invalid client secret provided.');
    await expect(signing.startDevice()).rejects.toMatchObject({ code: 'client_credential_rejected' });
    answer = () => new Response('<html>', { status: 502 });
    await expect(signing.startDevice()).rejects.toMatchObject({ code: 'entra_unavailable' });
  });
});

test('SignInExchange has neither token nor failure before it is sent', () => {
  const exchange = new SignInExchange({ fetch: scriptedFetch(() => ({})).fetch, clock }, undefined);
  expect(exchange.failure).toBeUndefined();
  expect(() => exchange.token()).toThrow(/No request was sent/);
});
