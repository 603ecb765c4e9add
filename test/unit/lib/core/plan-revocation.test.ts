import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { accountId, clientId, RevokeBench } from '../../operator/revoke/revoke-bench.ts';

let bench: RevokeBench;
beforeEach(async () => {
  bench = await RevokeBench.create();
});

const away = new BrokerError('key_vault_unavailable', 'away');

describe('planRevocation', () => {
  it('plans ownership, sessions, keys, versions in the vault and callers, in that order', async () => {
    bench.principalSecrets = [{ keyId: 'hidden', displayName: 'added by a\u001b[2J script' }];
    expect(await bench.texts({ callersApplicationId: 'callers-app' })).toEqual([
      `Take away the ownership that the application ${clientId} has of itself, so that its tokens cannot add keys`,
      'Revoke all sessions of broker@partner.example, which ends every refresh token of the account, for every application',
      `Remove the client secret secret-1 from the application ${clientId}`,
      `Remove the client secret secret-2 from the application ${clientId}`,
      `Remove the certificate certificate-1 from the application ${clientId}`,
      `Remove the client secret hidden ("added by a\\u001b[2J script") from the application ${clientId}`,
      `Remove the federated credential trust-1 from the application ${clientId}`,
      'Disable 2 version(s) of the refresh token in Key Vault',
      'Disable 1 version(s) of the client credential in Key Vault',
      'Disable sign-in to the broker application callers-app, so that no caller gets a new token for it',
    ]);
    expect(bench.requested()).toEqual([]);
  });

  it('plans only the sessions when nothing else is left', async () => {
    await bench.revoke();
    expect(await bench.texts()).toEqual([expect.stringMatching(/^Revoke all sessions of broker@partner\.example/)]);
  });

  it('takes the account and the application from disabled versions', async () => {
    for (const version of ['v1', 'v2']) await bench.store.disableRefreshTokenVersion('default', version);
    await bench.store.disableClientCredentialVersion('default', 'v1');
    const texts = await bench.texts();
    expect(texts[1]).toContain('broker@partner.example');
    expect(texts[2]).toBe(`Remove the client secret secret-1 from the application ${clientId}`);
  });

  it('plans the sessions of every account that any version names, and of the given one', async () => {
    bench.accountOf = (version) =>
      version === 'v1' ? { account: 'former@partner.example', accountObjectId: 'former-id' } : {};
    const sessions = (await bench.texts({ account: 'named@partner.example' })).filter((text) =>
      text.startsWith('Revoke all sessions'),
    );
    expect(sessions.map((text) => text.split(/[ ,]/)[4])).toEqual(['former@partner.example', 'named@partner.example']);
  });

  describe('when the vault holds no refresh token', () => {
    beforeEach(() => {
      const { inventory } = bench;
      bench.inventory = {
        ...inventory,
        read: async (name) => ({ ...(await inventory.read(name)), refreshToken: [] }),
      };
    });

    it('fails until the operator names the account or says that there is none', async () => {
      expect((await bench.texts())[1]).toMatch(/^Revoke all sessions of the service account/);
      const { results, proven } = await bench.revoke();
      expect(proven).toBe(false);
      expect(results.filter(({ done }) => !done)).toMatchObject([
        { detail: expect.stringMatching(/Give --account.*--no-account/) as string },
      ]);
      expect(await bench.revoke({ account: 'broker@partner.example' })).toMatchObject({ proven: true });
      expect(bench.requested()).toContain('POST /v1.0/users/broker@partner.example/revokeSignInSessions');
    });

    it('plans no sessions if the operator says that no account ever signed in', async () => {
      expect((await bench.texts({ account: false }))[1]).toMatch(/^Remove the client secret/);
      expect(await bench.revoke({ account: false })).toMatchObject({ proven: true });
    });
  });

  it('plans the sessions of the accounts that versions name, although the operator says that there is none', async () => {
    expect((await bench.texts({ account: false }))[1]).toMatch(/^Revoke all sessions of broker@partner\.example/);
  });

  it('fails for an unnamed refresh token, although the operator says that there is no account', async () => {
    bench.accountOf = () => ({});
    expect(await bench.revoke({ account: false })).toMatchObject({ proven: false });
  });

  it('throws for an unknown application whose client id another one in the vault has, and names that one', async () => {
    await expect(bench.texts({ application: 'defualt', clientId, account: 'a@partner.example' })).rejects.toMatchObject(
      {
        code: 'request_invalid',
        detail: expect.stringContaining('Give --application default') as string,
      },
    );
  });

  it('revokes the sessions and keys that the options name for an application that the vault lost', async () => {
    const lost = '44444444-4444-4444-8444-444444444444';
    const options = { application: 'lost', clientId: lost };
    expect(await bench.revoke(options)).toMatchObject({ proven: false });
    expect(await bench.revoke({ ...options, account: 'broker@partner.example' })).toMatchObject({ proven: true });
  });

  it('throws for an application that the vault does not know, and names those that it knows', async () => {
    await expect(bench.texts({ application: 'defualt' })).rejects.toMatchObject({
      code: 'request_invalid',
      detail: expect.stringContaining('It holds default.') as string,
    });
    bench.inventory = { ...bench.inventory, applications: async () => [] };
    await expect(bench.texts({ application: 'other' })).rejects.toThrow(/no application at all.*--client-id/);
    const given = '44444444-4444-4444-8444-444444444444';
    expect((await bench.texts({ application: 'other', clientId: given }))[0]).toContain(`the application ${given}`);
  });

  it('throws when the vault does not answer and no option names the account or the application', async () => {
    bench.store.failure = away;
    await expect(bench.texts()).rejects.toMatchObject({ code: 'key_vault_unavailable' });
  });
});

