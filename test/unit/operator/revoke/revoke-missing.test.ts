import { beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { clientId, RevokeBench } from './revoke-bench.ts';

const wrong = '33333333-3333-4333-8333-333333333333';
const broker = 'broker@partner.example';

let bench: RevokeBench;
/** Applications that neither Graph nor Entra knows. */
let missing: string[];
beforeEach(async () => {
  bench = await RevokeBench.create();
  missing = [wrong];
  bench.graph = ({ url }) =>
    missing.some((id) => url.pathname.includes(id)) ? problem(404, 'Request_ResourceNotFound') : undefined;
  const { script } = bench.redeemer;
  bench.redeemer.script = (redemption, nth) =>
    missing.includes(redemption.clientId) ? aadstsFailure(700016) : script(redemption, nth);
});

const keysOf = (id: string): string => `Keys of the application ${id}`;

describe('revoke for a client id that neither Graph nor Entra knows', () => {
  it('proves nothing if only the operator gives it', async () => {
    const { proof, proven } = await bench.revoke({ application: 'other', clientId: wrong, account: broker });
    expect(proven).toBe(false);
    expect(proof[0]).toMatchObject({ item: keysOf(wrong), proven: false });
    expect(proof[0]?.detail).toMatch(/Check --client-id/);
  });

  it('fails if it is mistyped beside the right one in Key Vault, and revokes the right one', async () => {
    const { results, proven } = await bench.revoke({ clientId: wrong });
    expect([proven, bench.secrets]).toEqual([false, []]);
    expect(results.filter(({ done }) => !done)).toMatchObject([
      { step: `Remove the keys from the application ${wrong}`, detail: expect.stringMatching(/--client-id/) as string },
    ]);
  });

  it('proves nothing if a single tag names it, until the operator confirms it', async () => {
    bench.tagClientIds((_version, isClient) => (isClient ? wrong : undefined));
    const { proof, proven } = await bench.revoke();
    expect(proven).toBe(false);
    expect(proof[0]?.detail).toMatch(/tag clientId.*--client-id/);
    expect(proof.filter(({ aadsts }) => aadsts === 700016)).toEqual([]);
    expect(await bench.revoke({ clientId: wrong })).toMatchObject({ proven: true });
  });

  it('proves nothing if several versions name it, until the operator confirms it', async () => {
    missing = [clientId];
    const { proof, proven } = await bench.revoke();
    expect(proven).toBe(false);
    expect(proof[0]).toMatchObject({ item: keysOf(clientId), proven: false });
    const confirmed = await bench.revoke({ clientId });
    expect(confirmed.proven).toBe(true);
    expect(confirmed.proof[0]).toMatchObject({ item: keysOf(clientId), proven: true, aadsts: 700016 });
  });

  it('tries a value with a wrong tag as the application that the operator gives', async () => {
    bench.tagClientIds((_version, isClient) => (isClient ? wrong : undefined));
    const { proof, proven } = await bench.revoke({ clientId });
    expect(proof).toContainEqual(
      expect.objectContaining({ item: 'Client secret of version v1', proven: true, aadsts: 7000215 }),
    );
    expect(proven).toBe(false);
  });
});

describe('revoke for an application that was deleted', () => {
  beforeEach(() => {
    missing = [clientId];
    bench.deletedApplications = [{ id: 'deleted-id', appId: clientId, deletedDateTime: '2026-11-24T08:00:00Z' }];
  });

  it('is not proven while it can be restored with its keys, and says how to end that', async () => {
    const { results, proof, proven } = await bench.revoke();
    expect(proven).toBe(false);
    expect(results.find(({ done }) => !done)?.detail).toMatch(/restored with its keys/);
    expect(proof[0]?.detail).toMatch(
      /2026-11-24T08.*az rest --method DELETE --url \S+\/directory\/deletedItems\/deleted-id/,
    );
    bench.deletedApplications = [];
    expect(await bench.revoke({ clientId })).toMatchObject({ proven: true });
  });

  it('is not proven when Graph does not list the deleted applications', async () => {
    const { graph } = bench;
    bench.graph = (request) =>
      request.url.pathname.includes('deletedItems') ? problem(403, 'Denied') : graph(request);
    expect(await bench.revoke()).toMatchObject({ proven: false });
  });
});

it('tries a refresh token without a client id as every application of the vault', async () => {
  missing = [];
  bench.accountOf = () => ({});
  const former = '55555555-5555-4555-8555-555555555555';
  const { client } = await bench.store.load('default');
  const credential = { kind: 'secret', secret: new Secret('former-secret') } as const;
  await bench.store.saveClientCredential('default', { ...client, clientId: former, credential });
  await bench.store.saveClientCredential('default', client);
  bench.secrets.push({ keyId: 'secret-3', value: 'former-secret', hint: 'for' });
  bench.tagClientIds(({ clientId: id }, isClient) => (isClient ? id : undefined));
  const { script } = bench.redeemer;
  bench.redeemer.script = (redemption, nth) => {
    const reply = script(redemption, nth);
    const isOther = redemption.grant.kind === 'delegated' && redemption.clientId !== former;
    if (reply !== undefined || redemption.grant.kind !== 'delegated') return reply;
    if (isOther) return aadstsFailure(70000);
    const issued = bench.redeemer.token('stolen');
    const claims = { objectId: 'owner-id', username: 'owner@partner.example' };
    return issued.ok ? { ok: true, token: { ...issued.token, claims } } : issued;
  };
  expect(await bench.revoke()).toMatchObject({ proven: true });
  expect(bench.requested()).toContain('POST /v1.0/users/owner-id/revokeSignInSessions');
});
