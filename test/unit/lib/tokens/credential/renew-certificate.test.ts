import { describe, expect, it } from 'vitest';
import { parseCertificate } from '../../../../../src/lib/tokens/credential/stored-secret.ts';
import { keyMark } from '../../../../../src/lib/tokens/credential/client-keys.ts';
import { versionsKept } from '../../../../../src/lib/tokens/credential/rotate.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { JsonObject } from '../../../../../src/lib/core/objects.ts';
import { aadstsFailure } from '../../../../fakes/fake-redeemer.ts';
import { refreshTokenOf } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import {
  certificateFor,
  createFixture,
  dayMs,
  type Fixture,
  foreignCertificate,
  idsOf,
  isWorking,
  renew,
  startMs,
  tenantId,
  vaultFailure,
} from './certificate-fixture.ts';

const nameOf = (vault: string): string => keyMark(vault, 'default', []).name;

describe('renewClientCredential for a certificate', () => {
  it('does not renew a certificate that ends in more than 30 days', async () => {
    const fixture = await createFixture(31);
    expect(await renew(fixture)).toEqual({
      application: 'default',
      kind: 'certificate',
      renewed: false,
      reason: 'The client certificate does not expire soon.',
      removed: 0,
    });
    expect(fixture.entra.written).toHaveLength(1);
  });

  it('adds a certificate for one year, and removes the old one the next day', async () => {
    const fixture = await createFixture();
    const renewal = await renew(fixture);
    const { client } = await fixture.store.load('default');
    expect(renewal).toEqual({
      application: 'default',
      kind: 'certificate',
      renewed: true,
      endsAtMs: client.endsAtMs,
      removed: 0,
    });
    expect(idsOf(fixture)).toEqual(['theirs', 'first', client.keyId]);
    fixture.clock.advance(dayMs);
    expect(await renew(fixture)).toMatchObject({ renewed: false, removed: 1 });
    expect(client).toMatchObject({ clientId: 'client', tenantId, version: 'v2' });
    expect(Math.round(((client.endsAtMs ?? 0) - fixture.clock.nowMs()) / dayMs)).toBe(364);
    expect(fixture.entra.written.slice(1)).toEqual([
      [
        { ...foreignCertificate, key: null },
        expect.objectContaining({ keyId: 'first', key: null }),
        {
          keyId: client.keyId,
          displayName: nameOf('vault.example'),
          type: 'AsymmetricX509Cert',
          usage: 'Verify',
          key: expect.stringMatching(/^MII/) as string,
          startDateTime: new Date(startMs + 345 * dayMs).toISOString(),
          endDateTime: new Date(client.endsAtMs ?? 0).toISOString(),
        },
      ],
      [{ ...foreignCertificate, key: null }, expect.objectContaining({ keyId: client.keyId, key: null })],
    ]);
    expect(new Set(fixture.entra.paths.slice(4))).toEqual(
      new Set(["/applications(appId='client')?$select=id,keyCredentials", "/applications(appId='client')"]),
    );
    expect(await isWorking(fixture)).toBe(true);
  });

  it('keeps three versions enabled', async () => {
    const fixture = await createFixture();
    for (let count = 0; count < 5; count += 1) await renew(fixture, true);
    const enabled = (await fixture.store.listClientCredentialVersions('default')).filter((version) => version.enabled);
    expect(enabled.map(({ version }) => version)).toEqual(['v6', 'v5', 'v4']);
    expect(enabled).toHaveLength(versionsKept);
  });

  it('never disables the version in use, whatever the order of versions from the same second', async () => {
    const fixture = await createFixture();
    const list = fixture.store.listClientCredentialVersions.bind(fixture.store);
    fixture.store.listClientCredentialVersions = async (application) => (await list(application)).toReversed();
    for (let count = 0; count < 5; count += 1) await renew(fixture, true);
    expect((await fixture.store.load('default')).client.version).toBe('v6');
    const enabled = (await list('default')).filter((version) => version.enabled);
    expect(enabled).toHaveLength(versionsKept);
  });

  it('removes the new certificate when Entra rejects it', async () => {
    const fixture = await createFixture();
    const { client } = await fixture.store.load('default');
    fixture.entra.script = ({ clientCredential }) =>
      clientCredential.kind === 'certificate' && client.credential.kind === 'certificate'
        ? clientCredential.thumbprintSha256 === client.credential.thumbprintSha256
          ? undefined
          : aadstsFailure(700027)
        : undefined;
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    expect(idsOf(fixture)).toEqual(['theirs', 'first']);
    expect(await isWorking(fixture)).toBe(true);
  });

  it('removes the new certificate when Key Vault refuses to store it', async () => {
    const fixture = await createFixture();
    const refusal = new BrokerError('key_vault_unavailable', 'No.', { logFields: { httpStatus: 403 } });
    fixture.store.stageClientCredential = () => Promise.reject(refusal);
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    expect(idsOf(fixture)).toEqual(['theirs', 'first']);
    expect(await isWorking(fixture)).toBe(true);
  });

  it.each([
    ['it is not registered with the application', (fixture: Fixture) => (fixture.entra.keys = [foreignCertificate])],
    [
      'its display name is not that of the broker',
      (fixture: Fixture) =>
        (fixture.entra.keys = fixture.entra.keys.map((entry) => ({ ...entry, displayName: 'CN=theirs' }))),
    ],
  ])('does not renew a certificate when %s', async (_, change) => {
    const fixture = await createFixture();
    change(fixture);
    fixture.entra.takes = () => true;
    const before = fixture.entra.keys;
    for (const force of [false, true]) {
      expect(await renew(fixture, force)).toMatchObject({
        renewed: false,
        reason: 'The client certificate was not created by the broker: renew it where it was created.',
        removed: 0,
      });
    }
    expect(fixture.entra.keys).toBe(before);
  });

  it('renews a certificate with the name of another vault without removing the old one', async () => {
    const fixture = await createFixture();
    const elsewhere = nameOf('old.vault.example');
    fixture.entra.keys = fixture.entra.keys.map((entry) => ({ ...entry, displayName: elsewhere }));
    expect(await renew(fixture)).toMatchObject({ renewed: true, removed: 0 });
    const { client } = await fixture.store.load('default');
    expect(idsOf(fixture)).toEqual(['theirs', 'first', client.keyId]);
  });

  it('changes nothing when Graph does not list the certificates', async () => {
    const fixture = await createFixture();
    fixture.entra.get = async () => ({ id: 'object' });
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'resource_error' });
    expect(idsOf(fixture)).toEqual(['theirs', 'first']);
  });

  it('removes unstored certificates of the broker after one hour, and no foreign ones', async () => {
    const fixture = await createFixture(100);
    const ours = (keyId: string, ageMs: number): JsonObject => ({
      keyId,
      displayName: nameOf('vault.example'),
      key: 'MII',
      startDateTime: new Date(fixture.clock.nowMs() - ageMs).toISOString(),
    });
    fixture.entra.keys = [...fixture.entra.keys, ours('orphan', 3_600_001), ours('young', 3_600_000)];
    expect(await renew(fixture)).toMatchObject({ renewed: false, removed: 1 });
    expect(idsOf(fixture)).toEqual(['theirs', 'first', 'young']);
  });
});

