/**
 * The composition root: the only reader of the environment. Everything else gets its dependencies passed in.
 * Importing it builds and reads nothing. FUNCTION_KEYS is read when the routes are registered, and
 * `AzureWebJobs.NAME.Disabled` when a timer asks. `services()` builds at the first request and caches the result. While
 * settings are wrong it throws `config_invalid` and tries again with the next request.
 */
import { randomUUID } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InvocationContext } from '@azure/functions';
import type { TokenCredential } from '@azure/identity';
import { visibleTenants } from './lib/access/tenants/visible-tenants.ts';
import { createApprovals } from './lib/approvals/approvals.ts';
import { createAudits } from './lib/audit/audits.ts';
import { createCheckpointSigner, secretClient } from './lib/config/key-vault.ts';
import { azureIdentity, federatedAssertion, type IdentityOptions } from './lib/config/identity.ts';
import { createStorage, type Storage } from './lib/config/storage.ts';
import { TokenBroker } from './lib/tokens/broker.ts';
import { GatedTokens, recordTokens } from './lib/tokens/issue-token.ts';
import { createLazyBudgets } from './lib/microsoft/budgets/lazy-budgets.ts';
import { createCallers } from './lib/access/sign-in/callers.ts';
import {
  authoritySettings,
  type CallerAuthLevel,
  callerAuthLevel,
  dashboardAddress,
  functionDisabled,
  type SignInSettings,
  signInSettings,
} from './lib/config/environment.ts';
import { parseSettings, type Settings, unknownSettings } from './lib/config/settings.ts';
import { tuning } from './lib/config/tuning.ts';
import { createCredentials, type Credentials } from './lib/tokens/credential/credentials.ts';
import { type IdentityTrust, trustOfAssertion } from './lib/tokens/credential/identity-trust.ts';
import type { JournalWitness } from './lib/tokens/credential/credential-journal.ts';
import { createMsalRedeemer, measuredRedeemer, type Redeemer } from './lib/microsoft/redeemer.ts';
import { createGateway } from './lib/gateway/gateway.ts';
import { MapBlobs, mapContainer, MapStore } from './lib/gateway/map-store.ts';
import { createHealth } from './lib/health/health-reporter.ts';
import { readRelease } from './lib/health/release.ts';
import type { Caller } from './lib/core/caller.ts';
import { type Cloud, createResourceRegistry } from './lib/core/resources.ts';
import { createNotifications } from './lib/notices/notices.ts';
import { createLimiters } from './lib/runs/engine/visit-tenants.ts';
import { createRuns } from './lib/runs/store/create-runs.ts';
import { ConsentWatch } from './lib/tenant-events/observe-tenants.ts';
import { lazyTenantEvents } from './lib/tenant-events/tenant-events.ts';
import { systemClock } from './lib/core/clock.ts';
import { parseTenantId } from './lib/core/identifiers.ts';
import { createLogger, errorFields, type Logger } from './lib/core/log.ts';
import { createInvocationLog, withJobPositions } from './lib/core/invocation-log.ts';
import { AppMetrics } from './lib/core/metrics.ts';
import { once } from './lib/core/single-flight.ts';
import { hostsInSpans, noSpans, type Spans, tracedFetch, tracedTokens } from './lib/core/spans.ts';
import { createTenantDirectory } from './lib/tenants/directory.ts';
import { createDomainResolver } from './lib/tenants/domain-resolver.ts';
import { RuleUse } from './lib/access/policy/rule-use.ts';
import { createIsSelected } from './lib/access/tenants/selected-tenants.ts';
import { TableTenantTags, tenantTagsTable } from './lib/tenants/table-tenant-tags.ts';
import { excludedDomainsTable, TableExcludedDomains } from './lib/tenants/excluded-domains.ts';
import { policySource } from './policy-source.ts';
import type { Runtime, Services } from './services.ts';

export type { Services };

const invocationLog = createInvocationLog((line) => console.error(line));

/** The logger for code that runs before or without services. */
export const bootLog: Logger = createLogger(invocationLog.sink);

/** Undefined if nobody collects traces. The packages that export them are loaded only if somebody does. */
const tracing = once(async () => {
  const collector = process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '';
  if (collector === '') return undefined;
  try {
    if (!/^https?:$/.test(URL.parse(collector)?.protocol ?? ''))
      throw new TypeError('OTEL_EXPORTER_OTLP_ENDPOINT is no http or https address.');
    const { createTracing } = await import('./tracing.ts');
    return createTracing({ clock: systemClock, log: bootLog });
  } catch (thrown) {
    // Tokens matter more than traces.
    bootLog.log('warn', 'trace.not_exported', errorFields(thrown));
    return undefined;
  }
});

/** Exports the spans that are left, before the process ends. */
export const endTracing = async (): Promise<void> => (await tracing())?.end();

/** Ties the log lines of `work` to its invocation, as Application Insights requires, and its spans. */
export const withInvocation = <T>(context: InvocationContext, work: () => Promise<T>): Promise<T> =>
  invocationLog.during(context, async () => {
    const traces = await tracing();
    return traces === undefined ? work() : traces.invocation(context, work);
  });

