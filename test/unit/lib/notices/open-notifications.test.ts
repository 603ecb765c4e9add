import { beforeEach, expect, test } from 'vitest';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { createNotifications } from '../../../../src/lib/notices/notices.ts';
import type { NotificationSettings } from '../../../../src/lib/notices/open-notices.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';
import { TransactionTable } from '../../../fakes/transaction-table.ts';
import { noticedAtMs, noticeOf } from '../../../support/notices.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const partnerTenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
const both: NotificationSettings = {
  NOTIFICATION_WEBHOOK: new Secret('https://hooks.slack.com/services/x'),
  NOTIFICATION_SIGNED_WEBHOOK: new Secret('https://events.example/in'),
  NOTIFICATION_SIGNING_SECRET: new Secret(`whsec_${Buffer.alloc(32, 'k').toString('base64')}`),
};

let clock: FakeClock;
let table: TransactionTable;
let answer: (request: SeenRequest) => Scripted;

beforeEach(() => {
  clock = new FakeClock(noticedAtMs);
  table = new TransactionTable();
  answer = () => new Response('ok');
});

function app(settings: NotificationSettings = both, dashboardUrl?: string) {
  const { fetch, seen } = scriptedFetch((request) => answer(request));
  const recorder = recordingLogger();
  const started: (() => void)[] = [];
  const deps = {
    fetch,
    clock,
    log: recorder.log,
    background: (work: () => void) => {
      started.push(work);
      work();
    },
    storage: { table: async () => table.client },
    dashboardUrl,
    partnerTenantId,
    isSelected: async () => true,
  };
  return { ...createNotifications(deps, settings), seen, recorder, started };
}

const hostsOf = (seen: readonly SeenRequest[]): string[] => seen.map(({ url }) => url.host).toSorted();

test('each target gets a notice through the table', async () => {
  const { notifier, seen } = app();
  await notifier.send(noticeOf('a'));
  await settle();
  expect(hostsOf(seen)).toEqual(['events.example', 'hooks.slack.com']);
  expect([...table.rows.values()].map(({ rowKey }) => rowKey.slice(0, 2))).toEqual(['n-']);
});

test('each target works alone', async () => {
  const { NOTIFICATION_WEBHOOK: chat, ...program } = both;
  for (const [settings, host] of [
    [{ NOTIFICATION_WEBHOOK: chat }, 'hooks.slack.com'],
    [program, 'events.example'],
  ] as const) {
    table = new TransactionTable();
    const { notifier, seen } = app(settings);
    await notifier.send(noticeOf('a'));
    await settle();
    expect(hostsOf(seen)).toEqual([host]);
  }
});

test.each([
  [undefined, `urn:uuid:${partnerTenantId}`],
  ['https://broker.example/api/dashboard', 'https://broker.example/api/dashboard'],
])('with the dashboard at %s, the source of events is %s', async (dashboardUrl, source) => {
  const { notifier, seen } = app(both, dashboardUrl);
  await notifier.send(noticeOf('a'));
  await settle();
  const [body] = seen.filter(({ url }) => url.host === 'events.example').map((request) => request.body ?? '');
  expect(JSON.parse(body ?? '')).toMatchObject({ source });
});

test('what another instance has stored is delivered when the timer fires', async () => {
  answer = () => new Response('', { status: 500 });
  await app().notifier.send(noticeOf('a'));
  await settle();
  answer = () => new Response('ok');
  await clock.advance(60_000);
  const { notifications, seen } = app();
  await notifications.deliverDue();
  expect(hostsOf(seen)).toEqual(['events.example', 'hooks.slack.com']);
});

test('old notices are purged after 30 days', async () => {
  const { notifications, notifier } = app();
  await notifier.send(noticeOf('a'));
  await settle();
  await clock.advance(30 * dayMs);
  await notifications.purge();
  expect(table.rows.size).toBe(1);
  await clock.advance(1);
  await notifications.purge();
  expect(table.rows.size).toBe(0);
});

test('health says what waits for an hour, and what was given up', async () => {
  answer = ({ url }) => new Response('', { status: url.host === 'events.example' ? 502 : 200 });
  const { notifications, notifier } = app();
  for (const key of ['a', 'b']) await notifier.send(noticeOf(key));
  await clock.advance(hourMs - 1);
  expect(await notifications.problems()).toEqual([]);
  await clock.advance(1);
  expect(await notifications.problems()).toEqual([
    'The signed webhook has not accepted a notice of 2026-11-24T00:00:00.000Z: it answers 502.',
  ]);
  await clock.advance(dayMs);
  await notifications.deliverDue();
  expect(await notifications.problems()).toEqual([
    'In the last 24 hours 2 notices were given up, because the signed webhook had not accepted them within a day.',
  ]);
});

test('a notice that nobody has tried yet is said, too', async () => {
  const { notifier, notifications } = app();
  await notifier.send(noticeOf('a'), { moreFollow: true });
  await clock.advance(hourMs);
  expect(await notifications.problems()).toEqual(
    ['notification', 'signed'].map(
      (name) => `The ${name} webhook has not accepted a notice of 2026-11-24T00:00:00.000Z: it was not tried yet.`,
    ),
  );
});

test('a wrong filter stops both targets, so that none gets what it must not', async () => {
  const { notifications, notifier, seen, recorder } = app({ ...both, NOTIFICATION_FILTER: 'loud' });
  await notifier.send(noticeOf('a'));
  await notifications.deliverDue();
  await settle();
  expect([seen, table.rows.size]).toEqual([[], 0]);
  expect(await notifications.problems()).toEqual([
    'NOTIFICATION_FILTER: rule 1, word 1 is none of chat, webhook, severity=, kind=, tenants= and except=. No notices are sent until you correct this and restart the app.',
  ]);
  expect(recorder.lines).toMatchObject([{ level: 'warn', line: expect.stringContaining('config_invalid') }]);
});

test('a target that is set up wrongly stops no other, and is logged at the start', async () => {
  const { NOTIFICATION_SIGNING_SECRET: _, ...rest } = both;
  const { notifications, notifier, seen, recorder, started } = app(rest);
  expect(started).toHaveLength(1);
  await expect.poll(() => recorder.events()).toEqual(['notifications.unusable']);
  await notifier.send(noticeOf('a'));
  await settle();
  expect(hostsOf(seen)).toEqual(['hooks.slack.com']);
  expect(await notifications.problems()).toEqual([
    'NOTIFICATION_SIGNING_SECRET: is missing. The signed webhook needs it. The signed webhook gets no notices until you correct this and restart the app.',
  ]);
});
