import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clock } from '../../../../src/lib/clock.ts';
import { parseCertificate } from '../../../../src/lib/credential/certificate.ts';
import { type CreateCertificate, registerCertificate } from '../../../../src/lib/credential/client-certificate.ts';
import { createCertificate } from '../../../../src/lib/credential/create-certificate.ts';
import { type Renewal, renewClientCredential } from '../../../../src/lib/credential/renew-client-credential.ts';
import { versionsKept } from '../../../../src/lib/credential/rotate.ts';
import { BrokerError } from '../../../../src/lib/errors.ts';
import type { JsonObject } from '../../../../src/lib/graph/reply.ts';
import type { TenantId } from '../../../../src/lib/identifiers.ts';
import { CertificateEntra } from '../../../fakes/certificate-entra.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { Interrupter, type Interruption } from '../../../fakes/interruption.ts';
import { MemoryCredentialStore } from '../../../fakes/memory-credential-store.ts';
import { onSchedule } from '../../../fakes/on-schedule.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

const tenantId = '99999999-9999-4999-8999-999999999999' as TenantId;
const dayMs = 86_400_000;
const startMs = Date.UTC(2026, 0, 1);
const vaultFailure = (): BrokerError => new BrokerError('key_vault_unavailable', 'Key Vault answered HTTP 503.');
const theirs: JsonObject = { keyId: 'theirs', displayName: 'CN=theirs', key: 'MII', startDateTime: '2020-01-01' };

/** Real certificates; the same one for the same wish, as an RSA key takes its time. */
const made = new Map<string, ReturnType<CreateCertificate>>();
function certificateFor(nth: number, subject: Parameters<CreateCertificate>[0]): ReturnType<CreateCertificate> {
  const key = `${nth} ${subject.notBeforeMs}`;
  const known = made.get(key) ?? createCertificate(subject);
  made.set(key, known);
  return known;
}

interface Bench {
  readonly clock: Clock & { advance(ms: number): void };
  readonly store: MemoryCredentialStore;
  readonly entra: CertificateEntra;
  readonly createCertificate: CreateCertificate;
}

/** An application with a certificate of somebody else and one of ours, which ends in so many days. */
async function bench(daysLeft = 20): Promise<Bench> {
  let nowMs = startMs;
  const clock = {
    nowMs: () => nowMs,
    // A pause passes at once, for everybody.
    sleep: async (ms: number) => void (nowMs += ms),
    advance: (ms: number) => void (nowMs += ms),
  };
  let certificates = 0;
  const entra = new CertificateEntra(clock.nowMs);
  entra.keys = [theirs];
  const set: Bench = {
    clock,
    store: new MemoryCredentialStore(clock.nowMs),
    entra,
    createCertificate: (subject) => certificateFor((certificates += 1), subject),
  };
  const issued = await registerCertificate({ ...set, ...graphOf(set), newId: () => 'first' }, '/applications/1');
  await set.store.saveClientCredential('default', { clientId: 'client', tenantId, ...issued });
  clock.advance((365 - daysLeft) * dayMs);
  return set;
}

const graphOf = ({ entra }: Pick<Bench, 'entra'>) => ({ graph: entra, writer: entra });

function renew(set: Bench, force = false, interrupter?: Interrupter, log = recordingLogger().log): Promise<Renewal> {
  const entra = interrupter?.wrap(set.entra) ?? set.entra;
  const deps = {
    ...set,
    store: interrupter?.wrap(set.store) ?? set.store,
    redeemer: entra,
    log,
    newId: () => crypto.randomUUID(),
    graphIdentifier: 'https://graph.microsoft.com',
    graphOf: () => graphOf({ entra }),
  };
  return renewClientCredential(deps, 'default', force);
}

const idsOf = ({ entra }: Bench): unknown[] => entra.keys.map(({ keyId }) => keyId);