describe('renewClientCredential with another writer of the certificate list', () => {
  it('keeps a certificate that is added during the renewal', async () => {
    const fixture = await createFixture();
    const added = { ...foreignCertificate, keyId: 'added' };
    const renewal = renew({
      ...fixture,
      createCertificate: async (subject) => {
        fixture.entra.keys = [...fixture.entra.keys, added];
        return fixture.createCertificate(subject);
      },
    });
    expect(await renewal).toMatchObject({ renewed: true });
    const { client } = await fixture.store.load('default');
    expect(idsOf(fixture)).toEqual(['theirs', 'first', 'added', client.keyId]);
  });

  it.each([1, 2, 3])(
    'keeps a certificate that another writer adds between read %i and the next request',
    async (nth) => {
      const fixture = await createFixture();
      const added = { ...foreignCertificate, keyId: 'added' };
      const get = fixture.entra.get.bind(fixture.entra);
      let reads = 0;
      fixture.entra.get = async (path) => {
        const listed = await get(path);
        if ((reads += 1) === nth) fixture.entra.keys = [...fixture.entra.keys, added];
        return listed;
      };
      await renew(fixture);
      // The third read is the one right before the write: what is added after it has never been seen.
      expect(idsOf(fixture).includes('added')).toBe(nth !== 3);
    },
  );

  it('puts its certificate back when another writer overwrites the list right after its write', async () => {
    const fixture = await createFixture();
    const patch = fixture.entra.patch.bind(fixture.entra);
    let writes = 0;
    fixture.entra.patch = async (path, body) => {
      const before = fixture.entra.keys;
      await patch(path, body);
      if ((writes += 1) === 1) fixture.entra.keys = [...before, { ...foreignCertificate, keyId: 'added' }];
    };
    expect(await renew(fixture)).toMatchObject({ renewed: true });
    const { client } = await fixture.store.load('default');
    expect(idsOf(fixture)).toEqual(['theirs', 'first', 'added', client.keyId]);
    expect(writes).toBe(2);
  });

  it.each([
    ['before it is stored', 'stageClientCredential'],
    ['after it is stored', 'enableClientCredentialVersion'],
  ] as const)('restores the new certificate when another writer drops it %s', async (_, when) => {
    const fixture = await createFixture();
    const original = fixture.store[when].bind(fixture.store) as (...args: unknown[]) => Promise<never>;
    const dropped: unknown[] = [];
    const drop = (): void => {
      const last = fixture.entra.keys.at(-1);
      dropped.push(last?.['keyId']);
      fixture.entra.keys = fixture.entra.keys.filter((entry) => entry !== last);
    };
    Object.assign(fixture.store, {
      [when]: async (...args: unknown[]) => {
        if (fixture.entra.keys.length === 3) drop();
        return original(...args);
      },
    });
    expect(await renew(fixture)).toMatchObject({ renewed: true });
    const { client } = await fixture.store.load('default');
    expect(dropped).toEqual([client.keyId]);
    expect(idsOf(fixture)).toEqual(['theirs', 'first', client.keyId]);
    expect(await isWorking(fixture)).toBe(true);
  });

  it('leaves the list empty when all certificates were revoked during the renewal', async () => {
    const fixture = await createFixture();
    const save = fixture.store.stageClientCredential.bind(fixture.store);
    fixture.store.stageClientCredential = async (...args) => {
      fixture.entra.keys = [];
      return save(...args);
    };
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    expect(fixture.entra.keys).toEqual([]);
  });
});