/** What this process counts. Requests count before there are services too. */
export const metrics = new AppMetrics();

/** The build puts them beside the bundle that contains this module. Sources that run without a build have none. */
const jobsMaps = new Map<string, string | undefined>();
const jobsMap = (bundle: string): string | undefined => {
  const file = join(import.meta.dirname, `${bundle}.map.json`);
  if (!jobsMaps.has(bundle)) jobsMaps.set(bundle, existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  return jobsMaps.get(bundle);
};

/**
 * The auth level of the callers' routes. It is read while the app loads, because the host accepts registrations only
 * then. Never throws: a wrong value is reported with all others when the services are built.
 */
export const registeredAuthLevel = (): CallerAuthLevel => callerAuthLevel(process.env);

/** Whether an operator has disabled a function of this app. */
export const isFunctionDisabled = (name: string): boolean => functionDisabled(process.env, name);

/** How people sign in, or a sentence that says why they cannot. Works while other settings are wrong. */
export const signInOfPeople = (): SignInSettings | string => signInSettings(process.env);

/** Where callers get tokens for the broker, or a sentence that says what is wrong. Works while other settings are wrong. */
export const authorityOfCallers = (): ReturnType<typeof authoritySettings> => authoritySettings(process.env);

/** The services, built once. @throws BrokerError config_invalid that names every wrong setting. */
export const services: () => Promise<Services> = once(() => build(process.env));

async function build(environment: NodeJS.ProcessEnv): Promise<Services> {
  const settings = parseSettings(environment);
  const { cloud, PARTNER_TENANT_ID: partnerTenantId, SIGN_IN_CLIENT_ID: signInClientId } = settings;
  const spans = (await tracing()) ?? noSpans;
  const runtime = createRuntime(cloud, spans);
  const unknown = unknownSettings(environment);
  for (const problem of unknown) runtime.log.log('warn', 'settings.unknown', { problem });
  const identity = once(() => azureIdentity(identityOptions(environment, settings)));
  const storage = createStorage(settings, identity, runtime.clock, runtime.log);
  const vault = await secretClient(settings.KEY_VAULT_URL, await identity());
  const credentials = createCredentials({ ...runtime, storage, vault }, tuning.credentialRereadSeconds);
  const readPolicy = await policySource(settings.ACCESS_POLICY, identity, import.meta.dirname);
  const callers = createCallers({ ...runtime, readPolicy }, callerSettings(settings));
  const redeemer = createRedeemer(runtime, settings, identity);
  const resources = createResourceRegistry(cloud, settings.RESOURCES);
  const signer = createCheckpointSigner(settings.KEY_VAULT_URL, identity, runtime.clock);
  const indexKey = createCheckpointSigner(settings.KEY_VAULT_URL, identity, runtime.clock, 'audit-index');
  const keys = { signer, indexKey, broker: partnerTenantId };
  const { audit, evidence } = createAudits({ ...runtime, ...storage, ...keys, resources, isFunctionDisabled });
  const ruleUse = new RuleUse({ ...runtime, ...storage });
  const runs = createRuns({ ...runtime, storage });
  const usersOf = async (tenant: string): Promise<number | undefined> => {
    const tenantId = parseTenantId(tenant);
    return tenantId && runs.history.usersOf(tenantId, runtime.clock.nowMs());
  };
  const budgets = createLazyBudgets({ ...runtime, ...storage, usersOf }, settings.ENTRA_CONCURRENCY);
  const broker = createBroker({ ...runtime, budgets, redeemer }, credentials, settings, () => directory);
  const tenantTags = new TableTenantTags(() => storage.table(tenantTagsTable), runtime);
  const isSelected = createIsSelected({ ...callers, tenantTags }, () => directory);
  const dashboardUrl = dashboardAddress(environment);
  const notices = createNotifications({ ...runtime, storage, dashboardUrl, partnerTenantId, isSelected }, settings);
  const own = {
    budgets,
    resources,
    ...createLimiters(tuning),
    audit: ruleUse.over(audit),
    evidence,
    tenantTags,
    dashboardUrl,
    ...notices,
  };
  const consentWatch = new ConsentWatch({ ...runtime, partnerTenantId });
  const shared = {
    ...runtime,
    ...own,
    policy: callers.policy,
    tokens: tracedTokens(spans, consentWatch.over(broker)),
    partnerTenantId,
  };
  const directory: Directory = createDirectory(shared, storage, settings);
  const visibleTo = (person: Caller) => visibleTenants({ callers, directory, tenantTags }, person);
  const approvals = createApprovals({ ...shared, storage, visibleTo, signInClientId });
  const gated = { ...shared, approvals, directory, tokens: new GatedTokens({ ...shared, directory }) };
  const permissionMap = new MapStore({ ...runtime, blobs: new MapBlobs(() => storage.container(mapContainer)) });
  return {
    ...runtime,
    ...own,
    settings,
    callers,
    credentials,
    redeemer,
    identityTrust: () => trustOf(settings, identityOptions(environment, settings), identity),
    broker,
    jobTokens: recordTokens(gated),
    issuing: gated,
    gateway: createGateway({ ...gated, callers, vault, permissionMap: () => permissionMap.current() }, cloud),
    directory,
    approvals,
    runs,
    tenantEvents: lazyTenantEvents({ ...shared, storage, directory, consentWatch, runs }),
    tuning: tuning.runs,
    health: createHealth({
      ...gated,
      credentials,
      broker,
      permissionMap,
      ruleUse,
      unknownSettings: unknown,
      storage,
    }),
    release: once(() => readRelease(import.meta.dirname)),
    permissionMap,
  };
}

type Directory = ReturnType<typeof createTenantDirectory>;
/** What the directory shares with other parts. */
type DirectoryParts = Omit<Parameters<typeof createTenantDirectory>[0], 'domains' | 'excludedDomains' | 'endpoints'>;

function createDirectory(shared: Runtime & DirectoryParts, storage: Storage, settings: Settings): Directory {
  const { endpoints } = settings.cloud;
  const domains = createDomainResolver(shared, endpoints.entra);
  const excludedDomains = new TableExcludedDomains(() => storage.table(excludedDomainsTable), shared);
  return createTenantDirectory({ ...shared, domains, excludedDomains, endpoints }, wantedTenants(settings));
}

const createRuntime = (cloud: Cloud, spans: Spans): Runtime => ({
  clock: systemClock,
  random: Math.random,
  newId: randomUUID,
  fetch: tracedFetch({ spans, hosts: hostsInSpans(cloud) }, (url, init) => globalThis.fetch(url, init)),
  spans,
  resolveTxt: textResolver(cloud.endpoints.dns),
  log: bootLog,
  metrics,
  jobPositions: (stack) => withJobPositions(stack, jobsMap),
  background: invocationLog.outside,
});

/** Asks the servers of this machine, or the one of the address, each twice for at most two and then four seconds. */
function textResolver(server: string | undefined): Runtime['resolveTxt'] {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  if (server !== undefined) resolver.setServers([new URL(server).host]);
  return (name) => resolver.resolveTxt(name);
}

const identityOptions = (environment: NodeJS.ProcessEnv, settings: Settings): IdentityOptions => ({
  hasManagedIdentity: environment['IDENTITY_ENDPOINT'] !== undefined,
  managedIdentityClientId: settings.MANAGED_IDENTITY_CLIENT_ID,
});

const callerSettings = (settings: Settings) => ({
  entraEndpoint: settings.cloud.endpoints.entra,
  cloud: settings.cloud.name,
  tenantId: settings.PARTNER_TENANT_ID,
  audiences: settings.BROKER_AUDIENCES,
  requestsPerMinute: settings.CALLER_REQUESTS_PER_MINUTE,
});

function createBroker(
  deps: Runtime & Pick<ConstructorParameters<typeof TokenBroker>[0], 'redeemer' | 'budgets'>,
  { cached, journal }: Credentials,
  settings: Settings,
  directory: () => Directory,
): TokenBroker {
  const witnessStore = {
    read: async (application: string) => (await journal.read(application)).witness,
    write: (application: string, witness: JournalWitness) => journal.record(application, { witness }),
  };
  return new TokenBroker(
    { ...deps, credentials: cached, witnessStore, customers: () => directory().reachable() },
    {
      partnerTenantId: settings.PARTNER_TENANT_ID,
      canaryResource: settings.cloud.resources.graph,
      entraConcurrency: settings.ENTRA_CONCURRENCY,
      cacheSize: tuning.tokenCacheSize,
    },
  );
}

const wantedTenants = (settings: Settings) => ({
  include: settings.TENANTS_INCLUDE,
  exclude: settings.TENANTS_EXCLUDE,
  withoutGdap: settings.TENANTS_WITHOUT_GDAP,
});

const createRedeemer = (runtime: Runtime, settings: Settings, identity: () => Promise<TokenCredential>): Redeemer =>
  measuredRedeemer(
    createMsalRedeemer({ ...runtime, ...redeemerLibraries(settings, identity) }, settings.cloud.endpoints.entra),
    runtime,
  );

const redeemerLibraries = (settings: Settings, identity: () => Promise<TokenCredential>) => ({
  loadMsal: once(() => import('@azure/msal-node')),
  federatedAssertion: async () => federatedAssertion(await identity(), settings.cloud.federationAudience),
  applicationIds: new Map(
    settings.RESOURCES.flatMap(([, identifier, id]) => (id === undefined ? [] : [[identifier, id]])),
  ),
});

async function trustOf(
  { cloud, PARTNER_TENANT_ID: partnerTenantId }: Settings,
  { hasManagedIdentity }: IdentityOptions,
  identity: () => Promise<TokenCredential>,
): Promise<IdentityTrust | undefined> {
  if (!hasManagedIdentity) return undefined;
  const { federationAudience, endpoints } = cloud;
  const options = { entraEndpoint: endpoints.entra, partnerTenantId, federationAudience };
  return trustOfAssertion(options, await federatedAssertion(await identity(), federationAudience));
}
