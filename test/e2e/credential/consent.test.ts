import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as control from 'microsoft-cloud/client';
import { redeemAsApplication } from '../../../src/lib/tokens/credential/prove-client-credential.ts';
import { obtainConsent, withTemporarySecret } from '../../../src/operator/setup/consent.ts';
import { account, adminToken } from 'microsoft-cloud/testing';
import { browser, startOperator, type TestOperator } from './operator.ts';

let operator: TestOperator;
beforeAll(async () => {
  operator = await startOperator();
  await operator.setUp();
});
afterEach(() => operator.cloud.faults.clear());
afterAll(() => operator.stop());

const versions = async (): Promise<number> => (await operator.store.listRefreshTokenVersions('default')).length;

describe('obtainConsent', () => {
  it('stores the refresh token with account, MFA and expiry after a sign-in by browser', async () => {
    const outcome = await operator.consent(browser(operator.cloud));
    expect(outcome).toMatchObject({ account: account(operator.cloud, 'broker'), mfa: true, application: 'default' });
    const stored = await operator.store.loadRefreshToken('default');
    expect(stored).toMatchObject({ account: account(operator.cloud, 'broker'), mfa: true });
    expect(JSON.stringify(outcome)).not.toContain(stored?.secret.reveal());
    const { tags, expiresOn } = (await operator.secrets.getSecret('ptb-default-refresh-token')).properties;
    expect(tags).toMatchObject({ application: 'default', mfa: 'true', account: account(operator.cloud, 'broker') });
    expect(expiresOn?.getTime()).toBeGreaterThan(operator.clock.nowMs() + 89 * 86_400_000);
  });

  it('stores it after a sign-in by device code', async () => {
    const before = await versions();
    const outcome = await operator.consent({
      kind: 'device-code',
      showDeviceCode: ({ userCode, verificationUri }) => {
        expect(verificationUri).toMatch(/^https:/);
        void control.approveDeviceCode(operator.cloud.control, userCode, account(operator.cloud, 'broker'));
      },
    });
    expect(outcome.mfa).toBe(true);
    expect(await versions()).toBe(before + 1);
  });

  it('answers other requests to its listener with 404 and still succeeds', async () => {
    const outcome = await operator.consent({
      kind: 'browser',
      openBrowser: async (url) => {
        const { searchParams } = new URL(url);
        const redirectUri = searchParams.get('redirect_uri') ?? '';
        for (const query of ['', '?code=stolen', '?code=stolen&state=guessed', '?error=access_denied&state=guessed']) {
          expect((await fetch(`${redirectUri}/${query}`)).status).toBe(404);
        }
        const { openBrowser } = browser(operator.cloud) as { openBrowser: (address: string) => Promise<void> };
        await openBrowser(url);
      },
    });
    expect(outcome.account).toBe(account(operator.cloud, 'broker'));
  });

  it('sends PKCE, state, nonce and the account', async () => {
    let asked = new URLSearchParams();
    await operator.consent({
      kind: 'browser',
      openBrowser: async (url) => {
        asked = new URL(url).searchParams;
        const { openBrowser } = browser(operator.cloud) as { openBrowser: (address: string) => Promise<void> };
        await openBrowser(url);
      },
    });
    expect(asked.get('code_challenge_method')).toBe('S256');
    expect(asked.get('code_challenge')).toHaveLength(43);
    expect(asked.get('state')?.length).toBeGreaterThan(40);
    expect(asked.get('nonce')?.length).toBeGreaterThan(40);
    expect(asked.get('login_hint')).toBe(account(operator.cloud, 'broker'));
    expect(asked.get('redirect_uri')).toMatch(/^http:\/\/localhost:\d+$/);
  });
});