describe('renewClientCredential when Entra rejects the newest certificate', () => {
  const storeBad = async (fixture: Fixture): Promise<void> => {
    const pem = await certificateFor(99, { commonName: 'pasted', notBeforeMs: 0, notAfterMs: startMs * 2 });
    const credential = parseCertificate(`${pem.privateKey}\n${pem.certificate}`);
    await fixture.store.saveClientCredential('default', { clientId: 'client', tenantId, credential, keyId: 'bad' });
  };

  it('falls back to the previous version, and disables the newest one after one hour', async () => {
    const fixture = await createFixture(100);
    await storeBad(fixture);
    const young = recordingLogger();
    expect(await renew(fixture, false, undefined, young.log)).toMatchObject({ renewed: false });
    expect(young.events()).toEqual(['credential.client_credential_fell_back']);
    expect((await fixture.store.load('default')).client.keyId).toBe('bad');
    fixture.clock.advance(3_600_001);
    await renew(fixture);
    expect((await fixture.store.load('default')).client.keyId).toBe('first');
  });

  it('does not fall back to a version of another application than the refresh token, nor when no version works', async () => {
    const fixture = await createFixture(100);
    const { client } = await fixture.store.load('default');
    await fixture.store.saveRefreshToken('default', { ...refreshTokenOf('r', 0), clientId: client.clientId });
    await fixture.store.disableClientCredentialVersion('default', 'v1');
    await fixture.store.saveClientCredential('default', { ...client, clientId: 'another' });
    await storeBad(fixture);
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    expect(await fixture.store.listClientCredentialVersions('default')).toMatchObject([
      { version: 'v3', enabled: true },
      { version: 'v2', enabled: true },
      { version: 'v1', enabled: false },
    ]);
  });

  it('does not fall back while Entra is unavailable', async () => {
    const fixture = await createFixture();
    await storeBad(fixture);
    fixture.entra.script = () => aadstsFailure(90033);
    await expect(renew(fixture)).rejects.toMatchObject({ code: 'entra_unavailable' });
  });
});

it('does not log or throw a private key when it fails', async () => {
  const fixture = await createFixture();
  const { log, lines } = recordingLogger();
  fixture.store.stageClientCredential = () => Promise.reject(vaultFailure());
  const error: unknown = await renew(fixture, true, undefined, log).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect(JSON.stringify(lines) + String(error)).not.toContain('PRIVATE KEY');
});
