import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { revoke } from '../../../../src/lib/setup/revoke.ts';
import { MemoryCredentialStore, refreshTokenOf, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { partner, RevokeBench } from './revoke-bench.ts';

let bench: RevokeBench;
beforeEach(async () => {
  bench = await RevokeBench.create();
});

describe('planRevocation', () => {
  it('plans sessions, client credentials, versions in the vault and callers, in that order', async () => {
    expect(await bench.texts({ callersApplicationId: 'callers-app' })).toEqual([
      'Revoke all sessions of broker@partner.example, which ends every refresh token of the account, for every application',
      'Remove the client secret secret-1 from the application',
      'Remove the client secret secret-2 from the application',
      'Remove 1 certificate(s) from the application',
      'Remove the federated credential trust-1 from the application',
      'Disable 2 version(s) of the refresh token in Key Vault',
      'Disable 1 version(s) of the client credential in Key Vault',
      'Disable sign-in to the broker application callers-app, so that no caller gets a new token for it',
    ]);
    expect(bench.requested()).toEqual([]);
  });

  it('omits steps for what does not exist', async () => {
    bench.graph = ({ url }) =>
      url.pathname.endsWith('/federatedIdentityCredentials')
        ? { value: [] }
        : { id: 'object-id', keyCredentials: 'odd' };
    await bench.store.disableClientCredentialVersion('default', 'v1');
    expect(await bench.texts({ account: 'named@partner.example' })).toEqual([
      'Revoke all sessions of named@partner.example, which ends every refresh token of the account, for every application',
      'Disable 2 version(s) of the refresh token in Key Vault',
    ]);
  });

  it('plans the other steps when the application does not exist in Entra', async () => {
    bench.graph = () => problem(404, 'Request_ResourceNotFound');
    expect(await bench.texts()).toHaveLength(3);
  });

  it('revokes the sessions of the given account without the vault, and reports the other steps as failed', async () => {
    bench.store.failure = new BrokerError('key_vault_unavailable', 'away');
    bench.store.listRefreshTokenVersions = () => Promise.reject(new BrokerError('key_vault_unavailable', 'away'));
    const results = await revoke(await bench.plan({ account: 'named@partner.example' }));
    expect(results.map(({ step, done, code }) => [step.slice(0, 12), done, code])).toEqual([
      ['Revoke all s', true, undefined],
      ['Remove the c', false, 'key_vault_unavailable'],
      ['Disable the ', false, 'key_vault_unavailable'],
    ]);
    expect(bench.requested()).toEqual(['POST /v1.0/users/named@partner.example/revokeSignInSessions']);
  });

  it.each([503, 403])('does the other steps when Graph does not return the application (%i)', async (status) => {
    bench.graph = ({ method }) => (method === 'GET' ? problem(status, 'Denied') : undefined);
    const planned = bench.plan();
    // Transient failures of Graph are retried.
    await bench.clock.advance(60_000);
    const results = await revoke(await planned);
    expect(results.map((each) => [each.step.slice(0, 22), each.done])).toEqual([
      ['Revoke all sessions of', true],
      ['Remove the client secr', false],
      ['Remove the federated c', false],
      ['Disable 2 version(s) o', true],
      ['Disable 1 version(s) o', false],
    ]);
  });

  it('removes the secrets when only the federated credentials cannot be listed', async () => {
    bench.graph = ({ url }) =>
      url.pathname.endsWith('/federatedIdentityCredentials') ? problem(403, 'Denied') : undefined;
    expect((await bench.texts()).slice(1, 5)).toEqual([
      'Remove the client secret secret-1 from the application',
      'Remove the client secret secret-2 from the application',
      'Remove 1 certificate(s) from the application',
      'Remove the federated credentials from the application',
    ]);
  });

  it('revokes the sessions of the account in the refresh token when the client credential is missing', async () => {
    await bench.store.disableClientCredentialVersion('default', 'v1');
    expect((await bench.texts()).map((text) => text.slice(0, 43))).toEqual([
      'Revoke all sessions of broker@partner.examp',
      'Disable 2 version(s) of the refresh token i',
    ]);
  });

  it('plans a failing step when the client credential cannot be read', async () => {
    const unreadable = new BrokerError('credential_missing', 'It lacks the tags.');
    bench.store.load = () => Promise.reject(unreadable);
    const results = await revoke(await bench.plan());
    expect(results[0]?.step).toContain('broker@partner.example');
    expect(results.filter(({ done }) => !done)).toMatchObject([
      { step: 'Remove the client credentials from the application', detail: 'It lacks the tags.' },
      { detail: expect.stringMatching(/^Not done/) as string },
    ]);
  });

  it.each([
    [
      'was stored by hand',
      () => bench.store.saveRefreshToken('default', { ...refreshTokenOf('by hand', 0), account: '' }),
    ],
    [
      'was disabled by a revocation that could not revoke its sessions',
      async () => {
        for (const version of ['v1', 'v2']) await bench.store.disableRefreshTokenVersion('default', version);
      },
    ],
  ])('requires --account when the refresh token %s', async (_what, given) => {
    await given();
    const results = await revoke(await bench.plan());
    expect(results[0]).toMatchObject({ done: false, detail: expect.stringContaining('--account') as string });
    // Until then the vault keeps the client credential, which names the application.
    expect((await bench.store.listClientCredentialVersions('default')).some(({ enabled }) => enabled)).toBe(true);
  });

  it('plans no sessions before the first consent, and no steps after a complete revocation', async () => {
    const fresh = new MemoryCredentialStore(() => bench.clock.nowMs());
    await fresh.saveClientCredential('default', (await bench.store.load('default')).client);
    bench.store = fresh;
    expect((await bench.texts())[0]).toMatch(/^Remove the client secret/);
    bench.store = await storeWithCredential(partner, () => bench.clock.nowMs());
    await revoke(await bench.plan());
    expect(await bench.texts()).toEqual([]);
  });

  it('disables the oldest version first, so that the newest is left after an interruption', async () => {
    const disabled: string[] = [];
    const disable = bench.store.disableRefreshTokenVersion.bind(bench.store);
    bench.store.disableRefreshTokenVersion = async (application, version) => {
      disabled.push(version);
      await disable(application, version);
    };
    await revoke(await bench.plan());
    expect(disabled).toEqual(['v1', 'v2']);
  });

  it('throws when neither the vault nor the operator names the account', async () => {
    bench.store.failure = new BrokerError('key_vault_unavailable', 'away');
    await expect(bench.plan()).rejects.toMatchObject({ code: 'key_vault_unavailable' });
  });

  it('returns no steps for an unknown application', async () => {
    expect(await bench.texts({ application: 'other' })).toEqual([]);
  });
});
