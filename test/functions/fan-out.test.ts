import { installCoreModule, Registry } from 'functions-host/testing';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { clouds } from '../../src/lib/core/resources.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import type { Notice } from '../../src/lib/notices/notice.ts';
import { createTenantSlots } from '../../src/lib/runs/engine/visit-tenants.ts';
import { Turns } from '../../src/lib/core/turns.ts';
import { type RunStage, runId, stageRun, tenantId } from '../unit/lib/runs/store/stage.ts';

let services: Partial<Services>;
vi.mock('../../src/composition.ts', () => ({
  services: async () => services,
  withInvocation: (_context: unknown, work: () => Promise<unknown>) => work(),
}));

const registry = new Registry(() => undefined);
beforeAll(async () => {
  // Before the library is loaded: it looks for the host once.
  installCoreModule(registry);
  await import('../../src/functions/fan-out.ts');
});

const callActivity = async (name: string, input: unknown): Promise<unknown> => {
  const activity = registry.functions.get(name)?.callback as unknown as (...args: unknown[]) => Promise<unknown>;
  return activity(input, { functionName: name });
};

let run: RunStage;
let notices: Notice[];
let refused: BrokerError | undefined;
let turns: Turns;
beforeEach(async () => {
  run = await stageRun(async () => [{ n: 1 }]);
  notices = [];
  refused = undefined;
  const send = async (notice: Notice): Promise<void> => {
    if (refused !== undefined) throw refused;
    notices.push(notice);
  };
  turns = new Turns(setImmediate);
  services = {
    ...run.deps,
    notifier: { send },
    settings: { cloud: clouds.public },
    tenantSlots: createTenantSlots(2),
    loneSlot: createTenantSlots(1),
    changeSlots: createTenantSlots(20),
    turns,
  } as unknown as Services;
});

describe('the activity announce-run', () => {
  beforeEach(() => run.runLog.change(runId, { status: 'failed' }));

  it('sends the notice', async () => {
    expect(await callActivity('announce-run', { runId })).toEqual({ announced: true });
    expect(notices).toMatchObject([{ severity: 'critical', title: expect.stringContaining('probe') as string }]);
    expect(run.logger.events()).toEqual([]);
  });

  it('logs that the notice was refused and fails, so that the platform tries again', async () => {
    refused = new BrokerError('resource_error', 'The webhook answers 500.');
    await expect(callActivity('announce-run', { runId })).rejects.toBe(refused);
    const lines = run.logger.lines.map(({ level, line }) => [level, JSON.parse(line)]);
    expect(lines).toMatchObject([['warn', { event: 'run.not_announced', runId, code: 'resource_error' }]]);
    refused = undefined;
    expect(await callActivity('announce-run', { runId })).toEqual({ announced: true });
  });
});

describe('the activity export-run', () => {
  it('writes the files of a run that has ended, and of no other', async () => {
    expect(await callActivity('export-run', { runId })).toEqual({ exported: false });
    await run.runLog.change(runId, { status: 'completed' });
    expect(await callActivity('export-run', { runId })).toEqual({ exported: true });
    await expect(callActivity('export-run', {})).rejects.toThrow(/runId/);
  });
});

const input = { runId: 'probe@w', index: 0, round: 1, last: false };

it.each(['announce-run', 'finish-run'])(
  'fails the activity %s when storage fails, so that the platform tries again',
  async (name) => {
    run.runLog.broken = true;
    await expect(callActivity(name, input)).rejects.toMatchObject({ code: 'storage_unavailable' });
  },
);

it.each([
  ['list-tenants', { ok: false, code: 'storage_unavailable', transient: true }],
  ['tenant-run', { outcome: 'retrying', code: 'storage_unavailable', unrecorded: true }],
])('returns the failure of %s, which the orchestrator judges', async (name, outcome) => {
  run.runLog.broken = true;
  expect(await callActivity(name, input)).toMatchObject(outcome);
});

it.each(['announce-run', 'finish-run', 'list-tenants', 'tenant-run'])(
  'refuses an input of %s without the id of a run',
  async (name) => {
    await expect(callActivity(name, { ...input, runId: undefined })).rejects.toThrow(/runId/);
  },
);

it('visits tenants without a client of the platform, and logs that the run was not told', async () => {
  expect(await callActivity('visit-tenants', { ...input, indexes: [0, 1, 2], takenEvent: 'taken-r1-b0' })).toEqual({});
  expect(run.logger.events().filter((event) => event === 'run.next_batch_late')).toHaveLength(1);
  for (const index of [0, 1, 2]) expect(await run.runLog.findTenant(runId, tenantId(index))).toBeDefined();
});

it('visits tenants in turns, so that callers are served in between', async () => {
  const take = vi.spyOn(turns, 'take');
  await callActivity('visit-tenants', { ...input, indexes: [0, 1, 2] });
  // For the start and the record of each.
  expect(take).toHaveBeenCalledTimes(6);
});
