import { beforeEach, expect, test } from 'vitest';
import type { CredentialHealth } from '../../../../src/lib/health/health.ts';
import { StateWatch } from '../../../../src/lib/health/state-watch.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { MemoryCredentialJournal } from '../../../fakes/memory-credential-journal.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

let clock: FakeClock;
let sent: Notice[];
let failures: number;
let recorder: ReturnType<typeof recordingLogger>;
let watch: StateWatch;

const health = (status: 'ok' | 'degraded' | 'down', message = 'It ends soon.'): CredentialHealth => ({
  application: 'default',
  state: { status },
  account: 'broker@partner.example',
  daysLeft: 6,
  findings: status === 'ok' ? [] : [{ severity: status, code: 'expires_soon', message, advice: 'Run `ptb consent`.' }],
});

beforeEach(() => {
  clock = new FakeClock();
  sent = [];
  failures = 0;
  recorder = recordingLogger();
  watch = new StateWatch({
    journal: new MemoryCredentialJournal(),
    clock,
    log: recorder.log,
    notifier: {
      send: async (notice) => {
        if (failures-- > 0) throw new BrokerError('resource_error', 'The notification webhook answers 500.');
        sent.push(notice);
      },
    },
  });
});

/** Instances of the app that share a journal, and what they send. */
function told() {
  const journal = new MemoryCredentialJournal();
  const notifier = {
    send: async (notice: Notice) => {
      sent.push(notice);
    },
  };
  return { journal, instance: () => new StateWatch({ journal, clock, log: recorder.log, notifier }) };
}

test('sends one notice per change, with the next step', async () => {
  await watch.observe(health('ok'), undefined);
  await watch.observe(health('degraded'), undefined);
  await watch.observe(health('degraded'), undefined);
  await watch.observe(health('ok'), undefined);
  await settle();
  expect(sent.map(({ severity, title }) => [severity, title])).toEqual([
    ['warning', 'The credential "default" is degraded'],
    ['info', 'The credential "default" is healthy again'],
  ]);
  expect(sent[0]?.text).toBe('It ends soon. Run `ptb consent`.');
});

test('does not wait for a failing webhook, and retries it', async () => {
  failures = 2;
  await watch.observe(health('down'), { status: 'ok', sinceMs: 0 });
  expect(recorder.events()).toEqual(['credential.state_changed']);
  expect(sent).toEqual([]);
  await clock.advance(60_000);
  expect(sent).toHaveLength(1);
});

test('has told a change before it is in the journal, in case the process ends in between', async () => {
  const order: string[] = [];
  const dying = new StateWatch({
    journal: {
      changeState: () => {
        order.push('journal');
        return new Promise(() => undefined);
      },
    },
    clock,
    log: recorder.log,
    notifier: {
      send: async () => {
        order.push('notice');
      },
    },
  });
  void dying.observe(health('down'), { status: 'ok', sinceMs: 0 });
  await settle();
  expect(order).toEqual(['notice', 'journal']);
});

test('does not wait for a notice that hangs', async () => {
  const hanging = new StateWatch({
    journal: new MemoryCredentialJournal(),
    clock,
    log: recorder.log,
    notifier: { send: () => new Promise(() => undefined) },
  });
  const observed = hanging.observe(health('down'), { status: 'ok', sinceMs: 0 });
  await clock.advance(3_000);
  await observed;
  expect(recorder.events()).toEqual(['credential.state_changed']);
});

test('sends one key for what two instances see at the same time, and another one for the next change', async () => {
  const { journal, instance } = told();
  const before = { status: 'ok', sinceMs: 7 } as const;
  await Promise.all([instance().observe(health('down'), before), instance().observe(health('down'), before)]);
  expect(new Set(sent.map(({ key }) => key)).size).toBe(1);
  await clock.advance(1_000);
  await instance().observe(health('ok'), (await journal.read('default')).state);
  expect(new Set(sent.map(({ key }) => key)).size).toBe(2);
});

test('sends one notice while the journal is read-only, and one of a view that is told again', async () => {
  const { journal, instance } = told();
  const before = { status: 'ok', sinceMs: clock.nowMs() } as const;
  const one = instance();
  const changeState = journal.changeState.bind(journal);
  journal.changeState = () => Promise.reject(new BrokerError('storage_unavailable', 'Read only.'));
  await clock.advance(2 * 3_600_000);
  for (let time = 0; time < 10; time += 1) await one.observe(health('down'), before);
  expect(sent).toHaveLength(1);
  journal.changeState = changeState;
  await one.observe(health('down'), before);
  await one.observe(health('down'), before);
  await settle();
  expect(sent).toHaveLength(2);
});

test('logs a notice that failed three times', async () => {
  failures = 3;
  await watch.observe(health('down'), { status: 'ok', sinceMs: 0 });
  await clock.advance(60_000);
  expect(sent).toEqual([]);
  expect(recorder.events()).toEqual(['credential.state_changed', 'credential.notice_failed']);
  expect(recorder.lines.map(({ level }) => level)).toEqual(['error', 'warn']);
});

test('does not wait for a journal that hangs', async () => {
  const hanging = new StateWatch({
    journal: { changeState: () => new Promise(() => undefined) },
    clock,
    log: recorder.log,
  });
  const observed = hanging.observe(health('down'), { status: 'ok', sinceMs: 0 });
  await clock.advance(3_000);
  await observed;
  expect(recorder.events()).toContain('credential.state_changed');
});

/** Two instances of the app that share one journal. */
function instances() {
  const journal = new MemoryCredentialJournal();
  const start = () => {
    const each = new StateWatch({ journal, clock, log: recorder.log });
    return async (status: 'ok' | 'degraded' | 'down') =>
      each.observe(health(status), (await journal.read('default')).state);
  };
  return { journal, one: start(), other: start() };
}
const changes = () =>
  recorder.lines.map(({ line }) => JSON.parse(line) as Record<string, unknown>).map(({ from, to }) => `${from} ${to}`);

test('announces a failure that returns after another instance reported ok', async () => {
  const { journal, one, other } = instances();
  await one('down');
  await other('ok');
  await clock.advance(3_600_000);
  await one('down');
  expect(changes()).toEqual(['unknown down', 'down ok', 'ok down']);
  expect((await journal.read('default')).state?.status).toBe('down');
});

test('does not announce alternately while two instances disagree', async () => {
  const { one, other } = instances();
  for (let time = 0; time < 20; time += 1) {
    await one('down');
    await other('ok');
    await clock.advance(60_000);
  }
  await one('ok');
  expect(changes()).toEqual(['unknown down', 'down ok']);
});

test('announces a change once while the journal is read-only', async () => {
  const { journal, one } = instances();
  await one('ok');
  await clock.advance(86_400_000);
  journal.changeState = () => Promise.reject(new BrokerError('storage_unavailable', 'Read only.'));
  for (let time = 0; time < 10; time += 1) await one('down');
  expect(recorder.events().filter((event) => event === 'credential.state_changed')).toHaveLength(1);
});
