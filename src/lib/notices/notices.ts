import type { TableClient } from '@azure/data-tables';
import type { TenantId } from '../core/identifiers.ts';
import type { Secret } from '../core/secrets.ts';
import type { Logger } from '../core/log.ts';
import { once } from '../core/single-flight.ts';
import type { IsSelected } from './filter.ts';
import { type Notifier, silentNotifier } from './notice.ts';
import type { TargetDeps, WebhookForm } from './target.ts';

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

/** The notices of the app, and what sends them. */
interface Notices {
  readonly notifications: Notifications;
  readonly notifier: Notifier;
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
