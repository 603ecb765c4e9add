import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { createAadGraph } from './aad-graph/aad-graph.ts';
import { createArm } from './arm/arm.ts';
import { type Clock, type CloudClock, createCloudClock, systemClock } from './clock.ts';
import { createEntra, type Entra } from './entra/entra.ts';
import { createSigningKeys, type SigningKeys } from './entra/keys.ts';
import { createExchange } from './exchange/exchange.ts';
import { createFaults, type Faults } from './faults/faults.ts';
import type { FaultRule } from './faults/rule.ts';
import { faultSet } from './faults/sets.ts';
import { createGraph, createGraphEngine } from './graph/graph.ts';
import type { Engine } from './graph/serve/engine.ts';
import { createKeyVault } from './key-vault/key-vault.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createManagedIdentity } from './managed-identity/managed-identity.ts';
import { changeTenant, type TenantChange } from './population/change-tenant.ts';
import type { TenantData } from './population/own-tenants.ts';
import { createPartnerCenter } from './partner-center/partner-center.ts';
import { createOwnReplies, type OwnReplies } from './replies/own-replies.ts';
import { createSeeded, type Seeded } from './seeded.ts';
import { type Certificates, createCertificates } from './web/certificate.ts';
import type { Service, ServiceName } from './web/http.ts';
import { type Addresses, createWorld, type Settings, type World } from './world.ts';

export interface CloudOptions {
  /**
   * Number of customer tenants, 0 to 100,000, or the tenants themselves, which are `ok` and without a trait unless they say
   * otherwise. Default: 25.
   */
  readonly tenants?: number | readonly TenantData[];
  /** Number of users of each customer tenant, 1 to 10,000. Default: between 4 and 130, by tenant. */
  readonly usersPerTenant?: number;
  /** The same seed gives the same population. Default: 1. */
  readonly seed?: number;
  /** Minimum time of each Entra and Graph request, milliseconds. Default: 0. */
  readonly delayMs?: number;
  /** Names of fault sets, fault rules, or both. */
  readonly faults?: readonly (string | FaultRule)[];
  /** Makes every tenant `ok` and without a trait. */
  readonly plain?: boolean;
  /** Changes to customer tenants, made at the start: number of the tenant, from 0 → change. */
  readonly customers?: Readonly<Record<number, TenantChange>>;
  /**
   * Path of a copy of Microsoft's published permission file, `permissions.json` of microsoftgraph/microsoft-graph-devx-content.
   * Without it, the cloud knows the requests that partners send most.
   */
  readonly permissions?: string;
  /** Port of the control endpoint; the services use the eight ports after it. Free ports when absent or 0. */
  readonly port?: number;
  /**
   * Address of the network interface that it listens on. Default: `127.0.0.1`. In a container `0.0.0.0`. The names in the
   * document stay `localhost`.
   */
  readonly host?: string;
  /** Called when a client ends a connection as clients do that do not trust the certificate. */
  readonly onUntrusted?: () => void;
  readonly settings?: Partial<Settings>;
  /** The clock that the cloud's own clock follows. Default: the system clock. */
  readonly clock?: Clock;
}

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

/** What stays when the cloud is reset: it is costly, or clients hold on to it. */
export interface CloudBase {
  readonly keys: SigningKeys;
  readonly certificates: Certificates;
  /** The map of Microsoft's published permission file. */
  readonly publishedMap: PermissionMap | undefined;
  readonly identityHeader: string;
}

/** @throws RangeError for a permission file that cannot be used. */
export async function createBase({ permissions }: CloudOptions): Promise<CloudBase> {
  const [keys, certificates, publishedMap] = await Promise.all([
    createSigningKeys(),
    createCertificates(systemClock.nowMs()),
    permissions === undefined ? undefined : readPermissions(permissions),
  ]);
  return { keys, certificates, publishedMap, identityHeader: randomBytes(24).toString('hex') };
}

/**
 * @throws RangeError for an unknown fault set, an option out of range, tenants that cannot be used, or a permission file
 * that cannot be used.
 * @throws TypeError for a change with an unknown role or resource.
 */
export async function createCloud(options: CloudOptions): Promise<Cloud> {
  checkOptions(options);
  return assembleCloud(options, await createBase(options));
}

const countOf = (tenants: CloudOptions['tenants'] = 25): number =>
  typeof tenants === 'number' ? tenants : tenants.length;

/** @throws RangeError for an option out of range. */
export function checkOptions({ tenants, usersPerTenant }: CloudOptions): void {
  checkCount('tenants', countOf(tenants), { lowest: 0, highest: 100_000 });
  if (usersPerTenant !== undefined) checkCount('usersPerTenant', usersPerTenant, { lowest: 1, highest: 10_000 });
}

/** Creates everything in memory, as it is at the start. */
export function assembleCloud(options: CloudOptions, base: CloudBase): Cloud {
  const { tenants, usersPerTenant, seed = 1, plain = false } = options;
  const { keys, certificates, publishedMap, identityHeader } = base;
  const clock = createCloudClock(options.clock ?? systemClock);
  const seeded = createSeeded(seed);
  const { settings, ...faultControl } = createFaultControl(options, seeded);
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

/** @throws RangeError with the reason, for a file that cannot be read or is not the published one. */
async function readPermissions(file: string): Promise<PermissionMap> {
  try {
    // The parser takes a while to load, and most clouds run without the file.
    const { parsePublishedFile } = await import('graph-permissions/published-file');
    return parsePublishedFile(await readFile(file, 'utf8')).map;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RangeError(`The permission file ${file} cannot be used: ${reason}`, { cause: error });
  }
}

function checkCount(
  name: string,
  count: number,
  { lowest, highest }: { readonly lowest: number; readonly highest: number },
): void {
  if (!Number.isInteger(count) || count < lowest || count > highest)
    throw new RangeError(`${name} must be ${lowest} to ${highest}.`);
}

type FaultControl = Pick<Cloud, 'faults' | 'addFaultSet' | 'clearFaults'> & { readonly settings: Settings };

/** The fault rules together with the settings, which fault sets may change and `clearFaults` restores. */
function createFaultControl(options: CloudOptions, seeded: Seeded): FaultControl {
  const initialSettings: Settings = { ...defaultSettings, ...options.settings };
  const settings: Settings = { ...initialSettings };
  const faults = createFaults(seeded.random('faults'));
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
  exchange: createExchange(world),
  arm: createArm(world),
  keyVault: createKeyVault(world),
  managedIdentity: createManagedIdentity(world, identityHeader),
});
