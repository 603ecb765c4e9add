import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CloudClock } from './clock.ts';
import type { Cloud } from './assemble-cloud.ts';
import { createBase } from './cloud-base.ts';
import { checkOptions, type CloudOptions } from './cloud-options.ts';
import { type CloudDocument, createDocument } from './document.ts';
import type { Faults } from './faults/faults.ts';
import type { Ledger } from './ledger.ts';
import { listenAll } from './listen-all.ts';
import { identityPath } from './managed-identity/managed-identity.ts';
import type { OwnReplies } from './replies/own-replies.ts';
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
  /** Replies that a test gives instead of those of the cloud. */
  readonly ownReplies: OwnReplies;
  readonly clock: CloudClock;
  /** The state behind the services: directories, customers, sign-ins. For assertions in tests. */
  readonly world: World;
  /** Adds a fault set. @throws RangeError for an unknown name. */
  addFaultSet(name: string): void;
  /** Removes every fault rule and restores the settings that fault sets have changed. */
  clearFaults(): void;
  /**
   * Puts everything back to the start: data, consents, sign-ins, clock, faults, own replies and ledger. Addresses, certificate
   * and signing keys stay. `document`, `ledger` and the other properties are new objects afterwards, with new secrets.
   */
  reset(): void;
  /** Closes every listener and removes the certificate file. */
  stop(): Promise<void>;
}

/**
 * Starts the simulated Microsoft cloud on loopback.
 * @throws RangeError for an unknown fault set, an option out of range, or tenants that cannot be used.
 * @throws Error with code `EADDRINUSE` when a port is taken.
 */
export async function startCloud(options: CloudOptions = {}): Promise<RunningCloud> {
  checkOptions(options);
  // The keys are created in other threads while this one loads the services.
  const [base, { assembleCloud }, { serveControl }] = await Promise.all([
    createBase(options),
    import('./assemble-cloud.ts'),
    import('./control/control.ts'),
  ]);
  let cloud = assembleCloud(options, base);
  let document: CloudDocument | undefined;
  const known = (): CloudDocument => {
    if (document === undefined) throw new Error('The cloud is still starting.');
    return document;
  };
  const listening = await listenAll({
    control: serveControl(() => ({ ...cloud, authority: base.certificates.authority, document: known })),
    context: () => ({ ...cloud, delayMs: options.delayMs ?? 0 }),
    certificates: base.certificates,
    port: options.port ?? 0,
    host: options.host ?? '127.0.0.1',
    onUntrusted: options.onUntrusted ?? (() => undefined),
  });
  const { addresses } = listening;
  const files = await writeCertificate(base.certificates.authority).catch(async (error: unknown) => {
    await listening.close();
    throw error;
  });
  const begin = (): void => {
    cloud.setAddresses(addresses);
    document = documentOf(cloud, listening, files.caCertificatePath);
  };
  begin();
  return Object.assign(
    viewOf(() => cloud, known),
    {
      addresses,
      control: listening.control,
      caCertificate: base.certificates.authority,
      reset: () => {
        cloud = assembleCloud(options, base);
        begin();
      },
      stop: async () => {
        await listening.close();
        await files.remove();
      },
    },
  );
}

/** The parts that a reset replaces. */
const viewOf = (
  cloud: () => Cloud,
  document: () => CloudDocument,
): Omit<RunningCloud, 'addresses' | 'control' | 'caCertificate' | 'reset' | 'stop'> => ({
  get document() {
    return document();
  },
  get ledger() {
    return cloud().ledger;
  },
  get faults() {
    return cloud().faults;
  },
  get ownReplies() {
    return cloud().ownReplies;
  },
  get clock() {
    return cloud().clock;
  },
  get world() {
    return cloud().world;
  },
  addFaultSet: (name) => cloud().addFaultSet(name),
  clearFaults: () => cloud().clearFaults(),
});

/** Writes the certificate authority to a file in a folder of its own. @throws Error that names the folder and the reason. */
async function writeCertificate(
  authority: string,
): Promise<{ readonly caCertificatePath: string; remove(): Promise<void> }> {
  let folder: string | undefined;
  const remove = async (): Promise<void> => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    folder = await mkdtemp(join(tmpdir(), 'microsoft-cloud-'));
    const caCertificatePath = join(folder, 'ca.pem');
    await writeFile(caCertificatePath, authority);
    return { caCertificatePath, remove };
  } catch (error) {
    await remove();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The certificate cannot be written to ${tmpdir()}: ${reason}`, { cause: error });
  }
}

const documentOf = (
  { world, identityHeader }: Cloud,
  { addresses, control, dns }: { readonly addresses: Addresses; readonly control: string; readonly dns: string },
  caCertificatePath: string,
): CloudDocument =>
  createDocument({
    addresses,
    control,
    dns,
    identityEndpoint: `${addresses.managedIdentity}${identityPath}`,
    identityHeader,
    caCertificatePath,
    partner: world.partner,
    customers: world.customers,
    refreshToken: issueRefreshToken(world),
  });

/** Signs the service account in to the ready-made application, with MFA. */
function issueRefreshToken({ partner, signIns }: World): string {
  const { serviceAccount: user, application } = partner;
  const { clientId } = application;
  return signIns.issueRefreshToken(signIns.begin({ user, clientId, amr: ['pwd', 'mfa'], isSinglePage: false }));
}
