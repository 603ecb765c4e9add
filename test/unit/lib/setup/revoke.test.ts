import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { createGraphClient } from '../../../../src/lib/graph/client.ts';
import { createGraphWriter } from '../../../../src/lib/graph/write.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { Limiter } from '../../../../src/lib/runtime/limiter.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import {
  otherApplications,
  planRevocation,
  revoke,
  type RevokeOptions,
  stillUsable,
} from '../../../../src/lib/setup/revoke.ts';
import { unblockCallers } from '../../../../src/lib/setup/revoke-steps.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryCredentialStore, refreshTokenOf, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const application = {
  id: 'object-id',
  passwordCredentials: [{ keyId: 'secret-1' }, { keyId: 'secret-2' }, { odd: true }, null],
  keyCredentials: [{ keyId: 'certificate-1' }],
};

const clock = new FakeClock();
let store: MemoryCredentialStore;
let graph: (request: SeenRequest) => Scripted | undefined;
let seen: SeenRequest[];
beforeEach(async () => {
  store = await storeWithCredential(partner, () => clock.nowMs());
  await store.saveRefreshToken('default', refreshTokenOf('second', clock.nowMs()));
  graph = () => undefined;
});

function deps(signal?: AbortSignal) {
  const scripted = scriptedFetch((request) => {
    const own = graph(request);
    if (own !== undefined) return own;
    if (request.url.pathname.endsWith('/federatedIdentityCredentials')) return { value: [{ id: 'trust-1' }] };
    if (request.method === 'GET') return application;
    return new Response(null, { status: 204 });
  });
  seen = scripted.seen;
  const exchange = { fetch: scripted.fetch, clock, random: () => 0, limiter: new Limiter(4) };
  const binding = {
    baseUrl: 'https://graph.test',
    token: async () => new Secret('operator'),
    correlationId: 'id',
    signal,
  };
  return { graph: createGraphClient(exchange, binding), writer: createGraphWriter(exchange, binding), store, clock };
}

const plan = (options: Partial<RevokeOptions> = {}) => planRevocation(deps(), { application: 'default', ...options });
const texts = async (options?: Partial<RevokeOptions>): Promise<string[]> =>
  (await plan(options)).map(({ text }) => text);
const requested = (): string[] =>
  seen.filter(({ method }) => method !== 'GET').map(({ method, url }) => `${method} ${url.pathname}`);

