/**
 * The composition root: the only place that reads the environment. Everything else gets what it needs passed in.
 * Nothing is built at import, and nothing read but FUNCTION_KEYS: `services()` builds at the first request and keeps the result; while settings are
 * wrong it throws `config_invalid` and tries again with the next request.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { InvocationContext } from '@azure/functions';
import type { TokenCredential } from '@azure/identity';
import { azureIdentity, federatedAssertion } from './lib/azure/identity.ts';
import { secretClient } from './lib/azure/key-vault.ts';
import { createStorage } from './lib/azure/storage.ts';
import { createTableAuditLog } from './lib/audit/table-audit-log.ts';
import { TokenBroker } from './lib/broker/broker.ts';
import { recordTokens } from './lib/broker/recorded-tokens.ts';
import { createResourceRegistry } from './lib/model/resources.ts';
import { policyFromBlob, policyFromFile } from './lib/callers/policy-sources.ts';
import { createPolicyStore, type ReadPolicy } from './lib/callers/policy-store.ts';
import { createCallerRateLimit } from './lib/callers/rate-limit.ts';
import { createCallerVerifier } from './lib/callers/verify-caller.ts';
import { type Random, systemClock } from './lib/runtime/clock.ts';
import { type CallerAuthLevel, callerAuthLevel } from './lib/config/caller-auth-level.ts';
import { functionDisabled } from './lib/config/function-disabled.ts';
import { parseSettings } from './lib/config/settings.ts';
import { tuning } from './lib/config/tuning.ts';
import { CachedCredentials } from './lib/credential/cached-credentials.ts';
import { HealthReporter } from './lib/health/health-reporter.ts';
import { KeyVaultCredentialStore } from './lib/credential/key-vault-credential-store.ts';
import { StateWatch } from './lib/health/state-watch.ts';
import { journalTable, TableCredentialJournal } from './lib/credential/table-credential-journal.ts';
import { createMsalRedeemer } from './lib/entra/redeemer.ts';
import { once } from './lib/runtime/once.ts';
import type { Fetch } from './lib/runtime/outbound.ts';
import { Limiter } from './lib/runtime/limiter.ts';
import { createLogger, type Logger, type LogSink } from './lib/runtime/log.ts';
import { createNotifications } from './lib/notifications/notifications.ts';
import { createRuns } from './lib/runs/create-runs.ts';
import { createDomainResolver } from './lib/tenants/domain-resolver.ts';
import type { Services } from './services.ts';
import { createTenantDirectory } from './lib/tenants/directory.ts';

export type { Services };

const currentInvocation = new AsyncLocalStorage<InvocationContext>();

/** Ties the log lines of `work` to the invocation that they belong to, as Application Insights wants them. */
export const withInvocation = <T>(context: InvocationContext, work: () => Promise<T>): Promise<T> =>
  currentInvocation.run(context, work);

const sink: LogSink = (level, line) => {
  const context = currentInvocation.getStore();
  if (context === undefined) console.error(line);
  else context[level](line);
};

/** For what happens before or without services. */
export const bootLog: Logger = createLogger(sink);

/**
 * How the routes for callers are registered. The one setting that is read while the app is loaded: the host takes no
 * registration later. It throws for nothing; a wrong value shows with all the others once services are asked for.
 */
export const registeredAuthLevel = (): CallerAuthLevel => callerAuthLevel(process.env);

/** Whether an operator has switched a function of this app off. */
export const isFunctionDisabled = (name: string): boolean => functionDisabled(process.env, name);

/** The services, built once. @throws BrokerError config_invalid that names every wrong setting. */
export const services: () => Promise<Services> = once(() => build(process.env));

