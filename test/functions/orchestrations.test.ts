import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import { describe, expect, it } from 'vitest';
import { orchestrationsOf } from '../../src/functions/orchestrations.ts';

/** Texts as durable-functions 3.5 writes them. */
const failed = (status: number): Error =>
  new Error(`The operation failed with an unexpected status code: ${status}. Details: {"Message":"..."}`);
const unknown = [
  new Error('DurableClient error: Durable Functions extension replied with HTTP 404 response.'),
  new Error('No instance with ID "probe@w" found.'),
];

/** An adapter over a client that has only these methods. */
const over = (client: { readonly [Name in keyof DurableClient]?: unknown }) =>
  orchestrationsOf(client as unknown as DurableClient);
const throwing = (error: Error) => async (): Promise<never> => {
  throw error;
};
const start = (error: Error) => over({ startNew: throwing(error) }).start('fan-out', 'probe@w', {});

describe('start of orchestrationsOf', () => {
  it('starts the orchestration with its instance id and its input', async () => {
    const calls: unknown[] = [];
    await over({ startNew: async (...args: unknown[]) => void calls.push(args) }).start('fan-out', 'probe@w', { a: 1 });
    expect(calls).toEqual([['fan-out', { instanceId: 'probe@w', input: { a: 1 } }]]);
  });

  it('throws run_conflict when the platform already has an active instance with the id', async () => {
    await expect(start(failed(409))).rejects.toMatchObject({ code: 'run_conflict' });
  });

  it('throws any other failure of a start unchanged', async () => {
    const error = failed(500);
    await expect(start(error)).rejects.toBe(error);
  });
});

describe('state of orchestrationsOf', () => {
  const states: Readonly<Record<OrchestrationRuntimeStatus, 'active' | 'ended'>> = {
    Pending: 'active',
    Running: 'active',
    ContinuedAsNew: 'active',
    Suspended: 'active',
    Completed: 'ended',
    Failed: 'ended',
    Terminated: 'ended',
    Canceled: 'ended',
  };

  it.each(Object.values(OrchestrationRuntimeStatus))('follows the status %s', async (runtimeStatus) => {
    const orchestrations = over({ getStatus: async () => ({ runtimeStatus }) });
    expect(await orchestrations.state('probe@w')).toBe(states[runtimeStatus]);
  });

  it.each(unknown)('is unknown when the platform has no such instance (%s)', async (error) => {
    expect(await over({ getStatus: throwing(error) }).state('probe@w')).toBe('unknown');
  });

  it('throws any other failure', async () => {
    const error = failed(500);
    await expect(over({ getStatus: throwing(error) }).state('probe@w')).rejects.toBe(error);
  });
});

describe('purge of orchestrationsOf', () => {
  it('deletes the histories of every ended status that were created before the time', async () => {
    const filters: unknown[] = [];
    const purgeInstanceHistoryBy = async (filter: unknown) => {
      filters.push(filter);
      return { instancesDeleted: 7 };
    };
    expect(await over({ purgeInstanceHistoryBy }).purge(Date.parse('2026-11-24T05:00:00Z'))).toBe(7);
    expect(filters).toEqual([
      {
        createdTimeFrom: new Date(0),
        createdTimeTo: new Date('2026-11-24T05:00:00Z'),
        runtimeStatus: ['Completed', 'Failed', 'Terminated', 'Canceled'],
      },
    ]);
  });
});

describe.each([
  ['raise', 'raiseEvent', (client: object) => over(client).raise('probe@w', 'cancel')],
  ['terminate', 'terminate', (client: object) => over(client).terminate('probe@w', 'took too long')],
] as const)('%s of orchestrationsOf', (_name, method, call) => {
  it.each(unknown)('does nothing when the platform has no such instance (%s)', async (error) => {
    await expect(call({ [method]: throwing(error) })).resolves.toBeUndefined();
  });

  it('throws any other failure', async () => {
    const error = failed(500);
    await expect(call({ [method]: throwing(error) })).rejects.toBe(error);
  });

  it('names the instance, and encodes the reason for the address', async () => {
    const calls: unknown[] = [];
    await call({ [method]: async (...args: unknown[]) => void calls.push(args) });
    expect(calls).toEqual([method === 'terminate' ? ['probe@w', 'took%20too%20long'] : ['probe@w', 'cancel', {}]]);
  });
});
