import { beforeEach, describe, expect, test } from 'vitest';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { bundleOf } from '../../../../src/lib/notices/deliveries.ts';
import type { Filter } from '../../../../src/lib/notices/filter.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { cleanNotice, noticeId } from '../../../../src/lib/notices/outbox.ts';
import type { Outcome, Target } from '../../../../src/lib/notices/target.ts';
import { webhookBody } from '../../../../src/lib/notices/webhooks.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { Interrupter, type Interruption } from '../../../fakes/interruption.ts';
import { MemoryOutbox } from '../../../fakes/memory-outbox.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { tenant } from '../../../support/audit-entries.ts';
import { interruptedOutbox, noticedAtMs, noticeOf, noticesInstance } from '../../../support/notices.ts';

const dashboardUrl = 'https://broker.example/api/dashboard';
const delivered: Outcome = { is: 'delivered' };
const failed: Outcome = { is: 'failed', reason: 'answers 500', concerns: 'target', retryAfterMs: undefined };

let clock: FakeClock;
let outbox: MemoryOutbox;
let chat: Notice[];
let webhook: Notice[];
let answer: () => Outcome;

beforeEach(() => {
  clock = new FakeClock(noticedAtMs);
  outbox = new MemoryOutbox();
  chat = [];
  webhook = [];
  answer = () => delivered;
});

const target = (name: Target['name'], bundles: boolean, got: Notice[]): Target => ({
  name,
  title: 'The target',
  setting: 'SETTING',
  addressDigest: 'here',
  bundles,
  send: async (notice) => {
    got.push(notice);
    return answer();
  },
});

const targets = () => [target('chat', true, chat), target('webhook', false, webhook)];
const instance = (parts: Partial<Parameters<typeof noticesInstance>[0]> = {}) =>
  noticesInstance({ outbox, targets: targets(), clock, log: recordingLogger().log, ...parts });

const lost = (number: number, more: Partial<Notice> = {}): Notice =>
  noticeOf(`lost ${number}`, {
    kind: 'tenant.lost',
    tenantId: parseTenantId(tenant(number))!,
    tenantName: `Customer ${number}`,
    title: `Customer ${number}: access is lost`,
    text: 'The broker can no longer reach the tenant.',
    ...more,
  });
const numberOf = ({ tenantName }: Notice): number => Number(tenantName?.slice('Customer '.length));
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Announces as one look does. */
async function look(notices: readonly Notice[], { notifier } = instance()): Promise<void> {
  for (const [index, notice] of notices.entries())
    await notifier.send(notice, { moreFollow: index + 1 < notices.length });
  await settle();
}

/** How many notices the messages of the chat tell, by what they say. */
const toldInChat = (): number =>
  chat.reduce((sum, { title }) => sum + Number(/^(\d+) tenants: /.exec(title)?.[1] ?? 1), 0);

describe('300 tenants that are lost in one look', () => {
  test('are one message for the chat, and 300 requests for the webhook', async () => {
    await look(numbers(300).map((number) => lost(number)));
    expect(chat).toMatchObject([
      {
        kind: 'tenant.lost',
        severity: 'critical',
        title: '300 tenants: access is lost',
        text: 'The broker can no longer reach the tenant. `ptb tenants events --kind lost` lists them.',
        facts: [
          {
            name: 'Tenants',
            value: `${numbers(10)
              .map((number) => `Customer ${number}`)
              .join(', ')} and 290 more`,
          },
        ],
        link: `${dashboardUrl}#/events?kind=lost`,
      },
    ]);
    expect(new Set(webhook.map(({ key }) => key)).size).toBe(300);
    expect([webhook.length, outbox.deliveries.size]).toEqual([300, 0]);
  });

  test('are told by another process if the one that looks ends', async () => {
    const { notifier } = instance();
    for (const number of numbers(7)) await notifier.send(lost(number), { moreFollow: true });
    await settle();
    expect(chat).toEqual([]);
    await instance().deliveries.deliverDue();
    expect(chat.map(({ title }) => title)).toEqual(['7 tenants: access is lost']);
  });

  test('are as many as the filter lets through, by name', async () => {
    const gold: Filter = async (name, notice) => name === 'webhook' || numberOf(notice) <= 120;
    await look(
      numbers(300).map((number) => lost(number)),
      instance({ filter: gold }),
    );
    expect(chat.map(({ title }) => title)).toEqual(['120 tenants: access is lost']);
    expect(webhook).toHaveLength(300);
  });

  test('are single messages if the filter lets a few through', async () => {
    const few: Filter = async (_, notice) => numberOf(notice) <= 5;
    await look(
      numbers(300).map((number) => lost(number)),
      instance({ filter: few }),
    );
    expect(chat.map(({ title }) => title)).toEqual(numbers(5).map((number) => `Customer ${number}: access is lost`));
  });

  test('wait one by one if the filter cannot decide', async () => {
    let isKnown = false;
    const filter: Filter = async (_, notice) => {
      if (!isKnown && numberOf(notice) > 290) throw new BrokerError('storage_unavailable', 'No tags.');
      return true;
    };
    await look(
      numbers(300).map((number) => lost(number)),
      instance({ filter }),
    );
    isKnown = true;
    await clock.advance(60_000);
    await instance({ filter }).deliveries.deliverDue();
    expect(chat.map(({ title }) => title)).toEqual(['290 tenants: access is lost', '10 tenants: access is lost']);
  });
});

