import { describe, expect, test } from 'vitest';
import hostJson from '../../host.json' with { type: 'json' };
import { BrokerError } from '../../src/lib/core/errors.ts';
import { fanOut, fanOutBatch, type FanOutInput } from '../../src/lib/runs/engine/fan-out.ts';
import type { FinishRunInput } from '../../src/lib/runs/engine/finish-run.ts';
import { runIdOf } from '../../src/lib/runs/store/run.ts';
import type { PlanRunResult } from '../../src/lib/runs/engine/plan-run.ts';
import type { TenantRunInput, TenantRunResult } from '../../src/lib/runs/engine/tenant-run.ts';
import { summaryOf, type VisitTenantsInput } from '../../src/lib/runs/engine/run-schemas.ts';
import { type DriverOptions, drive, newJournal } from './driver.ts';
import { eventTypes } from './sdk.ts';

const input: FanOutInput = { runId: 'job@w', batchSize: 4, rounds: 3, retryDelaySeconds: 60, jitter: 0 };
const finished = { status: 'completed', tenants: { total: 10, succeeded: 10, failed: 0, skipped: 0, notAttempted: 0 } };

type StageOptions = Partial<DriverOptions> & {
  readonly input?: FanOutInput;
  readonly overrides?: DriverOptions['activities'];
};

interface Calls {
  readonly planned: unknown[];
  readonly tenants: TenantRunInput[];
  readonly finish: FinishRunInput[];
  readonly announced: unknown[];
  readonly exported: unknown[];
}

function stage(
  tenant: (input: TenantRunInput) => TenantRunResult,
  plans: PlanRunResult[] = [{ ok: true, attempt: 10, total: 10 }],
  { input: given = input, overrides = {}, ...more }: StageOptions = {},
) {
  const calls: Calls = { planned: [], tenants: [], finish: [], announced: [], exported: [] };
  const options: DriverOptions = {
    orchestrations: { 'fan-out': fanOut, 'fan-out-batch': fanOutBatch },
    activities: {
      'list-tenants': (asked) => {
        calls.planned.push(asked);
        return plans.length > 1 ? plans.shift() : plans[0];
      },
      'tenant-run': (asked) => {
        calls.tenants.push(asked as TenantRunInput);
        return tenant(asked as TenantRunInput);
      },
      'visit-tenants': (asked, raise) => {
        const { indexes, takenEvent, ...rest } = asked as VisitTenantsInput;
        if (takenEvent !== undefined) raise(rest.runId, takenEvent);
        const inputs = indexes.map((index) => ({ ...rest, index }));
        calls.tenants.push(...inputs);
        return summaryOf(indexes, inputs.map(tenant));
      },
      'finish-run': (asked) => {
        calls.finish.push(asked as FinishRunInput);
        return finished;
      },
      'announce-run': (asked) => {
        calls.announced.push(asked);
        return { announced: false };
      },
      'export-run': (asked) => {
        calls.exported.push(asked);
        return { exported: true };
      },
      ...overrides,
    },
    version: hostJson.extensions.durableTask.defaultVersion,
    ...more,
  };
  const journal = newJournal();
  return { calls, journal, run: () => drive(options, 'fan-out', given.runId, given, journal) };
}

const indexes = (calls: readonly TenantRunInput[]): number[] => calls.map(({ index }) => index);
const allOf = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** What runs of versions 1, 2 and 3 have in their input. */
const inputs: readonly Partial<FanOutInput>[] = [
  {},
  { groupSize: 3 },
  { groupSize: 1, inTurn: true },
  { groupSize: 3, inTurn: true },
  { groupSize: 50, inTurn: true },
];
const ways = (['one', 'batch'] as const).flatMap((delivery) =>
  inputs.map((more) => ({ delivery, more, text: JSON.stringify(more) })),
);

