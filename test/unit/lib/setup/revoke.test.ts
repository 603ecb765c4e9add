import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { otherApplications, planRevocation, revoke, stillUsable } from '../../../../src/lib/setup/revoke.ts';
import { unblockCallers } from '../../../../src/lib/setup/revoke-steps.ts';
import { refreshTokenOf, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { partner, RevokeBench } from './revoke-bench.ts';

let bench: RevokeBench;
beforeEach(async () => {
  bench = await RevokeBench.create();
});

describe('revoke', () => {
  it('runs every step and identifies the account by object id', async () => {
    const reported: string[] = [];
    const results = await revoke(await bench.plan({ callersApplicationId: 'callers-app' }), ({ step }) =>
      reported.push(step),
    );
    expect(results.every(({ done }) => done)).toBe(true);
    expect(reported).toHaveLength(8);
    expect(bench.requested()).toEqual([
      'POST /v1.0/users/22222222-2222-4222-8222-222222222222/revokeSignInSessions',
      "POST /v1.0/applications(appId='11111111-1111-4111-8111-111111111111')/removePassword",
      "POST /v1.0/applications(appId='11111111-1111-4111-8111-111111111111')/removePassword",
      "PATCH /v1.0/applications(appId='11111111-1111-4111-8111-111111111111')",
      "DELETE /v1.0/applications(appId='11111111-1111-4111-8111-111111111111')/federatedIdentityCredentials/trust-1",
      "PATCH /v1.0/servicePrincipals(appId='callers-app')",
    ]);
    expect((await bench.store.listRefreshTokenVersions('default')).some(({ enabled }) => enabled)).toBe(false);
  });

  it('identifies an account that differs from the stored one by name', async () => {
    await revoke(await bench.plan({ account: 'other@partner.example' }));
    expect(bench.requested()[0]).toBe('POST /v1.0/users/other@partner.example/revokeSignInSessions');
  });

  it('identifies an account without a stored object id by name, and skips steps without an id', async () => {
    await bench.store.saveRefreshToken('default', { ...refreshTokenOf('by hand', 0), accountObjectId: '' });
    bench.graph = ({ url, method }) => {
      if (url.pathname.endsWith('/federatedIdentityCredentials')) return { value: [] };
      return method === 'GET' ? { id: 'object-id', passwordCredentials: 'odd' } : undefined;
    };
    await revoke(await bench.plan());
    expect(bench.requested()).toEqual(['POST /v1.0/users/broker@partner.example/revokeSignInSessions']);
  });

  it('runs the other steps when one fails, but keeps the client credential in the vault', async () => {
    bench.graph = ({ url }) => (url.pathname.endsWith('/revokeSignInSessions') ? problem(403, 'Denied') : undefined);
    const results = await revoke(await bench.plan());
    expect(results.filter(({ done }) => !done)).toEqual([
      expect.objectContaining({ code: 'access_denied' }),
      expect.objectContaining({ detail: expect.stringMatching(/^Not done/) as string }),
    ]);
    expect((await bench.store.listClientCredentialVersions('default')).some(({ enabled }) => enabled)).toBe(true);
    expect((await bench.store.listRefreshTokenVersions('default')).some(({ enabled }) => enabled)).toBe(false);
  });

  it('stops at an interruption and reports the current step as failed', async () => {
    const interruption = new AbortController();
    bench.graph = ({ url }) => {
      if (!url.pathname.endsWith('/revokeSignInSessions')) return undefined;
      interruption.abort();
      throw interruption.signal.reason;
    };
    const steps = await planRevocation(bench.deps(interruption.signal), { application: 'default' });
    expect(await revoke(steps, undefined, interruption.signal)).toEqual([
      expect.objectContaining({ done: false, detail: 'Interrupted. Run the command again.' }),
    ]);
    expect((await bench.store.listRefreshTokenVersions('default')).every(({ enabled }) => enabled)).toBe(true);
  });

  it('counts a secret that Entra no longer has as removed, but no other failure', async () => {
    let status = 400;
    bench.graph = ({ url }) =>
      url.pathname.endsWith('/removePassword') ? problem(status, 'No credentials found') : undefined;
    const failures = async (): Promise<number> => (await revoke(await bench.plan())).filter(({ done }) => !done).length;
    expect(await failures()).toBe(0);
    status = 403;
    bench.store = await storeWithCredential(partner, () => bench.clock.nowMs());
    expect(await failures()).toBeGreaterThan(0);
  });
});

it('stillUsable lists what remains usable, and until when', () => {
  const said = stillUsable(Date.UTC(2026, 10, 24), 601);
  expect(said[0]).toContain('2026-11-24T01:30:00.000Z');
  expect(said[1]).toContain('11 minutes');
});

it('otherApplications names the other applications in the vault, each with its command', async () => {
  await bench.store.saveClientCredential('reader', (await bench.store.load('default')).client);
  expect(await otherApplications(bench, 'default')).toEqual([
    'The application reader keeps its client credential and its versions in Key Vault. To revoke them: ptb revoke --application reader',
  ]);
});

it('otherApplications says that the vault could not be read', async () => {
  bench.store.listApplications = () => Promise.reject(new BrokerError('key_vault_unavailable', 'It is away.'));
  expect(await otherApplications(bench, 'default')).toEqual([
    'The other applications in the vault could not be listed: It is away.',
  ]);
});

it('unblockCallers enables the service principal', async () => {
  await unblockCallers(bench.deps().writer, 'callers-app');
  expect(bench.seen.map(({ method, body }) => [method, body])).toEqual([['PATCH', '{"accountEnabled":true}']]);
});