describe('planRevocation', () => {
  it('plans sessions, client credentials, versions in the vault and callers, in that order', async () => {
    expect(await texts({ callersApplicationId: 'callers-app' })).toEqual([
      'Revoke all sessions of broker@partner.example, which ends every refresh token of the account, for every application',
      'Remove the client secret secret-1 from the application',
      'Remove the client secret secret-2 from the application',
      'Remove 1 certificate(s) from the application',
      'Remove the federated credential trust-1 from the application',
      'Disable 2 version(s) of the refresh token in Key Vault',
      'Disable 1 version(s) of the client credential in Key Vault',
      'Disable sign-in to the broker application callers-app, so that no caller gets a new token for it',
    ]);
    expect(requested()).toEqual([]);
  });

  it('omits steps for what does not exist', async () => {
    graph = ({ url }) =>
      url.pathname.endsWith('/federatedIdentityCredentials')
        ? { value: [] }
        : { id: 'object-id', keyCredentials: 'odd' };
    await store.disableClientCredentialVersion('default', 'v1');
    expect(await texts({ account: 'named@partner.example' })).toEqual([
      'Revoke all sessions of named@partner.example, which ends every refresh token of the account, for every application',
      'Disable 2 version(s) of the refresh token in Key Vault',
    ]);
  });

  it('plans the other steps when the application does not exist in Entra', async () => {
    graph = () => problem(404, 'Request_ResourceNotFound');
    expect(await texts()).toHaveLength(3);
  });

  it('revokes the sessions of the given account without the vault, and reports the other steps as failed', async () => {
    store.failure = new BrokerError('key_vault_unavailable', 'away');
    store.listRefreshTokenVersions = () => Promise.reject(new BrokerError('key_vault_unavailable', 'away'));
    const results = await revoke(await plan({ account: 'named@partner.example' }));
    expect(results.map(({ step, done, code }) => [step.slice(0, 12), done, code])).toEqual([
      ['Revoke all s', true, undefined],
      ['Remove the c', false, 'key_vault_unavailable'],
      ['Disable the ', false, 'key_vault_unavailable'],
    ]);
    expect(requested()).toEqual(['POST /v1.0/users/named@partner.example/revokeSignInSessions']);
  });

  it.each([503, 403])('does the other steps when Graph does not return the application (%i)', async (status) => {
    graph = ({ method }) => (method === 'GET' ? problem(status, 'Denied') : undefined);
    const planned = plan();
    // Transient failures of Graph are retried.
    await clock.advance(60_000);
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
    graph = ({ url }) => (url.pathname.endsWith('/federatedIdentityCredentials') ? problem(403, 'Denied') : undefined);
    expect((await texts()).slice(1, 5)).toEqual([
      'Remove the client secret secret-1 from the application',
      'Remove the client secret secret-2 from the application',
      'Remove 1 certificate(s) from the application',
      'Remove the federated credentials from the application',
    ]);
  });

  it('revokes the sessions of the account in the refresh token when the client credential is missing', async () => {
    await store.disableClientCredentialVersion('default', 'v1');
    expect((await texts()).map((text) => text.slice(0, 43))).toEqual([
      'Revoke all sessions of broker@partner.examp',
      'Disable 2 version(s) of the refresh token i',
    ]);
  });

  it('plans a failing step when the client credential cannot be read', async () => {
    const unreadable = new BrokerError('credential_missing', 'It lacks the tags.');
    store.load = () => Promise.reject(unreadable);
    const results = await revoke(await plan());
    expect(results[0]?.step).toContain('broker@partner.example');
    expect(results.filter(({ done }) => !done)).toMatchObject([
      { step: 'Remove the client credentials from the application', detail: 'It lacks the tags.' },
      { detail: expect.stringMatching(/^Not done/) as string },
    ]);
  });

  it.each([
    ['was stored by hand', () => store.saveRefreshToken('default', { ...refreshTokenOf('by hand', 0), account: '' })],
    [
      'was disabled by a revocation that could not revoke its sessions',
      async () => {
        for (const version of ['v1', 'v2']) await store.disableRefreshTokenVersion('default', version);
      },
    ],
  ])('requires --account when the refresh token %s', async (_what, given) => {
    await given();
    const results = await revoke(await plan());
    expect(results[0]).toMatchObject({ done: false, detail: expect.stringContaining('--account') as string });
    // Until then the vault keeps the client credential, which names the application.
    expect((await store.listClientCredentialVersions('default')).some(({ enabled }) => enabled)).toBe(true);
  });

  it('plans no sessions before the first consent, and no steps after a complete revocation', async () => {
    const fresh = new MemoryCredentialStore(() => clock.nowMs());
    await fresh.saveClientCredential('default', (await store.load('default')).client);
    store = fresh;
    expect((await texts())[0]).toMatch(/^Remove the client secret/);
    store = await storeWithCredential(partner, () => clock.nowMs());
    await revoke(await plan());
    expect(await texts()).toEqual([]);
  });

  it('throws when neither the vault nor the operator names the account', async () => {
    store.failure = new BrokerError('key_vault_unavailable', 'away');
    await expect(plan()).rejects.toMatchObject({ code: 'key_vault_unavailable' });
  });

  it('returns no steps for an unknown application', async () => {
    expect(await texts({ application: 'other' })).toEqual([]);
  });
});

