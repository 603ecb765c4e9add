import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createChatTarget } from '../../../../src/lib/notices/webhooks.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { cleanNotice } from '../../../../src/lib/notices/outbox.ts';
import { createNotifications } from '../../../../src/lib/notices/notices.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import type { Fetch } from '../../../../src/lib/core/outbound.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { type Scripted, scriptedFetch } from '../../../fakes/scripted-fetch.ts';
import { noticeOf } from '../../../support/notices.ts';

const notice = noticeOf('a', {
  title: 'It failed',
  text: 'Do <this> & that.',
  facts: [{ name: 'Tenant', value: '[Contoso](https://evil.test) <b>' }],
});
const teams = 'https://prod-1.westeurope.logic.azure.com/workflows/abc?sig=xyz';
const slack = 'https://hooks.slack.com/services/T0/B0/xyz';

/** @param delayMs time until the webhook answers. The request's signal ends the wait. */
function stage(address: string, answer: () => Scripted = () => new Response('ok'), delayMs = 0) {
  const { fetch: answerNow, seen } = scriptedFetch(answer);
  const fetch: Fetch = async (url, init) => {
    await sleep(delayMs, undefined, init.signal ? { signal: init.signal } : {});
    return answerNow(url, init);
  };
  const target = createChatTarget({ fetch, clock: new FakeClock() }, new Secret(address));
  return { target, send: (sent: Notice) => target.send(cleanNotice(sent)), body: () => seen[0]?.body ?? '', seen };
}

test('sends Teams an adaptive card in which customer values cannot contain links', async () => {
  const { send, body } = stage(teams, () => new Response(null, { status: 202 }));
  expect(await send(notice)).toEqual({ is: 'delivered' });
  const card = JSON.parse(body()) as {
    attachments: { contentType: string; content: { body: { text?: string; facts?: { value: string }[] }[] } }[];
  };
  expect(card.attachments[0]?.contentType).toBe('application/vnd.microsoft.card.adaptive');
  expect(card.attachments[0]?.content.body[0]?.text).toBe('It failed');
  expect(card.attachments[0]?.content.body[2]?.facts?.[0]?.value).toBe('\\[Contoso\\]\\(https://evil.test\\) \\<b\\>');
});

test('sends Slack a text with its three special characters escaped', async () => {
  const { send, body, seen } = stage(slack);
  await send(notice);
  expect(JSON.parse(body())).toEqual({
    text: ':red_circle: *It failed*\nDo &lt;this&gt; &amp; that.\n• *Tenant*: [Contoso](https://evil.test) &lt;b&gt;',
  });
  expect([seen[0]?.method, seen[0]?.headers.get('content-type')]).toEqual(['POST', 'application/json']);
});

test('waits for a webhook that answers after half a second', async () => {
  const { send, seen } = stage(teams, () => new Response('ok'), 500);
  expect(await send(notice)).toEqual({ is: 'delivered' });
  expect(seen).toHaveLength(1);
});

test('removes tokens and truncates long texts', async () => {
  const { send, body } = stage(slack);
  await send({
    ...notice,
    text: `Bearer ${'a'.repeat(40)}`,
    title: 't'.repeat(1000),
    facts: [{ name: 'f', value: `eyJ${'x'.repeat(30)}.${'y'.repeat(30)}.z` }],
  });
  expect(body()).not.toContain('a'.repeat(40));
  expect(body()).not.toContain('x'.repeat(30));
  expect(body().length).toBeLessThan(2_000);
});

