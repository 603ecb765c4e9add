import { toBrokerError } from '../model/errors.ts';
import { dayMs, hourMs } from '../model/durations.ts';
import { isoTime } from '../runtime/clock.ts';
import { errorFields } from '../runtime/log.ts';
import { createChatTarget } from './chat-target.ts';
import { Deliveries } from './deliveries.ts';
import {
  type Notifications,
  type NotificationsDeps,
  type NotificationSettings,
  noNotifications,
} from './notifications.ts';
import { OutboxNotifier } from './outbox-notifier.ts';
import { noticesTable, TableOutbox } from './table-outbox.ts';
import type { Outbox } from './outbox.ts';
import type { Target, TargetDeps } from './target.ts';

/** A notice that waits for longer is said in health. */
const lateMs = hourMs;
/** What was given up is said in health for this long. */
const shownMs = dayMs;
/** To add a notice again changes nothing for this long after it was added. */
const keptMs = 30 * dayMs;

/** The notices that the settings describe. A setting that is wrong disables notices and nothing else. It is logged, and health reports it. */
export function openNotifications(deps: NotificationsDeps, settings: NotificationSettings): Notifications {
  try {
    return working(deps, targetsOf(deps, settings));
  } catch (thrown) {
    deps.log.log('warn', 'notifications.unusable', errorFields(thrown));
    const { detail } = toBrokerError(thrown);
    return noNotifications([`${detail} No notices are sent until you correct this and restart the app.`]);
  }
}

/** @throws BrokerError config_invalid */
function targetsOf(deps: TargetDeps, settings: NotificationSettings): readonly Target[] {
  const { NOTIFICATION_WEBHOOK: chat, NOTIFICATION_FORM: form } = settings;
  return chat === undefined ? [] : [createChatTarget(deps, chat, form)];
}

function working(deps: NotificationsDeps, targets: readonly Target[]): Notifications {
  const outbox = new TableOutbox(() => deps.storage.table(noticesTable));
  const deliveries = new Deliveries({ ...deps, outbox, targets });
  return {
    notifier: new OutboxNotifier({ ...deps, outbox, targets, deliveries }),
    deliverDue: () => deliveries.deliverDue(),
    purge: () => outbox.purge(deps.clock.nowMs() - keptMs),
    problems: () => problemsOf(outbox, targets, deps.clock.nowMs()),
  };
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
            `${title} answered 410 at ${isoTime(stoppedAtMs)} and gets no notices. Correct ${setting}, or restart the app if the receiver is there again.`,
          ]),
      ...(stoppedAtMs !== undefined || oldest === undefined || nowMs - oldest.addedAtMs < lateMs
        ? []
        : [
            `${title} has not accepted a notice of ${isoTime(oldest.addedAtMs)}: it ${oldest.reason || 'was not tried yet'}.`,
          ]),
      ...(givenUp === 0
        ? []
        : [`${title} did not accept ${givenUp} notices within a day each; they are given up since yesterday.`]),
    ];
  });
  return (await Promise.all(problems)).flat();
}
