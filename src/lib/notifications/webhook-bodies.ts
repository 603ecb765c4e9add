import { scrub } from '../runtime/log.ts';
import { visibleText } from '../runtime/visible-text.ts';
import type { Notice } from './notice.ts';

/** The products whose incoming webhooks are supported. Their bodies differ. */
export const webhookForms = ['teams', 'slack'] as const;
export type WebhookForm = (typeof webhookForms)[number];

/** `slack` for Slack's hosts; otherwise `teams`, a workflow ("When a Teams webhook request is received"). */
export const formOf = (url: URL): WebhookForm =>
  /(?:^|\.)slack(?:-gov)?\.com$/.test(url.hostname) ? 'slack' : 'teams';

/** The body for the webhook. All text is scrubbed and cut to a readable length, and a fact is one line. */
export function webhookBody(form: WebhookForm, notice: Notice): string {
  const clean: Notice = {
    severity: notice.severity,
    title: cut(scrub(notice.title), 150),
    text: cut(scrub(notice.text), 1500),
    facts: notice.facts
      .slice(0, 20)
      .map(({ name, value }) => ({ name: cut(scrub(name), 60), value: cut(visibleText(scrub(value)), 300) })),
  };
  return JSON.stringify(form === 'slack' ? slackBody(clean) : teamsBody(clean));
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** "Create and send messages with incoming webhooks" (Slack). The text is mrkdwn, in which three characters are special. */
function slackBody({ severity, title, text, facts }: Notice): object {
  const escape = (plain: string): string =>
    plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const sign = { info: ':information_source:', warning: ':warning:', error: ':red_circle:' }[severity];
  const lines = facts.map(({ name, value }) => `• *${escape(name)}*: ${escape(value)}`);
  return { text: [`${sign} *${escape(title)}*`, escape(text), ...lines].join('\n') };
}

/** "Send adaptive cards using an incoming webhook" (Microsoft Teams), Adaptive Card 1.4. */
function teamsBody({ severity, title, text, facts }: Notice): object {
  const color = { info: 'Default', warning: 'Warning', error: 'Attention' }[severity];
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
        },
      },
    ],
  };
}

/** Escapes Markdown, which cards interpret: a customer's name must not become a link or an image. */
const plain = (text: string): string => text.replace(/[[\]()*_~`#!<>\\]/g, (character) => `\\${character}`);