describe('revoke, with parts that cannot be read', () => {
  it('revokes what the options name without the vault, and fails for the rest', async () => {
    bench.store.failure = away;
    const { results, proven } = await bench.revoke({ account: 'named@partner.example' });
    expect(results.map(({ step, done, code }) => [step.slice(0, 12), done, code])).toEqual([
      ['Revoke all s', true, undefined],
      ['Remove the k', false, 'request_invalid'],
      ['Disable the ', false, 'key_vault_unavailable'],
    ]);
    expect(proven).toBe(false);
    expect(bench.requested()).toEqual(['POST /v1.0/users/named@partner.example/revokeSignInSessions']);
    const named = await bench.revoke({ account: 'named@partner.example', clientId });
    expect(named.results.filter(({ done }) => !done)).toMatchObject([{ step: 'Disable the versions in Key Vault' }]);
    expect(bench.secrets).toEqual([]);
  });

  it.each([503, 403])('does the other steps when Graph does not return the application (%i)', async (status) => {
    bench.graph = ({ method, url }) =>
      method === 'GET' && !url.pathname.includes('/users/') ? problem(status, 'Denied') : undefined;
    const { results, proof } = await bench.revoke();
    expect(results.map((each) => [each.step.slice(0, 22), each.done])).toEqual([
      ['Revoke all sessions of', true],
      ['Remove the keys from t', false],
      ['Disable 2 version(s) o', true],
      ['Disable 1 version(s) o', true],
    ]);
    expect(proof.find(({ item }) => item === 'Client secret of version v1')).toMatchObject({ proven: false });
  });

  it('removes the secrets when only the federated credentials cannot be listed', async () => {
    bench.graph = ({ url }) =>
      url.pathname.endsWith('/federatedIdentityCredentials') ? problem(403, 'Denied') : undefined;
    const { results, proven } = await bench.revoke();
    expect(results.filter(({ done }) => !done)).toMatchObject([
      { step: `Remove the federated credentials from the application ${clientId}` },
    ]);
    expect([bench.secrets, proven]).toEqual([[], false]);
  });

  it('requires --account when no version names an account', async () => {
    bench.accountOf = () => ({});
    const { results, proven } = await bench.revoke();
    expect(results.filter(({ done }) => !done)).toMatchObject([
      { detail: expect.stringContaining('--account') as string },
    ]);
    expect(proven).toBe(false);
    expect(await bench.revoke({ account: 'broker@partner.example' })).toMatchObject({ proven: true });
  });

  it('fails for the newest account, but not for a former one, when Graph does not know it', async () => {
    await bench.store.saveRefreshToken('default', refreshTokenOf('third', bench.clock.nowMs()));
    bench.accountOf = (version) =>
      version === 'v1'
        ? { account: 'former@partner.example', accountObjectId: 'former-id' }
        : { account: 'broker@partner.example', accountObjectId: accountId };
    let unknown = /former/;
    bench.graph = ({ url }) => (unknown.test(url.pathname) ? problem(404, 'Request_ResourceNotFound') : undefined);
    expect(await bench.revoke()).toMatchObject({ proven: true });
    // With a record, the versions are known not to work any more.
    bench.revokedAtMs = undefined;
    unknown = new RegExp(`${accountId}|broker`);
    expect((await bench.revoke()).results.filter(({ done }) => !done)).toMatchObject([
      { detail: expect.stringMatching(/does not know the account broker.*--account/) as string },
    ]);
  });
});
