import { hourMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { retry } from '../runtime/retry.ts';
import { type Notice, type Notifier, silentNotifier } from '../notifications/notice.ts';
import type { CredentialJournal, CredentialState, JournalEntry } from '../credential/credential-journal.ts';
import type { CredentialHealth } from './health.ts';

/** Health must answer while storage hangs. */
const journalTimeoutMs = 3_000;

/** Pauses before a notice that failed is sent again; after the last, only the log has it. */
const noticePausesMs = [2_000, 30_000] as const;

/**
 * How long another instance's newer state stands against this instance's unchanged view. An instance reads the
 * credential again every ten minutes (src/lib/config/tuning.ts) and probes a dead one every 15 minutes, so its view is
 * younger.
 */
const viewLifeMs = hourMs;

/**
 * Announces each change of a credential's state once: as one log event for alert rules, `credential.state_changed`, and
 * as a notice to people if a webhook is configured.
 * The journal keeps the state across restarts and instances; while it is unavailable, this process remembers it.
 * Instances may differ for some time: the state that one has just announced stands against the older view of another.
 * Otherwise the two would announce in turn.
 */
export class StateWatch {
  readonly #journal: Pick<CredentialJournal, 'changeState'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #seen = new Map<string, CredentialState>();

  readonly #notifier: Notifier;

  constructor(deps: {
    journal: Pick<CredentialJournal, 'changeState'>;
    clock: Clock;
    log: Logger;
    notifier?: Notifier;
  }) {
    this.#notifier = deps.notifier ?? silentNotifier;
    this.#journal = deps.journal;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** @param before the state in the journal; absent if it is unknown. */
  async observe(health: CredentialHealth, before: JournalEntry['state']): Promise<void> {
    const { application, state } = health;
    const seen = this.#seen.get(application);
    this.#seen.set(application, state);
    const known = before ?? seen;
    if (isSame(known, state)) return;
    const isNews = !isSame(seen, state);
    if (!isNews && before !== undefined && this.#clock.nowMs() - before.sinceMs < viewLifeMs) return;
    if (!(await this.#isFirst(application, state, isNews))) return;
    // A credential that is ok from the start is not a change.
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
    // Not awaited: it must not delay the health report.
    void this.#sendNotice(noticeOf(health));
  }

  async #sendNotice(notice: Notice): Promise<void> {
    try {
      await retry(() => this.#notifier.send(notice), {
        clock: this.#clock,
        attempts: noticePausesMs.length + 1,
        afterError: (_error, attempt) => noticePausesMs[attempt - 1],
      });
    } catch (thrown) {
      this.#log.log('warn', 'credential.notice_failed', errorFields(thrown));
    }
  }

  /**
   * Whether no instance has announced it yet. While the journal cannot be written: whether it is new to this process.
   */
  async #isFirst(application: string, state: CredentialState, isNews: boolean): Promise<boolean> {
    try {
      return await withDeadline(this.#clock, journalTimeoutMs, () =>
        this.#journal.changeState(application, state, this.#clock.nowMs()),
      );
    } catch (thrown) {
      this.#log.log('warn', 'credential.journal_unavailable', errorFields(thrown));
      return isNews;
    }
  }
}

/** The state in a sentence, with advice, for a chat. */
function noticeOf({ application, state, findings, daysLeft, account }: CredentialHealth): Notice {
  const serious = findings.filter(({ severity }) => severity !== 'notice');
  const well = state.status === 'ok';
  return {
    severity: well ? 'info' : state.status === 'degraded' ? 'warning' : 'error',
    title: well
      ? `The credential "${application}" is well again`
      : `The credential "${application}" is ${state.status}`,
    text: serious.map(({ message, advice }) => `${message} ${advice}`).join(' '),
    facts: [
      ...(account === undefined ? [] : [{ name: 'Account', value: account }]),
      ...(daysLeft === undefined ? [] : [{ name: 'Days left', value: String(daysLeft) }]),
    ],
  };
}

const isSame = (left: CredentialState | undefined, right: CredentialState): boolean =>
  left?.status === right.status && left.thresholdDays === right.thresholdDays;
