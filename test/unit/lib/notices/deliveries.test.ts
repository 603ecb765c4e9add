import { beforeEach, describe, expect, test } from 'vitest';
import { problemsOf } from '../../../../src/lib/notices/open-notices.ts';
import type { Filter } from '../../../../src/lib/notices/filter.ts';
import type { Outcome, Target } from '../../../../src/lib/notices/target.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { Interrupter, type Interruption } from '../../../fakes/interruption.ts';
import { MemoryOutbox } from '../../../fakes/memory-outbox.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { interruptedOutbox, noticedAtMs, noticeOf, noticesInstance } from '../../../support/notices.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

let clock: FakeClock;
let outbox: MemoryOutbox;
let recorder: ReturnType<typeof recordingLogger>;
/** Keys of the notices that the receiver has got, accepted or not. */
let got: string[];
let answer: (key: string) => Outcome | Promise<Outcome>;

const delivered: Outcome = { is: 'delivered' };
const failed = (retryAfterMs?: number): Outcome => ({
  is: 'failed',
  reason: 'answers 500',
  concerns: 'target',
  retryAfterMs,
});
const refused: Outcome = { is: 'failed', reason: 'answers 400', concerns: 'notice', retryAfterMs: undefined };

const target = (addressDigest = 'here'): Target => ({
  name: 'chat',
  title: 'The notification webhook',
  setting: 'NOTIFICATION_WEBHOOK',
  addressDigest,
  bundles: true,
  send: async (notice) => {
    got.push(notice.key);
    return answer(notice.key);
  },
});

const instance = (
  parts: { readonly outbox?: MemoryOutbox; readonly targets?: readonly Target[]; readonly filter?: Filter } = {},
) => noticesInstance({ outbox, targets: [target()], clock, log: recorder.log, ...parts });

/** Level and fields of each line of the log, without the reasons of failures. */
const logged = (): unknown[] =>
  recorder.lines.map(({ level, line }) => {
    const { event, target: name, attempts, reason, kind, code } = JSON.parse(line) as Record<string, unknown>;
    return JSON.parse(JSON.stringify({ level, event, target: name, attempts, reason, kind, code })) as unknown;
  });

/** The passes that the timer starts. */
async function pass(ms: number, { deliveries } = instance(), everyMs = 5 * minuteMs): Promise<void> {
  for (let elapsed = 0; elapsed < ms; elapsed += everyMs) {
    await clock.advance(Math.min(everyMs, ms - elapsed));
    await deliveries.deliverDue();
  }
}

beforeEach(() => {
  clock = new FakeClock(noticedAtMs);
  outbox = new MemoryOutbox();
  recorder = recordingLogger();
  got = [];
  answer = () => delivered;
});

test('a notice is delivered at once, and once', async () => {
  const { notifier, deliveries } = instance();
  await notifier.send(noticeOf('a'));
  await settle();
  expect(got).toEqual(['a']);
  await notifier.send(noticeOf('a'));
  await deliveries.deliverDue();
  expect(got).toEqual(['a']);
  expect(outbox.deliveries.size).toBe(0);
});

test('notices that come while others are delivered follow', async () => {
  const { notifier } = instance();
  const held = Promise.withResolvers<Outcome>();
  answer = (key) => (key === 'a' ? held.promise : delivered);
  await notifier.send(noticeOf('a'));
  await settle();
  await notifier.send(noticeOf('b'));
  expect(got).toEqual(['a']);
  held.resolve(delivered);
  await settle();
  expect(got).toEqual(['a', 'b']);
});

test('two instances deliver each notice once', async () => {
  const instances = [instance(), instance()];
  answer = async () => {
    await settle();
    return delivered;
  };
  for (let number = 0; number < 30; number += 1) {
    await Promise.all(instances.map(({ notifier }) => notifier.send(noticeOf(`n${number}`))));
    await Promise.all(instances.map(({ deliveries }) => deliveries.deliverDue()));
  }
  expect(got.toSorted()).toEqual(Array.from({ length: 30 }, (_, number) => `n${number}`).toSorted());
});

test('each target gets each notice, whatever the other one does', async () => {
  const dead: Target = { ...target(), name: 'webhook', send: async () => failed() };
  const { notifier } = instance({ targets: [dead, target()] });
  await notifier.send(noticeOf('a'));
  await settle();
  expect(got).toEqual(['a']);
  expect([...outbox.deliveries.values()]).toMatchObject([{ target: 'webhook', attempts: 1, reason: 'answers 500' }]);
});