/** Whether what the store gives out now opens Entra. */
const isAlive = async ({ store, entra }: Bench): Promise<boolean> =>
  entra.takes((await store.load('default')).client.credential);

/** Whether anything that the store still holds opens Entra. */
async function isSaved({ store, entra }: Bench): Promise<boolean> {
  for (const { version } of await store.listClientCredentialVersions('default')) {
    const client = await store.loadClientCredentialVersion('default', version);
    if (client !== undefined && entra.takes(client.credential)) return true;
  }
  return false;
}

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
          displayName: 'partner-token-broker',
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
      displayName: 'partner-token-broker',
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
        drop();
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

describe('a renewal that is interrupted', () => {
  const figures = { interruptions: 0, races: 0, losses: 0, manualRepairs: 0, healedByTheNextDay: 0 };
  let calls = 0;
  beforeAll(async () => {
    const counter = new Interrupter(0, undefined, vaultFailure);
    await renew(await bench(), false, counter);
    ({ calls } = counter);
  });
  afterAll(() => {
    process.stdout.write(
      `renewal of a certificate: ${figures.interruptions} interruptions (kills and failures × ${calls} steps), ${figures.races} races of two or three renewals, ${figures.losses} losses, ${figures.manualRepairs} manual repairs, ${figures.healedByTheNextDay} healed by the next day's run\n`,
    );
  });

  /** Looks at once, and again after the next day's run: one certificate of ours is then in use, and none besides. */
  const account = async (set: Bench): Promise<void> => {
    if (!(await isSaved(set))) figures.losses += 1;
    const alive = await isAlive(set);
    set.clock.advance(dayMs);
    const repaired = await renew(set).then(
      () => true,
      () => false,
    );
    const { client } = await set.store.load('default');
    const clean = JSON.stringify(idsOf(set)) === JSON.stringify(['theirs', client.keyId]);
    const farMs = (client.endsAtMs ?? 0) - set.clock.nowMs();
    if (!repaired || !clean || !(await isAlive(set)) || farMs < 300 * dayMs) figures.manualRepairs += 1;
    else if (!alive) figures.healedByTheNextDay += 1;
  };
  const ways: readonly Interruption[] = ['killed before', 'killed after', 'refused', 'reply lost'];

  it('leaves a credential that works, at whichever step and however', async () => {
    expect(calls).toBeGreaterThanOrEqual(12);
    for (const how of ways) {
      for (let at = 1; at <= calls; at += 1) {
        const set = await bench();
        const interrupter = new Interrupter(at, how, vaultFailure);
        await Promise.race([renew(set, false, interrupter).catch(() => undefined), interrupter.killed]);
        figures.interruptions += 1;
        await account(set);
      }
    }
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0, healedByTheNextDay: 0 });
  });

  it('leaves a credential that works when renewals race, one of them killed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 2, max: 3 }),
        fc.integer({ min: 0, max: 24 }),
        fc.constantFrom(...ways),
        async (scheduler, renewals, at, how) => {
          const set = await bench();
          const scheduled = {
            ...set,
            store: onSchedule(scheduler, set.store),
            entra: onSchedule(scheduler, set.entra),
          };
          const running = Array.from({ length: renewals }, (_, which) => {
            const interrupter = new Interrupter(which === 0 ? at : 0, how, vaultFailure);
            return Promise.race([renew(scheduled, true, interrupter).catch(() => undefined), interrupter.killed]);
          });
          await scheduler.waitFor(Promise.all(running));
          figures.races += 1;
          await account(set);
        },
      ),
      { numRuns: 400, endOnFailure: true },
    );
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0 });
  });
});

it('never prints a private key when it fails', async () => {
  const set = await bench();
  const { log, lines } = recordingLogger();
  set.store.saveClientCredential = () => Promise.reject(vaultFailure());
  const error: unknown = await renew(set, true, undefined, log).catch((thrown: unknown) => thrown);
  expect(JSON.stringify(lines) + String(error)).not.toContain('PRIVATE KEY');
});