describe('a webhook that answers', () => {
  test.each([
    [200, { is: 'delivered' }],
    [299, { is: 'delivered' }],
    [
      300,
      {
        is: 'failed',
        reason: 'answers 300, a redirect, which is not followed',
        concerns: 'target',
        retryAfterMs: undefined,
      },
    ],
    [
      302,
      {
        is: 'failed',
        reason: 'answers 302, a redirect, which is not followed',
        concerns: 'target',
        retryAfterMs: undefined,
      },
    ],
    [400, { is: 'failed', reason: 'answers 400', concerns: 'notice', retryAfterMs: undefined }],
    [404, { is: 'failed', reason: 'answers 404', concerns: 'target', retryAfterMs: undefined }],
    [410, { is: 'gone' }],
    [413, { is: 'failed', reason: 'answers 413', concerns: 'notice', retryAfterMs: undefined }],
    [422, { is: 'failed', reason: 'answers 422', concerns: 'notice', retryAfterMs: undefined }],
    [429, { is: 'failed', reason: 'answers 429', concerns: 'target', retryAfterMs: 9_000 }],
    [500, { is: 'failed', reason: 'answers 500', concerns: 'target', retryAfterMs: undefined }],
    [503, { is: 'failed', reason: 'answers 503', concerns: 'target', retryAfterMs: 9_000 }],
  ])('%i is understood', async (status, outcome) => {
    const headers = { 'retry-after': '9', location: 'https://elsewhere.example' };
    const { send, seen } = stage(teams, () => new Response('', { status, headers }));
    expect(await send(notice)).toEqual(outcome);
    expect(seen).toHaveLength(1);
  });

  test('after 15 seconds has failed', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { send } = stage(teams, () => new Response('late'), 60_000);
    let outcome: unknown;
    const sending = send(notice).then((value) => (outcome = value));
    await vi.advanceTimersByTimeAsync(14_999);
    expect(outcome).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await sending;
    expect(outcome).toMatchObject({ is: 'failed', reason: 'did not answer within 15 seconds' });
  });

  test('nothing has failed', async () => {
    const { send } = stage(teams, () => {
      throw new TypeError('fetch failed');
    });
    expect(await send(notice)).toMatchObject({ is: 'failed', reason: 'could not be reached' });
  });

  test.each([
    ['more than 64 KiB', new Response('x'.repeat(64 * 1024 + 1))],
    ['a body that breaks', new Response(new ReadableStream({ pull: (body) => body.error(new Error('reset')) }))],
  ])('200 and %s has accepted the notice', async (_, response) => {
    const { send } = stage(teams, () => response);
    expect(await send(notice)).toEqual({ is: 'delivered' });
  });
});

test.each([
  ['http://hooks.slack.com/x', 'NOTIFICATION_WEBHOOK: is not an https address.'],
  ['http://localhost.evil.example/x', 'NOTIFICATION_WEBHOOK: is not an https address.'],
  ['ftp://localhost/x', 'NOTIFICATION_WEBHOOK: is not an https address.'],
  ['not an address', 'NOTIFICATION_WEBHOOK: is not an https address.'],
  ['@Microsoft.KeyVault(VaultName=v;SecretName=n)', expect.stringContaining('Key Vault reference was not resolved')],
])('rejects the address %s without quoting it', (address, detail) => {
  expect(() => stage(address)).toThrow(expect.objectContaining({ code: 'config_invalid', detail }));
});

test('an address with another end is another address, so that a stop after 410 can be ended by hand', () => {
  expect(stage(`${slack}#2`).target.addressDigest).not.toBe(stage(slack).target.addressDigest);
});

test.each(['http://localhost:1/x', 'http://127.0.0.1/x', 'http://[::1]:2/x'])('accepts %s', (address) => {
  const { name, setting, bundles } = stage(address).target;
  expect([name, setting, bundles]).toEqual(['chat', 'NOTIFICATION_WEBHOOK', true]);
});

describe('createNotifications', () => {
  const notificationsFor = (address: string | undefined) => {
    const { fetch, seen } = scriptedFetch(() => new Response('ok'));
    const recorder = recordingLogger();
    const deps = {
      fetch,
      clock: new FakeClock(),
      log: recorder.log,
      background: (work: () => void) => work(),
      storage: { table: () => Promise.reject(new Error('no storage')) },
      dashboardUrl: undefined,
      partnerTenantId: parseTenantId('99999999-9999-4999-8999-999999999999')!,
      isSelected: async () => true,
    };
    const settings = { NOTIFICATION_WEBHOOK: address === undefined ? undefined : new Secret(address) };
    return { ...createNotifications(deps, settings), recorder, seen };
  };

  test('sends notices to the configured address, here without storage', async () => {
    const { notifications, seen } = notificationsFor(slack);
    await notifications.notifier.send(notice);
    expect(seen).toHaveLength(1);
  });

  test('sends nothing, stores nothing and reports no problem without an address', async () => {
    const { notifications, recorder } = notificationsFor(undefined);
    await notifications.notifier.send(notice);
    await notifications.deliverDue();
    await notifications.purge();
    expect([await notifications.problems(), recorder.events()]).toEqual([[], []]);
  });

  test('sends nothing to an unusable address, and logs that once without the address', async () => {
    const { notifications, recorder, seen } = notificationsFor('http://hooks.slack.com/services/secret');
    await notifications.notifier.send(notice);
    await notifications.notifier.send(notice);
    expect([await notifications.problems(), seen.length, recorder.events()]).toEqual([
      [
        'NOTIFICATION_WEBHOOK: is not an https address. The notification webhook gets no notices until you correct this and restart the app.',
      ],
      0,
      ['notifications.unusable'],
    ]);
    expect(recorder.lines[0]?.line).not.toContain('services/secret');
  });
});
