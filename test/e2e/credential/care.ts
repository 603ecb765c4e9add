import { CachedCredentials } from '../../../src/lib/tokens/credential/cached-credentials.ts';
import { HealthReporter } from '../../../src/lib/health/health-reporter.ts';
import type { KeepAliveDeps } from '../../../src/lib/tokens/credential/keep-alive.ts';
import { StateWatch } from '../../../src/lib/health/state-watch.ts';
import { MemoryCredentialJournal } from '../../fakes/memory-credential-journal.ts';
import { recordingLogger } from '../../fakes/recording-logger.ts';
import type { TestOperator } from './operator.ts';

/** Runs the daily rotation timer of an operator's credential, with one journal and one log. */
export function startCare(operator: TestOperator) {
  const journal = new MemoryCredentialJournal();
  const recorder = recordingLogger();
  const { log } = recorder;
  const { clock, store } = operator;
  return {
    recorder,
    deps: {
      ...operator,
      journal,
      log,
      fetch: operator.exchangeDeps.fetch,
      partnerCenterIdentifier: operator.resources['partner-center'],
      partnerCenterEndpoint: operator.endpoints.partnerCenter,
      renewal: operator.renewal(),
    } satisfies KeepAliveDeps,
    /** The health reporter of a new instance, which has no state. */
    reporter: () =>
      new HealthReporter({
        credentials: new CachedCredentials({ store, clock, log }, 600),
        credentialFailure: () => undefined,
        journal,
        policy: {
          current: async () => ({ policy: { rules: [], groups: new Map() }, state: 'current', loadedAtMs: 0 }),
        },
        ruleUse: { unused: async () => undefined },
        watch: new StateWatch({ journal, clock, log }),
        notifications: { problems: async () => [] },
        directory: { settingsWarnings: () => [] },
        permissionMap: { inForce: async () => ({ map: { permissions: [] }, origin: undefined }) },
        evidence: { state: async () => ({ state: 'off' }) },
        unknownSettings: [],
        storage: { deletions: () => [] },
        clock,
      }),
  };
}
