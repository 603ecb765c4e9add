import { describe, expect, test } from 'vitest';
import { cleanNotice } from '../../../../src/lib/notices/outbox.ts';
import { formOf, webhookBody } from '../../../../src/lib/notices/webhooks.ts';
import { noticeOf } from '../../../support/notices.ts';

const notice = noticeOf('a', {
  title: 'Title',
  text: 'Text',
  facts: [
    { name: 'One', value: 'first' },
    { name: 'Two', value: 'second' },
  ],
});

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
    ['critical', 'Attention', ':red_circle:'],
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

  test('shows the page of the dashboard', () => {
    const link = 'https://broker.example/api/dashboard#/runs/a%401';
    const card = JSON.parse(webhookBody('teams', { ...notice, link })) as {
      attachments: [{ content: { actions: object[] } }];
    };
    expect(card.attachments[0].content.actions).toEqual([
      { type: 'Action.OpenUrl', title: 'Open in the dashboard', url: link },
    ]);
    const { text } = JSON.parse(webhookBody('slack', { ...notice, link })) as { text: string };
    expect(text).toMatch(new RegExp(`\\n<${link}\\|Open in the dashboard>$`));
  });

  test.each([
    ['title', 150],
    ['text', 1500],
  ] as const)('keeps a %s of %i characters and cuts a longer one to that length', (field, length) => {
    const shown = (text: string): string => webhookBody('slack', cleanNotice({ ...notice, [field]: text }));
    expect(shown('a '.repeat(length / 2))).toContain('a '.repeat(length / 2));
    expect(shown(`${'a '.repeat(length / 2)}b`)).toContain(`${'a '.repeat(length / 2 - 1)}a…`);
  });

  test('has no half characters, which strict readers of JSON refuse, and a title of one line', () => {
    const emoji = '\u{1f525}';
    const clean = cleanNotice({
      ...notice,
      title: `A\r\n\u202eb${emoji.repeat(100)}`,
      text: `${'x'.repeat(1498)}${emoji}${emoji} \ud83d`,
      facts: [{ name: `n\ud83d${emoji.repeat(40)}`, value: `${'v'.repeat(298)}${emoji}${emoji}` }],
    });
    const texts = [clean.title, clean.text, ...clean.facts.flatMap(({ name, value }) => [name, value])];
    expect(texts.map((text) => text.isWellFormed())).toEqual(texts.map(() => true));
    expect(clean.title.startsWith('A\\r\\n\\u202eb')).toBe(true);
    expect(cleanNotice({ ...notice, tenantName: `A\n${'b '.repeat(100)}` }).tenantName).toBe(`A\\n${'b '.repeat(48)}…`);
    expect(clean).not.toHaveProperty('tenantName');
  });

  test('cuts names to 60 and values to 300 characters, and shows at most 20 facts', () => {
    const facts = Array.from({ length: 21 }, (_, index) => ({
      name: `n${index} ${'n '.repeat(60)}`,
      value: 'v '.repeat(200),
    }));
    const { text } = JSON.parse(webhookBody('slack', cleanNotice({ ...notice, facts }))) as { text: string };
    const [, , ...lines] = text.split('\n');
    expect(lines).toHaveLength(20);
    expect(lines[0]).toHaveLength('• *'.length + 60 + '*: '.length + 300);
  });
});