describe('obtainConsent with problems', () => {
  it.each([
    ['without MFA', 'nomfa', undefined, /signed in without MFA/],
    ['of another account', 'broker', 'someone@else.example', /but the account must be someone@else\.example/],
    ['of a disabled account', 'disabled', undefined, /disabled|AADSTS50057/],
  ] as const)('rejects a sign-in %s and stores nothing', async (_what, name, wanted, reason) => {
    const before = await versions();
    await expect(
      operator.consent(browser(operator.cloud, name), { account: wanted ?? account(operator.cloud, name) }),
    ).rejects.toThrow(reason);
    expect(await versions()).toBe(before);
  });

  it('rejects a sign-in that is cancelled in the browser', async () => {
    const before = await versions();
    await expect(operator.consent(browser(operator.cloud, 'broker', { cancel: true }))).rejects.toMatchObject({
      code: 'sign_in_refused',
    });
    expect(await versions()).toBe(before);
  });

  it('rejects a sign-in that is declined on the other device', async () => {
    await expect(
      operator.consent({
        kind: 'device-code',
        showDeviceCode: ({ userCode }) => {
          const username = account(operator.cloud, 'broker');
          void control.approveDeviceCode(operator.cloud.control, userCode, username, { cancel: true });
        },
      }),
    ).rejects.toMatchObject({ code: 'sign_in_refused' });
  });

  it('fails when the device code expires', async () => {
    await expect(
      operator.consent({ kind: 'device-code', showDeviceCode: () => operator.cloud.clock.advance(16 * 60_000) }),
    ).rejects.toThrow(/expired/);
  });

  it('fails before setup', async () => {
    await expect(operator.consent(browser(operator.cloud), { application: 'unknown' })).rejects.toMatchObject({
      code: 'credential_missing',
    });
  });

  it('fails and stores nothing when Key Vault refuses the token', async () => {
    const before = await versions();
    operator.cloud.faults.add({
      service: 'keyVault',
      method: 'PUT',
      status: 403,
      body: '{"error":{"code":"Forbidden"}}',
    });
    await expect(operator.consent(browser(operator.cloud))).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    operator.cloud.faults.clear();
    expect(await versions()).toBe(before);
  });

  it('stores the token even if the reply of Key Vault is lost', async () => {
    const before = await versions();
    operator.cloud.faults.add({ service: 'keyVault', method: 'PUT', kind: 'lost_reply', count: 1 });
    await operator.consent(browser(operator.cloud));
    expect(await versions()).toBe(before + 1);
  });

  it('fails when the client secret is wrong', async () => {
    operator.cloud.faults.add({ service: 'entra', path: '/token$', aadsts: 7000215 });
    await expect(operator.consent(browser(operator.cloud))).rejects.toMatchObject({
      code: 'client_credential_rejected',
    });
  });

  it('fails when Entra answers with an HTML page', async () => {
    operator.cloud.faults.add({ service: 'entra', path: '/token$', kind: 'html' });
    await expect(operator.consent(browser(operator.cloud))).rejects.toMatchObject({ code: 'entra_unavailable' });
  });
});

describe('obtainConsent by another account', () => {
  it('replaces the service account once setup has admitted it, and leaves the former token to be revoked', async () => {
    const names = { application: 'handed-over', displayName: 'handed over' };
    const [former, next] = [account(operator.cloud, 'broker'), account(operator.cloud, 'operator')];
    const { application } = names;
    await operator.setUp({ ...names, account: former });
    await operator.consent(browser(operator.cloud), { application });
    const before = await operator.store.load(application);
    const consent = () => operator.consent(browser(operator.cloud, 'operator'), { application, account: next });
    await expect(consent()).rejects.toThrow(/AADSTS50105/);
    expect((await operator.store.loadRefreshToken(application))?.account).toBe(former);
    await operator.setUp({ ...names, account: next });
    expect(await consent()).toMatchObject({ account: next, mfa: true });
    expect((await operator.store.loadRefreshToken(application))?.account).toBe(next);
    const { client, refreshToken } = before;
    if (refreshToken === undefined) throw new Error('there is no former token');
    const reply = await operator.redeemer.redeem({
      tenantId: operator.partnerTenantId,
      resourceIdentifier: operator.canaryResource,
      clientId: client.clientId,
      clientCredential: client.credential,
      grant: { kind: 'delegated', refreshToken: refreshToken.secret },
      correlationId: operator.newId(),
    });
    expect(reply.ok).toBe(true);
  });
});

describe('obtainConsent on a machine without the managed identity', () => {
  it('uses a temporary secret for this sign-in', async () => {
    const names = { application: 'elsewhere', displayName: 'elsewhere' };
    await operator.setUp({ ...names, credential: 'federated' });
    const { client } = await operator.store.load('elsewhere');
    const { writer } = operator.graphOf(await adminToken(operator.cloud));
    const graphIdentifier = operator.canaryResource;
    const { signInDeps, store, redeemer, newId, clock } = operator;
    const temporarySecrets: unknown[] = [];
    const { signal } = new AbortController();
    const warned: string[] = [];
    const outcome = await withTemporarySecret(
      { writer, clock, redeemer, newId, graphIdentifier, signal, warn: (sentence) => void warned.push(sentence) },
      client,
      (credential) => {
        temporarySecrets.push(credential);
        return obtainConsent(
          { ...signInDeps, store, redeemer, newId, canaryResource: graphIdentifier },
          { application: 'elsewhere', method: browser(operator.cloud), clientCredential: credential },
        );
      },
    );
    expect(outcome).toMatchObject({ application: 'elsewhere', mfa: true });
    const after = await store.load('elsewhere');
    expect(after.client.credential.kind).toBe('federated');
    expect(after.refreshToken?.mfa).toBe(true);
    const { directory } = operator.cloud.world.partner;
    const application = [...directory.applications.values()].find(({ appId }) => appId === client.clientId);
    expect(application?.passwords).toEqual([]);
    expect(warned).toEqual([]);
    const reply = await redeemAsApplication(
      { redeemer, newId, graphIdentifier },
      { ...client, credential: temporarySecrets[0] as never },
    );
    expect(reply.ok).toBe(false);
  });
});
