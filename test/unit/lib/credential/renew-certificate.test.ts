import { describe, expect, it } from 'vitest';
import { parseCertificate } from '../../../../src/lib/credential/certificate.ts';
import { keyMark } from '../../../../src/lib/credential/client-keys.ts';
import { versionsKept } from '../../../../src/lib/credential/rotate.ts';
import type { JsonObject } from '../../../../src/lib/graph/reply.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import {
  type Bench,
  bench,
  certificateFor,
  dayMs,
  idsOf,
  isAlive,
  renew,
  startMs,
  tenantId,
  theirs,
  vaultFailure,
} from './certificate-bench.ts';

const nameOf = (vault: string): string => keyMark(vault, 'default', []).name;

describe('renewing a client certificate', () => {
  it('leaves one alone that ends in more than a month', async () => {
    const set = await bench(31);
    expect(await renew(set)).toEqual({
      application: 'default',
      kind: 'certificate',
      renewed: false,
      reason: 'The client certificate does not end soon.',
      removed: 0,
    });
    expect(set.entra.written).toHaveLength(1);
  });

  it('makes one for a year beside those there are, and takes the old one off when the new one has worked', async () => {
    const set = await bench();
    const renewal = await renew(set);
    const { client } = await set.store.load('default');
    expect(renewal).toEqual({
      application: 'default',
      kind: 'certificate',
      renewed: true,
      endsAtMs: client.endsAtMs,
      removed: 1,
    });
    expect(client).toMatchObject({ clientId: 'client', tenantId, version: 'v2' });
    // The pauses of the renewal are part of the year.
    expect(Math.round(((client.endsAtMs ?? 0) - set.clock.nowMs()) / dayMs)).toBe(365);
    expect(set.entra.written.slice(1)).toEqual([
      [
        { ...theirs, key: null },
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
      [{ ...theirs, key: null }, expect.objectContaining({ keyId: client.keyId, key: null })],
    ]);
    expect(new Set(set.entra.paths.slice(2))).toEqual(
      new Set(["/applications(appId='client')?$select=id,keyCredentials", "/applications(appId='client')"]),
    );
    expect(await isAlive(set)).toBe(true);
  });

  it('leaves three versions readable', async () => {
    const set = await bench();
    for (let nth = 0; nth < 5; nth += 1) await renew(set, true);
    const enabled = (await set.store.listClientCredentialVersions('default')).filter((version) => version.enabled);
    expect(enabled.map(({ version }) => version)).toEqual(['v6', 'v5', 'v4']);
    expect(enabled).toHaveLength(versionsKept);
  });

  it('never disables the version in force, whatever order versions of the same second come in', async () => {
    const set = await bench();
    const list = set.store.listClientCredentialVersions.bind(set.store);
    set.store.listClientCredentialVersions = async (application) => (await list(application)).toReversed();
    for (let nth = 0; nth < 5; nth += 1) await renew(set, true);
    expect((await set.store.load('default')).client.version).toBe('v6');
    const enabled = (await list('default')).filter((version) => version.enabled);
    expect(enabled).toHaveLength(versionsKept);
  });

  it('takes the new one back where Entra does not take it', async () => {
    const set = await bench();
    const { client } = await set.store.load('default');
    set.entra.script = ({ clientCredential }) =>
      clientCredential.kind === 'certificate' && client.credential.kind === 'certificate'
        ? clientCredential.thumbprintSha256 === client.credential.thumbprintSha256
          ? undefined
          : aadstsFailure(700027)
        : undefined;
    await expect(renew(set)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    expect(idsOf(set)).toEqual(['theirs', 'first']);
    expect(await isAlive(set)).toBe(true);
  });

  it('takes the new one back where the vault does not take it', async () => {
    const set = await bench();
    set.store.saveClientCredential = () => Promise.reject(vaultFailure());
    await expect(renew(set)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    expect(idsOf(set)).toEqual(['theirs', 'first']);
    expect(await isAlive(set)).toBe(true);
  });

  it.each([
    ['it is not among those of the application', (set: Bench) => (set.entra.keys = [theirs])],
    [
      'it has another name there',
      (set: Bench) => (set.entra.keys = set.entra.keys.map((entry) => ({ ...entry, displayName: 'CN=theirs' }))),
    ],
  ])('leaves one to whoever made it where %s', async (_, change) => {
    const set = await bench();
    change(set);
    set.entra.takes = () => true;
    const before = set.entra.keys;
    for (const force of [false, true]) {
      expect(await renew(set, force)).toMatchObject({
        renewed: false,
        reason: 'The client certificate is none that the broker made, so whoever made it renews it.',
        removed: 0,
      });
    }
    expect(set.entra.keys).toBe(before);
  });

  it('leaves one in place that another vault keeps, and renews one beside it that came from there', async () => {
    const set = await bench();
    const elsewhere = nameOf('old.vault.example');
    set.entra.keys = set.entra.keys.map((entry) => ({ ...entry, displayName: elsewhere }));
    expect(await renew(set)).toMatchObject({ renewed: true, removed: 0 });
    const { client } = await set.store.load('default');
    expect(idsOf(set)).toEqual(['theirs', 'first', client.keyId]);
  });

  it('changes nothing where Graph does not list the certificates', async () => {
    const set = await bench();
    set.entra.get = async () => ({ id: 'object' });
    await expect(renew(set)).rejects.toMatchObject({ code: 'resource_error' });
    expect(idsOf(set)).toEqual(['theirs', 'first']);
  });

  it('removes certificates of ours that nobody stored when they are an hour old, and none of other people', async () => {
    const set = await bench(100);
    const ours = (keyId: string, ageMs: number): JsonObject => ({
      keyId,
      displayName: nameOf('vault.example'),
      key: 'MII',
      startDateTime: new Date(set.clock.nowMs() - ageMs).toISOString(),
    });
    set.entra.keys = [...set.entra.keys, ours('orphan', 3_600_001), ours('young', 3_600_000)];
    expect(await renew(set)).toMatchObject({ renewed: false, removed: 1 });
    expect(idsOf(set)).toEqual(['theirs', 'first', 'young']);
  });
});

describe('the list of certificates, which is replaced as a whole', () => {
  it('keeps one that somebody adds while the renewal is under way', async () => {
    const set = await bench();
    const added = { ...theirs, keyId: 'added' };
    const renewal = renew({
      ...set,
      createCertificate: async (subject) => {
        set.entra.keys = [...set.entra.keys, added];
        return set.createCertificate(subject);
      },
    });
    expect(await renewal).toMatchObject({ renewed: true });
    const { client } = await set.store.load('default');
    expect(idsOf(set)).toEqual(['theirs', 'added', client.keyId]);
  });

  it.each([
    ['before it is stored', 'saveClientCredential'],
    ['when it is stored', 'listClientCredentialVersions'],
  ] as const)('has the new one put back that another writer left out %s', async (_, when) => {
    const set = await bench();
    const original = set.store[when].bind(set.store) as (...args: unknown[]) => Promise<never>;
    const dropped: unknown[] = [];
    const drop = (): void => {
      const last = set.entra.keys.at(-1);
      dropped.push(last?.['keyId']);
      set.entra.keys = set.entra.keys.filter((entry) => entry !== last);
    };
    Object.assign(set.store, {
      [when]: async (...args: unknown[]) => {
        if (set.entra.keys.length === 3) drop();
        return original(...args);
      },
    });
    expect(await renew(set)).toMatchObject({ renewed: true });
    const { client } = await set.store.load('default');
    expect(dropped).toEqual([client.keyId]);
    expect(idsOf(set)).toEqual(['theirs', client.keyId]);
    expect(await isAlive(set)).toBe(true);
  });

  it('stays empty where somebody revoked everything', async () => {
    const set = await bench();
    const save = set.store.saveClientCredential.bind(set.store);
    set.store.saveClientCredential = async (...args) => {
      set.entra.keys = [];
      return save(...args);
    };
    await expect(renew(set)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    expect(set.entra.keys).toEqual([]);
  });
});

describe('a newest version that Entra refuses', () => {
  const storeBad = async (set: Bench): Promise<void> => {
    const pem = await certificateFor(99, { commonName: 'pasted', notBeforeMs: 0, notAfterMs: startMs * 2 });
    const credential = parseCertificate(`${pem.privateKey}\n${pem.certificate}`);
    await set.store.saveClientCredential('default', { clientId: 'client', tenantId, credential, keyId: 'bad' });
  };

  it('gives way to the one before it, and is disabled when it is an hour old', async () => {
    const set = await bench(100);
    await storeBad(set);
    const young = recordingLogger();
    expect(await renew(set, false, undefined, young.log)).toMatchObject({ renewed: false });
    expect(young.events()).toEqual(['credential.client_credential_fell_back']);
    expect((await set.store.load('default')).client.keyId).toBe('bad');
    set.clock.advance(3_600_001);
    await renew(set);
    expect((await set.store.load('default')).client.keyId).toBe('first');
  });

  it('does not give way to one of another application, nor where none works', async () => {
    const set = await bench(100);
    const { client } = await set.store.load('default');
    await set.store.disableClientCredentialVersion('default', 'v1');
    await set.store.saveClientCredential('default', { ...client, clientId: 'another' });
    await storeBad(set);
    await expect(renew(set)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    expect(await set.store.listClientCredentialVersions('default')).toMatchObject([
      { version: 'v3', enabled: true },
      { version: 'v2', enabled: true },
      { version: 'v1', enabled: false },
    ]);
  });

  it('does not give way while Entra stumbles', async () => {
    const set = await bench();
    await storeBad(set);
    set.entra.script = () => aadstsFailure(90033);
    await expect(renew(set)).rejects.toMatchObject({ code: 'entra_unavailable' });
  });
});

it('never prints a private key when it fails', async () => {
  const set = await bench();
  const { log, lines } = recordingLogger();
  set.store.saveClientCredential = () => Promise.reject(vaultFailure());
  const error: unknown = await renew(set, true, undefined, log).catch((thrown: unknown) => thrown);
  expect(JSON.stringify(lines) + String(error)).not.toContain('PRIVATE KEY');
});
