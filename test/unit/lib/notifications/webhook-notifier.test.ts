import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Notice } from '../../../../src/lib/notifications/notice.ts';
import { createNotifications } from '../../../../src/lib/notifications/notifications.ts';
import { createWebhookNotifier } from '../../../../src/lib/notifications/webhook-notifier.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import type { Fetch } from '../../../../src/lib/runtime/outbound.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { type Scripted, scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const notice: Notice = {
  severity: 'error',
  title: 'It failed',
  text: 'Do <this> & that.',
  facts: [{ name: 'Tenant', value: '[Contoso](https://evil.test) <b>' }],
};
const teams = 'https://prod-1.westeurope.logic.azure.com/workflows/abc?sig=xyz';
const slack = 'https://hooks.slack.com/services/T0/B0/xyz';

/** @param delayMs time until the webhook answers. The request's signal ends the wait. */
function stage(address: string, answer: () => Scripted = () => new Response('ok'), delayMs = 0) {
  const { fetch: answerNow, seen } = scriptedFetch(answer);
  const fetch: Fetch = async (url, init) => {
    await sleep(delayMs, undefined, init.signal ? { signal: init.signal } : {});
    return answerNow(url, init);
  };
  const notifier = createWebhookNotifier({ fetch, clock: new FakeClock() }, new Secret(address));
  return { notifier, body: () => seen[0]?.body ?? '', seen };
}

test('sends Teams an adaptive card in which customer values cannot contain links', async () => {
  const { notifier, body } = stage(teams, () => new Response(null, { status: 202 }));
  await notifier.send(notice);
  const card = JSON.parse(body()) as {
    attachments: { contentType: string; content: { body: { text?: string; facts?: { value: string }[] }[] } }[];
  };
  expect(card.attachments[0]?.contentType).toBe('application/vnd.microsoft.card.adaptive');
  expect(card.attachments[0]?.content.body[0]?.text).toBe('It failed');
  expect(card.attachments[0]?.content.body[2]?.facts?.[0]?.value).toBe('\\[Contoso\\]\\(https://evil.test\\) \\<b\\>');
});

test('sends Slack a text with its three special characters escaped', async () => {
  const { notifier, body } = stage(slack);
  await notifier.send(notice);
  expect(JSON.parse(body())).toEqual({
    text: ':red_circle: *It failed*\nDo &lt;this&gt; &amp; that.\n• *Tenant*: [Contoso](https://evil.test) &lt;b&gt;',
  });
});

test('waits for a webhook that answers after half a second', async () => {
  const { notifier, seen } = stage(teams, () => new Response('ok'), 500);
  await expect(notifier.send(notice)).resolves.toBeUndefined();
  expect(seen).toHaveLength(1);
});

test('removes tokens and truncates long texts', async () => {
  const { notifier, body } = stage(slack);
  await notifier.send({
    ...notice,
    text: `Bearer ${'a'.repeat(40)}`,
    title: 't'.repeat(1000),
    facts: [{ name: 'f', value: `eyJ${'x'.repeat(30)}.${'y'.repeat(30)}.z` }],
  });
  expect(body()).not.toContain('a'.repeat(40));
  expect(body()).not.toContain('x'.repeat(30));
  expect(body().length).toBeLessThan(2_000);
});

describe('a failing webhook', () => {
  test.each([
    [429, 'throttled'],
    [404, 'resource_error'],
    [500, 'resource_error'],
    [302, 'resource_error'],
  ])('maps status %i to %s without revealing the address', async (status, code) => {
    const { notifier, seen } = stage(teams, () => new Response('', { status, headers: { 'retry-after': '9' } }));
    const failure: unknown = await notifier.send(notice).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, retryAfterSeconds: 9 });
    expect(JSON.stringify(failure) + String(failure)).not.toContain('sig=');
    expect(seen).toHaveLength(1);
  });

  test('throws resource_error when it is unreachable', async () => {
    const { notifier } = stage(teams, () => {
      throw new TypeError('fetch failed');
    });
    await expect(notifier.send(notice)).rejects.toMatchObject({ code: 'resource_error' });
  });
});

test.each([
  ['http://hooks.slack.com/x', 'NOTIFICATION_WEBHOOK: is not an https address.'],
  ['not an address', 'NOTIFICATION_WEBHOOK: is not an https address.'],
  ['@Microsoft.KeyVault(VaultName=v;SecretName=n)', expect.stringContaining('Key Vault reference was not resolved')],
])('rejects the address %s without quoting it', (address, detail) => {
  expect(() => stage(address)).toThrow(expect.objectContaining({ code: 'config_invalid', detail }));
});

describe('createNotifications', () => {
  const notificationsFor = (address: string | undefined) => {
    const { fetch, seen } = scriptedFetch(() => new Response('ok'));
    const recorder = recordingLogger();
    const secret = address === undefined ? undefined : new Secret(address);
    return { ...createNotifications({ fetch, clock: new FakeClock(), log: recorder.log }, secret), recorder, seen };
  };

  test('sends notices to the configured address', async () => {
    const { notifier, problem, seen } = notificationsFor(slack);
    await notifier.send(notice);
    expect([problem, seen.length]).toEqual([undefined, 1]);
  });

  test('sends nothing and reports no problem without an address', async () => {
    const { notifier, problem, recorder } = notificationsFor(undefined);
    await notifier.send(notice);
    expect([problem, recorder.events()]).toEqual([undefined, []]);
  });

  test('sends nothing to an unusable address, and logs that once without the address', async () => {
    const { notifier, problem, recorder, seen } = notificationsFor('http://hooks.slack.com/services/secret');
    await notifier.send(notice);
    await notifier.send(notice);
    expect([problem?.code, seen.length, recorder.events()]).toEqual(['config_invalid', 0, ['notifications.unusable']]);
    expect(recorder.lines[0]?.line).not.toContain('services/secret');
  });
});
