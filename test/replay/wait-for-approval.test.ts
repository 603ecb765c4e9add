import { expect, it } from 'vitest';
import type { Settled } from '../../src/lib/approvals/approval-log.ts';
import { waitForApproval } from '../../src/lib/approvals/wait-for-approval.ts';
import { drive, newJournal } from './driver.ts';

/* The orchestration of an approval on the SDK's executor. The driver fails if a timer stays open at the end. */

const input = { approvalId: '20261124t050000-7f3a9c21' };
const minuteMs = 60_000;

interface Behaviour {
  /** Answers of `settle-approval`, from the first to the last. It fails once there is none. */
  readonly settlements: readonly ((nowMs: number) => Settled)[];
  readonly announce?: () => unknown;
  readonly raised?: string[];
}

function stage({ settlements, announce = () => ({ announced: true }), raised = [] }: Behaviour) {
  const journal = newJournal();
  const startMs = journal.nowMs;
  /** Each call of an activity: its name, and when it came, in milliseconds after the start. */
  const calls: [name: string, atMs: number][] = [];
  const inputs: unknown[] = [];
  const left = [...settlements];
  const called = (name: string, given: unknown): void => {
    calls.push([name, journal.nowMs - startMs]);
    inputs.push(given);
  };
  const activities = {
    'announce-approval': (given: unknown) => {
      called('announce', given);
      return announce();
    },
    'settle-approval': (given: unknown) => {
      called('settle', given);
      const next = left.shift();
      if (next === undefined) throw new Error('storage is away');
      return next(journal.nowMs);
    },
  };
  const options = { orchestrations: { approval: waitForApproval }, activities, raiseWhileWaiting: raised };
  return { calls, inputs, run: () => drive(options, 'approval', `approval-${input.approvalId}`, input, journal) };
}

const settled = (): Settled => ({ settled: true });
const wakeAfter =
  (ms: number) =>
  (nowMs: number): Settled => ({ settled: false, wakeAtMs: nowMs + ms });

it('announces a request, and settles it after a decision and at the end of its time', async () => {
  const { calls, inputs, run } = stage({
    settlements: [wakeAfter(60 * minuteMs), wakeAfter(30 * minuteMs), settled],
    raised: ['decided'],
  });
  const { output, waitedMs } = await run();
  expect([output, waitedMs]).toEqual([{ settled: true }, [30 * minuteMs]]);
  expect(calls).toEqual([
    ['announce', 0],
    ['settle', 0],
    ['settle', 0],
    ['settle', 30 * minuteMs],
  ]);
  expect(inputs).toEqual([input, input, input, input]);
});

it('ends at once when there is nothing left to settle', async () => {
  const { calls, run } = stage({ settlements: [settled] });
  expect((await run()).waitedMs).toEqual([]);
  expect(calls.map(([name]) => name)).toEqual(['announce', 'settle']);
});

it('is woken by no other event', async () => {
  const { calls, run } = stage({ settlements: [wakeAfter(minuteMs), settled], raised: ['cancel'] });
  expect((await run()).waitedMs).toEqual([minuteMs]);
  expect(calls.at(-1)).toEqual(['settle', minuteMs]);
});

it('waits five seconds before it looks again at a record whose time is over on the clock of the platform only', async () => {
  const { run } = stage({ settlements: [wakeAfter(-minuteMs), wakeAfter(4_999), wakeAfter(5_001), settled] });
  expect((await run()).waitedMs).toEqual([5_000, 5_000, 5_001]);
});

it('tries five times within seven minutes to announce a request, and settles it all the same', async () => {
  const { calls, run } = stage({
    settlements: [settled],
    announce: () => {
      throw new Error('the chat is down');
    },
  });
  expect((await run()).output).toEqual({ settled: true });
  const seconds = calls.map(([name, atMs]) => [name, atMs / 1_000]);
  expect(seconds).toEqual([
    ['announce', 0],
    ['announce', 10],
    ['announce', 40],
    ['announce', 130],
    ['announce', 400],
    ['settle', 400],
  ]);
});

it('tries for ten minutes to settle a request, and fails then, so that the watchdog takes over', async () => {
  const { calls, run } = stage({ settlements: [] });
  await expect(run()).rejects.toThrow('storage is away');
  const seconds = calls.flatMap(([name, atMs]) => (name === 'settle' ? atMs / 1_000 : []));
  expect(seconds).toEqual([0, 5, 15, 35, 75, 155, 315, 635]);
});
