import { generateKeyPairSync } from 'node:crypto';
import * as msal from '@azure/msal-node';
import { beforeEach, describe, expect, test } from 'vitest';
import { createMsalRedeemer, type Redeemer, type Redemption } from '../../../../src/lib/microsoft/redeemer.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { readAssertion } from '../../../support/client-assertion.ts';

// Uses the real msal-node. Only the network below it is a fake.

const tenantId = 'bbbbbbbb-0000-4000-8000-000000000001' as TenantId;
const jwt = (claims: object): string => `${encode({ alg: 'RS256' })}.${encode(claims)}.c2lnbmF0dXJl`;
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

interface Sent {
  readonly url: string;
  readonly form: URLSearchParams;
}

let clock: FakeClock;
let sent: Sent[];
let answer: (request: Sent) => Response | Promise<Response>;
let redeemer: Redeemer;

const redemption = (more: Partial<Redemption> = {}): Redemption => ({
  tenantId,
  resourceIdentifier: 'https://graph.microsoft.com',
  clientId: '11111111-1111-4111-8111-111111111111',
  clientCredential: { kind: 'secret', secret: new Secret('s+cr&t') },
  grant: { kind: 'delegated', refreshToken: new Secret('the-refresh-token') },
  correlationId: 'cccccccc-0000-4000-8000-000000000000',
  ...more,
});

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });

const issued = (claims: object = { tid: tenantId, scp: 'User.Read Directory.Read.All' }): object => ({
  token_type: 'Bearer',
  expires_in: 4000,
  access_token: jwt(claims),
  refresh_token: 'rolled-refresh-token',
});

beforeEach(() => {
  clock = new FakeClock();
  sent = [];
  answer = () => json(200, issued());
  redeemer = createMsalRedeemer(
    {
      clock,
      fetch: async (url, init) => {
        const request = { url, form: new URLSearchParams(String(init.body)) };
        sent.push(request);
        return answer(request);
      },
      federatedAssertion: async () => 'managed-identity-assertion',
      loadMsal: async () => msal,
      applicationIds: new Map([['https://with-id.example', '12345678-0000-4000-8000-000000000000']]),
    },
    'https://login.microsoftonline.com',
  );
});

describe('the token request of a redeemer', () => {
  test('goes to the requested tenant without prior discovery requests', async () => {
    await redeemer.redeem(redemption());
    expect(sent.map(({ url }) => url.split('?')[0])).toEqual([
      `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`,
    ]);
    expect(Object.fromEntries(sent[0]?.form ?? [])).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'the-refresh-token',
      client_id: '11111111-1111-4111-8111-111111111111',
      client_secret: 's+cr&t',
    });
    expect(sent[0]?.form.get('scope')).toContain('https://graph.microsoft.com/.default');
  });

  test('goes to an authority that MSAL does not know, also without discovery', async () => {
    const local = createMsalRedeemer(
      {
        clock,
        fetch: async (url, init) => {
          sent.push({ url, form: new URLSearchParams(String(init.body)) });
          return json(200, issued());
        },
        federatedAssertion: async () => '',
        loadMsal: async () => msal,
      },
      'https://localhost:8443',
    );
    expect((await local.redeem(redemption())).ok).toBe(true);
    expect(sent.map(({ url }) => url.split('?')[0])).toEqual([`https://localhost:8443/${tenantId}/oauth2/v2.0/token`]);
  });

  test('contains no refresh token for the application grant', async () => {
    const reply = await redeemer.redeem(redemption({ grant: { kind: 'application' } }));
    expect(reply.ok).toBe(true);
    expect(sent[0]?.form.get('grant_type')).toBe('client_credentials');
    expect(sent[0]?.form.has('refresh_token')).toBe(false);
  });

  test('contains an assertion and no secret for a federated credential', async () => {
    await redeemer.redeem(redemption({ clientCredential: { kind: 'federated' } }));
    expect(sent[0]?.form.get('client_assertion')).toBe('managed-identity-assertion');
    expect(sent[0]?.form.has('client_secret')).toBe(false);
  });

  test('is signed with PS256 for a certificate and names only its SHA-256 thumbprint', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const thumbprintSha256 = 'ab'.repeat(32);
    await redeemer.redeem(
      redemption({
        clientCredential: { kind: 'certificate', privateKey: new Secret(key), certificate: '', thumbprintSha256 },
      }),
    );
    const { header, isPs256 } = readAssertion(sent[0]?.form.get('client_assertion'), publicKey);
    expect(header).toEqual({
      alg: 'PS256',
      typ: 'JWT',
      'x5t#S256': Buffer.from(thumbprintSha256, 'hex').toString('base64url'),
    });
    expect(isPs256).toBe(true);
  });
});

