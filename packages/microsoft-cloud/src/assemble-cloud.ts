import { createAadGraph } from './aad-graph/aad-graph.ts';
import { createArm } from './arm/arm.ts';
import { type CloudClock, createCloudClock, systemClock } from './clock.ts';
import type { CloudBase } from './cloud-base.ts';
import { type CloudOptions, countOf } from './cloud-options.ts';
import { createEntra, type Entra } from './entra/entra.ts';
import { createExchange } from './exchange/exchange.ts';
import { createFaults, type Faults } from './faults/faults.ts';
import { faultSet } from './faults/sets.ts';
import { createGraph, createGraphEngine } from './graph/graph.ts';
import type { Engine } from './graph/serve/engine.ts';
import { createKeyVault } from './key-vault/key-vault.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createManagedIdentity } from './managed-identity/managed-identity.ts';
import { changeTenant, type TenantChange } from './population/change-tenant.ts';
import { createPartnerCenter } from './partner-center/partner-center.ts';
import { createOwnReplies, type OwnReplies } from './replies/own-replies.ts';
import { createSeeded, type Seeded } from './seeded.ts';
import type { Certificates } from './web/certificate.ts';
import type { Service, ServiceName } from './web/http.ts';
import { type Addresses, createWorld, type Settings, type World } from './world.ts';

/** Everything except the listeners. */
export interface Cloud {
  readonly world: World;
  readonly entra: Entra;
  /** The data of Microsoft Graph. */
  readonly engine: Engine;
  readonly services: Readonly<Record<ServiceName, Service>>;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly ownReplies: OwnReplies;
  readonly clock: CloudClock;
  readonly certificates: Certificates;
  /** The value that the managed identity endpoint expects in `X-IDENTITY-HEADER`. */
  readonly identityHeader: string;
  readonly addFaultSet: (name: string) => void;
  readonly clearFaults: () => void;
  /** Tells the services their addresses, which are known only when the listeners are open. */
  readonly setAddresses: (addresses: Addresses) => void;
}

const defaultSettings: Settings = {
  consentPropagationMs: 1000,
  directoryPropagationMs: 0,
  keyVaultDelayMs: 1000,
  strictRefreshTokens: false,
  accessTokenLifetimeSeconds: undefined,
  deviceCodeIntervalSeconds: 1,
};

/** Creates everything in memory, as it is at the start. */
export function assembleCloud(options: CloudOptions, base: CloudBase): Cloud {
  const { tenants, usersPerTenant, seed = 1, plain = false } = options;
  const { keys, certificates, publishedMap, identityHeader } = base;
  const clock = createCloudClock(options.clock ?? systemClock);
  const seeded = createSeeded(seed);
  const { settings, ...faultControl } = createFaultControl(options, seeded, clock);
  let openAddresses: Addresses | undefined;
  const addresses = (): Addresses => {
    if (openAddresses === undefined) throw new Error('The cloud has no addresses before its listeners are open.');
    return openAddresses;
  };
  const ownTenants = typeof tenants === 'object' ? tenants : undefined;
  const population = {
    tenants: countOf(tenants),
    usersPerTenant,
    plain: plain || ownTenants !== undefined,
    ownTenants,
  };
  const world = createWorld({ ...population, clock, seeded, settings, keys, addresses, publishedMap });
  changeCustomers(world, options.customers ?? {});
  const entra = createEntra(world);
  const engine = createGraphEngine(world);
  return {
    world,
    entra,
    services: createServices(world, { entra, engine, identityHeader }),
    engine,
    ledger: createLedger(),
    ownReplies: createOwnReplies(),
    ...faultControl,
    clock,
    certificates,
    identityHeader,
    setAddresses: (known) => {
      openAddresses = known;
    },
  };
}

function changeCustomers(world: World, changes: Readonly<Record<number, TenantChange>>): void {
  for (const [index, change] of Object.entries(changes)) {
    const customer = world.customers[Number(index)];
    if (customer === undefined) throw new RangeError(`There is no customer tenant ${index}.`);
    changeTenant(world, customer, change);
  }
}

type FaultControl = Pick<Cloud, 'faults' | 'addFaultSet' | 'clearFaults'> & { readonly settings: Settings };

/** The fault rules together with the settings, which fault sets may change and `clearFaults` restores. */
function createFaultControl(options: CloudOptions, seeded: Seeded, clock: CloudClock): FaultControl {
  const initialSettings: Settings = { ...defaultSettings, ...options.settings };
  const settings: Settings = { ...initialSettings };
  const faults = createFaults(seeded.random('faults'), clock);
  const addFaultSet = (name: string): void => {
    const set = faultSet(name);
    for (const rule of set.rules) faults.add(rule);
    Object.assign(settings, set.settings);
  };
  for (const fault of options.faults ?? []) {
    if (typeof fault === 'string') addFaultSet(fault);
    else faults.add(fault);
  }
  return {
    settings,
    faults,
    addFaultSet,
    clearFaults: () => {
      faults.clear();
      Object.assign(settings, initialSettings);
    },
  };
}

const createServices = (
  world: World,
  {
    entra,
    engine,
    identityHeader,
  }: { readonly entra: Entra; readonly engine: Engine; readonly identityHeader: string },
): Readonly<Record<ServiceName, Service>> => ({
  entra,
  graph: createGraph(world, engine),
  aadGraph: createAadGraph(world),
  partnerCenter: createPartnerCenter(world),
  exchange: createExchange(world, engine),
  arm: createArm(world),
  keyVault: createKeyVault(world),
  managedIdentity: createManagedIdentity(world, identityHeader),
});
