import { describe, expect, test } from 'vitest';
import { createNotifications } from '../../../../src/lib/notifications/notifications.ts';
import type { Notice } from '../../../../src/lib/notifications/notice.ts';
import { formOf, webhookBody } from '../../../../src/lib/notifications/webhook-bodies.ts';
import { createWebhookNotifier } from '../../../../src/lib/notifications/webhook-notifier.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { type Scripted, scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const notice: Notice = {
  severity: 'error',
  title: 'Title',
  text: 'Text',
  facts: [
    { name: 'One', value: 'first' },
    { name: 'Two', value: 'second' },
  ],
};

test.each([
  ['https://hooks.slack.com/services/x', 'slack'],
  ['https://slack.com/x', 'slack'],
  ['https://hooks.slack-gov.com/x', 'slack'],
  ['https://hooks.slack.com.evil.example/x', 'teams'],
  ['https://notslack.com/x', 'teams'],
  ['https://prod-1.westeurope.logic.azure.com/x', 'teams'],
])('formOf gives %s the form %s', (address, form) => {
  expect(formOf(new URL(address))).toBe(form);
});

describe('webhookBody', () => {
  test.each([
    ['info', 'Default', ':information_source:'],
    ['warning', 'Warning', ':warning:'],
    ['error', 'Attention', ':red_circle:'],
  ] as const)('shows the severity %s as the color %s and the sign %s', (severity, color, sign) => {
    expect(JSON.parse(webhookBody('teams', { ...notice, severity }))).toEqual({
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
              { type: 'TextBlock', size: 'Medium', weight: 'Bolder', wrap: true, color, text: 'Title' },
              { type: 'TextBlock', wrap: true, text: 'Text' },
              {
                type: 'FactSet',
                facts: [
                  { title: 'One', value: 'first' },
                  { title: 'Two', value: 'second' },
                ],
              },
            ],
          },
        },
      ],
    });
    expect(JSON.parse(webhookBody('slack', { ...notice, severity }))).toEqual({
      text: `${sign} *Title*\nText\n• *One*: first\n• *Two*: second`,
    });
  });

  test.each([
    ['title', 150],
    ['text', 1500],
  ] as const)('keeps a %s of %i characters and cuts a longer one to that length', (field, length) => {
    const shown = (text: string): string => webhookBody('slack', { ...notice, [field]: text });
    expect(shown('a '.repeat(length / 2))).toContain('a '.repeat(length / 2));
    expect(shown(`${'a '.repeat(length / 2)}b`)).toContain(`${'a '.repeat(length / 2 - 1)}a…`);
  });

  test('cuts names to 60 and values to 300 characters, and shows at most 20 facts', () => {
    const facts = Array.from({ length: 21 }, (_, index) => ({
      name: `n${index} ${'n '.repeat(60)}`,
      value: 'v '.repeat(200),
    }));
    const { text } = JSON.parse(webhookBody('slack', { ...notice, facts })) as { text: string };
    const [, , ...lines] = text.split('\n');
    expect(lines).toHaveLength(20);
    expect(lines[0]).toHaveLength('• *'.length + 60 + '*: '.length + 300);
  });
});

describe('createWebhookNotifier', () => {
  function stage(answer: () => Scripted) {
    const { fetch, seen } = scriptedFetch(answer);
    return {
      seen,
      notifier: createWebhookNotifier({ fetch, clock: new FakeClock() }, new Secret('https://a.example/x')),
    };
  }

  test('posts JSON', async () => {
    const { notifier, seen } = stage(() => new Response('ok'));
    await notifier.send(notice);
    expect([seen[0]?.method, seen[0]?.headers.get('content-type')]).toEqual(['POST', 'application/json']);
  });

  test.each([299, 200])('accepts the status %i', async (status) => {
    await expect(stage(() => new Response('', { status })).notifier.send(notice)).resolves.toBeUndefined();
  });

  test.each([300, 400])('rejects the status %i, and logs it with the form', async (status) => {
    await expect(stage(() => new Response('', { status })).notifier.send(notice)).rejects.toMatchObject({
      code: 'resource_error',
      logFields: { status, form: 'teams' },
    });
  });

  test('names the webhook if it cannot be reached', async () => {
    const { notifier } = stage(() => {
      throw new TypeError('fetch failed');
    });
    await expect(notifier.send(notice)).rejects.toMatchObject({
      code: 'resource_error',
      detail: expect.stringMatching(/^The notification webhook /) as string,
    });
  });
});

test('createNotifications logs an unusable address and sends nothing', async () => {
  const logger = recordingLogger();
  const { fetch, seen } = scriptedFetch(() => new Response('ok'));
  const { notifier, problem } = createNotifications(
    { fetch, clock: new FakeClock(), log: logger.log },
    new Secret('http://a.example'),
  );
  await notifier.send(notice);
  expect([problem?.code, logger.events(), seen]).toEqual(['config_invalid', ['notifications.unusable'], []]);
});
