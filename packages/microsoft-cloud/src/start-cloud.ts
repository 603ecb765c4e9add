import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CloudClock } from './clock.ts';
import { serveControl } from './control/control.ts';
import { type CloudOptions, createCloud } from './create-cloud.ts';
import { type CloudDocument, createDocument } from './document.ts';
import type { Faults } from './faults/faults.ts';
import type { Ledger } from './ledger.ts';
import { listenAll } from './listen-all.ts';
import { identityPath } from './managed-identity/managed-identity.ts';
import type { Addresses, World } from './world.ts';

export interface RunningCloud {
  readonly document: CloudDocument;
  readonly addresses: Addresses;
  /** Address of the control endpoint. */
  readonly control: string;
  /** PEM of the certificate authority that issued the services' certificate. */
  readonly caCertificate: string;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly clock: CloudClock;
  /** The state behind the services: directories, customers, sign-ins. For assertions in tests. */
  readonly world: World;
  /** Adds a fault set. @throws RangeError for an unknown name. */
  addFaultSet(name: string): void;
  /** Removes every fault rule and restores the settings that fault sets have changed. */
  clearFaults(): void;
  /** Closes every listener and removes the certificate file. */
  stop(): Promise<void>;
}

/**
 * Starts the simulated Microsoft cloud on loopback.
 * @throws RangeError for an unknown fault set or an option out of range.
 * @throws Error with code `EADDRINUSE` when a port is taken.
 */
export async function startCloud(options: CloudOptions = {}): Promise<RunningCloud> {
  const cloud = await createCloud(options);
  const { world, ledger, faults, clock, certificates } = cloud;
  let document: CloudDocument | undefined;
  const listening = await listenAll({
    control: serveControl({
      ...cloud,
      document: () => {
        if (document === undefined) throw new Error('The cloud is still starting.');
        return document;
      },
    }),
    services: cloud.services,
    context: { clock, faults, ledger, delayMs: options.delayMs ?? 0 },
    certificates,
    port: options.port ?? 0,
  });
  const { addresses, control } = listening;
  cloud.setAddresses(addresses);
  const folder = await mkdtemp(join(tmpdir(), 'microsoft-cloud-'));
  const caCertificatePath = join(folder, 'ca.pem');
  await writeFile(caCertificatePath, certificates.authority);
  document = createDocument({
    addresses,
    control,
    identityEndpoint: `${addresses.managedIdentity}${identityPath}`,
    identityHeader: cloud.identityHeader,
    caCertificatePath,
    partner: world.partner,
    customers: world.customers,
    refreshToken: issueRefreshToken(world),
  });
  return {
    document,
    addresses,
    control,
    caCertificate: certificates.authority,
    ledger,
    faults,
    clock,
    world,
    addFaultSet: cloud.addFaultSet,
    clearFaults: cloud.clearFaults,
    stop: async () => {
      await listening.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Signs the service account in to the ready-made application, with MFA. */
function issueRefreshToken({ partner, signIns }: World): string {
  const { serviceAccount: user, application } = partner;
  const { clientId } = application;
  return signIns.issueRefreshToken(signIns.begin({ user, clientId, amr: ['pwd', 'mfa'], isSinglePage: false }));
}