describe.each(ways)('fan-out, completions delivered: $delivery, input: $text', ({ delivery, more }) => {
  const how = { delivery, input: { ...input, ...more } };

  test('attempts every planned tenant once, in batches with unique ids, and returns the counts', async () => {
    const { calls, journal, run } = stage(() => ({ outcome: 'succeeded' }), undefined, how);
    const result = await run();
    expect(result.output).toEqual(finished);
    expect(indexes(calls.tenants).toSorted((a, b) => a - b)).toEqual(allOf(10));
    expect([...journal.instances.keys()]).toEqual(['job@w:r1:b0', 'job@w:r1:b1', 'job@w:r1:b2', 'job@w']);
    expect(calls.finish).toEqual([{ runId: 'job@w' }]);
    expect(result.waitedMs).toEqual([]);
  });

  test('gives its batches ids that no run can have', async () => {
    const { journal, run } = stage(({ round }) => ({ outcome: round < 3 ? 'retrying' : 'succeeded' }));
    await run();
    const batches = [...journal.instances.keys()].filter((id) => id !== input.runId);
    expect(batches).toHaveLength(9);
    for (const id of batches) expect(() => runIdOf('job', id.slice('job@'.length))).toThrow(BrokerError);
  });

  test('does not depend on the order in which tenants finish', async () => {
    let state = 7;
    const pick = (open: number): number => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return state % open;
    };
    const { calls, run } = stage(
      ({ index, round }) => ({ outcome: round === 1 && index % 3 === 0 ? 'retrying' : 'succeeded' }),
      undefined,
      { ...how, pick },
    );
    await run();
    expect(indexes(calls.tenants.filter(({ round }) => round === 2)).toSorted((a, b) => a - b)).toEqual([0, 3, 6, 9]);
  });

  test('retries transient failures twice with growing delays, and marks the last round', async () => {
    const { calls, run } = stage(({ index }) => ({ outcome: index === 2 ? 'retrying' : 'succeeded' }), undefined, how);
    const result = await run();
    expect(calls.tenants.filter(({ index }) => index === 2).map(({ round, last }) => [round, last])).toEqual([
      [1, false],
      [2, false],
      [3, true],
    ]);
    expect(result.waitedMs).toEqual([60_000, 120_000]);
    expect(calls.tenants).toHaveLength(12);
  });

  test('waits for the longest Retry-After, up to fifteen minutes', async () => {
    const wait = ({ index, round }: TenantRunInput): TenantRunResult =>
      index > 7
        ? { outcome: 'retrying', code: 'throttled', retryAfterSeconds: round === 1 ? index * 20 : 7200 }
        : { outcome: 'succeeded' };
    const result = await stage(wait, undefined, how).run();
    expect(result.waitedMs).toEqual([180_000, 900_000]);
  });

  test('stops after the round in which the credential failed and passes on the reason', async () => {
    const { calls, run } = stage(
      ({ index }) => (index < 5 ? { outcome: 'retrying' } : { outcome: 'not_attempted', code: 'credential_revoked' }),
      undefined,
      how,
    );
    const result = await run();
    expect(calls.finish).toEqual([
      {
        runId: 'job@w',
        stoppedBy: {
          code: 'credential_revoked',
          detail: 'The refresh token was revoked or is unusable, or its account is blocked',
        },
      },
    ]);
    expect(calls.tenants).toHaveLength(10);
    expect(result.waitedMs).toEqual([]);
  });

  test('finishes without another round and without a reason when the run was cancelled', async () => {
    const { calls, run } = stage(
      ({ index }) => (index < 5 ? { outcome: 'retrying' } : { outcome: 'not_attempted', code: 'run_cancelled' }),
      undefined,
      how,
    );
    await run();
    expect(calls.finish).toEqual([{ runId: 'job@w' }]);
    expect(calls.tenants).toHaveLength(10);
  });

  test('ends its wait for the next round when it is cancelled', async () => {
    const { calls, run } = stage(() => ({ outcome: 'retrying' }), undefined, {
      ...how,
      raiseWhileWaiting: ['cancel'],
    });
    const result = await run();
    expect(result.waitedMs).toEqual([]);
    expect(calls.tenants).toHaveLength(10);
    expect(calls.finish).toHaveLength(1);
  });

  test('can be cancelled in its second wait as well', async () => {
    const events: string[] = [];
    const round = ({ index, round }: TenantRunInput): TenantRunResult => {
      if (round === 2 && index === 0) events.push('cancel');
      return { outcome: 'retrying' };
    };
    const { calls, run } = stage(round, undefined, { ...how, raiseWhileWaiting: events });
    const result = await run();
    expect(result.waitedMs).toEqual([60_000]);
    expect(Math.max(...calls.tenants.map(({ round }) => round))).toBe(2);
  });

  test('retries the tenant list after transient failures, and gives up with the reason after three attempts', async () => {
    const unavailable: PlanRunResult = {
      ok: false,
      code: 'directory_unavailable',
      detail: 'Graph is away.',
      transient: true,
      retryAfterSeconds: 90,
    };
    const { calls, run } = stage(() => ({ outcome: 'succeeded' }), [unavailable], how);
    const result = await run();
    expect(calls.planned).toHaveLength(3);
    expect(result.waitedMs).toEqual([90_000, 120_000]);
    expect(calls.finish).toEqual([
      { runId: 'job@w', stoppedBy: { code: 'directory_unavailable', detail: 'Graph is away.' } },
    ]);
    expect(calls.tenants).toEqual([]);
  });

  test('does not retry the tenant list after a credential failure', async () => {
    const { calls, run } = stage(
      () => ({ outcome: 'succeeded' }),
      [{ ok: false, code: 'credential_missing', detail: 'None.', transient: false }],
      how,
    );
    await run();
    expect(calls.planned).toHaveLength(1);
    expect(calls.finish[0]?.stoppedBy?.code).toBe('credential_missing');
  });

  test('finishes immediately without tenants to attempt', async () => {
    const { calls, journal, run } = stage(() => ({ outcome: 'succeeded' }), [{ ok: true, attempt: 0, total: 3 }], how);
    await run();
    expect(calls.tenants).toEqual([]);
    expect([...journal.instances.keys()]).toEqual(['job@w']);
  });
});