test('a target that does not answer delays no other one', async () => {
  const slow: Target = { ...target(), name: 'webhook', send: () => new Promise(() => undefined) };
  const { notifier } = instance({ targets: [slow, target()] });
  await notifier.send(noticeOf('a'));
  await settle();
  await notifier.send(noticeOf('b'));
  await settle();
  expect(got).toEqual(['a', 'b']);
});

test('a notice that fails is tried again with growing pauses, also by another instance', async () => {
  answer = () => failed();
  await instance().notifier.send(noticeOf('a'));
  await settle();
  const triedAtMinutes: number[] = [];
  for (let minute = 1; minute <= 200; minute += 1) {
    const before = got.length;
    await pass(minuteMs, instance(), minuteMs);
    if (got.length > before) triedAtMinutes.push(minute);
  }
  expect(triedAtMinutes).toEqual([1, 3, 8, 18, 38, 78, 138, 198]);
});

test('a receiver that fails for a day is given up, logged once and said in health', async () => {
  answer = () => failed();
  const app = instance();
  await app.notifier.send(noticeOf('a'));
  await pass(2 * hourMs, app);
  expect(await problemsOf(outbox, [target()], clock.nowMs())).toEqual([
    'The notification webhook has not accepted a notice of 2026-11-24T00:00:00.000Z: it answers 500.',
  ]);
  await pass(dayMs - 2 * hourMs - 1, app);
  expect(recorder.events()).toEqual([]);
  await pass(hourMs, app);
  const triedForADay = got.length;
  await pass(dayMs / 2, app);
  expect(got).toHaveLength(triedForADay);
  expect(logged()).toEqual([
    { level: 'error', event: 'notice.given_up', target: 'chat', attempts: got.length, reason: 'answers 500' },
  ]);
  expect(await problemsOf(outbox, [target()], clock.nowMs())).toEqual([
    'In the last 24 hours 1 notice was given up, because the notification webhook had not accepted it within a day.',
  ]);
  await clock.advance(dayMs);
  expect(await problemsOf(outbox, [target()], clock.nowMs())).toEqual([]);
});

test('a notice from before a long stop of the app is tried before it is given up', async () => {
  answer = () => failed();
  await instance().notifier.send(noticeOf('a'));
  await clock.advance(3 * dayMs);
  answer = () => delivered;
  await instance().deliveries.deliverDue();
  expect(got).toEqual(['a', 'a']);
  expect(outbox.givenUp).toEqual([]);
});

