import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerRotate } from '../../../../src/cli/commands/rotate.ts';
import { keyMark } from '../../../../src/lib/tokens/credential/client-keys.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { graphOf, type GraphStage } from './graph-stage.ts';
import { clearStage, partner, runOnVault, type VaultTools } from './vault-stage.ts';

const application = 'default';
const clientId = '11111111-1111-4111-8111-111111111111';
let clock: FakeClock;
let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let graph: GraphStage;
beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner as TenantId, () => clock.nowMs());
  redeemer = new FakeRedeemer(clock);
  graph = graphOf(clock, ({ method, url }) => {
    if (url.pathname.endsWith('/addPassword'))
      return { secretText: 'fresh-secret', keyId: 'fresh', endDateTime: '2027-05-01T00:00:00Z' };
    const { name: displayName } = keyMark('vault.example', application, []);
    return method === 'GET' ? { passwordCredentials: [{ keyId: 'key-1', displayName }], keyCredentials: [] } : {};
  });
});
afterEach(clearStage);

const rotate = (words: readonly string[], more: Partial<VaultTools> = {}) =>
  runOnVault(registerRotate, ['rotate', '--device-code', ...words], {
    store,
    redeemer,
    clock,
    graph: graph.graph,
    ...more,
  });

describe('ptb rotate', () => {
  it('stores the refresh token that Entra issues, and says whose it is and when it expires', async () => {
    await clock.advance(86_400_000);
    const { exit, out, err, signIns } = await rotate([]);
    expect([exit, err, signIns]).toEqual([0, '', []]);
    expect(out).toBe(
      'The refresh token of broker@partner.example was rotated. It expires on 2027-02-23 unless it is rotated again.\nVersions in Key Vault: 2. Disabled by this rotation: 0.\n',
    );
    expect((await store.load(application)).refreshToken?.secret.reveal()).toBe('rolled-token-1');
    // The token is proved in the partner tenant, for Microsoft Graph.
    expect(redeemer.sent[0]).toMatchObject({ tenantId: partner, resourceIdentifier: 'https://graph.microsoft.com' });
  });

  it('prints one JSON document without the token', async () => {
    const { out } = await rotate(['--json']);
    expect(JSON.parse(out)).toEqual({
      application,
      account: 'broker@partner.example',
      mfa: true,
      version: 'v2',
      versions: 2,
      disabledVersions: 0,
      obtainedAt: '2026-11-24T00:00:00.000Z',
      expiresAt: '2027-02-22T00:00:00.000Z',
    });
  });

  it('rotates the application that is named, and no other', async () => {
    const { exit, err } = await rotate(['--application', 'second']);
    expect([exit, redeemer.sent]).toEqual([4, []]);
    expect(err).toMatch(/second.*\(credential_missing\)/);
  });

  it('ends with 4 and changes nothing if Entra refuses the stored token', async () => {
    redeemer.script = () => aadstsFailure(50173);
    const { exit, out, err } = await rotate([]);
    expect([exit, out, store.refreshTokens(application)]).toEqual([4, '', ['refresh-token-1']]);
    expect(err).toContain('(credential_revoked)');
  });

  it('ends with 5 if Key Vault does not answer', async () => {
    store.failure = new BrokerError('key_vault_unavailable', 'Key Vault does not answer.');
    const { exit, err } = await rotate([]);
    expect([exit, err]).toEqual([5, expect.stringContaining('Key Vault does not answer.')]);
  });
});

describe('ptb rotate --client-credential', () => {
  it('renews the client secret with the token of the application itself, and keeps the old one valid', async () => {
    const { exit, out, err, signIns } = await rotate(['--client-credential']);
    expect([exit, signIns]).toEqual([0, []]);
    expect(graph.writes()).toEqual([`POST /applications(appId='${clientId}')/addPassword`]);
    expect(graph.tokens).toEqual(['token-1']);
    expect(err).toBe('Renewing the client credential. The old one stays valid until the daily timer removes it …\n');
    expect(out).toBe('The client secret was renewed and expires on 2027-05-01. Older ones removed: 0.\n');
    const { client } = await store.load(application);
    expect(client.credential.kind === 'secret' && client.credential.secret.reveal()).toBe('fresh-secret');
    // The refresh token stays as it is.
    expect(store.refreshTokens(application)).toEqual(['refresh-token-1']);
  });

  it('prints one JSON document', async () => {
    const { out } = await rotate(['--client-credential', '--json']);
    expect(JSON.parse(out)).toEqual({
      application,
      kind: 'secret',
      renewed: true,
      removed: 0,
      endsAt: '2027-05-01T00:00:00.000Z',
    });
  });

  it('ends with 1 and names the command if the application may not change itself', async () => {
    graph.answer = () => problem(403, 'Authorization_RequestDenied', 'No.');
    const { exit, out } = await rotate(['--client-credential']);
    expect([exit, out]).toEqual([
      1,
      'Not renewed: The client secret cannot be renewed by the application itself: run `ptb setup` in its last 30 days.\n',
    ]);
    expect(JSON.parse((await rotate(['--client-credential', '--json'])).out)).not.toHaveProperty('endsAt');
  });

  it('has nothing to renew for a managed identity, and needs no temporary secret', async () => {
    const credential = { kind: 'federated' } as const;
    await store.saveClientCredential(application, { clientId, tenantId: partner as TenantId, credential });
    const { exit, out, signIns } = await rotate(['--client-credential']);
    expect([exit, out]).toEqual([0, 'Nothing to renew: A federated client credential never expires.\n']);
    expect([signIns, graph.writes()]).toEqual([[], []]);
  });
});

describe('ptb rotate on a machine without the managed identity of the application', () => {
  beforeEach(async () => {
    const credential = { kind: 'federated' } as const;
    await store.saveClientCredential(application, { clientId, tenantId: partner as TenantId, credential });
  });

  it('has an administrator add a client secret, rotates with it, and removes it', async () => {
    const { exit, err, signIns } = await rotate([]);
    expect(err).toContain('This machine does not have the managed identity: an administrator signs in first');
    expect(exit).toBe(0);
    expect(signIns.map(({ scopes }) => scopes.at(-1))).toEqual([
      'https://graph.microsoft.com/Application.ReadWrite.All',
    ]);
    expect(graph.writes().map((each) => each.replace(/.*\//, ''))).toEqual(['addPassword', 'removePassword']);
    expect(graph.interruptible).toEqual([false]);
    const used = redeemer.sent.map(({ clientCredential }) =>
      clientCredential.kind === 'secret' ? clientCredential.secret.reveal() : clientCredential.kind,
    );
    expect(new Set(used)).toEqual(new Set(['fresh-secret']));
    expect(store.refreshTokens(application)).toHaveLength(2);
    // The vault keeps the managed identity.
    expect((await store.load(application)).client.credential.kind).toBe('federated');
  });

  it('removes the client secret also when the rotation fails', async () => {
    redeemer.script = ({ grant }) => (grant.kind === 'delegated' ? aadstsFailure(50173) : undefined);
    const { exit } = await rotate([]);
    expect(exit).toBe(4);
    expect(graph.writes().map((each) => each.replace(/.*\//, ''))).toEqual(['addPassword', 'removePassword']);
  });

  it('needs nobody where the managed identity is', async () => {
    vi.stubEnv('IDENTITY_ENDPOINT', 'http://127.0.0.1:1/identity');
    const { exit, signIns } = await rotate([]);
    expect([exit, signIns, graph.writes()]).toEqual([0, [], []]);
  });
});
