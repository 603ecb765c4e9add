import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import { describe, expect, it } from 'vitest';
import type { Orchestrations } from '../../src/lib/core/orchestrations.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { lazyOrchestrations, orchestrationsOf, scheduleName } from '../../src/functions/orchestrations.ts';

/** Texts as durable-functions 3.5 writes them. */
const unknownInstance = [
  new Error('DurableClient error: the Durable Functions extension replied with HTTP 404 response.'),
  new Error("No instance with ID 'probe@w' found."),
];
const other = new Error('The operation failed with an unexpected status code: 500.');

/** A client that records its calls, and answers each with this value or throws this error. */
function stage(answer: unknown) {
  const calls: unknown[][] = [];
  const client = new Proxy(
    {},
    {
      get:
        (_, name) =>
        async (...args: unknown[]) => {
          calls.push([name, ...args]);
          if (answer instanceof Error) throw answer;
          return answer;
        },
    },
  );
  return { orchestrations: orchestrationsOf(client as unknown as DurableClient), calls };
}

describe('orchestrationsOf', () => {
  it('starts an orchestration with the id and the input', async () => {
    const { orchestrations, calls } = stage('probe@w');
    await orchestrations.start('fan-out', 'probe@w', { runId: 'probe@w' });
    expect(calls).toEqual([['startNew', 'fan-out', { instanceId: 'probe@w', input: { runId: 'probe@w' } }]]);
  });

  it('throws run_conflict if the instance exists, in the other text of the library', async () => {
    const exists = stage(new Error('An instance with ID probe@w already exists.'));
    await expect(exists.orchestrations.start('fan-out', 'probe@w', {})).rejects.toMatchObject({ code: 'run_conflict' });
  });

  it('throws unchanged what is no error', async () => {
    const thrown: unknown = 'status code: 409';
    const startNew = async (): Promise<string> => {
      throw thrown;
    };
    const orchestrations = orchestrationsOf({ startNew } as unknown as DurableClient);
    await expect(orchestrations.start('fan-out', 'probe@w', {})).rejects.toBe(thrown);
  });

  it.each([
    [OrchestrationRuntimeStatus.Completed, 'ended'],
    [OrchestrationRuntimeStatus.Failed, 'ended'],
    [OrchestrationRuntimeStatus.Terminated, 'ended'],
    [OrchestrationRuntimeStatus.Canceled, 'ended'],
    [OrchestrationRuntimeStatus.Running, 'active'],
    [OrchestrationRuntimeStatus.Pending, 'active'],
    [OrchestrationRuntimeStatus.ContinuedAsNew, 'active'],
    [OrchestrationRuntimeStatus.Suspended, 'active'],
  ])('reads the status %s as %s', async (runtimeStatus, state) => {
    const { orchestrations, calls } = stage({ runtimeStatus });
    expect(await orchestrations.state('probe@w')).toBe(state);
    expect(calls).toEqual([['getStatus', 'probe@w']]);
  });

  it('raises the event, and terminates with the reason fit for a query string', async () => {
    const { orchestrations, calls } = stage(undefined);
    await orchestrations.raise('probe@w', 'cancel');
    await orchestrations.terminate('probe@w', 'no answer & no end');
    expect(calls).toEqual([
      ['raiseEvent', 'probe@w', 'cancel', {}],
      ['terminate', 'probe@w', 'no%20answer%20%26%20no%20end'],
    ]);
  });

  it.each(unknownInstance)('takes "$message" for an unknown instance', async (error) => {
    const { orchestrations } = stage(error);
    expect(await orchestrations.state('probe@w')).toBe('unknown');
    await expect(orchestrations.raise('probe@w', 'cancel')).resolves.toBeUndefined();
    await expect(orchestrations.terminate('probe@w', 'x')).resolves.toBeUndefined();
  });

  it('throws every other failure unchanged', async () => {
    const { orchestrations } = stage(other);
    await expect(orchestrations.state('probe@w')).rejects.toBe(other);
    await expect(orchestrations.raise('probe@w', 'cancel')).rejects.toBe(other);
    await expect(orchestrations.terminate('probe@w', 'x')).rejects.toBe(other);
    await expect(orchestrations.purge(1)).rejects.toBe(other);
  });

  it.each<[string, (orchestrations: Orchestrations) => Promise<unknown>, number]>([
    ['start', (port) => port.start('fan-out', 'probe@w', {}), 30],
    ['state', (port) => port.state('probe@w'), 30],
    ['raise', (port) => port.raise('probe@w', 'cancel'), 30],
    ['terminate', (port) => port.terminate('probe@w', 'x'), 30],
    ['purge', (port) => port.purge(0), 300],
  ])('gives up a %s that the platform does not answer', async (_, call, seconds) => {
    const clock = new FakeClock();
    const silent = new Proxy({}, { get: () => () => new Promise(() => undefined) });
    const failure = call(orchestrationsOf(silent as DurableClient, clock)).catch((thrown: unknown) => thrown);
    let settled: unknown;
    void failure.then((thrown) => (settled = thrown));
    await clock.advance(seconds * 1_000 - 1);
    expect(settled).toBeUndefined();
    await clock.advance(1);
    expect(await failure).toMatchObject({
      code: 'storage_unavailable',
      detail: `The Durable Functions extension did not answer in ${seconds} s.`,
    });
  });

  it('purges only ended instances that were created before the time', async () => {
    const { orchestrations, calls } = stage({ instancesDeleted: 7 });
    expect(await orchestrations.purge(1_000)).toBe(7);
    expect(calls).toEqual([
      [
        'purgeInstanceHistoryBy',
        {
          createdTimeFrom: new Date(0),
          createdTimeTo: new Date(1_000),
          runtimeStatus: ['Completed', 'Failed', 'Terminated', 'Canceled'],
        },
      ],
    ]);
  });
});

it('scheduleName is the name of the timer that the setting AzureWebJobs.NAME.Disabled names', () => {
  expect(scheduleName('licence-report')).toBe('schedule-licence-report');
});

describe('lazyOrchestrations', () => {
  it('makes the client when it is needed, and once', async () => {
    const calls: string[] = [];
    let made = 0;
    const client = new Proxy(
      {},
      {
        get: (_, name) => async () => {
          calls.push(String(name));
          return { runtimeStatus: OrchestrationRuntimeStatus.Running, instancesDeleted: 3 };
        },
      },
    );
    const orchestrations = lazyOrchestrations(() => {
      made += 1;
      return client as unknown as DurableClient;
    });
    expect(made).toBe(0);
    await orchestrations.start('fan-out', 'probe@w', {});
    expect(await orchestrations.state('probe@w')).toBe('active');
    await orchestrations.raise('probe@w', 'cancel');
    await orchestrations.terminate('probe@w', 'why');
    expect(await orchestrations.purge(0)).toBe(3);
    expect(calls).toEqual(['startNew', 'getStatus', 'raiseEvent', 'terminate', 'purgeInstanceHistoryBy']);
    expect(made).toBe(1);
  });
});
