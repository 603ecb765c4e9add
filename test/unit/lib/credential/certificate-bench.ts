import type { Clock } from '../../../../src/lib/runtime/clock.ts';
import { type CreateCertificate, registerCertificate } from '../../../../src/lib/credential/client-certificate.ts';
import { createCertificate } from '../../../../src/lib/credential/create-certificate.ts';
import { type Renewal, renewClientCredential } from '../../../../src/lib/credential/renew-client-credential.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import type { JsonObject } from '../../../../src/lib/graph/reply.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { CertificateEntra } from '../../../fakes/certificate-entra.ts';
import type { Interrupter } from '../../../fakes/interruption.ts';
import { MemoryCredentialStore } from '../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

export const tenantId = '99999999-9999-4999-8999-999999999999' as TenantId;
export const dayMs = 86_400_000;
export const startMs = Date.UTC(2026, 0, 1);
export const vaultFailure = (): BrokerError => new BrokerError('key_vault_unavailable', 'Key Vault answered HTTP 503.');
export const theirs: JsonObject = {
  keyId: 'theirs',
  displayName: 'CN=theirs',
  key: 'MII',
  startDateTime: '2020-01-01',
};

/** Real certificates; the same one for the same wish, as an RSA key takes its time. */
const made = new Map<string, ReturnType<CreateCertificate>>();
export function certificateFor(nth: number, subject: Parameters<CreateCertificate>[0]): ReturnType<CreateCertificate> {
  const key = `${nth} ${subject.notBeforeMs}`;
  const known = made.get(key) ?? createCertificate(subject);
  made.set(key, known);
  return known;
}

export interface Bench {
  readonly clock: Clock & { advance(ms: number): void };
  readonly store: MemoryCredentialStore;
  readonly entra: CertificateEntra;
  readonly createCertificate: CreateCertificate;
}

/** An application with a certificate of somebody else and one of ours, which ends in so many days. */
export async function bench(daysLeft = 20): Promise<Bench> {
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
  const issued = await registerCertificate(
    { ...set, ...graphOf(set), newId: () => 'first' },
    '/applications/1',
    'partner-token-broker',
  );
  await set.store.saveClientCredential('default', { clientId: 'client', tenantId, ...issued });
  clock.advance((365 - daysLeft) * dayMs);
  return set;
}

const graphOf = ({ entra }: Pick<Bench, 'entra'>) => ({ graph: entra, writer: entra });

export function renew(
  set: Bench,
  force = false,
  interrupter?: Interrupter,
  log = recordingLogger().log,
): Promise<Renewal> {
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

export const idsOf = ({ entra }: Bench): unknown[] => entra.keys.map(({ keyId }) => keyId);

/** Whether what the store gives out now opens Entra. */
export const isAlive = async ({ store, entra }: Bench): Promise<boolean> =>
  entra.takes((await store.load('default')).client.credential);

/** Whether anything that the store still holds opens Entra. */
export async function isSaved({ store, entra }: Bench): Promise<boolean> {
  for (const { version } of await store.listClientCredentialVersions('default')) {
    const client = await store.loadClientCredentialVersion('default', version);
    if (client !== undefined && entra.takes(client.credential)) return true;
  }
  return false;
}
