import { bootLog, type Services } from '../composition.ts';
import { createCertificate } from '../lib/tokens/credential/client-certificate.ts';
import {
  claimedMaintenance,
  type ClaimedMaintenanceDeps,
  type KeepAliveResult,
} from '../lib/tokens/credential/keep-alive.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { createGraphClient, createGraphWriter } from '../lib/microsoft/graph.ts';
import { timer } from './timer.ts';

/** Daily, not on the hour, when many timers fire. A missed day is harmless: a refresh token is valid for 90 days. */
const schedule = '0 17 3 * * *';

/**
 * Rotates the credential of every application in the vault, except those that another instance is rotating. Then requests
 * a health report, which announces changes.
 * @param unlessEndedSinceMs given if a request starts it: leaves out applications with a rotation since this time.
 * @param applications default: all in the vault.
 * @throws BrokerError if the rotation of an application failed, so that the platform counts a failed invocation.
 */
export async function rotateCredentials(
  services: Services,
  unlessEndedSinceMs?: number,
  applications?: readonly string[],
): Promise<readonly KeepAliveResult[]> {
  const { credentials, health, log } = services;
  const outcomes: KeepAliveResult[] = [];
  for (const application of applications ?? (await credentials.store.listApplications())) {
    const outcome = await claimedMaintenance(careDeps(services), application, unlessEndedSinceMs);
    if (outcome === undefined) continue;
    outcomes.push(outcome);
    // This instance must redeem the new credential from now on.
    await credentials.cached.reload(application).catch(() => undefined);
    await services.broker.recover(application);
  }
  const { status } = await health.report();
  log.log('info', 'credential.cared_for', { applications: outcomes.length, status });
  const failed = outcomes.find(({ rotation }) => rotation instanceof BrokerError);
  if (failed?.rotation instanceof BrokerError) throw failed.rotation;
  return outcomes;
}

/** Starts rotations that the timer missed, and those of dead credentials. Returns at once, and checks at most once an hour. */
export function rotateIfOverdue(services: Services): void {
  services.credentials.overdue.check(
    (unlessEndedSinceMs, applications) => rotateCredentials(services, unlessEndedSinceMs, applications),
    (application) => services.broker.credentialFailure(application) !== undefined,
  );
}

function careDeps(services: Services): ClaimedMaintenanceDeps {
  const { endpoints, resources } = services.settings.cloud;
  return {
    ...services,
    ...services.credentials,
    canaryResource: resources.graph,
    partnerCenterIdentifier: resources['partner-center'],
    partnerCenterEndpoint: endpoints.partnerCenter,
    renewal: services.settings.CLIENT_SECRET_RENEWAL === 'off' ? undefined : renewalDeps(services),
  };
}

/** The application renews its own credential. It has the permission to change its own registration only. */
function renewalDeps(services: Services): NonNullable<ClaimedMaintenanceDeps['renewal']> {
  const { endpoints, resources } = services.settings.cloud;
  return {
    graphIdentifier: resources.graph,
    createCertificate,
    identityTrust: services.identityTrust,
    graphOf: (token) => {
      const correlationId = services.newId();
      const binding = { baseUrl: endpoints.graph, correlationId, token: () => Promise.resolve(token) };
      return { graph: createGraphClient(services, binding), writer: createGraphWriter(services, binding) };
    },
  };
}

timer(
  {
    name: 'rotate-credential',
    schedule,
    logFailure: (fields) => bootLog.log('error', 'credential.care_failed', fields),
  },
  rotateCredentials,
);
