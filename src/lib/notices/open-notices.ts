import type { TableClient } from '@azure/data-tables';
import { type Clock, dayMs, hourMs, isoTime } from '../core/clock.ts';
import { toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { Secret } from '../core/secrets.ts';
import { Deliveries } from './deliveries.ts';
import { type Filter, type IsSelected, parseFilter } from './filter.ts';
import { type Notice, type Notifier, silentNotifier } from './notice.ts';
import { cleanNotice, type Outbox } from './outbox.ts';
import { noticesTable, TableOutbox } from './table-outbox.ts';
import type { Target, TargetDeps, WebhookForm } from './target.ts';
import { chatTitle, createChatTarget, createSignedTarget, signedTitle } from './webhooks.ts';

interface OutboxNotifierDeps {
  readonly outbox: Outbox;
  readonly deliveries: Pick<Deliveries, 'deliverDue'>;
  readonly targets: readonly Target[];
  readonly filter: Filter;
  readonly clock: Clock;
  readonly log: Logger;
  /** Runs work that may outlive the current invocation. */
  readonly background: (work: () => void) => void;
}

/** Puts notices into the outbox, and has them delivered at once, unless more follow. */
export class OutboxNotifier implements Notifier {
  readonly #deps: OutboxNotifierDeps;

  constructor(deps: OutboxNotifierDeps) {
    this.#deps = deps;
  }

  /**
   * Stores the notice. While storage does not work, sends it to every target once: that the broker is down must become known.
   * @throws BrokerError storage_unavailable if it could neither be stored nor sent to all.
   */
  async send(notice: Notice, { moreFollow = false }: { readonly moreFollow?: boolean } = {}): Promise<void> {
    const { outbox, deliveries, targets, filter, clock, log, background } = this.#deps;
    const clean = cleanNotice(notice);
    try {
      await outbox.add(
        clean,
        targets.map(({ name }) => name),
        clock.nowMs(),
      );
    } catch (thrown) {
      log.log('warn', 'notice.not_stored', { kind: notice.kind, ...errorFields(thrown) });
      const arrived = targets.map(async (target) => {
        const isWanted = await filter(target.name, clean).catch(() => undefined);
        return isWanted === false || (isWanted === true && (await target.send(clean)).is === 'delivered');
      });
      if ((await Promise.all(arrived)).every(Boolean)) return;
      throw thrown;
    }
    if (!moreFollow) background(() => void deliveries.deliverDue());
  }
}

/** A notice that waits for longer is said in health. */
const lateMs = hourMs;
/** What was given up is said in health for this long. */
const shownMs = dayMs;
/** To add a notice again changes nothing for this long after it was added. */
const keptMs = 30 * dayMs;

/**
 * The notices that the settings describe. A setting that is wrong disables its target and nothing else; a wrong filter
 * disables all. It is logged, and health reports it.
 */
export function openNotifications(deps: NotificationsDeps, settings: NotificationSettings): Notifications {
  const problems: string[] = [];
  const attempt = <T>(effect: string, make: () => T): T | undefined => {
    try {
      return make();
    } catch (thrown) {
      deps.log.log('warn', 'notifications.unusable', errorFields(thrown));
      const { detail } = toBrokerError(thrown);
      problems.push(`${detail} ${effect} until you correct this and restart the app.`);
      return undefined;
    }
  };
  const filter = attempt('No notices are sent', () => parseFilter(settings.NOTIFICATION_FILTER, deps.isSelected));
  const made = makersOf(deps, settings).flatMap(({ title, make }) => attempt(`${title} gets no notices`, make) ?? []);
  // Without the filter, a target could get what it must not.
  const targets = filter === undefined ? [] : made;
  const outbox = new TableOutbox(() => deps.storage.table(noticesTable));
  const parts = { ...deps, outbox, targets, filter: filter ?? (() => Promise.resolve(false)) };
  const deliveries = new Deliveries(parts);
  return {
    notifier: targets.length === 0 ? silentNotifier : new OutboxNotifier({ ...parts, deliveries }),
    deliverDue: () => deliveries.deliverDue(),
    purge: () => outbox.purge(deps.clock.nowMs() - keptMs),
    problems: async () => [...problems, ...(await problemsOf(outbox, targets, deps.clock.nowMs()))],
  };
}

/** What makes each target that has an address. It throws BrokerError config_invalid. */
function makersOf(
  deps: NotificationsDeps,
  settings: NotificationSettings,
): readonly { readonly title: string; readonly make: () => Target }[] {
  const source = deps.dashboardUrl ?? `urn:uuid:${deps.partnerTenantId}`;
  const { NOTIFICATION_WEBHOOK: chat, NOTIFICATION_FORM: form } = settings;
  const { NOTIFICATION_SIGNED_WEBHOOK: address, NOTIFICATION_SIGNING_SECRET: secrets } = settings;
  return [
    ...(chat === undefined ? [] : [{ title: chatTitle, make: () => createChatTarget(deps, chat, form) }]),
    ...(address === undefined
      ? []
      : [{ title: signedTitle, make: () => createSignedTarget(deps, { address, secrets, source }) }]),
  ];
}

/** What keeps notices from arriving at their targets, one sentence each. @throws BrokerError storage_unavailable */
export async function problemsOf(
  outbox: Pick<Outbox, 'backlog'>,
  targets: readonly Target[],
  nowMs: number,
): Promise<readonly string[]> {
  const problems = targets.map(async ({ name, title, setting, addressDigest }) => {
    const { state, oldest, givenUp } = await outbox.backlog(name, nowMs - shownMs);
    const stoppedAtMs = state?.addressDigest === addressDigest ? state.stoppedAtMs : undefined;
    return [
      ...(stoppedAtMs === undefined
        ? []
        : [
            `${title} answered 410 at ${isoTime(stoppedAtMs)}. It gets no notices for a day from then, or until ${setting} is changed.`,
          ]),
      ...(stoppedAtMs !== undefined || oldest === undefined || nowMs - oldest.addedAtMs < lateMs
        ? []
        : [
            `${title} has not accepted a notice of ${isoTime(oldest.addedAtMs)}: it ${oldest.reason || 'was not tried yet'}.`,
          ]),
      ...(givenUp === 0
        ? []
        : [
            `In the last 24 hours ${givenUp === 1 ? '1 notice was' : `${givenUp} notices were`} given up, because ${title.replace(/^The/, 'the')} had not accepted ${givenUp === 1 ? 'it' : 'them'} within a day.`,
          ]),
    ];
  });
  return (await Promise.all(problems)).flat();
}

/** The notices of the app. */
export interface Notifications {
  readonly notifier: Notifier;
  /** Delivers what is due. Never throws. */
  deliverDue(): Promise<void>;
  /** Deletes what is older than 30 days. @throws BrokerError storage_unavailable */
  purge(): Promise<void>;
  /** What keeps notices from arriving, one sentence each. @throws BrokerError storage_unavailable */
  problems(): Promise<readonly string[]>;
}

export interface NotificationsDeps extends TargetDeps {
  readonly log: Logger;
  readonly background: (work: () => void) => void;
  readonly storage: { table(name: string): Promise<TableClient> };
  /** With the tenant where no host names the app, tells brokers apart. */
  readonly dashboardUrl: string | undefined;
  readonly partnerTenantId: TenantId;
  readonly isSelected: IsSelected;
}

export interface NotificationSettings {
  readonly NOTIFICATION_WEBHOOK?: Secret | undefined;
  readonly NOTIFICATION_FORM?: WebhookForm | undefined;
  readonly NOTIFICATION_SIGNED_WEBHOOK?: Secret | undefined;
  readonly NOTIFICATION_SIGNING_SECRET?: Secret | undefined;
  readonly NOTIFICATION_FILTER?: string | undefined;
}