test('five notices of a kind are five messages, and other kinds do not count', async () => {
  const back = (number: number): Notice => lost(number, { kind: 'tenant.back', key: `back ${number}` });
  await look([...numbers(5).map((number) => lost(number)), ...numbers(6).map(back)]);
  expect(chat.map(({ title }) => title)).toEqual([
    ...numbers(5).map((number) => `Customer ${number}: access is lost`),
    '6 tenants: access is back',
  ]);
});

test('notices about runs are messages of their own, however many there are', async () => {
  await look(numbers(10).map((number) => noticeOf(`run ${number}`)));
  expect(chat).toHaveLength(10);
});

test('a message that fails is tried again with all it told, and what has come since', async () => {
  answer = () => failed;
  await look(numbers(8).map((number) => lost(number)));
  answer = () => delivered;
  await clock.advance(60_000);
  await look([lost(9)]);
  expect(chat.map(({ title }) => title)).toEqual(['8 tenants: access is lost', '9 tenants: access is lost']);
  expect([...outbox.deliveries.values()].filter(({ target: name }) => name === 'chat')).toEqual([]);
});

test('more than 500 notices are several messages', async () => {
  await look(numbers(1_100).map((number) => lost(number)));
  expect(chat.map(({ title }) => title)).toEqual([500, 500, 100].map((count) => `${count} tenants: access is lost`));
});

test('a notice that another instance has claimed meanwhile is not in the message', async () => {
  for (const number of numbers(8)) await outbox.add(lost(number), ['chat'], noticedAtMs);
  const filter: Filter = async (_, notice) => {
    const own = [...outbox.deliveries.values()].find(({ noticeId: id }) => id === noticeId(notice));
    if (numberOf(notice) === 3 && own !== undefined)
      await outbox.change({ ...own, claimedUntilMs: noticedAtMs + 60_000 });
    return true;
  };
  await instance({ filter }).deliveries.deliverDue();
  expect([chat.map(({ title }) => title), outbox.deliveries.size]).toEqual([['7 tenants: access is lost'], 1]);
});

test('two instances tell each notice in one message', async () => {
  for (const number of numbers(40)) await outbox.add(lost(number), ['chat'], noticedAtMs);
  await Promise.all([instance().deliveries.deliverDue(), instance().deliveries.deliverDue()]);
  expect([toldInChat(), outbox.deliveries.size]).toEqual([40, 0]);
});

describe('a process that dies during a message about several notices', () => {
  const kinds: readonly Interruption[] = ['killed before', 'killed after', 'refused', 'reply lost'];
  const count = 6;
  /** State, notices, claims, the request, removals. */
  const sending = 1 + 2 * count + 1;
  const steps = numbers(sending + count);

  test.each(kinds.flatMap((kind) => steps.map((step) => [kind, step] as const)))(
    '%s at call %i loses no notice, and repeats none that was not sent',
    async (kind, step) => {
      for (const number of numbers(count)) await outbox.add(lost(number), ['chat'], noticedAtMs);
      const interrupter = new Interrupter(step, kind, () => new BrokerError('storage_unavailable', 'Away.'));
      const dying = instance({
        outbox: interruptedOutbox(interrupter, outbox),
        targets: [interrupter.wrap(target('chat', true, chat))],
      });
      await Promise.race([dying.deliveries.deliverDue(), interrupter.killed]);
      await settle();
      const wasSent = chat.length > 0;
      for (let pass = 0; pass < 3; pass += 1) {
        await clock.advance(5 * 60_000);
        await instance({ targets: [target('chat', true, chat)] }).deliveries.deliverDue();
      }
      expect(outbox.deliveries.size).toBe(0);
      if (wasSent) expect(toldInChat()).toBeGreaterThanOrEqual(count);
      else expect(toldInChat()).toBe(count);
      expect(toldInChat()).toBeLessThanOrEqual(2 * count);
    },
  );
});

