import { once } from '../core/single-flight.ts';
import { type Notifier, silentNotifier } from './notice.ts';
import type { Notifications, NotificationsDeps, NotificationSettings } from './open-notices.ts';

/** The notices of the app, and what sends them. */
interface Notices {
  readonly notifications: Notifications;
  readonly notifier: Notifier;
}

/**
 * The notices that the settings describe. Without a target, nothing is loaded, stored or sent. With one, its settings are
 * checked at once, in the background.
 */
export function createNotifications(deps: NotificationsDeps, settings: NotificationSettings): Notices {
  const notifications = notificationsOf(deps, settings);
  return { notifications, notifier: notifications.notifier };
}

function notificationsOf(deps: NotificationsDeps, settings: NotificationSettings): Notifications {
  if (settings.NOTIFICATION_WEBHOOK === undefined && settings.NOTIFICATION_SIGNED_WEBHOOK === undefined)
    return noNotifications;
  const opened = once(async () => (await import('./open-notices.ts')).openNotifications(deps, settings));
  deps.background(() => void opened().catch(() => undefined));
  return {
    notifier: { send: async (notice, options) => (await opened()).notifier.send(notice, options) },
    deliverDue: async () => (await opened()).deliverDue(),
    purge: async () => (await opened()).purge(),
    problems: async () => (await opened()).problems(),
  };
}

const noNotifications: Notifications = {
  notifier: silentNotifier,
  deliverDue: () => Promise.resolve(),
  purge: () => Promise.resolve(),
  problems: () => Promise.resolve([]),
};
