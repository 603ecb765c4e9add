import type { Clock } from '../clock.ts';
import { errorFields, type Logger } from '../log.ts';
import type { CredentialJournal, CredentialState } from './credential-journal.ts';
import type { CredentialHealth } from './health.ts';

/**
 * Announces each change of a credential's state once, as one log event for alert rules: `credential.state_changed`.
 * The journal remembers the state over restarts and instances; while it cannot be reached this process remembers.
 */
export class StateWatch {
  readonly #journal: Pick<CredentialJournal, 'changeState'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #seen = new Map<string, CredentialState>();

  constructor(deps: { journal: Pick<CredentialJournal, 'changeState'>; clock: Clock; log: Logger }) {
    this.#journal = deps.journal;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** @param before the state as the journal has it; absent when it is not known. */
  async observe(health: CredentialHealth, before: CredentialState | undefined): Promise<void> {
    const { application, state } = health;
    const known = this.#seen.get(application) ?? before;
    if (isSame(known, state)) {
      this.#seen.set(application, state);
      return;
    }
    this.#seen.set(application, state);
    if (!(await this.#isFirst(application, state))) return;
    // A credential that was well from the start is no change.
    if (known === undefined && state.status === 'ok') return;
    const level = state.status === 'ok' ? 'info' : state.status === 'degraded' ? 'warn' : 'error';
    const [finding] = health.findings.filter(({ severity }) => severity !== 'notice');
    this.#log.log(level, 'credential.state_changed', {
      application,
      from: known?.status ?? 'unknown',
      to: state.status,
      thresholdDays: state.thresholdDays,
      daysLeft: health.daysLeft,
      reason: finding?.code,
      message: finding?.message,
      advice: finding?.advice,
    });
  }

  async #isFirst(application: string, state: CredentialState): Promise<boolean> {
    try {
      return await this.#journal.changeState(application, state, this.#clock.nowMs());
    } catch (thrown) {
      this.#log.log('warn', 'credential.journal_unavailable', errorFields(thrown));
      return true;
    }
  }
}

const isSame = (left: CredentialState | undefined, right: CredentialState): boolean =>
  left?.status === right.status && left.thresholdDays === right.thresholdDays;