test('a tenant whose worker was lost is attempted again', async () => {
  let deaths = 2;
  const { calls, run } = stage(({ index }) => {
    if (index === 1 && deaths-- > 0) throw new Error('the worker died');
    return { outcome: 'succeeded' };
  });
  await run();
  expect(indexes(calls.tenants).filter((index) => index === 1)).toHaveLength(3);
  expect(new Set(calls.tenants.map(({ round }) => round))).toEqual(new Set([1]));
});

test('tenants for which an activity had no time are visited by further ones, in the same round', async () => {
  const visits: number[][] = [];
  const { run } = stage(() => ({ outcome: 'succeeded' }), undefined, {
    input: { ...input, batchSize: 10, groupSize: 4 },
    overrides: {
      'visit-tenants': (asked) => {
        const { indexes, round } = asked as VisitTenantsInput;
        expect(round).toBe(1);
        visits.push([...indexes]);
        return visits.length > 3 ? {} : { left: indexes.slice(1), retry: indexes.slice(0, 1).filter((i) => i === 4) };
      },
    },
    raiseWhileWaiting: ['cancel'],
  });
  await run();
  expect(visits).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
    [1, 2, 3, 5],
    [6, 7, 9],
  ]);
});

test('a batch of a later version than its run visits one tenant after the other, as the run asks', async () => {
  const { calls, run } = stage(() => ({ outcome: 'succeeded' }), undefined, {
    version: '1.2.0',
    overrides: { 'visit-tenants': () => Promise.reject(new Error('not for this run')) },
  });
  expect((await run()).output).toEqual(finished);
  expect(calls.tenants).toHaveLength(10);
});

