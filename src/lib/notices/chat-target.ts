import type { Secret } from '../core/secret.ts';
import { digestOf, parseAddress, post, type Target, type TargetDeps } from './target.ts';
import { formOf, webhookBody } from './webhook-bodies.ts';
import type { WebhookForm } from './webhook-forms.ts';

export const chatTitle = 'The notification webhook';
const chatSetting = 'NOTIFICATION_WEBHOOK';

/**
 * The incoming webhook of a chat in Teams or Slack. Anybody who knows its address can post to it, so the address is a secret.
 * @param form if absent, the address decides.
 * @throws BrokerError config_invalid if the address is not an https address.
 */
export function createChatTarget(deps: TargetDeps, address: Secret, form?: WebhookForm): Target {
  const url = parseAddress(chatSetting, address);
  const body = form ?? formOf(url);
  const headers = { 'content-type': 'application/json' };
  return {
    name: 'chat',
    title: chatTitle,
    setting: chatSetting,
    addressDigest: digestOf(url),
    bundles: true,
    send: (notice) => post(deps, url, headers, webhookBody(body, notice)),
  };
}
