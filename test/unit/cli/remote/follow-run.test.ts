import { expect, test, vi } from 'vitest';
import { exitCodes } from '../../../../src/cli/exit-codes.ts';
import type { BrokerClient } from '../../../../src/cli/remote/broker-client.ts';
import { exitByRun, followRun } from '../../../../src/cli/remote/follow-run.ts';
import { adviceFor, BrokerError, type ErrorCode, errorTable } from '../../../../src/lib/core/errors.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const clock = new FakeClock();
const silent = { update: () => undefined, note: () => undefined, done: () => undefined };
const running = { status: 'running', progress: { done: 0, retrying: 0 } };
const client = (answer: (nth: number) => unknown): BrokerClient & { asked: number } => {
  const made = {
    asked: 0,
    url: 'https://broker.example',
    get: async () => answer((made.asked += 1)),
    glance: async () => undefined,
    post: async () => undefined,
    start: async () => undefined,
    put: async () => undefined,
    pages: () => [] as never,
    relay: async () => undefined as never,
  };
  return made;
};

test('keeps polling during transient failures of a few minutes', async () => {
  const unstable = client((nth) => {
    if (nth > 2 && nth < 40) throw new BrokerError('resource_error', 'HTTP 502');
    return nth < 50 ? running : { status: 'completed' };
  });
  const followed = followRun(unstable, 'job@window', silent, { clock });
  await clock.advance(600_000);
  expect(await followed).toEqual({ status: 'completed' });
});

test('says once per outage that it goes on, from the third failure in a row', async () => {
  const notes: string[] = [];
  const progress = { ...silent, note: (text: string) => void notes.push(text) };
  const seen: number[] = [];
  const unstable = client((nth) => {
    seen.push(notes.length);
    if (nth === 2 || (nth > 3 && nth < 9)) throw new BrokerError('resource_error', 'HTTP 502');
    return nth < 10 ? running : { status: 'completed' };
  });
  const followed = followRun(unstable, 'job@window', progress, { clock });
  await clock.advance(30_000);
  await followed;
  expect(notes).toEqual([expect.stringContaining('tries again for five minutes')]);
  expect(seen).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
});

test('throws a transient failure after five minutes and any other failure at once', async () => {
  const down = followRun(
    client(() => {
      throw new BrokerError('resource_error', 'HTTP 502');
    }),
    'job@window',
    silent,
    { clock },
  ).catch((error: unknown) => error);
  await clock.advance(310_000);
  expect(await down).toMatchObject({ code: 'resource_error' });
  const unknown = client(() => {
    throw new BrokerError('run_not_found', 'none');
  });
  await expect(followRun(unknown, 'job@window', silent, { clock })).rejects.toMatchObject({ code: 'run_not_found' });
  expect(unknown.asked).toBe(1);
});

test.each([
  ['client_credential_rejected', exitCodes.signInNeeded],
  ['interaction_required', exitCodes.signInNeeded],
  ['directory_unavailable', exitCodes.remote],
  ['internal', exitCodes.failure],
] as const)('ends a run that %s stopped with exit code %i', (code: ErrorCode, exitCode) => {
  const text = { code, title: errorTable[code].title, advice: adviceFor(code, 'operator') };
  const run = { outcome: 'stopped', stoppedBy: { ...text, detail: '' } } as const;
  expect(() => exitByRun(run)).toThrow(expect.objectContaining({ exitCode }));
});

test.each([
  ['succeeded', undefined],
  ['skipped', undefined],
  ['partly_failed', exitCodes.partial],
  ['failed_everywhere', exitCodes.failure],
  ['cancelled', exitCodes.failure],
  ['stopped', exitCodes.failure],
] as const)('ends a run with the outcome %s with exit code %s', (outcome, exitCode) => {
  const exit = vi.fn<() => void>(() => exitByRun({ outcome }));
  if (exitCode === undefined) expect(exit()).toBeUndefined();
  else expect(exit).toThrow(expect.objectContaining({ exitCode }));
});