describe('the message', () => {
  const bundle = (notices: readonly Notice[]): Notice => bundleOf(notices.map(cleanNotice), dashboardUrl);

  test('names ten tenants without a rest, and has the time of the newest notice', () => {
    const { facts, atMs, key } = bundle(
      numbers(10).map((number) => lost(number, { atMs: number === 4 ? 9 : number % 3 })),
    );
    expect(facts[0]?.value).toBe(
      numbers(10)
        .map((number) => `Customer ${number}`)
        .join(', '),
    );
    expect([atMs, key]).toEqual([9, '']);
  });

  test('counts up to three reasons, and says nothing of more', () => {
    const of = (texts: readonly string[]) => bundle(texts.map((text, index) => lost(index + 1, { text })));
    expect(of(['a', 'b', 'a'])).toMatchObject({
      text: '`ptb tenants events --kind lost` lists them.',
      facts: [
        { name: 'Tenants', value: 'Customer 1, Customer 2, Customer 3' },
        { name: '2 of them', value: 'a' },
        { name: '1 of them', value: 'b' },
      ],
    });
    expect(of(['a', 'b', 'c']).facts).toHaveLength(4);
    expect(of(['a', 'b', 'c', 'd']).facts).toHaveLength(1);
  });

  test('says if a tenant is in it several times', () => {
    const notices = [lost(1), lost(2), lost(1, { key: 'again' })];
    expect(bundle(notices).title).toBe('2 tenants: access is lost, 3 times');
  });

  test('has names that are no links, and ids of tenants without a name', () => {
    const { tenantName: _, ...unnamed } = lost(2);
    expect(bundle([lost(1, { tenantName: 'evil.example' }), unnamed]).facts[0]?.value).toBe(
      `evil[.]example, ${tenant(2)}`,
    );
  });

  test('has no link without a dashboard', () => {
    expect(bundleOf([lost(1), lost(2)], undefined)).not.toHaveProperty('link');
  });

  test('is small enough for Teams, which takes 28 KB', () => {
    const long = (letter: string): string => letter.repeat(2_000);
    const notices = numbers(500).map((number) =>
      lost(number, { tenantName: `${number}${long('客')}`, text: long(['客', '*', '"'][number % 3] ?? '') }),
    );
    expect(Buffer.byteLength(webhookBody('teams', bundle(notices)))).toBeLessThan(28_000);
  });

  test.each([[[lost(1)]], [[]], [[noticeOf('a'), noticeOf('b')]]])('is not made of %o', (notices) => {
    expect(() => bundleOf(notices, undefined)).toThrow('several notices about tenants');
  });
});

test('requests that wait for approvals are one message, as soon as there are more than five', async () => {
  const needed = (number: number): Notice =>
    noticeOf(`approval ${number}`, {
      kind: 'approval.needed',
      severity: 'warning',
      title: 'Approval needed: helpdesk',
      facts: [
        { name: 'Asked by', value: number % 2 === 0 ? 'portal' : 'evil.example' },
        { name: 'Reason', value: `reason ${number}` },
        { name: 'Tenant', value: tenant(number) },
      ],
    });
  for (const number of numbers(12)) await outbox.add(needed(number), ['chat', 'webhook'], noticedAtMs);
  await instance().deliveries.deliverDue();
  expect(webhook).toHaveLength(12);
  expect(chat).toMatchObject([
    {
      kind: 'approval.needed',
      severity: 'warning',
      title: '12 approvals needed',
      facts: [
        { name: 'Asked by', value: 'evil[.]example, portal' },
        { name: 'Tenant', value: `${numbers(10).map(tenant).join(', ')} and 2 more` },
      ],
      link: `${dashboardUrl}#/approvals`,
    },
  ]);
  for (const number of numbers(5)) await outbox.add(needed(100 + number), ['chat'], noticedAtMs);
  await instance().deliveries.deliverDue();
  expect(chat).toHaveLength(6);
});
