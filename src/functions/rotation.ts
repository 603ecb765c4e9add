import { app } from '@azure/functions';
import { bootLog, type Services, services, withInvocation } from '../composition.ts';
import { createCertificate } from '../lib/credential/create-certificate.ts';
import { type KeepAliveDeps, type KeptAlive, keepAlive } from '../lib/credential/keep-alive.ts';
import { BrokerError } from '../lib/model/errors.ts';
import { createGraphClient } from '../lib/graph/client.ts';
import { createGraphWriter } from '../lib/graph/write.ts';
import { errorFields } from '../lib/runtime/log.ts';

/** Daily, off the full hour, when every other timer of the region fires. A missed day costs one of ninety. */
const schedule = '0 17 3 * * *';

/**
 * Cares for the credential of every application in the vault, then looks how they are, which announces changes.
 * @throws BrokerError when an application's rotation failed, so that the platform counts the run as failed.
 */
export async function rotateCredentials(services: Services): Promise<readonly KeptAlive[]> {
  const { credentialStore, health, log } = services;
  const outcomes: KeptAlive[] = [];
  for (const application of await credentialStore.listApplications()) {
    outcomes.push(await keepAlive(keepAliveDeps(services), application));
    // What was just rotated is what this instance should redeem.
    await services.credentials.reread(application).catch(() => undefined);
    await services.broker.recover(application);
  }
  const { status } = await health.report();
  log.log('info', 'credential.cared_for', { applications: outcomes.length, status });
  const failed = outcomes.find(({ rotation }) => rotation instanceof BrokerError);
  if (failed?.rotation instanceof BrokerError) throw failed.rotation;
  return outcomes;
}

function keepAliveDeps(services: Services): KeepAliveDeps {
  const { settings, credentialStore: store, credentialJournal: journal, redeemer, clock, log, newId, fetch } = services;
  const { endpoints, resources } = settings.cloud;
  return {
    store,
    journal,
    redeemer,
    clock,
    log,
    newId,
    fetch,
    canaryResource: resources.graph,
    partnerCenterIdentifier: resources['partner-center'],
    partnerCenterEndpoint: endpoints.partnerCenter,
    renewal: settings.CLIENT_SECRET_RENEWAL === 'off' ? undefined : renewalDeps(services),
  };
}

/** The application changes its own registration, with its own permission to do just that. */
function renewalDeps({
  settings,
  fetch,
  clock,
  random,
  resourceLimiter: limiter,
  newId,
}: Services): NonNullable<KeepAliveDeps['renewal']> {
  const { endpoints, resources } = settings.cloud;
  const deps = { fetch, clock, random, limiter };
  return {
    graphIdentifier: resources.graph,
    createCertificate,
    graphOf: (token) => {
      const binding = { baseUrl: endpoints.graph, correlationId: newId(), token: () => Promise.resolve(token) };
      return { graph: createGraphClient(deps, binding), writer: createGraphWriter(deps, binding) };
    },
  };
}

app.timer('rotate-credential', {
  schedule,
  handler: (_timer, context) =>
    withInvocation(context, async () => {
      try {
        await rotateCredentials(await services());
      } catch (thrown) {
        // The platform does not repeat a failed timer; the next day does.
        bootLog.log('error', 'credential.care_failed', errorFields(thrown));
        throw thrown;
      }
    }),
});
