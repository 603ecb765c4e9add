import type { Clock } from '../../../../../src/lib/core/clock.ts';
import {
  type CreateCertificate,
  createCertificate,
  registerCertificate,
} from '../../../../../src/lib/tokens/credential/client-certificate.ts';
import {
  type Renewal,
  renewClientCredential,
} from '../../../../../src/lib/tokens/credential/renew-client-credential.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { JsonObject } from '../../../../../src/lib/core/objects.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { CertificateEntra } from '../../../../fakes/certificate-entra.ts';
import type { Interrupter } from '../../../../fakes/interruption.ts';
import { MemoryCredentialStore } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

export const tenantId = '99999999-9999-4999-8999-999999999999' as TenantId;
export const dayMs = 86_400_000;
export const startMs = Date.UTC(2026, 0, 1);
export const vaultFailure = (): BrokerError => new BrokerError('key_vault_unavailable', 'Key Vault answered HTTP 503.');
export const foreignCertificate: JsonObject = {
  keyId: 'theirs',
  displayName: 'CN=theirs',
  key: 'MII',
  startDateTime: '2020-01-01',
};

/** Real certificates, cached by number and start because generating an RSA key is slow. */
const cached = new Map<string, ReturnType<CreateCertificate>>();
export function certificateFor(nth: number, subject: Parameters<CreateCertificate>[0]): ReturnType<CreateCertificate> {
  const key = `${nth} ${subject.notBeforeMs}`;
  const certificate = cached.get(key) ?? createCertificate(subject);
  cached.set(key, certificate);
  return certificate;
}

export interface Fixture {
  readonly clock: Clock & { advance(ms: number): void };
  readonly store: MemoryCredentialStore;
  readonly entra: CertificateEntra;
  readonly createCertificate: CreateCertificate;
}

/** An application with a foreign certificate and one of the broker, which ends in `daysLeft` days. */
export async function createFixture(daysLeft = 20): Promise<Fixture> {
  let nowMs = startMs;
  const clock = {
    nowMs: () => nowMs,
    // A pause ends immediately and advances the clock.
    sleep: async (ms: number) => void (nowMs += ms),
    advance: (ms: number) => void (nowMs += ms),
  };
  let created = 0;
  const entra = new CertificateEntra(clock.nowMs);
  entra.keys = [foreignCertificate];
  const fixture: Fixture = {
    clock,
    store: new MemoryCredentialStore(clock.nowMs),
    entra,
    createCertificate: (subject) => certificateFor((created += 1), subject),
  };
  const issued = await registerCertificate(
    { ...fixture, ...graphOf(fixture), newId: () => 'first' },
    '/applications/1',
    'partner-token-broker',
  );
  await fixture.store.saveClientCredential('default', { clientId: 'client', tenantId, ...issued });
  clock.advance((365 - daysLeft) * dayMs);
  return fixture;
}

const graphOf = ({ entra }: Pick<Fixture, 'entra'>) => ({ graph: entra, writer: entra });

export function renew(
  fixture: Fixture,
  force = false,
  interrupter?: Interrupter,
  log = recordingLogger().log,
): Promise<Renewal> {
  const entra = interrupter?.wrap(fixture.entra) ?? fixture.entra;
  const deps = {
    ...fixture,
    store: interrupter?.wrap(fixture.store) ?? fixture.store,
    redeemer: entra,
    log,
    newId: () => crypto.randomUUID(),
    graphIdentifier: 'https://graph.microsoft.com',
    graphOf: () => graphOf({ entra }),
  };
  return renewClientCredential(deps, 'default', force);
}

export const idsOf = ({ entra }: Fixture): unknown[] => entra.keys.map(({ keyId }) => keyId);

/** Whether Entra accepts the client credential that the store returns. */
export const isWorking = async ({ store, entra }: Fixture): Promise<boolean> =>
  entra.takes((await store.load('default')).client.credential);

/** Whether Entra accepts at least one of the enabled versions in the store. */
export async function hasWorkingVersion({ store, entra }: Fixture): Promise<boolean> {
  for (const { version } of await store.listClientCredentialVersions('default')) {
    const client = await store.loadClientCredentialVersion('default', version);
    if (client !== undefined && entra.takes(client.credential)) return true;
  }
  return false;
}