async function build(environment: NodeJS.ProcessEnv): Promise<Services> {
  const settings = parseSettings(environment);
  const clock = systemClock;
  const random: Random = Math.random;
  const fetch: Fetch = (url, init) => globalThis.fetch(url, init);
  const log = bootLog;
  const newId = randomUUID;
  const { cloud, PARTNER_TENANT_ID: partnerTenantId } = settings;

  const identity = once(() =>
    azureIdentity({
      hasManagedIdentity: environment['IDENTITY_ENDPOINT'] !== undefined,
      managedIdentityClientId: settings.MANAGED_IDENTITY_CLIENT_ID,
    }),
  );
  const storage = createStorage(settings, identity);
  const resources = createResourceRegistry(cloud, settings.RESOURCES);
  const credentialStore = new KeyVaultCredentialStore(await secretClient(settings.KEY_VAULT_URL, await identity()));
  const credentials = new CachedCredentials({ store: credentialStore, clock, log }, tuning.credentialRereadSeconds);
  const redeemer = createMsalRedeemer(
    {
      fetch,
      clock,
      loadMsal: () => import('@azure/msal-node'),
      federatedAssertion: async () => federatedAssertion(await identity(), cloud.federationAudience),
    },
    cloud.endpoints.entra,
  );
  // What outlives the invocation that set it off must not log into it.
  const background = (work: () => void): void => currentInvocation.exit(work);
  const broker = new TokenBroker(
    { credentials, redeemer, clock, random, log, background },
    {
      partnerTenantId,
      canaryResource: cloud.resources.graph,
      entraConcurrency: settings.ENTRA_CONCURRENCY,
      cacheSize: tuning.tokenCacheSize,
    },
  );
  const resourceLimiter = new Limiter(tuning.resourceConcurrency);
  const audit = createTableAuditLog({ table: () => storage.table('Audit'), clock, log, newId });
  const readPolicy = await policySource(settings.ACCESS_POLICY, identity);
  const policy = createPolicyStore({ read: readPolicy, clock, log, background });
  const { notifier, problem: notificationProblem } = createNotifications(
    { fetch, clock, log },
    settings.NOTIFICATION_WEBHOOK,
    settings.NOTIFICATION_FORM,
  );
  const credentialJournal = new TableCredentialJournal(() => storage.table(journalTable));
  const health = new HealthReporter({
    credentials,
    credentialFailure: (application) => {
      // Whoever looks at the health of a dead credential also lets it show that it is well again.
      void broker.recover(application);
      return broker.credentialFailure(application);
    },
    journal: credentialJournal,
    policy,
    watch: new StateWatch({ journal: credentialJournal, clock, log, notifier }),
    notificationProblem,
    clock,
  });
  const directory = createTenantDirectory(
    {
      domains: createDomainResolver({ fetch, clock }, cloud.endpoints.entra),
      fetch,
      clock,
      random,
      log,
      newId,
      limiter: resourceLimiter,
      tokens: broker,
      resources,
      endpoints: cloud.endpoints,
      partnerTenantId,
    },
    {
      include: settings.TENANTS_INCLUDE,
      exclude: settings.TENANTS_EXCLUDE,
      withoutGdap: settings.TENANTS_WITHOUT_GDAP,
    },
  );
  return {
    settings,
    clock,
    upSinceMs: clock.nowMs(),
    random,
    newId,
    fetch,
    log,
    storage,
    resources,
    credentialStore,
    credentials,
    credentialJournal,
    redeemer,
    health,
    broker,
    resourceLimiter,
    callers: createCallerVerifier(
      { fetch, clock, log },
      {
        entraEndpoint: cloud.endpoints.entra,
        cloud: cloud.name,
        tenantId: partnerTenantId,
        audiences: settings.BROKER_AUDIENCES,
      },
    ),
    callerLimit: createCallerRateLimit({ clock }, { requestsPerMinute: settings.CALLER_REQUESTS_PER_MINUTE }),
    runs: createRuns({ storage, clock, newId }),
    notifier,
    runTuning: tuning.runs,
    policy,
    directory,
    audit,
    jobTokens: recordTokens({ tokens: broker, audit, clock, newId, partnerTenantId }),
    issuing: {
      policy,
      directory,
      resources,
      tokens: broker,
      audit,
      partnerTenantId,
      clock,
      newId,
    },
  };
}

async function policySource(place: string, identity: () => Promise<TokenCredential>): Promise<ReadPolicy> {
  if (place.startsWith('https://')) {
    const { BlobClient } = await import('@azure/storage-blob');
    return policyFromBlob(new BlobClient(place, await identity()));
  }
  const path = resolve(appFolder(import.meta.dirname), place);
  return policyFromFile(() => readFile(path, 'utf8'));
}

/** The folder of host.json: this module may lie in a chunk below it. */
function appFolder(start: string): string {
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'host.json'))) return folder;
  }
  return start;
}
