import { createHmac } from 'node:crypto';
import { isoTime } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import { defined } from '../core/objects.ts';
import type { Secret } from '../core/secrets.ts';
import type { Notice } from './notice.ts';
import { noticeId } from './outbox.ts';
import {
  digestOf,
  isUnresolved,
  parseAddress,
  post,
  type Target,
  type TargetDeps,
  unresolved,
  type WebhookForm,
} from './target.ts';

/** `slack` for Slack's hosts; otherwise `teams`, a workflow ("When a Teams webhook request is received"). */
export const formOf = (url: URL): WebhookForm =>
  /(?:^|\.)slack(?:-gov)?\.com$/.test(url.hostname) ? 'slack' : 'teams';

const linkText = 'Open in the dashboard';

/** The body for the webhook of a chat. @param notice a clean one. */
export const webhookBody = (form: WebhookForm, notice: Notice): string =>
  JSON.stringify(form === 'slack' ? slackBody(notice) : teamsBody(notice));

/** "Create and send messages with incoming webhooks" (Slack). The text is mrkdwn, in which three characters are special. */
function slackBody({ severity, title, text, facts, link }: Notice): object {
  const escape = (plain: string): string =>
    plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const sign = { info: ':information_source:', warning: ':warning:', critical: ':red_circle:' }[severity];
  const lines = facts.map(({ name, value }) => `• *${escape(name)}*: ${escape(value)}`);
  const open = link === undefined ? [] : [`<${escape(link)}|${linkText}>`];
  return { text: [`${sign} *${escape(title)}*`, escape(text), ...lines, ...open].join('\n') };
}

/** "Send adaptive cards using an incoming webhook" (Microsoft Teams), Adaptive Card 1.4. */
function teamsBody({ severity, title, text, facts, link }: Notice): object {
  const color = { info: 'Default', warning: 'Warning', critical: 'Attention' }[severity];
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            { type: 'TextBlock', size: 'Medium', weight: 'Bolder', wrap: true, color, text: plain(title) },
            { type: 'TextBlock', wrap: true, text: plain(text) },
            { type: 'FactSet', facts: facts.map(({ name, value }) => ({ title: name, value: plain(value) })) },
          ],
          ...(link === undefined ? {} : { actions: [{ type: 'Action.OpenUrl', title: linkText, url: link }] }),
        },
      },
    ],
  };
}

/** Escapes Markdown, which cards interpret: a customer's name must not become a link or an image. */
const plain = (text: string): string => text.replace(/[[\]()*_~`#!<>\\]/g, (character) => `\\${character}`);

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

export const signedTitle = 'The signed webhook';
const signedWebhookSetting = 'NOTIFICATION_SIGNED_WEBHOOK';
const secretSetting = 'NOTIFICATION_SIGNING_SECRET';

interface SignedTargetSettings {
  readonly address: Secret;
  /** One secret, or two during a rotation, separated by a space. */
  readonly secrets: Secret | undefined;
  /** Tells brokers apart, as a URI: the `source` of the events. */
  readonly source: string;
}

/**
 * A webhook for programs: CloudEvents 1.0 in structured mode, signed as Standard Webhooks 1.0 says, with each secret.
 * @throws BrokerError config_invalid for an unusable address or secret. It quotes neither.
 */
export function createSignedTarget(deps: TargetDeps, { address, secrets, source }: SignedTargetSettings): Target {
  const url = parseAddress(signedWebhookSetting, address);
  const keys = parseSecrets(secrets);
  return {
    name: 'webhook',
    title: signedTitle,
    setting: signedWebhookSetting,
    addressDigest: digestOf(url),
    bundles: false,
    send: (notice) => {
      const id = noticeId(notice);
      const timestamp = String(Math.floor(deps.clock.nowMs() / 1000));
      const body = JSON.stringify(cloudEvent(notice, id, source));
      const headers = {
        'content-type': 'application/cloudevents+json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': keys.map((key) => `v1,${sign(key, `${id}.${timestamp}.${body}`)}`).join(' '),
      };
      return post(deps, url, headers, body);
    },
  };
}

const sign = (key: Buffer, text: string): string => createHmac('sha256', key).update(text).digest('base64');

/** "CloudEvents", version 1.0.2, with the JSON format. The body is the same on every try. */
const cloudEvent = (notice: Notice, id: string, source: string): object => ({
  specversion: '1.0',
  id,
  source,
  type: `partner-token-broker.${notice.kind}`,
  time: isoTime(notice.atMs),
  ...(notice.tenantId === undefined ? {} : { subject: notice.tenantId }),
  datacontenttype: 'application/json',
  data: defined({
    kind: notice.kind,
    severity: notice.severity,
    tenantId: notice.tenantId,
    tenantName: notice.tenantName,
    title: notice.title,
    text: notice.text,
    facts: notice.facts,
    link: notice.link,
  }),
});

/** "Standard Webhooks", section "Signature scheme": 24 to 64 random bytes, in base64 behind the prefix. */
const prefix = 'whsec_';
const keyBytes = [24, 64] as const;

function parseSecrets(secrets: Secret | undefined): readonly Buffer[] {
  const wrong = (problem: string): never => {
    throw new BrokerError('config_invalid', `${secretSetting}: ${problem}`);
  };
  if (secrets === undefined) return wrong('is missing. The signed webhook needs it.');
  const text = secrets.reveal().trim();
  if (isUnresolved(text)) throw unresolved(secretSetting);
  const parts = text.split(/\s+/);
  if (parts.length > 2) return wrong('has more than two secrets.');
  return parts.map((part, index) => {
    const base64 = part.slice(prefix.length);
    const key = Buffer.from(base64, 'base64');
    const isBase64 = key.toString('base64') === base64;
    if (part.startsWith(prefix) && isBase64 && key.length >= keyBytes[0] && key.length <= keyBytes[1]) return key;
    return wrong(`secret ${index + 1} is not ${prefix} and the base64 of ${keyBytes[0]} to ${keyBytes[1]} bytes.`);
  });
}
