import { type BrokerError, toBrokerError } from '../model/errors.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { Secret } from '../model/secret.ts';
import { type Notifier, silentNotifier } from './notice.ts';
import type { WebhookForm } from './webhook-bodies.ts';
import { createWebhookNotifier, type WebhookNotifierDeps } from './webhook-notifier.ts';

/** The notifier, and the configuration error if the webhook's address is unusable. */
export interface Notifications {
  readonly notifier: Notifier;
  readonly problem: BrokerError | undefined;
}

/**
 * The notifier that the settings describe. An unusable address disables notices and nothing else. It is logged once, and
 * health reports `problem`.
 */
export function createNotifications(
  deps: WebhookNotifierDeps & { readonly log: Logger },
  address: Secret | undefined,
  form?: WebhookForm,
): Notifications {
  if (address === undefined) return { notifier: silentNotifier, problem: undefined };
  try {
    return { notifier: createWebhookNotifier(deps, address, form), problem: undefined };
  } catch (thrown) {
    deps.log.log('warn', 'notifications.unusable', errorFields(thrown));
    return { notifier: silentNotifier, problem: toBrokerError(thrown) };
  }
}
