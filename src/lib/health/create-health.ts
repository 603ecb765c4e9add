import type { PolicyStore } from '../access/policy/policy-store.ts';
import type { Credentials } from '../tokens/credential/credentials.ts';
import type { BrokerError } from '../core/errors.ts';
import type { Notifications } from '../notices/notices.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import { HealthReporter, type HealthReporterDeps } from './health-reporter.ts';
import { StateWatch } from './state-watch.ts';

export interface HealthDeps {
  readonly credentials: Credentials;
  readonly policy: PolicyStore;
  readonly notifications: Notifications;
  readonly directory: Pick<TenantDirectory, 'settingsWarnings'>;
  readonly permissionMap: HealthReporterDeps['permissionMap'];
  readonly evidence: HealthReporterDeps['evidence'];
  readonly broker: {
    credentialFailure(application: string): BrokerError | undefined;
    recover(application: string): Promise<void>;
  };
  readonly clock: Clock;
  readonly log: Logger;
}

export function createHealth({
  credentials,
  policy,
  notifications,
  directory,
  permissionMap,
  evidence,
  broker,
  clock,
  log,
}: HealthDeps): HealthReporter {
  const { cached, journal } = credentials;
  return new HealthReporter({
    credentials: cached,
    credentialFailure: (application) => {
      // A health request also probes a credential that was declared dead.
      void broker.recover(application);
      return broker.credentialFailure(application);
    },
    journal,
    policy,
    watch: new StateWatch({ journal, clock, log, notifier: notifications.notifier }),
    notifications,
    directory,
    permissionMap,
    evidence,
    clock,
  });
}