describe('redeem', () => {
  test('returns the token, the new refresh token that MSAL hides, and an expiry counted from sending', async () => {
    const reply = await redeemer.redeem(redemption());
    if (!reply.ok) throw new Error(reply.failure.detail);
    expect(reply.token.refreshToken?.reveal()).toBe('rolled-refresh-token');
    expect(reply.token.expiresAtMs).toBe(clock.nowMs() + 4_000_000);
    expect(reply.token.scopes).toEqual(['User.Read', 'Directory.Read.All']);
  });

  test.each([
    ['an empty object', {}],
    ['an empty token', { ...issued(), access_token: '' }],
    ['a token without a lifetime', { ...issued(), expires_in: undefined }],
    ['a token with a lifetime of zero', { ...issued(), expires_in: 0 }],
    ['a list', []],
  ])('rejects %s with status 200, which MSAL accepts', async (_, body) => {
    answer = () => json(200, body);
    expect(await redeemer.redeem(redemption())).toMatchObject({
      ok: false,
      failure: { code: 'entra_unavailable', reach: 'transient' },
    });
  });

  test.each([
    ['https://management.azure.com', false],
    ['https://graph.windows.net', false],
    ['https://graph.microsoft.com/', true],
    ['00000003-0000-0000-c000-000000000000', true],
    ['00000002-0000-0000-c000-000000000000', false],
  ])('accepts the audience %s for Graph: %s', async (aud, ok) => {
    answer = () => json(200, issued({ tid: tenantId, aud }));
    expect((await redeemer.redeem(redemption())).ok).toBe(ok);
  });

  const mine = '12345678-0000-4000-8000-000000000000';
  const theirs = '87654321-0000-4000-8000-000000000000';
  test.each([
    ['api://mine', 'api://mine', true],
    ['api://mine', 'api://mine/', true],
    ['api://mine', 'api://theirs', false],
    ['api://mine', mine, false],
    ['https://with-id.example', mine, true],
    ['https://with-id.example', 'https://with-id.example', true],
    ['https://with-id.example', theirs, false],
    [`api://${mine}`, mine.toUpperCase(), true],
    [`api://${mine}`, theirs, false],
    [mine, mine, true],
    [mine, `api://${mine}`, true],
    [mine, theirs, false],
  ])('for the configured resource %s, judges the audience %s: %s', async (resourceIdentifier, aud, ok) => {
    answer = () => json(200, issued({ tid: tenantId, aud }));
    expect((await redeemer.redeem(redemption({ resourceIdentifier }))).ok).toBe(ok);
  });

  test('says how to configure the application id of a resource that has another audience', async () => {
    answer = () => json(200, issued({ tid: tenantId, aud: mine }));
    const reply = await redeemer.redeem(redemption({ resourceIdentifier: 'api://mine' }));
    expect(reply.ok ? '' : reply.failure.detail).toBe(
      `Entra issued a token for another resource. The token was discarded. If ${mine} is the application id of the resource, add it to RESOURCES: ALIAS=api://mine#${mine}`,
    );
  });

  test.each([
    ['https://graph.microsoft.com', mine],
    ['api://mine', 'api://theirs'],
  ])(
    'for %s gives no such advice about the audience %s, which is not configurable',
    async (resourceIdentifier, aud) => {
      answer = () => json(200, issued({ tid: tenantId, aud }));
      expect(await redeemer.redeem(redemption({ resourceIdentifier }))).toEqual({
        ok: false,
        failure: {
          code: 'entra_unavailable',
          reach: 'transient',
          detail: 'Entra issued a token for another resource. The token was discarded.',
          retryAfterSeconds: undefined,
          logFields: { tokenAudience: aud },
        },
      });
    },
  );

  test('counts the app roles of the service account beside the scopes of a delegated token', async () => {
    answer = () => json(200, issued({ tid: tenantId, scp: 'Orders.Read', roles: ['Orders.Admin'] }));
    const reply = await redeemer.redeem(redemption());
    expect(reply.ok && reply.token.scopes).toEqual(['Orders.Read', 'Orders.Admin']);
  });

  test('rejects a token of another tenant', async () => {
    answer = () => json(200, issued({ tid: 'bbbbbbbb-0000-4000-8000-000000000002' }));
    expect(await redeemer.redeem(redemption())).toEqual({
      ok: false,
      failure: {
        code: 'entra_unavailable',
        reach: 'transient',
        detail: 'Entra issued a token for another tenant. The token was discarded.',
        retryAfterSeconds: undefined,
        logFields: { tokenTenantId: 'bbbbbbbb-0000-4000-8000-000000000002' },
      },
    });
  });

  test('accepts a token that does not name its tenant, which only the resource can read', async () => {
    answer = () => json(200, issued({ aud: 'https://graph.microsoft.com' }));
    expect((await redeemer.redeem(redemption())).ok).toBe(true);
  });

  test('sends the next request after a throttled one, which MSAL would block for a minute', async () => {
    answer = () => json(429, { error: 'temporarily_unavailable' }, { 'retry-after': '7' });
    expect(await redeemer.redeem(redemption())).toMatchObject({
      ok: false,
      failure: { code: 'throttled', retryAfterSeconds: 7 },
    });
    answer = () => json(200, issued());
    expect(await redeemer.redeem(redemption())).toMatchObject({ ok: true });
    expect(sent).toHaveLength(2);
  });

  test('sends the next request after a server error', async () => {
    answer = () => new Response('<html>502</html>', { status: 502 });
    expect(await redeemer.redeem(redemption())).toMatchObject({
      ok: false,
      failure: { code: 'entra_unavailable', logFields: { httpStatus: 502, entraReply: 'html' } },
    });
    answer = () => json(200, issued());
    expect(await redeemer.redeem(redemption())).toMatchObject({ ok: true });
  });

  test('returns a failure for a reply that is not JSON, too large or missing', async () => {
    answer = () => new Response('Too Many Requests', { status: 429 });
    expect(await redeemer.redeem(redemption())).toMatchObject({
      ok: false,
      failure: { code: 'throttled', retryAfterSeconds: 60 },
    });
    answer = () => new Response('{"access_token": "abc', { status: 200 });
    expect(await redeemer.redeem(redemption())).toMatchObject({ ok: false, failure: { code: 'entra_unavailable' } });
    answer = () => new Response('x'.repeat(10_000_000), { status: 200 });
    expect(await redeemer.redeem(redemption())).toMatchObject({
      ok: false,
      failure: { detail: 'Entra sent a reply that is too large.' },
    });
    answer = () => Promise.reject(new TypeError('fetch failed'));
    expect(await redeemer.redeem(redemption())).toMatchObject({
      ok: false,
      failure: {
        code: 'entra_unavailable',
        reach: 'transient',
        detail: 'Entra could not be reached.',
        logFields: { network: 'network', cause: 'fetch failed' },
      },
    });
  });

  test('returns a failure that contains no secret', async () => {
    answer = () => Promise.reject(new TypeError('fetch failed'));
    const reply = await redeemer.redeem(redemption());
    expect(JSON.stringify(reply)).not.toMatch(/the-refresh-token|s\+cr/);
  });

  test('sends nothing for an invalid private key, and blames the credential', async () => {
    const clientCredential = {
      kind: 'certificate',
      privateKey: new Secret('-----BEGIN PRIVATE KEY-----\nbm9uZQ==\n-----END PRIVATE KEY-----'),
      certificate: '',
      thumbprintSha256: 'ab'.repeat(32),
    } as const;
    expect(await redeemer.redeem(redemption({ clientCredential }))).toMatchObject({
      ok: false,
      failure: {
        code: 'client_credential_rejected',
        reach: 'credential',
        logFields: { msal: expect.stringMatching(/^\w*Error: /) as string },
      },
    });
    expect(sent).toEqual([]);
  });

  test('returns a transient failure when the managed identity fails to give an assertion', async () => {
    const failing = createMsalRedeemer(
      {
        clock,
        fetch: async () => json(200, issued()),
        federatedAssertion: () => Promise.reject(new Error('no identity')),
        loadMsal: async () => msal,
      },
      'https://login.microsoftonline.com',
    );
    expect(await failing.redeem(redemption({ clientCredential: { kind: 'federated' } }))).toMatchObject({
      ok: false,
      failure: { code: 'entra_unavailable', reach: 'transient' },
    });
  });

  test('returns the reason, not a transient failure, when no managed identity is available', async () => {
    const detail = 'The managed identity is not on this machine.';
    const elsewhere = createMsalRedeemer(
      {
        clock,
        fetch: async () => json(200, issued()),
        federatedAssertion: () => Promise.reject(new BrokerError('config_invalid', detail)),
        loadMsal: async () => msal,
      },
      'https://login.microsoftonline.com',
    );
    expect(await elsewhere.redeem(redemption({ clientCredential: { kind: 'federated' } }))).toMatchObject({
      ok: false,
      failure: { code: 'config_invalid', reach: 'request', detail },
    });
  });
});
