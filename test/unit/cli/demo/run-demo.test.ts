import { afterEach, describe, expect, it, vi } from 'vitest';
import { runDemoJobs } from '../../../../src/cli/demo/run-demo.ts';
import type { Demo } from '../../../../src/cli/demo/start-demo.ts';

const totals = { entraTokenRequests: 4, keyVaultReads: 3, graphRequests: 2, throttled: 1, others: 9 };

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const run = (job: string, status: string) => ({
  runId: `${job}@1`,
  job,
  status,
  outcome: status,
  progress: { done: 0, retrying: 0 },
});

/** A demo whose runs have these states, one after another; the last one repeats. */
function stage(states: readonly string[], health: object = { tokens: { issued: 5, fromCache: 6 } }) {
  vi.stubGlobal('fetch', async (url: string) => {
    expect(url).toBe('http://cloud.test/ledger');
    return Response.json({ totals });
  });
  const told: string[] = [];
  const asked = new Map<string, number>();
  const started: string[] = [];
  let healthReads = 0;
  const api = {
    startRun: async (job: string) => {
      started.push(job);
      return `${job}@1`;
    },
    run: async (runId: string) => {
      const at = asked.get(runId) ?? 0;
      asked.set(runId, at + 1);
      return run(runId.split('@')[0] ?? '', states[Math.min(at, states.length - 1)] ?? '');
    },
    health: async () => {
      healthReads += 1;
      return health;
    },
  };
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  const demo = { api, broken: broken.promise, cloud: { control: 'http://cloud.test' } } as unknown as Demo;
  const progress = {
    update: ({ job, status }: { job: string; status: string }) => told.push(`${job} ${status}`),
    note: (text: string) => told.push(text),
    done: ({ job, status }: { job: string; status: string }) => told.push(`${job} ended ${status}`),
  };
  const controller = new AbortController();
  const start = () => runDemoJobs(demo, progress, controller.signal);
  return { start, told, started, broken, controller, healthReads: () => healthReads };
}

describe('runDemoJobs', () => {
  it('runs one job after another, and tells what it cost', async () => {
    const { start, told, started } = stage(['pending', 'running', 'completed']);
    const summary = await start();
    expect(started).toEqual(['access-check', 'licence-report']);
    expect(told).toEqual(started.flatMap((job) => [`${job} pending`, `${job} running`, `${job} ended completed`]));
    expect(summary).toMatchObject({
      runs: [{ job: 'access-check' }, { job: 'licence-report' }],
      tokens: { issued: 5, fromCache: 6 },
    });
    const { others: _, ...upstream } = totals;
    expect(summary.upstream).toEqual(upstream);
  });

  it('has no tokens if health says nothing about them', async () => {
    expect((await stage(['completed'], {}).start()).tokens).toEqual({ issued: 0, fromCache: 0 });
  });

  it('ends with the app, and on Ctrl+C', async () => {
    const first = stage(['running']);
    const ended = first.start();
    first.broken.reject(new Error('the app ended'));
    await expect(ended).rejects.toThrow('the app ended');
    const second = stage(['running']);
    const interrupted = second.start();
    second.controller.abort();
    await expect(interrupted).rejects.toThrow(/abort/i);
  });

  it('says once what a run waits for that stands still', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const findings = [
      { severity: 'down', message: 'The credential is dead.' },
      { severity: 'warning', message: 'It is old.' },
    ];
    const health = {
      applications: [{ findings }],
      keyVault: { problem: 'No vault.' },
      storage: {},
      policy: { problem: 'No policy.' },
    };
    const { start, told, controller, healthReads } = stage(['running'], health);
    const ended = start();
    const notes = (): string[] => told.filter((line) => line.includes('waits'));
    await expect.poll(() => told.length).toBeGreaterThan(1);
    expect(healthReads()).toBe(0);
    const expected = ['The credential is dead.', 'No vault.', 'No policy.'].map(
      (text) => `access-check waits: ${text}`,
    );
    vi.setSystemTime(Date.now() + 5_000);
    await expect.poll(healthReads).toBe(1);
    vi.setSystemTime(Date.now() + 5_000);
    await expect.poll(healthReads).toBe(2);
    controller.abort();
    await expect(ended).rejects.toThrow(/abort/i);
    expect(notes()).toEqual(expected);
  });
});
