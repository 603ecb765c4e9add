import { expect, test, vi } from 'vitest';
import { exitCodes } from '../../../../src/cli/exit-codes.ts';
import type { BrokerClient } from '../../../../src/cli/remote/broker-client.ts';
import { exitByRun, followRun } from '../../../../src/cli/remote/follow-run.ts';
import { adviceFor } from '../../../../src/lib/model/advice.ts';
import { BrokerError, type ErrorCode, errorTable } from '../../../../src/lib/model/errors.ts';
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
  const followed = followRun(unstable, 'job@window', silent, clock);
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
  const followed = followRun(unstable, 'job@window', progress, clock);
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
    clock,
  ).catch((error: unknown) => error);
  await clock.advance(310_000);
  expect(await down).toMatchObject({ code: 'resource_error' });
  const unknown = client(() => {
    throw new BrokerError('run_not_found', 'none');
  });
  await expect(followRun(unknown, 'job@window', silent, clock)).rejects.toMatchObject({ code: 'run_not_found' });
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
  const followed = followRun(slow, 'job@window', progress, clock);
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
  const followed = followRun(unstable, 'job@window', silent, clock);
  await clock.advance(1_600_000);
  expect(await followed).toEqual({ status: 'completed' });
});
