import { expect, it } from 'vitest';
import {
  createTenantSlots,
  givingWay,
  visitTenants,
  type VisitTenantsDeps,
} from '../../../../../src/lib/runs/engine/visit-tenants.ts';
import type { JobContext } from '../../../../../src/lib/runs/job/job.ts';
import { Turns } from '../../../../../src/lib/core/turns.ts';
import { settle } from '../../../../fakes/fake-clock.ts';
import { recordOf, runId, stageRun, tenantId } from '../store/stage.ts';

it('passes on what begins no work', async () => {
  const { deps, runLog } = await stageRun(async () => [], 2);
  const forgotten: string[] = [];
  const tokens = { ...deps.tokens, forgetTenant: (id: string) => void forgotten.push(id) };
  const given = givingWay(
    {
      ...deps,
      tokens,
      tenantSlots: createTenantSlots(1),
      loneSlot: createTenantSlots(1),
      changeSlots: createTenantSlots(20),
    },
    new Turns(() => undefined),
  );
  await runLog.recordTenants(runId, [recordOf(1)]);
  given.tokens.forgetTenant(tenantId(1));
  expect(forgotten).toEqual([tenantId(1)]);
  expect(await given.runs.log.findTenant(runId, tenantId(1))).toEqual(recordOf(1));
  expect(await given.runs.log.findOutcomes(runId, [tenantId(0), tenantId(1)])).toHaveLength(1);
});

it('begins one piece of the work of all tenants in each pass of the event loop', async () => {
  const pieces: string[] = [];
  const run = async ({ graph }: JobContext): Promise<unknown> => {
    pieces.push('start');
    await graph.get('/organization');
    // Too long for the record, so that the rows are written apart.
    return [{ id: '1'.repeat(30_000) }];
  };
  const { deps } = await stageRun(run, 4, { permissions: ['Organization.Read.All'] });
  const seen =
    <Given extends unknown[], Result>(name: string, work: (...given: Given) => Promise<Result>) =>
    (...given: Given): Promise<Result> => {
      pieces.push(name);
      return work(...given);
    };
  const { log, results } = deps.runs;
  const watched: VisitTenantsDeps = {
    ...deps,
    tenantSlots: createTenantSlots(4),
    loneSlot: createTenantSlots(1),
    changeSlots: createTenantSlots(20),
    fetch: seen('fetch', async () => Response.json({ value: [] })),
    tokens: { ...deps.tokens, getToken: seen('token', (...given) => deps.tokens.getToken(...given)) },
    runs: {
      ...deps.runs,
      log: {
        findTenant: (...given) => log.findTenant(...given),
        findOutcomes: (...given) => log.findOutcomes(...given),
        recordTenant: seen('record', (...given) => log.recordTenant(...given)),
      },
      results: {
        putRows: seen('rows', (...given) => results.putRows(...given)),
        countStart: (...given) => results.countStart(...given),
        endWork: (...given) => results.endWork(...given),
        openWork: (...given) => results.openWork(...given),
      },
    },
  };
  const passes: (() => void)[] = [];
  const done = new AbortController();
  const turns = new Turns((work) => passes.push(work));
  const visited = visitTenants(givingWay(watched, turns), { runId, indexes: [0, 1, 2, 3], round: 1, last: true });
  void visited.then(() => done.abort());
  const perPass: number[] = [];
  while (!done.signal.aborted) {
    const before = pieces.length;
    for (const work of passes.splice(0)) work();
    await settle();
    perPass.push(pieces.length - before);
  }
  expect(await visited).toEqual({});
  expect(pieces.toSorted()).toEqual(
    ['fetch', 'record', 'rows', 'start', 'token'].flatMap((piece) => Array<string>(4).fill(piece)),
  );
  expect(Math.max(...perPass)).toBe(1);
});
