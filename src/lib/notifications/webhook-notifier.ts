import type { Clock } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';
import { type Fetch, outboundFailure, retryAfterSeconds, send } from '../runtime/outbound.ts';
import type { Secret } from '../model/secret.ts';
import type { Notifier } from './notice.ts';
import { formOf, webhookBody, type WebhookForm } from './webhook-bodies.ts';

export interface WebhookNotifierDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
}

const timeoutMs = 15_000;
const maxBodyBytes = 64 * 1024;

/**
 * Sends notices to an incoming webhook of Teams or Slack. Anybody who knows its address can post to it, so the address is
 * a secret. A notice is sent once. The caller repeats it, with the platform's timers.
 * @param form if absent, the address decides.
 * @throws BrokerError config_invalid if the address is not an https address.
 */
export function createWebhookNotifier(deps: WebhookNotifierDeps, address: Secret, form?: WebhookForm): Notifier {
  const url = parseAddress(address.reveal());
  const body = form ?? formOf(url);
  return {
    send: async (notice) => {
      const reply = await send(deps.fetch, {
        method: 'POST',
        url: url.href,
        headers: { 'content-type': 'application/json' },
        body: webhookBody(body, notice),
        timeoutMs,
        maxBodyBytes,
      }).catch((error: unknown): never => {
        throw outboundFailure(error, 'resource_error', 'The notification webhook');
      });
      if (reply.status >= 200 && reply.status < 300) return;
      const code = reply.status === 429 ? 'throttled' : 'resource_error';
      throw new BrokerError(code, `The notification webhook answers ${reply.status}.`, {
        retryAfterSeconds: retryAfterSeconds(reply.headers, deps.clock.nowMs()),
        logFields: { status: reply.status, form: body },
      });
    },
  };
}

/** @throws BrokerError config_invalid. */
function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:') return url;
  // The platform passes an unresolved reference to the app unchanged ("Use Key Vault references as app settings").
  const unresolved = text.startsWith('@Microsoft.KeyVault(');
  throw new BrokerError(
    'config_invalid',
    unresolved
      ? 'NOTIFICATION_WEBHOOK: the Key Vault reference was not resolved. Check its secret name, and that the identity of the app may read the secret.'
      : 'NOTIFICATION_WEBHOOK: is not an https address.',
  );
}