test('notices from before a long stop are each tried, although the receiver fails three times in a row', async () => {
  for (const key of ['a', 'b', 'c', 'd', 'e']) await outbox.add(noticeOf(key), ['chat'], noticedAtMs);
  await clock.advance(3 * dayMs);
  const app = instance();
  answer = () => failed();
  await app.deliveries.deliverDue();
  expect(outbox.givenUp.map(({ delivery }) => delivery.attempts)).toEqual([1, 1, 1]);
  answer = () => delivered;
  await app.deliveries.deliverDue();
  expect(got).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('a receiver that fails three times in a row is left alone until the next pass', async () => {
  answer = () => failed();
  const { deliveries } = instance();
  for (let number = 0; number < 10; number += 1) await outbox.add(noticeOf(`n${number}`), ['chat'], noticedAtMs);
  await deliveries.deliverDue();
  expect(got).toHaveLength(3);
});

test('one notice that the receiver does not like does not hold up the others', async () => {
  answer = (key) => (key === 'bad' ? failed() : delivered);
  const { deliveries } = instance();
  for (const key of ['bad', 'a', 'b']) await outbox.add(noticeOf(key), ['chat'], noticedAtMs);
  await deliveries.deliverDue();
  expect(got.toSorted()).toEqual(['a', 'b', 'bad']);
  expect(outbox.deliveries.size).toBe(1);
});

test('a success between failures lets the pass go on', async () => {
  const keys = ['x1', 'x2', 'a', 'x3', 'x4', 'b', 'x5'];
  answer = (key) => (key.startsWith('x') ? failed() : delivered);
  for (const key of keys) await outbox.add(noticeOf(key), ['chat'], noticedAtMs);
  await instance().deliveries.deliverDue();
  expect(got).toEqual(keys);
  // Neither says anything about the target.
  expect(outbox.states.size).toBe(0);
});

test('a new notice does not wait for the retries of many others', async () => {
  answer = (key) => (key === 'new' ? delivered : failed());
  for (let number = 0; number < 60; number += 1) await outbox.add(noticeOf(`n${number}`), ['chat'], noticedAtMs);
  const app = instance();
  await pass(3 * hourMs, app);
  const retried = got.length;
  await app.notifier.send(noticeOf('new'));
  await settle();
  expect(got[retried]).toBe('new');
});

test('notices that the receiver refuses for their content do not hold up others', async () => {
  answer = (key) => (key === 'other' ? delivered : refused);
  for (let number = 0; number < 10; number += 1) await outbox.add(noticeOf(`n${number}`), ['chat'], noticedAtMs);
  await outbox.add(noticeOf('other'), ['chat'], noticedAtMs);
  await instance().deliveries.deliverDue();
  expect(got).toContain('other');
  expect(outbox.deliveries.size).toBe(10);
});

const asked = (key: string) => noticeOf(key, { kind: 'approval.needed', severity: 'warning' });

test('what is critical comes first, also before what waited already', async () => {
  for (let number = 0; number < 3; number += 1) await outbox.add(asked(`ask ${number}`), ['chat'], noticedAtMs);
  await outbox.add(noticeOf('emergency'), ['chat'], noticedAtMs);
  await instance().deliveries.deliverDue();
  expect(got).toEqual(['emergency', 'ask 0', 'ask 1', 'ask 2']);
});

test('what is critical comes next while others are delivered', async () => {
  const { notifier, deliveries } = instance();
  const held = Promise.withResolvers<Outcome>();
  answer = (key) => (key === 'ask 0' ? held.promise : delivered);
  for (let number = 0; number < 4; number += 1) await outbox.add(asked(`ask ${number}`), ['chat'], noticedAtMs);
  void deliveries.deliverDue();
  await settle();
  await notifier.send(noticeOf('emergency'));
  held.resolve(delivered);
  await settle();
  expect(got).toEqual(['ask 0', 'emergency', 'ask 1', 'ask 2', 'ask 3']);
});

test('a pass waits for a short Retry-After, and goes on with what is critical', async () => {
  const { notifier, deliveries } = instance();
  answer = () => failed(5_000);
  await outbox.add(asked('ask'), ['chat'], noticedAtMs);
  void deliveries.deliverDue();
  await clock.advance(4_999);
  expect(got).toEqual(['ask']);
  answer = () => delivered;
  await notifier.send(noticeOf('emergency'));
  await settle();
  expect(got).toEqual(['ask']);
  await clock.advance(1);
  expect(got).toEqual(['ask', 'emergency', 'ask']);
  expect(outbox.deliveries.size).toBe(0);
});

test.each([0, 1, 1_000])(
  'a receiver that always asks for %i ms gets three requests in a pass, and then the pauses of any other failure',
  async (ms) => {
    answer = () => failed(ms);
    await outbox.add(asked('ask'), ['chat'], noticedAtMs);
    const { deliveries } = instance();
    let ended = false;
    void deliveries.deliverDue().then(() => (ended = true));
    await clock.advance(1_999);
    expect([got.length, ended]).toEqual([2, false]);
    await clock.advance(1);
    expect([got.length, ended]).toEqual([3, true]);
    const triedAtMinutes: number[] = [];
    for (let minute = 1; minute <= 40; minute += 1) {
      const before = got.length;
      await clock.advance(minuteMs);
      void deliveries.deliverDue();
      await settle();
      if (got.length > before) triedAtMinutes.push(minute);
    }
    expect(triedAtMinutes).toEqual([5, 15, 35]);
  },
);

test('a critical notice that always gets a Retry-After does not hold up the others', async () => {
  answer = (key) => (key === 'critical' ? failed(1_000) : delivered);
  await outbox.add(noticeOf('critical'), ['chat'], noticedAtMs);
  await outbox.add(asked('ask'), ['chat'], noticedAtMs);
  const { deliveries } = instance();
  for (let second = 0; second <= 330; second += 1) {
    if (second % 300 === 0) void deliveries.deliverDue();
    await clock.advance(1_000);
  }
  expect(got).toEqual(['critical', 'critical', 'critical', 'ask']);
});

test('Retry-After holds up every notice, and for an hour at most', async () => {
  answer = () => failed(30 * minuteMs);
  const app = instance();
  await app.notifier.send(noticeOf('a'));
  await settle();
  answer = () => delivered;
  await app.notifier.send(noticeOf('b'));
  await pass(30 * minuteMs - 1, app);
  expect(got).toEqual(['a']);
  await pass(minuteMs, app);
  expect(got.toSorted()).toEqual(['a', 'a', 'b']);
});

/** Lets an instance claim a delivery and never end it. */
async function dieWhileSending(): Promise<void> {
  await outbox.add(noticeOf('a'), ['chat'], noticedAtMs);
  answer = () => new Promise(() => {});
  void instance().deliveries.deliverDue();
  await settle();
}

test('a pause that storage does not keep ends the pass, and the log says so', async () => {
  for (const key of ['a', 'b']) await outbox.add(noticeOf(key), ['chat'], noticedAtMs);
  answer = () => failed(hourMs);
  outbox.setState = () => Promise.reject(new BrokerError('storage_unavailable', 'no answer'));
  await instance().deliveries.deliverDue();
  expect(got).toEqual(['a']);
  expect(recorder.events()).toEqual(['notice.delivery_failed']);
});

describe('410', () => {
  const gone = async (): Promise<ReturnType<typeof instance>> => {
    answer = () => ({ is: 'gone' });
    const app = instance();
    await app.notifier.send(noticeOf('a'));
    await settle();
    return app;
  };

  test('stops the target on every instance, and health says so', async () => {
    const other = instance();
    await other.deliveries.deliverDue();
    const app = await gone();
    await app.notifier.send(noticeOf('b'));
    await pass(6 * hourMs, app);
    await pass(6 * hourMs, other);
    expect(got).toEqual(['a']);
    expect(logged()).toEqual([{ level: 'error', event: 'notice.target_gone', target: 'chat' }]);
    expect([...outbox.deliveries.values()].map(({ reason }) => reason)).toEqual(['answers 410', '']);
    expect(await problemsOf(outbox, [target()], clock.nowMs())).toEqual([
      'The notification webhook answered 410 at 2026-11-24T00:00:00.000Z. It gets no notices for a day from then, or until NOTIFICATION_WEBHOOK is changed.',
    ]);
  });

  test('ends the pass', async () => {
    answer = () => ({ is: 'gone' });
    for (const key of ['a', 'b', 'c']) await outbox.add(noticeOf(key), ['chat'], noticedAtMs);
    await instance().deliveries.deliverDue();
    expect(got).toEqual(['a']);
  });

  test('holds for a day, also on instances that start; then one notice is tried', async () => {
    await gone();
    await pass(dayMs - 1, instance());
    expect(got).toEqual(['a']);
    const app = instance();
    for (const key of ['b', 'c']) await app.notifier.send(noticeOf(key));
    await pass(5 * minuteMs, app);
    expect(got).toEqual(['a', 'b']);
    await pass(dayMs, app);
    expect(got).toEqual(['a', 'b']);
  });

  test('is over when a notice is accepted', async () => {
    const app = await gone();
    await clock.advance(dayMs);
    answer = () => delivered;
    for (const key of ['b', 'c']) await app.notifier.send(noticeOf(key));
    await settle();
    expect(got.toSorted()).toEqual(['a', 'a', 'b', 'c']);
    expect(await problemsOf(outbox, [target()], clock.nowMs())).toEqual([]);
  });

  test('does not hold after a clock was set back by days', async () => {
    await gone();
    clock = new FakeClock(noticedAtMs - 2 * dayMs);
    answer = () => delivered;
    await instance().deliveries.deliverDue();
    expect(got).toEqual(['a', 'a']);
  });

  test('does not hold for another address', async () => {
    await gone();
    answer = () => delivered;
    const moved = target('elsewhere');
    await instance({ targets: [moved] }).deliveries.deliverDue();
    expect(got).toEqual(['a', 'a']);
    expect(await problemsOf(outbox, [moved], clock.nowMs())).toEqual([]);
  });

  test('gives up what waits for a day', async () => {
    const app = await gone();
    await app.notifier.send(noticeOf('b'));
    await pass(dayMs + 5 * minuteMs, app);
    expect(outbox.givenUp).toHaveLength(2);
    expect(recorder.events().filter((event) => event === 'notice.given_up')).toHaveLength(2);
    expect(got).toEqual(['a', 'b']);
  });
});

describe('a process that dies', () => {
  const kinds: readonly Interruption[] = ['killed before', 'killed after'];
  /** Reading the state, reading the notice, claiming, sending, removing. The list is not interrupted. */
  const steps = [1, 2, 3, 4, 5];
  const sending = 4;

  test.each(kinds.flatMap((kind) => steps.map((step) => [kind, step] as const)))(
    '%s step %i loses no notice, and repeats it only if it was sent',
    async (kind, step) => {
      await outbox.add(noticeOf('a'), ['chat'], noticedAtMs);
      const interrupter = new Interrupter(step, kind, () => new Error('unused'));
      const dying = instance({
        outbox: interruptedOutbox(interrupter, outbox),
        targets: [interrupter.wrap(target())],
      });
      await Promise.race([dying.deliveries.deliverDue(), interrupter.killed]);
      expect(interrupter.calls).toBe(step);
      const wasSent = step > sending || (step === sending && kind === 'killed after');
      expect(got).toHaveLength(wasSent ? 1 : 0);
      await pass(15 * minuteMs);
      expect(outbox.deliveries.size).toBe(0);
      const wasRemoved = step === steps.length && kind === 'killed after';
      expect(got).toHaveLength(wasSent && !wasRemoved ? 2 : 1);
    },
  );

  test('leaves its claim for four minutes, in which nobody else sends', async () => {
    await dieWhileSending();
    answer = () => delivered;
    await pass(4 * minuteMs - 1, instance(), minuteMs);
    expect(got).toEqual(['a']);
    await pass(1);
    expect(got).toEqual(['a', 'a']);
  });
});

describe('storage that is full or away', () => {
  const broken = (method: keyof MemoryOutbox): MemoryOutbox =>
    new Proxy(outbox, {
      get: (whole, name) => {
        if (name === method)
          return async () => {
            throw new BrokerError('storage_unavailable', 'The storage account rejected the request.');
          };
        const value: unknown = Reflect.get(whole, name, whole);
        return typeof value === 'function' ? (value.bind(whole) as unknown) : value;
      },
    });

  test('lets a notice be sent at once if it cannot be stored', async () => {
    const { notifier } = instance({ outbox: broken('add') });
    await notifier.send(noticeOf('a'));
    expect(got).toEqual(['a']);
    expect(logged()).toEqual([
      { level: 'warn', event: 'notice.not_stored', kind: 'run.failed', code: 'storage_unavailable' },
    ]);
  });

  test('is told to the sender if the receiver fails as well', async () => {
    answer = () => failed();
    const fine: Target = { ...target(), name: 'webhook', send: async () => delivered };
    const { notifier } = instance({ outbox: broken('add'), targets: [target(), fine] });
    await expect(notifier.send(noticeOf('a'))).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  test.each([
    [1, true],
    [3, false],
  ])('that needs %i minutes for a claim of four: sent is %s', async (minutes, isSent) => {
    await outbox.add(noticeOf('a'), ['chat'], noticedAtMs);
    const { change } = outbox;
    outbox.change = async (delivery) => {
      await clock.advance(minutes * minuteMs);
      return change(delivery);
    };
    await instance().deliveries.deliverDue();
    expect([got, recorder.events()]).toEqual([isSent ? ['a'] : [], []]);
  });

  test('sends nothing without a claim', async () => {
    await outbox.add(noticeOf('a'), ['chat'], noticedAtMs);
    await instance({ outbox: broken('change') }).deliveries.deliverDue();
    expect(got).toEqual([]);
    expect(logged()).toEqual([
      { level: 'warn', event: 'notice.delivery_failed', target: 'chat', code: 'storage_unavailable' },
    ]);
    await instance().deliveries.deliverDue();
    expect(got).toEqual(['a']);
  });

  test('repeats a notice whose removal failed, after its claim', async () => {
    await outbox.add(noticeOf('a'), ['chat'], noticedAtMs);
    await instance({ outbox: broken('remove') }).deliveries.deliverDue();
    expect(got).toEqual(['a']);
    await pass(5 * minuteMs);
    expect(got).toEqual(['a', 'a']);
  });
});

describe('a clock that was set back', () => {
  test('by hours delays nothing', async () => {
    answer = () => failed();
    await instance().notifier.send(noticeOf('a'));
    await settle();
    clock = new FakeClock(noticedAtMs - 5 * hourMs);
    answer = () => delivered;
    await instance().deliveries.deliverDue();
    expect(got).toEqual(['a', 'a']);
  });

  test('by hours does not keep a claim of a dead process', async () => {
    await dieWhileSending();
    clock = new FakeClock(noticedAtMs - 2 * hourMs);
    answer = () => delivered;
    await instance().deliveries.deliverDue();
    expect(got).toEqual(['a', 'a']);
  });

  test('by minutes, as between instances, does not break a claim', async () => {
    await dieWhileSending();
    clock = new FakeClock(noticedAtMs - 5 * minuteMs);
    await instance().deliveries.deliverDue();
    expect(got).toEqual(['a']);
  });

  test('does not give up a notice early', async () => {
    clock = new FakeClock(noticedAtMs + 2 * dayMs);
    answer = () => failed();
    await instance().notifier.send(noticeOf('a'));
    await settle();
    clock = new FakeClock(noticedAtMs);
    await pass(hourMs);
    expect(outbox.givenUp).toEqual([]);
  });
});

describe('the filter', () => {
  test('keeps notices from a target, and they are not kept for later', async () => {
    const filter: Filter = async (name, { key }) => name === 'chat' && key !== 'secret';
    const { notifier } = instance({ filter, targets: [target(), { ...target(), name: 'webhook' }] });
    for (const key of ['a', 'secret']) await notifier.send(noticeOf(key));
    await settle();
    expect([got, outbox.deliveries.size]).toEqual([['a'], 0]);
  });

  test.each([
    ['request_invalid', 'names a group that the policy does not have'],
    ['storage_unavailable', 'could not be looked up'],
  ] as const)('that fails with %s holds the notice, and says why without the detail', async (code, reason) => {
    let isBroken = true;
    const filter: Filter = async () => {
      if (isBroken) throw new BrokerError(code, 'The groups are gold, silver.');
      return true;
    };
    const app = instance({ filter });
    await app.notifier.send(noticeOf('a'));
    await pass(hourMs, app);
    expect(got).toEqual([]);
    const [problem = ''] = await problemsOf(outbox, [target()], clock.nowMs());
    expect(problem).toContain(reason);
    expect(problem).not.toContain('silver');
    const line = { level: 'warn', event: 'notice.filter_failed', target: 'chat', code };
    expect(logged()).toEqual(logged().map(() => line));
    expect(logged().length).toBeGreaterThan(3);
    isBroken = false;
    await pass(hourMs, app);
    expect(got).toEqual(['a']);
  });

  test('that cannot decide holds up no other notice', async () => {
    const filter: Filter = async (_, { key }) => {
      if (key !== 'other') throw new BrokerError('storage_unavailable', 'No tags.');
      return true;
    };
    for (let number = 0; number < 10; number += 1) await outbox.add(noticeOf(`n${number}`), ['chat'], noticedAtMs);
    await outbox.add(noticeOf('other'), ['chat'], noticedAtMs);
    await instance({ filter }).deliveries.deliverDue();
    expect(got).toEqual(['other']);
  });

  test('that takes longer than a claim does not let two instances send', async () => {
    const held = Promise.withResolvers<boolean>();
    const slow = instance({ filter: () => held.promise });
    await outbox.add(noticeOf('a'), ['chat'], noticedAtMs);
    const slowly = slow.deliveries.deliverDue();
    await settle();
    await clock.advance(10 * minuteMs);
    await instance().deliveries.deliverDue();
    held.resolve(true);
    await slowly;
    expect(got).toEqual(['a']);
  });

  test('also holds without storage', async () => {
    const away = new Proxy(outbox, {
      get: (whole, name) =>
        name === 'add' ? () => Promise.reject(new Error('full')) : (Reflect.get(whole, name, whole) as unknown),
    });
    await instance({ outbox: away, filter: async () => false }).notifier.send(noticeOf('a'));
    const undecided: Filter = () => Promise.reject(new Error('no tags'));
    await expect(instance({ outbox: away, filter: undecided }).notifier.send(noticeOf('b'))).rejects.toThrow('full');
    expect(got).toEqual([]);
  });
});

test('a row without its notice is removed', async () => {
  await outbox.add(noticeOf('a'), ['chat'], noticedAtMs);
  outbox.notices.clear();
  await instance().deliveries.deliverDue();
  expect([got, outbox.deliveries.size]).toEqual([[], 0]);
});

test('a pass that lasts long leaves the rest to the next one', async () => {
  for (let number = 0; number < 20; number += 1) await outbox.add(noticeOf(`n${number}`), ['chat'], noticedAtMs);
  answer = async () => {
    await clock.advance(minuteMs);
    return delivered;
  };
  const { deliveries } = instance();
  await deliveries.deliverDue();
  expect(got.length).toBeLessThan(6);
  for (let number = 0; number < 6; number += 1) await deliveries.deliverDue();
  expect(new Set(got).size).toBe(20);
  expect(got).toHaveLength(20);
});
