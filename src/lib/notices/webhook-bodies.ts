import type { Notice } from './notice.ts';
import type { WebhookForm } from './webhook-forms.ts';

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