describe('revoke', () => {
  it('runs every step and identifies the account by object id', async () => {
    const reported: string[] = [];
    const results = await revoke(await plan({ callersApplicationId: 'callers-app' }), ({ step }) =>
      reported.push(step),
    );
    expect(results.every(({ done }) => done)).toBe(true);
    expect(reported).toHaveLength(8);
    expect(requested()).toEqual([
      'POST /v1.0/users/22222222-2222-4222-8222-222222222222/revokeSignInSessions',
      "POST /v1.0/applications(appId='11111111-1111-4111-8111-111111111111')/removePassword",
      "POST /v1.0/applications(appId='11111111-1111-4111-8111-111111111111')/removePassword",
      "PATCH /v1.0/applications(appId='11111111-1111-4111-8111-111111111111')",
      "DELETE /v1.0/applications(appId='11111111-1111-4111-8111-111111111111')/federatedIdentityCredentials/trust-1",
      "PATCH /v1.0/servicePrincipals(appId='callers-app')",
    ]);
    expect((await store.listRefreshTokenVersions('default')).some(({ enabled }) => enabled)).toBe(false);
  });

  it('identifies an account that differs from the stored one by name', async () => {
    await revoke(await plan({ account: 'other@partner.example' }));
    expect(requested()[0]).toBe('POST /v1.0/users/other@partner.example/revokeSignInSessions');
  });

  it('identifies an account without a stored object id by name, and skips steps without an id', async () => {
    await store.saveRefreshToken('default', { ...refreshTokenOf('by hand', 0), accountObjectId: '' });
    graph = ({ url, method }) => {
      if (url.pathname.endsWith('/federatedIdentityCredentials')) return { value: [] };
      return method === 'GET' ? { id: 'object-id', passwordCredentials: 'odd' } : undefined;
    };
    await revoke(await plan());
    expect(requested()).toEqual(['POST /v1.0/users/broker@partner.example/revokeSignInSessions']);
  });

  it('runs the other steps when one fails, but keeps the client credential in the vault', async () => {
    graph = ({ url }) => (url.pathname.endsWith('/revokeSignInSessions') ? problem(403, 'Denied') : undefined);
    const results = await revoke(await plan());
    expect(results.filter(({ done }) => !done)).toEqual([
      expect.objectContaining({ code: 'access_denied' }),
      expect.objectContaining({ detail: expect.stringMatching(/^Not done/) as string }),
    ]);
    expect((await store.listClientCredentialVersions('default')).some(({ enabled }) => enabled)).toBe(true);
    expect((await store.listRefreshTokenVersions('default')).some(({ enabled }) => enabled)).toBe(false);
  });

  it('stops at an interruption and reports the current step as failed', async () => {
    const interruption = new AbortController();
    graph = ({ url }) => {
      if (!url.pathname.endsWith('/revokeSignInSessions')) return undefined;
      interruption.abort();
      throw interruption.signal.reason;
    };
    const steps = await planRevocation(deps(interruption.signal), { application: 'default' });
    expect(await revoke(steps, undefined, interruption.signal)).toEqual([
      expect.objectContaining({ done: false, detail: 'Interrupted. Run the command again.' }),
    ]);
    expect((await store.listRefreshTokenVersions('default')).every(({ enabled }) => enabled)).toBe(true);
  });

  it('counts a secret that Entra no longer has as removed, but no other failure', async () => {
    let status = 400;
    graph = ({ url }) =>
      url.pathname.endsWith('/removePassword') ? problem(status, 'No credentials found') : undefined;
    const failures = async (): Promise<number> => (await revoke(await plan())).filter(({ done }) => !done).length;
    expect(await failures()).toBe(0);
    status = 403;
    store = await storeWithCredential(partner, () => clock.nowMs());
    expect(await failures()).toBeGreaterThan(0);
  });
});

it('stillUsable lists what remains usable, and until when', () => {
  const said = stillUsable(Date.UTC(2026, 10, 24), 601);
  expect(said[0]).toContain('2026-11-24T01:30:00.000Z');
  expect(said[1]).toContain('11 minutes');
});

it('otherApplications names the other applications in the vault, each with its command', async () => {
  await store.saveClientCredential('reader', (await store.load('default')).client);
  expect(await otherApplications({ store }, 'default')).toEqual([
    'The application reader keeps its client credential and its versions in Key Vault. To revoke them: ptb revoke --application reader',
  ]);
});

it('otherApplications says that the vault could not be read', async () => {
  store.listApplications = () => Promise.reject(new BrokerError('key_vault_unavailable', 'It is away.'));
  expect(await otherApplications({ store }, 'default')).toEqual([
    'The other applications in the vault could not be listed: It is away.',
  ]);
});

it('unblockCallers enables the service principal', async () => {
  await unblockCallers(deps().writer, 'callers-app');
  expect(seen.map(({ method, body }) => [method, body])).toEqual([['PATCH', '{"accountEnabled":true}']]);
});