test('says once, after 45 seconds without a finished tenant, how long a stopped instance delays a run', async () => {
  const notes: string[] = [];
  const progress = { ...silent, note: (text: string) => void notes.push(text) };
  const startedMs = clock.nowMs();
  const doneAfter = (ms: number): number => (ms < 30_000 ? Math.floor(ms / 10_000) : 3);
  const slow = client(() => {
    const ms = clock.nowMs() - startedMs;
    return { status: ms < 200_000 ? 'running' : 'completed', progress: { done: doneAfter(ms), retrying: 0 } };
  });
  const followed = followRun(slow, 'job@window', progress, { clock });
  await clock.advance(60_000);
  expect(notes).toEqual([]);
  await clock.advance(30_000);
  expect(notes).toEqual([expect.stringMatching(/about 75 seconds later\.$/)]);
  await clock.advance(120_000);
  await followed;
  expect(notes).toHaveLength(1);
});

test('counts the five minutes of transient failures from the last answer', async () => {
  const unstable = client((nth) => {
    if (nth % 50 !== 0) throw new BrokerError('resource_error', 'HTTP 502');
    return nth < 300 ? running : { status: 'completed' };
  });
  const followed = followRun(unstable, 'job@window', silent, { clock });
  await clock.advance(1_600_000);
  expect(await followed).toEqual({ status: 'completed' });
});

test('throws when exactly five minutes have passed, counted from the first failure after an answer', async () => {
  const moments = [0, 1_000, 300_999, 301_000];
  let nowMs = 0;
  const failing = client((nth) => {
    nowMs = moments[nth - 1] ?? nowMs;
    if (nth === 1) return running;
    if (nth > moments.length) return { status: 'completed' };
    throw new BrokerError('resource_error', `attempt ${nth}`);
  });
  const stepping = { nowMs: () => nowMs, sleep: async () => undefined };
  await expect(followRun(failing, 'job@window', silent, { clock: stepping })).rejects.toThrow('attempt 4');
});

test('throws what is no answer of the broker at once', async () => {
  const broken = client(() => {
    throw new TypeError('not a function');
  });
  await expect(followRun(broken, 'job@window', silent, { clock })).rejects.toThrow('not a function');
  expect(broken.asked).toBe(1);
});

test('shows each state of the run, and the last one as its end', async () => {
  const shown: string[] = [];
  const progress = {
    ...silent,
    update: () => void shown.push('update'),
    done: () => void shown.push('done'),
  };
  const states = ['pending', 'running', 'completed'];
  const answers = client((nth) => ({ ...running, status: states[nth - 1] }));
  const followed = followRun(answers, 'job@window', progress, { clock });
  await clock.advance(5_000);
  expect(await followed).toMatchObject({ status: 'completed' });
  expect(shown).toEqual(['update', 'update', 'done']);
});

test('asks more and more rarely, up to every five seconds', async () => {
  const askedAt: number[] = [];
  const startMs = clock.nowMs();
  const slow = client((nth) => {
    askedAt.push(clock.nowMs() - startMs);
    return nth < 20 ? running : { status: 'completed' };
  });
  const followed = followRun(slow, 'job@window', silent, { clock });
  await clock.advance(120_000);
  await followed;
  const pauses = askedAt.slice(1).map((ms, nth) => ms - (askedAt[nth] ?? 0));
  expect(pauses.slice(0, 3).map(Math.round)).toEqual([300, 360, 432]);
  expect(pauses.at(-1)).toBe(5_000);
});

test('ends with a run that stands still and waits, and explains the standstill otherwise', async () => {
  const notes: string[] = [];
  const progress = { ...silent, note: (text: string) => void notes.push(text) };
  const moving = client((nth) => ({ ...running, progress: { done: Math.min(nth, 5), retrying: 0 } }));
  const askedAt: number[] = [];
  const waits = async (): Promise<boolean> => askedAt.push(moving.asked) === 40;
  const followed = followRun(moving, 'job@window', progress, { clock, waits, note: 'It pauses.' });
  await clock.advance(300_000);
  expect(await followed).toMatchObject({ status: 'running' });
  // Nobody asks while tenants finish.
  expect([askedAt[0], askedAt.length, notes]).toEqual([6, 40, ['It pauses.']]);
});
