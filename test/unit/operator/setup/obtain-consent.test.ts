import * as oauth from 'oauth4webapi';
import { beforeEach, expect, it } from 'vitest';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { obtainConsent, type ConsentOptions } from '../../../../src/operator/setup/consent.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { MemoryCredentialStore, refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';
import { base64url } from '../../../support/token-forge.ts';

/* A consent by device code: what is asked of Entra, what is stored, and what the operator learns. */

const tenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
const secret = (text: string) => ({ kind: 'secret', secret: new Secret(text) }) as const;

let clock: FakeClock;
let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let claims: Record<string, unknown>;
beforeEach(async () => {
  clock = new FakeClock();
  store = new MemoryCredentialStore();
  redeemer = new FakeRedeemer(clock);
  claims = { tid: tenantId, oid: 'object', upn: 'broker@partner.example', amr: ['pwd', 'mfa'] };
  await store.saveClientCredential('default', {
    clientId: 'client',
    tenantId,
    credential: secret('stored'),
    keyId: 'k',
  });
});

function entra({ url }: SeenRequest): object {
  if (url.pathname.endsWith('/devicecode'))
    return {
      device_code: 'device',
      user_code: 'CODE',
      verification_uri: 'https://microsoft.com/devicelogin',
      expires_in: 900,
      interval: 5,
    };
  return {
    access_token: `e30.${base64url(claims)}.signature`,
    refresh_token: 'refresh-token',
    token_type: 'Bearer',
    expires_in: 3600,
  };
}

async function consent(more: Partial<ConsentOptions> = {}) {
  const { fetch, seen } = scriptedFetch(entra);
  const shown: unknown[] = [];
  const deps = {
    store,
    redeemer,
    clock,
    fetch,
    newId: () => 'an-id',
    canaryResource: 'https://graph.test',
    entraEndpoint: 'https://login.test',
    loadOAuth: async () => oauth,
    federatedAssertion: () => Promise.reject(new Error('there is no managed identity')),
  };
  const method = { kind: 'device-code', showDeviceCode: (code: unknown) => void shown.push(code) } as const;
  const work = obtainConsent(deps, { application: 'default', method, ...more });
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  done.catch(() => undefined);
  await expect
    .poll(async () => {
      await clock.advance(1_000);
      return isDone;
    })
    .toBe(true);
  return { outcome: await done, shown, seen };
}
const forms = (seen: readonly SeenRequest[]): Record<string, string>[] =>
  seen.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));

it('stores the refresh token of the person who signs in, and describes it without the token', async () => {
  const { outcome, shown, seen } = await consent();
  const { refreshToken } = await store.load('default');
  expect(refreshToken).toMatchObject({ account: 'broker@partner.example', accountObjectId: 'object', mfa: true });
  expect(refreshToken?.secret.reveal()).toBe('refresh-token');
  const obtainedAtMs = refreshToken?.obtainedAtMs ?? 0;
  expect(outcome).toEqual({
    application: 'default',
    account: 'broker@partner.example',
    mfa: true,
    obtainedAt: new Date(obtainedAtMs).toISOString(),
    expiresAt: new Date(obtainedAtMs + 90 * 86_400_000).toISOString(),
    // Of the token that proved it.
    scopes: ['User.Read.All'],
  });
  expect(shown).toEqual([
    { userCode: 'CODE', verificationUri: 'https://microsoft.com/devicelogin', expiresInSeconds: 900 },
  ]);
  expect(new Set(seen.map(({ url }) => url.pathname.split('/')[1]))).toEqual(new Set([tenantId]));
});

it('asks for the resource that proves the token, and for a refresh token, as the application', async () => {
  const { seen } = await consent();
  const [start, redemption] = forms(seen);
  expect(start).toMatchObject({ client_id: 'client', client_secret: 'stored' });
  expect(start?.['scope']?.split(' ')).toEqual(['openid', 'profile', 'https://graph.test/.default', 'offline_access']);
  expect(redemption).toMatchObject({ device_code: 'device', client_secret: 'stored' });
});

it('uses another client credential than the stored one, if that does not work on this machine', async () => {
  const { seen } = await consent({ clientCredential: secret('temporary') });
  expect(forms(seen).map((form) => form['client_secret'])).toEqual(['temporary', 'temporary']);
  expect(redeemer.sent.map(({ clientCredential }) => clientCredential)).toEqual(
    redeemer.sent.map(() => secret('temporary')),
  );
});

it('says how far the clock of this machine is ahead', async () => {
  claims['exp'] = Math.floor(clock.nowMs() / 1_000) + 3_600 - 600;
  const { clockAheadSeconds = 0 } = (await consent()).outcome;
  // The person needs some seconds to sign in.
  expect(Math.abs(clockAheadSeconds - 600)).toBeLessThan(60);
});

it('stores nothing for another account than the given one, in whatever case it is written', async () => {
  await expect(consent({ account: 'other@partner.example' })).rejects.toMatchObject({ code: 'sign_in_refused' });
  expect((await store.load('default')).refreshToken).toBeUndefined();
  expect((await consent({ account: 'BROKER@partner.example' })).outcome.account).toBe('broker@partner.example');
});

it('asks before it replaces another account, unless the operator names the new one', async () => {
  await store.saveRefreshToken('default', {
    ...refreshTokenOf('former', 0),
    account: 'former@partner.example',
    accountObjectId: 'former',
  });
  const asked: string[][] = [];
  const confirmAccount = async (...accounts: string[]) => {
    asked.push(accounts);
    return false;
  };
  await expect(consent({ confirmAccount })).rejects.toMatchObject({ code: 'sign_in_refused' });
  expect(asked).toEqual([['former@partner.example', 'broker@partner.example']]);
  expect((await consent({ confirmAccount, account: 'broker@partner.example' })).outcome.account).toContain('broker');
  expect(asked).toHaveLength(1);
});

it('fails if another account consented at the same time', async () => {
  const save = store.saveRefreshToken.bind(store);
  store.saveRefreshToken = async (application, token) => {
    const version = await save(application, token);
    await save(application, {
      ...token,
      secret: new Secret('theirs'),
      account: 'rival@partner.example',
      accountObjectId: 'rival',
    });
    return version;
  };
  await expect(consent()).rejects.toMatchObject({
    code: 'sign_in_refused',
    detail: expect.stringContaining('rival@partner.example consented at the same time') as string,
  });
});
