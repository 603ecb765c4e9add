import { type Clock, hourMs, retry, withDeadline } from '../core/clock.ts';
import { errorFields, type Logger } from '../core/log.ts';
import { type Notice, type Notifier, silentNotifier } from '../notices/notice.ts';
import type { CredentialJournal, CredentialState, JournalEntry } from '../tokens/credential/credential-journal.ts';
import type { CredentialHealth } from './health.ts';

/** Maximum wait for the notice, and for the journal: health must answer while storage hangs. */
const storageTimeoutMs = 3_000;

/** Pauses before a failed notice is sent again. After the last attempt, the failure is only logged. */
const firstPauseMs = 2_000;
const secondPauseMs = 30_000;

/**
 * How long the state that another instance announced takes precedence over this instance's unchanged, different view.
 * An instance reads the credential again every ten minutes (src/lib/config/tuning.ts) and probes a dead one every 15
 * minutes, so after this time its view is newer.
 */
const viewLifeMs = hourMs;

interface StateWatchDeps {
  readonly journal: Pick<CredentialJournal, 'changeState'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly notifier?: Notifier;
}

/**
 * Announces each change of a credential's state once: as one log event for alert rules, `credential.state_changed`, and
 * as a notice to people if a webhook is configured. The journal keeps the state across restarts and instances; while it
 * is unavailable, this process remembers it. Instances may see different states for some time. The state that one has
 * just announced then takes precedence over the older view of another, so that they do not announce in turn.
 */
export class StateWatch {
  readonly #deps: StateWatchDeps & { readonly notifier: Notifier };
  /** The state that this process last observed, by application. */
  readonly #observed = new Map<string, CredentialState>();

  constructor(deps: StateWatchDeps) {
    this.#deps = { ...deps, notifier: deps.notifier ?? silentNotifier };
  }

  /**
   * Compares the health with the known state and announces a change. Never throws.
   * @param before the state in the journal; undefined if it is unknown.
   */
  async observe(health: CredentialHealth, before: JournalEntry['state']): Promise<void> {
    const { application, state } = health;
    const observed = this.#observed.get(application);
    this.#observed.set(application, state);
    const known = before ?? observed;
    if (isSame(known, state)) return;
    const isNewHere = !isSame(observed, state);
    if (!isNewHere && before !== undefined && this.#deps.clock.nowMs() - before.sinceMs < viewLifeMs) return;
    // The first observation of a healthy credential is not a change.
    const isChange = known !== undefined || state.status !== 'ok';
    const notice = noticeOf(health, this.#deps.clock.nowMs(), before);
    // Before the journal: a process that ends in between must not leave a change that nobody hears of.
    if (isChange && isNewHere) await this.#announce(notice);
    if (!(await this.#isFirst(application, state, isNewHere)) || !isChange) return;
    if (!isNewHere) await this.#announce(notice);
    const { status, thresholdDays } = state;
    const level = status === 'ok' ? 'info' : status === 'degraded' ? 'warn' : 'error';
    const { code, message, advice } = health.findings.find(({ severity }) => severity !== 'notice') ?? {};
    const change = { application, from: known?.status ?? 'unknown', to: status, thresholdDays };
    const why = { daysLeft: health.daysLeft, reason: code, message, advice };
    this.#deps.log.log(level, 'credential.state_changed', { ...change, ...why });
  }

  /** Sends the notice. If that fails or takes long, it goes on in the background: it must not delay the health report. */
  async #announce(notice: Notice): Promise<void> {
    try {
      await withDeadline(this.#deps.clock, storageTimeoutMs, () => this.#deps.notifier.send(notice));
    } catch {
      void this.#announceLater(notice);
    }
  }

  async #announceLater(notice: Notice): Promise<void> {
    try {
      await this.#deps.clock.sleep(firstPauseMs);
      const { clock, notifier } = this.#deps;
      await retry(() => notifier.send(notice), { clock, attempts: 2, afterError: () => secondPauseMs });
    } catch (thrown) {
      this.#deps.log.log('warn', 'credential.notice_failed', errorFields(thrown));
    }
  }

  /**
   * Records the state in the journal. Returns whether this instance is the first to do so, or, if the journal cannot be
   * written, whether the state is new to this process.
   */
  async #isFirst(application: string, state: CredentialState, isNewHere: boolean): Promise<boolean> {
    try {
      return await withDeadline(this.#deps.clock, storageTimeoutMs, () =>
        this.#deps.journal.changeState(application, state, this.#deps.clock.nowMs()),
      );
    } catch (thrown) {
      this.#deps.log.log('warn', 'credential.journal_unavailable', errorFields(thrown));
      return isNewHere;
    }
  }
}

/**
 * Describes the state for a chat, with advice. The key follows from the state before, so that instances which see the change
 * at the same time send one notice.
 */
function noticeOf(
  { application, state, findings, daysLeft, account }: CredentialHealth,
  atMs: number,
  before: JournalEntry['state'],
): Notice {
  const serious = findings.filter(({ severity }) => severity !== 'notice');
  const isHealthy = state.status === 'ok';
  return {
    kind: 'credential.changed',
    key: `${application} ${state.status} ${state.thresholdDays ?? ''} ${before?.sinceMs ?? atMs}`,
    severity: isHealthy ? 'info' : state.status === 'degraded' ? 'warning' : 'critical',
    atMs,
    title: `The credential "${application}" is ${isHealthy ? 'healthy again' : state.status}`,
    text: serious.map(({ message, advice }) => `${message} ${advice}`).join(' '),
    facts: [
      ...(account === undefined ? [] : [{ name: 'Account', value: account }]),
      ...(daysLeft === undefined ? [] : [{ name: 'Days left', value: String(daysLeft) }]),
    ],
  };
}

const isSame = (left: CredentialState | undefined, right: CredentialState): boolean =>
  left?.status === right.status && left.thresholdDays === right.thresholdDays;