test('a batch whose activity the platform gave up on is repeated in the next round', async () => {
  let deaths = 4;
  const { calls, run } = stage(({ index }) => {
    if (index === 1 && deaths-- > 0) throw new Error('the worker died');
    return { outcome: 'succeeded' };
  });
  const result = await run();
  expect(calls.tenants.filter(({ round }) => round === 2).map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  expect(result.output).toEqual(finished);
});

test('a tenant whose last result could not be recorded is reported to finish-run', async () => {
  const { calls, run } = stage(({ index, last }) => {
    if (index !== 5) return { outcome: 'succeeded' };
    return { outcome: last ? 'failed' : 'retrying', code: 'storage_unavailable', unrecorded: true };
  });
  await run();
  expect(calls.finish).toEqual([{ runId: 'job@w', lostBy: 'storage_unavailable' }]);
});

test('finish-run is retried for ten minutes while storage is unavailable', async () => {
  let tries = 0;
  const { journal, run } = stage(() => ({ outcome: 'succeeded' }), undefined, {
    overrides: {
      'finish-run': () => {
        tries += 1;
        if (tries < 8) throw new Error('storage is away');
        return finished;
      },
    },
  });
  const startedMs = journal.nowMs;
  expect((await run()).output).toEqual(finished);
  expect(journal.nowMs - startedMs).toBeGreaterThan(600_000);
});

test('announce-run is tried five times within an hour, and its failure does not fail the run', async () => {
  const { calls, run } = stage(() => ({ outcome: 'succeeded' }));
  await run();
  expect(calls.announced).toEqual([{ runId: 'job@w' }]);
  let tries = 0;
  const deaf = stage(() => ({ outcome: 'succeeded' }), undefined, {
    overrides: {
      'announce-run': () => {
        tries += 1;
        throw new Error('the chat is down');
      },
    },
  });
  const startedMs = deaf.journal.nowMs;
  expect((await deaf.run()).output).toEqual(finished);
  expect(tries).toBe(5);
  expect(deaf.journal.nowMs - startedMs).toBeLessThanOrEqual(3_600_000);
});

test('the export follows the notice, so that a slow or lost one does not delay it, and does not fail the run', async () => {
  const { calls, run } = stage(() => ({ outcome: 'succeeded' }));
  await run();
  expect(calls.exported).toEqual([{ runId: 'job@w' }]);
  let tries = 0;
  const lost = stage(() => ({ outcome: 'succeeded' }), undefined, {
    overrides: {
      'export-run': () => {
        tries += 1;
        expect(lost.calls.announced).toHaveLength(1);
        throw new Error('the worker was lost');
      },
    },
  });
  expect((await lost.run()).output).toEqual(finished);
  expect(tries).toBe(4);
});

test('the export is written although the notice cannot be sent', async () => {
  const { calls, run } = stage(() => ({ outcome: 'succeeded' }), undefined, {
    overrides: {
      'announce-run': () => {
        throw new Error('the chat is down');
      },
    },
  });
  await run();
  expect(calls.exported).toHaveLength(1);
});

test.each([undefined, '1.0.0'])(
  'a run of version %s ends without the export that its version does not have',
  async (version) => {
    const { calls, run } = stage(() => ({ outcome: 'succeeded' }), undefined, { version });
    expect((await run()).output).toEqual(finished);
    expect(calls).toMatchObject({ announced: [{}], exported: [] });
  },
);

test('the history holds only numbers and codes, and few bytes per tenant', async () => {
  const count = 2000;
  const { calls, journal, run } = stage(
    () => ({ outcome: 'succeeded' }),
    [{ ok: true, attempt: count, total: count }],
    { input: { ...input, batchSize: 500, groupSize: 25, inTurn: true } },
  );
  await run();
  expect(calls.tenants).toHaveLength(count);
  const events = [...journal.instances.values()].flatMap(({ history }) => history);
  expect(JSON.stringify(events).length / count).toBeLessThan(80);
  const payloads = events.flatMap(({ Input, Result }) => [Input, Result]).filter((text) => typeof text === 'string');
  // Numbers vary, but the shapes do not.
  const shapes = new Set(payloads.map((text) => text.replace(/\d+/g, '0').replace(/(?:0,)+/g, '')));
  expect([...shapes].toSorted()).toMatchInlineSnapshot(`
    [
      "{"announced":false}",
      "{"exported":true}",
      "{"ok":true,"attempt":"total":0}",
      "{"retry":[],"retryAfterSeconds":0}",
      "{"runId":"job@w","batchSize":"rounds":"retryDelaySeconds":"jitter":"groupSize":"inTurn":true}",
      "{"runId":"job@w","indexes":[0],"round":"last":false,"groupSize":"takenEvent":"taken-r0-b0"}",
      "{"runId":"job@w","indexes":[0],"round":"last":false,"groupSize":0}",
      "{"runId":"job@w","round":"last":false,"indexes":[0],"takenEvent":"taken-r0-b0"}",
      "{"runId":"job@w","round":"last":false,"indexes":[0]}",
      "{"runId":"job@w"}",
      "{"status":"completed","tenants":{"total":"succeeded":"failed":"skipped":"notAttempted":0}}",
      "{}",
    ]
  `);
});

describe('batches in turn', () => {
  const inTurn: FanOutInput = { ...input, groupSize: 2, inTurn: true };
  const succeeded = (): TenantRunResult => ({ outcome: 'succeeded' });

  /** What happened to the batches of a run, in order. */
  async function story(run: ReturnType<typeof stage>['run']): Promise<string[]> {
    const ids = new Map<unknown, string>();
    return (await run()).history.flatMap(({ EventType, EventId, InstanceId, TaskScheduledId, Name }) => {
      if (EventType === eventTypes.subCreated) ids.set(EventId, String(InstanceId).replace('job@w:', ''));
      if (EventType === eventTypes.subCreated) return `start ${ids.get(EventId)}`;
      if (EventType === eventTypes.subCompleted) return `end ${ids.get(TaskScheduledId)}`;
      return EventType === eventTypes.eventRaised ? String(Name) : [];
    });
  }

  const losingEvents = (tenant: (input: TenantRunInput) => TenantRunResult): StageOptions => ({
    input: inTurn,
    overrides: {
      'visit-tenants': (asked) => {
        const { indexes, ...rest } = asked as VisitTenantsInput;
        return summaryOf(
          indexes,
          indexes.map((index) => tenant({ ...rest, index })),
        );
      },
    },
  });

  test('a batch starts when the last activity of the one before was taken, although that one has not ended', async () => {
    const { calls, run } = stage(succeeded, undefined, { input: inTurn, delivery: 'one' });
    expect(await story(run)).toEqual([
      'start r1:b0',
      'taken-r1-b0',
      'start r1:b1',
      'end r1:b0',
      'taken-r1-b1',
      'start r1:b2',
      'end r1:b1',
      'end r1:b2',
    ]);
    expect(indexes(calls.tenants)).toEqual(allOf(10));
  });

  test('only the activity with the last tenants of a batch tells the run, and only once', async () => {
    const told: unknown[] = [];
    const { run } = stage(succeeded, undefined, {
      input: { ...inTurn, batchSize: 5 },
      overrides: {
        'visit-tenants': (asked) => {
          const { indexes, takenEvent } = asked as VisitTenantsInput;
          told.push([indexes, takenEvent]);
          return { left: indexes.slice(1) };
        },
      },
    });
    await run();
    expect(told).toEqual([
      [[0, 1], undefined],
      [[2, 3], undefined],
      [[4], 'taken-r1-b0'],
      [[1, 3], undefined],
      [[3], undefined],
      [[5, 6], undefined],
      [[7, 8], undefined],
      [[9], undefined],
      [[6, 8], undefined],
      [[8], undefined],
    ]);
  });

  test('a lost event delays the next batch until the one before has ended', async () => {
    const { calls, run } = stage(succeeded, undefined, losingEvents(succeeded));
    expect(await story(run)).toEqual([
      'start r1:b0',
      'end r1:b0',
      'start r1:b1',
      'end r1:b1',
      'start r1:b2',
      'end r1:b2',
    ]);
    expect(calls.finish).toEqual([{ runId: 'job@w' }]);
  });

  test('an event that comes twice starts nothing twice', async () => {
    const { calls, run } = stage(succeeded, undefined, {
      input: inTurn,
      delivery: 'one',
      overrides: {
        'visit-tenants': (asked, raise) => {
          const { runId, takenEvent } = asked as VisitTenantsInput;
          for (let time = 0; time < 2; time += 1) if (takenEvent !== undefined) raise(runId, takenEvent);
          return {};
        },
      },
    });
    expect((await story(run)).filter((line) => line.startsWith('start'))).toHaveLength(3);
    expect(calls.finish).toHaveLength(1);
  });

  test.each(['run_cancelled', 'credential_revoked'] as const)(
    'after %s no further batch starts, and finish-run closes its tenants',
    async (code) => {
      const tenant = ({ index }: TenantRunInput): TenantRunResult =>
        index < 6 ? { outcome: 'succeeded' } : { outcome: 'not_attempted', code };
      const { calls, run } = stage(succeeded, undefined, losingEvents(tenant));
      expect(await story(run)).toEqual(['start r1:b0', 'end r1:b0', 'start r1:b1', 'end r1:b1']);
      expect(calls.finish).toMatchObject([code === 'run_cancelled' ? { runId: 'job@w' } : { stoppedBy: { code } }]);
    },
  );

  test('every further round has events of its own', async () => {
    const { run } = stage(({ round }) => ({ outcome: round === 1 ? 'retrying' : 'succeeded' }), undefined, {
      input: inTurn,
      delivery: 'one',
    });
    expect((await story(run)).filter((line) => line.startsWith('taken'))).toEqual([
      'taken-r1-b0',
      'taken-r1-b1',
      'taken-r2-b0',
      'taken-r2-b1',
    ]);
  });

  test('costs one turn more for each batch that follows another', async () => {
    const turns = async (more: Partial<FanOutInput>): Promise<number> => {
      const given = { ...input, batchSize: 500, groupSize: 25, ...more };
      const plan = { ok: true, attempt: 2000, total: 2000 } as const;
      const { journal, run } = stage(succeeded, [plan], { input: given, delivery: 'one' });
      await run();
      return [...journal.instances.values()]
        .flatMap(({ history }) => history)
        .filter(({ EventType }) => EventType === eventTypes.orchestratorStarted).length;
    };
    expect(await turns({ inTurn: true })).toBe((await turns({})) + 3);
  });
});
