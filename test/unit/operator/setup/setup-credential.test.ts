import { beforeEach, describe, expect, it } from 'vitest';
import { provenSuccesses } from '../../../../src/lib/tokens/credential/prove-client-credential.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { runSetup } from '../../../../src/operator/setup/setup.ts';
import { aadstsFailure, failureReply } from '../../../fakes/fake-redeemer.ts';
import { MemoryCredentialStore } from '../../../fakes/memory-credential-store.ts';
import { keyName, options, partnerTenantId, present, secretOf, SetupBench } from './setup-bench.ts';

const refusal = new BrokerError('key_vault_unavailable', 'full', { logFields: { httpStatus: 403 } });

let bench: SetupBench;
beforeEach(() => {
  bench = new SetupBench();
});

describe('a new client credential', () => {
  it('is stored only after it worked, and retried while Entra replicates it', async () => {
    const held: string[] = [];
    const save = bench.store.saveClientCredential.bind(bench.store);
    bench.store.saveClientCredential = async (...args) => {
      held.push(`stored after ${bench.redeemer.sent.length}`);
      return save(...args);
    };
    // A new application is not replicated yet, either.
    const replies = [aadstsFailure(700016), failureReply({ code: 'client_credential_rejected' })];
    bench.redeemer.script = (_, nth) => replies[nth - 1];
    await runSetup(bench.deps(), options);
    expect(held).toEqual([`stored after ${2 + provenSuccesses}`]);
    expect(bench.redeemer.sent[2]).toMatchObject({ tenantId: partnerTenantId, grant: { kind: 'application' } });
    expect(bench.clock.slept).toEqual([3_000, 5_000]);
    const name = keyName();
    expect(bench.bodyOf('/addPassword')).toMatchObject({ passwordCredential: { displayName: name } });
    expect((await bench.store.load('default')).client.keyId).toBe('key');
  });

  it('is removed when Entra does not accept it within two minutes, and the one in use stays', async () => {
    await bench.store.saveClientCredential('default', {
      clientId: 'client',
      tenantId: partnerTenantId,
      ...secretOf('old'),
    });
    bench.directory["appId eq 'client'"] = [present];
    bench.redeemer.script = () =>
      failureReply({ code: 'client_credential_rejected', detail: 'Wrong secret.', logFields: { aadsts: 7000215 } });
    await expect(runSetup(bench.deps(), options)).rejects.toMatchObject({
      code: 'client_credential_rejected',
      detail: 'Wrong secret.',
      logFields: { aadsts: 7000215 },
    });
    expect(bench.clock.slept.reduce((sum, ms) => sum + ms)).toBe(98_000);
    expect(bench.writes()).toEqual([
      'POST /applications/object/addPassword',
      'POST /applications/object/removePassword',
    ]);
    expect((await bench.store.load('default')).client.version).toBe('v1');
  });

  it('is removed from Entra when the vault refuses to store it', async () => {
    bench.store.saveClientCredential = () => Promise.reject(refusal);
    await expect(runSetup(bench.deps(), options)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    expect(bench.writes()).toEqual([
      'POST /applications/object/addPassword',
      'POST /applications/object/removePassword',
    ]);
    expect(bench.bodyOf('/removePassword')).toEqual({ keyId: 'key' });
  });

  it('is not proven when it is a managed identity and none is in use', async () => {
    await runSetup(bench.deps(), { ...options, credential: 'federated', managedIdentityObjectId: 'identity' });
    expect(bench.redeemer.sent).toEqual([]);
    expect((await bench.store.load('default')).client).toMatchObject({
      clientId: 'client',
      credential: { kind: 'federated' },
    });
    expect(bench.bodyOf('/federatedIdentityCredentials')).toEqual({
      name: 'partner-token-broker-00000001',
      issuer: `https://login.test/${partnerTenantId}/v2.0`,
      subject: 'identity',
      audiences: ['api://audience'],
    });
  });

  describe('of kind federated while a secret is in use', () => {
    const identity = { ...options, credential: 'federated', managedIdentityObjectId: 'identity' } as const;
    const refuseIdentity = (): void => {
      bench.redeemer.script = ({ clientCredential }) =>
        clientCredential.kind === 'federated' ? aadstsFailure(70021) : undefined;
    };
    const haveSecret = (endsAtMs?: number) =>
      bench.store.saveClientCredential('default', {
        clientId: 'client',
        tenantId: partnerTenantId,
        ...secretOf('in use'),
        ...(endsAtMs === undefined ? {} : { endsAtMs }),
      });
    beforeEach(async () => {
      await haveSecret();
      bench.graph = ({ method, url }) =>
        method === 'GET' && decodeURIComponent(url.search).includes("appId eq 'client'")
          ? { value: url.pathname.endsWith('/applications') ? [present] : [{ id: 'principal' }] }
          : undefined;
    });
    const kind = async (): Promise<string> => (await bench.store.load('default')).client.credential.kind;

    it('waits until the app has proven it, and setup has nothing more to do', async () => {
      refuseIdentity();
      expect(await runSetup(bench.deps(), identity)).toMatchObject({ credential: 'secret', proposed: 'federated' });
      expect(await kind()).toBe('secret');
      const { issuer, subject, audiences } = bench.bodyOf('/federatedIdentityCredentials') as Record<string, unknown>;
      bench.directory['/federatedIdentityCredentials'] = [{ id: 'trust', issuer, subject, audiences }];
      expect(await runSetup(bench.deps(), identity)).toMatchObject({ changed: false, proposed: 'federated' });
    });

    it('waits when Entra answers for neither', async () => {
      bench.redeemer.script = () => failureReply();
      expect(await runSetup(bench.deps(), identity)).toMatchObject({ credential: 'secret', proposed: 'federated' });
    });

    it('is used at once when Entra accepts it on this machine', async () => {
      expect(await runSetup(bench.deps(), identity)).toMatchObject({ credential: 'federated' });
      expect(await kind()).toBe('federated');
    });

    it('is used at once when the secret does not work', async () => {
      bench.redeemer.script = () => aadstsFailure(7000215);
      expect(await runSetup(bench.deps(), identity)).toMatchObject({ credential: 'federated' });
    });

    it('does not replace a working secret that ends in 1.9 days while Entra refuses the identity', async () => {
      await haveSecret(bench.clock.nowMs() + 1.9 * 86_400_000);
      refuseIdentity();
      expect(await runSetup(bench.deps(), identity)).toMatchObject({ credential: 'secret', proposed: 'federated' });
      expect(await kind()).toBe('secret');
    });
  });

  it('of kind certificate is added to the existing ones, and removed when it cannot be stored', async () => {
    let listed: unknown = present.keyCredentials;
    bench.graph = ({ method, url, body }) => {
      if (!url.pathname.endsWith('/applications/object')) return undefined;
      if (method === 'PATCH') ({ keyCredentials: listed } = JSON.parse(body ?? '') as { keyCredentials: unknown });
      return method === 'GET' ? { id: 'object', keyCredentials: listed } : undefined;
    };
    const outcome = await runSetup(bench.deps(), { ...options, credential: 'certificate' });
    expect(outcome.credential).toBe('certificate');
    expect(bench.redeemer.sent[0]).toMatchObject({ clientCredential: { kind: 'certificate' } });
    const { keyCredentials } = bench.bodyOf('/applications/object') as { keyCredentials: Record<string, unknown>[] };
    expect(keyCredentials[0]).toEqual({ keyId: 'older', key: null });
    const name = keyName();
    expect(keyCredentials[1]).toMatchObject({ displayName: name, usage: 'Verify' });
    expect(keyCredentials[1]?.['key']).toMatch(/^MII[A-Za-z0-9+/=]+$/);

    listed = present.keyCredentials;
    bench.store = new MemoryCredentialStore();
    bench.store.saveClientCredential = () => Promise.reject(refusal);
    await expect(runSetup(bench.deps(), { ...options, credential: 'certificate' })).rejects.toMatchObject({
      code: 'key_vault_unavailable',
    });
    expect(bench.writes()).toEqual(['PATCH /applications/object', 'PATCH /applications/object']);
    const patches = bench.seen.filter(({ method }) => method === 'PATCH');
    expect(JSON.parse(patches.at(-1)?.body ?? '')).toEqual({ keyCredentials: [{ keyId: 'older', key: null }] });
  });

  it('of kind certificate is rejected before any request when it has no certificate', async () => {
    const broken = { ...bench.deps(), createCertificate: async () => ({ certificate: 'none', privateKey: 'none' }) };
    await expect(runSetup(broken, { ...options, credential: 'certificate' })).rejects.toMatchObject({
      code: 'client_credential_rejected',
    });
    expect(bench.writes()).toEqual([]);
  });
});
