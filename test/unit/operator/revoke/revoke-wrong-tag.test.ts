import { beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import type { InventoryVersion } from '../../../../src/lib/tokens/credential/vault-inventory.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { accountId, clientId, partner, RevokeBench } from './revoke-bench.ts';

const other = '33333333-3333-4333-8333-333333333333';
const broker = 'broker@partner.example';

let bench: RevokeBench;
/** The application that a tag names wrongly, as Graph shows it. */
let otherApplication: JsonObject;
beforeEach(async () => {
  bench = await RevokeBench.create();
  otherApplication = {
    id: 'other-object',
    tags: ['partner-token-broker:reader'],
    passwordCredentials: [{ keyId: 'of-the-reader', displayName: 'partner-token-broker:0123456789ab', hint: 'rea' }],
    keyCredentials: [],
  };
  const { inventory } = bench;
  // An application without refresh token: nothing else names the application.
  bench.inventory = { ...inventory, read: async (name) => ({ ...(await inventory.read(name)), refreshToken: [] }) };
  bench.graph = ({ method, url }) =>
    method === 'GET' && url.pathname.includes(`applications(appId='${other}')`) ? otherApplication : undefined;
  const { script } = bench.redeemer;
  bench.redeemer.script = (redemption, nth) =>
    redemption.clientId === other ? aadstsFailure(7000215) : script(redemption, nth);
});

const wrong = (id: string) => bench.tagClientIds(() => id);
const stillWorks = (): boolean => bench.secrets.some(({ value }) => value === 'client-secret-1');

describe('revoke with the tag clientId of another application', () => {
  it.each([
    ['of another broker', ['partner-token-broker:reader'], 'partner-token-broker:0123456789ab'],
    [
      'of a broker with another vault and the same name',
      ['partner-token-broker:default'],
      'partner-token-broker:0123456789ab',
    ],
    ['of no broker', [], 'portal'],
  ])('proves nothing and changes nothing in an application %s', async (_what, tags, displayName) => {
    otherApplication = { ...otherApplication, tags, passwordCredentials: [{ keyId: 'of-the-reader', displayName }] };
    wrong(other);
    for (const _run of ['first', 'second']) {
      const { results, proof, proven } = await bench.revoke({ account: false });
      expect([stillWorks(), proven, bench.revokedAtMs]).toEqual([true, false, undefined]);
      expect(results.filter(({ done }) => !done)).toMatchObject([
        {
          step: `Remove the keys from the application ${other}`,
          detail: expect.stringMatching(/tag clientId.*--client-id/),
        },
      ]);
      expect(proof[0]).toMatchObject({ item: `Keys of the application ${other}`, proven: false });
    }
    expect(bench.requested()).toEqual([]);
  });

  it('revokes it if the operator confirms it', async () => {
    wrong(other);
    await bench.revoke({ account: false, clientId: other });
    expect(bench.requested()).toContain(`POST /v1.0/applications(appId='${other}')/removePassword`);
  });

  it.each(['not-a-guid', '44444444-4444-4444-8444-444444444444'])(
    'proves nothing if every version names %s',
    async (id) => {
      const { script } = bench.redeemer;
      bench = await RevokeBench.create();
      bench.redeemer.script = (redemption, nth) =>
        redemption.clientId === id ? aadstsFailure(700016) : script(redemption, nth);
      bench.graph = ({ url }) => (url.pathname.includes(id) ? problem(404, 'Request_ResourceNotFound') : undefined);
      wrong(id);
      for (const _run of ['first', 'second']) {
        const { proven } = await bench.revoke({ account: broker });
        expect([stillWorks(), proven, bench.revokedAtMs]).toEqual([true, false, undefined]);
      }
    },
  );

  it('asks Graph for no application whose id is not a GUID', async () => {
    wrong("x')/owners?a=('");
    expect(await bench.revoke({ account: false })).toMatchObject({ proven: false });
    expect(bench.seen.filter(({ url }) => url.pathname.includes('owners'))).toEqual([]);
  });
});

describe('revoke for a secret whose key the application does not list', () => {
  const unlisted = { kind: 'secret', secret: new Secret('unlisted') } as const;
  const store = async (keyId: string) => {
    await bench.clock.advance(10_000);
    await bench.store.saveClientCredential('default', { clientId, tenantId: partner, credential: unlisted, keyId });
  };

  it('does not take its refusal as proof, in the next run either, until the operator confirms the application', async () => {
    await store('of-another-application');
    for (const _run of ['first', 'second']) {
      const { proof, proven } = await bench.revoke({ account: false });
      expect(proven).toBe(false);
      expect(proof).toContainEqual({
        item: 'Client secret of-another-application',
        proven: false,
        aadsts: 7000215,
        detail: expect.stringMatching(/tag clientId.*--client-id 1111/) as string,
      });
    }
    expect(await bench.revoke({ account: false, clientId })).toMatchObject({ proven: true });
    expect((await bench.inventory.read('default')).client.filter(({ enabled }) => enabled)).toEqual([]);
  });

  it('takes it as proof for a former secret, which the daily renewal has removed from the application', async () => {
    await store('removed-by-the-renewal');
    const current = { kind: 'secret', secret: new Secret('client-secret-1') } as const;
    await bench.clock.advance(10_000);
    await bench.store.saveClientCredential('default', {
      clientId,
      tenantId: partner,
      credential: current,
      keyId: 'secret-1',
    });
    const { proof, proven } = await bench.revoke({ account: false });
    expect(proven).toBe(true);
    expect(proof).toContainEqual(
      expect.objectContaining({ item: 'Client secret removed-by-the-renewal', aadsts: 7000215 }),
    );
  });

  it('recognizes the key of a secret that was stored without its id by how its value begins', async () => {
    bench.secrets = [{ keyId: 'portal', hint: 'cli', value: 'client-secret-1' }];
    expect(await bench.revoke({ account: false })).toMatchObject({ proven: true });
  });
});

it('recognizes an application without tag by a key of this vault', async () => {
  bench.tags = [];
  const { clientId: _tagged, ...version } = (await bench.inventory.read('default')).client[0] as InventoryVersion;
  expect(version.version).toBe('v1');
  expect(await bench.revoke({ account: false })).toMatchObject({ proven: true });
});

it('finds the account of a refresh token whose tags name a former application and another account', async () => {
  const user = '55555555-5555-4555-8555-555555555555';
  bench = await RevokeBench.create();
  bench.graph = ({ method, url: { pathname: path } }) => {
    if (path.includes(`applications(appId='${other}')`))
      return { ...otherApplication, tags: bench.tags, passwordCredentials: [] };
    if (path.includes('/other-object/')) return { value: [] };
    if (!path.includes('/users/') || path.includes(accountId)) return undefined;
    return method === 'POST' ? { value: true } : { id: user, signInSessionsValidFromDateTime: '2026-12-01T00:00:00Z' };
  };
  bench.accountOf = () => ({ account: 'other@partner.example', accountObjectId: user });
  bench.tagClientIds((_version, isClient) => (isClient ? clientId : other));
  const { redeemer } = bench;
  const { script } = redeemer;
  redeemer.script = (redemption, nth) => {
    const reply = script(redemption, nth) ?? redeemer.token('issued');
    const claims = { objectId: accountId, username: broker };
    return reply.ok ? { ok: true, token: { ...reply.token, claims } } : reply;
  };
  expect(await bench.revoke()).toMatchObject({ proven: true });
  expect(bench.requested()).toContain(`POST /v1.0/users/${accountId}/revokeSignInSessions`);
});
