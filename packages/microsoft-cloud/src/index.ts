import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from './system-clock.ts';
import { createAadGraph } from './aad-graph/aad-graph.ts';
import { createArm } from './arm/arm.ts';
import { type CloudClock, createCloudClock } from './clock.ts';
import { serveControl } from './control/control.ts';
import { type CloudDocument, createDocument } from './document.ts';
import { createEntra, type Entra } from './entra/entra.ts';
import { createSigningKeys } from './entra/keys.ts';
import { createExchange } from './exchange/exchange.ts';
import { createFaults, type Faults } from './faults/faults.ts';
import type { FaultRule } from './faults/rule.ts';
import { faultSet } from './faults/sets.ts';
import { createGraph } from './graph/graph.ts';
import { createKeyVault } from './key-vault/key-vault.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createManagedIdentity, identityPath } from './managed-identity/managed-identity.ts';
import { createPartnerCenter } from './partner-center/partner-center.ts';
import { createSeeded } from './seeded.ts';
import { type Certificates, createCertificates } from './web/certificate.ts';
import type { Service, ServiceName } from './web/http.ts';
import { listenAll } from './listen-all.ts';
import type { ListenerContext } from './web/listener.ts';
import { type Addresses, createWorld, type Settings, type World } from './world.ts';

export type { CloudDocument } from './document.ts';
export { environmentOf } from './document.ts';
export type { FaultRule } from './faults/rule.ts';
export { faultSet, faultSetNames } from './faults/sets.ts';
export type { LedgerContent, LedgerEntry, LedgerTotals } from './ledger.ts';

export interface CloudOptions {
  /** How many customers, 0 to 100,000; 25 when absent. */
  readonly tenants?: number;
  /** The same seed gives the same population; 1 when absent. */
  readonly seed?: number;
  /** Milliseconds that each Entra and Graph request takes at least; 0 when absent. */
  readonly delayMs?: number;
  /** Names of fault sets, rules, or both. */
  readonly faults?: readonly (string | FaultRule)[];
  /** Every tenant is `ok` and without traits. */
  readonly plain?: boolean;
  /** The control endpoint's port; the services take the ports after it. Any free ones when absent or 0. */
  readonly port?: number;
  readonly settings?: Partial<Settings>;
  /** The clock that the cloud's own starts from. */
  readonly clock?: Clock;
}

export interface RunningCloud {
  readonly document: CloudDocument;
  readonly addresses: Addresses;
  readonly control: string;
  /** PEM of the authority behind the certificates. */
  readonly caCertificate: string;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly clock: CloudClock;
  readonly world: World;
  /** Adds a named fault set. @throws RangeError for an unknown name. */
  addFaultSet(name: string): void;
  /** Removes every rule, and puts the settings back that sets have changed. */
  clearFaults(): void;
  /** Closes every listener and removes the certificate file. */
  stop(): Promise<void>;
}

const defaultSettings: Settings = {
  consentPropagationMs: 0,
  strictRefreshTokens: false,
  accessTokenLifetimeSeconds: undefined,
  deviceCodeIntervalSeconds: 1,
};

/** Starts the simulated Microsoft cloud on loopback. @throws RangeError for an unknown fault set or an impossible option. */
export async function startCloud(options: CloudOptions = {}): Promise<RunningCloud> {
  const cloud = await createCloud(options);
  const { world, ledger, faults, clock, certificates } = cloud;
  const context: ListenerContext = { clock, faults, ledger, delayMs: options.delayMs ?? 0 };
  let document: CloudDocument | undefined;
  const control = serveControl({
    ...cloud,
    document: () => {
      if (document === undefined) throw new Error('the cloud is not up yet');
      return document;
    },
  });
  const up = await listenAll(control, cloud.services, context, certificates, options.port ?? 0);
  cloud.place(up.addresses);
  const folder = await mkdtemp(join(tmpdir(), 'ptb-local-'));
  const caCertificatePath = join(folder, 'ca.pem');
  await writeFile(caCertificatePath, certificates.authority);
  document = createDocument({
    addresses: up.addresses,
    control: up.control,
    identityEndpoint: `${up.addresses.managedIdentity}${identityPath}`,
    identityHeader: cloud.identityHeader,
    caCertificatePath,
    partner: world.partner,
    customers: world.customers,
    refreshToken: readyRefreshToken(world),
  });
  return {
    document,
    addresses: up.addresses,
    control: up.control,
    caCertificate: certificates.authority,
    ledger,
    faults,
    clock,
    world,
    addFaultSet: cloud.addFaultSet,
    clearFaults: cloud.clearFaults,
    stop: async () => {
      await up.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Cloud {
  readonly world: World;
  readonly entra: Entra;
  readonly services: Readonly<Record<ServiceName, Service>>;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly clock: CloudClock;
  readonly certificates: Certificates;
  readonly identityHeader: string;
  readonly addFaultSet: (name: string) => void;
  readonly clearFaults: () => void;
  /** Tells the services where they are. */
  readonly place: (addresses: Addresses) => void;
}

/** Everything but the listeners. */
async function createCloud(options: CloudOptions): Promise<Cloud> {
  const { tenants = 25, seed = 1, plain = false } = options;
  if (!Number.isInteger(tenants) || tenants < 0 || tenants > 100_000)
    throw new RangeError('tenants must be 0 to 100000.');
  const clock = createCloudClock(options.clock ?? systemClock);
  const seeded = createSeeded(seed);
  const faults = createFaults(seeded.random('faults'));
  const ownSettings: Settings = { ...defaultSettings, ...options.settings };
  const settings: Settings = { ...ownSettings };
  const clearFaults = (): void => {
    faults.clear();
    Object.assign(settings, ownSettings);
  };
  const addFaultSet = (name: string): void => {
    const set = faultSet(name);
    for (const rule of set.rules) faults.add(rule);
    Object.assign(settings, set.settings);
  };
  for (const fault of options.faults ?? []) {
    if (typeof fault === 'string') addFaultSet(fault);
    else faults.add(fault);
  }
  const [keys, certificates] = await Promise.all([createSigningKeys(), createCertificates(Date.now())]);
  let placed: Addresses | undefined;
  const addresses = (): Addresses => {
    if (placed === undefined) throw new Error('the cloud has no addresses yet');
    return placed;
  };
  const world = createWorld({ tenants, plain, clock, seeded, settings, keys, addresses });
  const identityHeader = randomBytes(24).toString('hex');
  const entra = createEntra(world);
  return {
    world,
    entra,
    services: createServices(world, entra, identityHeader),
    ledger: createLedger(),
    faults,
    clock,
    certificates,
    identityHeader,
    addFaultSet,
    clearFaults,
    place: (known) => {
      placed = known;
    },
  };
}

const createServices = (
  world: World,
  entra: Entra,
  identityHeader: string,
): Readonly<Record<ServiceName, Service>> => ({
  entra,
  graph: createGraph(world),
  aadGraph: createAadGraph(world),
  partnerCenter: createPartnerCenter(world),
  exchange: createExchange(world),
  arm: createArm(world),
  keyVault: createKeyVault(world),
  managedIdentity: createManagedIdentity(world, identityHeader),
});

/** The service account has signed in to the ready-made application, with MFA. */
function readyRefreshToken(world: World): string {
  const { directory, application } = world.partner;
  const user = [...directory.users.values()].find(({ userPrincipalName }) => userPrincipalName.startsWith('broker@'));
  if (user === undefined) throw new Error('there is no service account');
  return world.signIns.issueRefreshToken(world.signIns.begin(user, application.clientId, ['pwd', 'mfa'], false));
}
