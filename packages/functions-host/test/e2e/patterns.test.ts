import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostProcess, startHost } from '../../src/testing.ts';
import { buildApp, removeFolder } from './built-app.ts';
import { callClient, finished, raiseEvent, run, start, status, until } from './client.ts';

let folder: string;
let host: HostProcess;

beforeAll(async () => {
  folder = await buildApp('patterns', {
    extensions: { durableTask: { defaultVersion: '1.2', maxConcurrentActivityFunctions: 20 } },
  });
  host = await startHost(folder);
});
afterAll(async () => {
  await host.end();
  removeFolder(folder);
});

describe('an orchestration that follows the documentation', () => {
  it('chains functions', async () => {
    expect(await run(host, 'chaining', null)).toMatchObject({
      runtimeStatus: 'Completed',
      output: ['Hello Tokyo', 'Hello Seattle', 'Hello London'],
    });
  });

  it('fans out and in', async () => {
    expect((await run(host, 'fanOut', 500)).output).toBe(249_500);
  });

  it('calls sub-orchestrations', async () => {
    expect((await run(host, 'parent', null)).output).toEqual([0, 2, 6]);
  });

  it('passes the failure of a sub-orchestration to the parent with the messages of the platform', async () => {
    const { output } = await run(host, 'failingParent', null);
    expect(output).toContain(
      "caught: Orchestrator function 'failing' failed: Activity function 'alwaysFails' failed: always broken",
    );
  });

  it('monitors with timers and a custom status', async () => {
    expect(await run(host, 'monitor', null)).toMatchObject({ output: 4, customStatus: { checks: 4 } });
  });

  it('accepts a correct code after a wrong one', async () => {
    const { id } = await start(host, 'approval', { timeoutMs: 60_000, code: 7 });
    await raiseEvent(host, id, 'Code', 1);
    await raiseEvent(host, id, 'Code', 7);
    expect((await finished(host, id)).output).toBe('accepted at attempt 2');
  });

  it('times out without a code', async () => {
    expect((await run(host, 'approval', { timeoutMs: 50, code: 7 })).output).toBe('timed out');
  });

  it('causes a warning when it yields a task twice', async () => {
    await expect.poll(() => host.errors()).toMatch(/\(approval\) yields the task for a timer a second time/);
  });

  it('retries an activity until it succeeds', async () => {
    expect((await run(host, 'retrying', 5)).output).toBe('done after 2 failures');
  });

  it('fails with the last failure after the last attempt', async () => {
    const { runtimeStatus, output } = await run(host, 'givingUp', null);
    expect(runtimeStatus).toBe('Failed');
    expect(output).toContain(
      "Orchestrator function 'givingUp' failed: Activity function 'alwaysFails' failed: always broken",
    );
  });

  it('continues as new with the events that were not consumed', async () => {
    const { id } = await start(host, 'counting', { from: 0, total: 10 });
    for (let step = 1; step <= 4; step += 1) await raiseEvent(host, id, 'step', step);
    expect(await finished(host, id)).toMatchObject({ output: 10, input: { from: 6, total: 10 } });
  });

  it('calls and signals entities, and catches the failure of an operation', async () => {
    expect((await run(host, 'useCounter', 'e1')).output).toEqual({ value: 11, failed: true });
    expect((await callClient(host, 'readEntityState', { name: 'Counter', key: 'e1' })).value).toMatchObject({
      entityExists: true,
      entityState: 11,
    });
    await callClient(host, 'signalEntity', { name: 'Counter', key: 'e1' }, 'delete');
    await expect
      .poll(async () => (await callClient(host, 'readEntityState', { name: 'Counter', key: 'e1' })).value)
      .toMatchObject({ entityExists: false });
  });

  it('has a critical section to itself', async () => {
    const started = await Promise.all(Array.from({ length: 8 }, () => start(host, 'locked', null)));
    const ends = await Promise.all(started.map(({ id }) => finished(host, id)));
    expect(ends.map(({ output }) => output)).toEqual(Array.from({ length: 8 }, () => 1));
    expect((await callClient(host, 'readEntityState', { name: 'Counter', key: 'two' })).value).toMatchObject({
      entityState: -8,
    });
  });

  it('calls HTTP', async () => {
    expect((await run(host, 'calling', `${host.url}/admin/host/ping?code=${host.masterKey}`)).output).toEqual({
      status: 200,
      content: '',
    });
  });

  it('passes values to activities and back unchanged', async () => {
    const values = ['12', '{"q":1}', 12, 1.5, null, { a: [true, 'x'] }, '', 'ü€'];
    expect((await run(host, 'passing', values)).output).toEqual(values);
  });

  it('ends only when all its tasks have ended, and causes a warning', async () => {
    const ms = 150;
    const { output, historyEvents } = await run(host, 'uncancelledTimer', ms).then(({ instanceId }) =>
      status(host, instanceId, '&showHistory=true'),
    );
    expect(output).toBe('Hello you');
    expect(historyEvents?.map(({ EventType }) => EventType)).toContain('TimerFired');
    await expect
      .poll(() => host.errors())
      .toMatch(/uncancelledTimer\) has returned, but it ends only when its 1 open task\(s\) end/);
  });
});

describe('instance management', () => {
  it('accepts one of fifty simultaneous starts with the same id', async () => {
    const post = (): Promise<Response> =>
      fetch(`${host.url}/durabletask/orchestrators/approval/only-one`, {
        method: 'POST',
        body: '{"timeoutMs":60000,"code":1}',
      });
    const responses = await Promise.all(Array.from({ length: 50 }, post));
    const codes = responses.map((response) => response.status).toSorted((a, b) => a - b);
    expect(codes).toEqual([202, ...Array.from({ length: 49 }, () => 409)]);
    expect((await callClient(host, 'startNew', 'approval', { instanceId: 'only-one' })).message).toContain(
      'unexpected status code: 409',
    );
    await callClient(host, 'terminate', 'only-one', 'enough');
    await finished(host, 'only-one');
    expect((await start(host, 'fanOut', 2, 'only-one')).id).toBe('only-one');
    expect((await finished(host, 'only-one')).output).toBe(2);
  });

  it('uses the reason of a termination as output', async () => {
    const { id } = await start(host, 'approval', { timeoutMs: 60_000, code: 7 });
    await callClient(host, 'terminate', id, 'no longer needed');
    expect(await finished(host, id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'no longer needed' });
    expect(await raiseEvent(host, id, 'Code', 7)).toBe(410);
  });

  it('keeps events for a suspended instance until it is resumed', async () => {
    const { id } = await start(host, 'approval', { timeoutMs: 60_000, code: 7 });
    await until(host, id, ({ runtimeStatus }) => runtimeStatus === 'Running');
    await callClient(host, 'suspend', id, 'pause');
    await until(host, id, ({ runtimeStatus }) => runtimeStatus === 'Suspended');
    await raiseEvent(host, id, 'Code', 7);
    expect((await status(host, id)).runtimeStatus).toBe('Suspended');
    await callClient(host, 'resume', id, 'go on');
    expect((await finished(host, id)).output).toBe('accepted at attempt 1');
  });

  it('lists instances by prefix and status in pages', async () => {
    for (let index = 0; index < 7; index += 1) await run(host, 'fanOut', 1, `page-${index}`);
    const ids: string[] = [];
    let token = '';
    let pages = 0;
    do {
      const url = `${host.url}/durabletask/instances/?instanceIdPrefix=page-&top=3&runtimeStatus=Completed&showInput=false`;
      const response = await fetch(url, { headers: token === '' ? {} : { 'x-ms-continuation-token': token } });
      ids.push(...((await response.json()) as { instanceId: string }[]).map(({ instanceId }) => instanceId));
      token = response.headers.get('x-ms-continuation-token') ?? '';
      pages += 1;
    } while (token !== '');
    expect({ ids, pages }).toEqual({ ids: [0, 1, 2, 3, 4, 5, 6].map((index) => `page-${index}`), pages: 3 });
    const all = (await callClient(host, 'getStatusAll')).value as unknown[];
    expect(all.length).toBeGreaterThan(7);
  });

  it('purges only instances that have ended', async () => {
    const { id } = await start(host, 'approval', { timeoutMs: 60_000, code: 7 });
    expect((await callClient(host, 'purgeInstanceHistory', id)).value).toEqual({ instancesDeleted: 0 });
    await callClient(host, 'terminate', id, '');
    await finished(host, id);
    expect((await callClient(host, 'purgeInstanceHistory', id)).value).toEqual({ instancesDeleted: 1 });
    expect((await callClient(host, 'getStatus', id)).message).toContain('404');
  });

  it('returns a history in the format of the platform', async () => {
    const { id } = await start(host, 'fanOut', 1);
    await finished(host, id);
    const { historyEvents } = await status(host, id, '&showHistory=true&showHistoryOutput=true');
    expect(historyEvents).toEqual([
      { EventType: 'ExecutionStarted', Timestamp: expect.any(String), Input: '1', FunctionName: 'fanOut' },
      {
        EventType: 'TaskCompleted',
        Timestamp: expect.any(String),
        ScheduledTime: expect.any(String),
        FunctionName: 'double',
        Result: 0,
      },
      { EventType: 'ExecutionCompleted', Timestamp: expect.any(String), OrchestrationStatus: 'Completed', Result: 0 },
    ]);
  });

  it('rejects invalid ids and bodies', async () => {
    const start = (path: string, body = '1'): Promise<number> =>
      fetch(`${host.url}/durabletask/orchestrators/${path}`, { method: 'POST', body }).then(
        (response) => response.status,
      );
    expect(await start('fanOut', '{')).toBe(400);
    expect(await start('fanOut/%40entity')).toBe(400);
    expect(await start(`fanOut/${'x'.repeat(101)}`)).toBe(400);
  });

  it('requires the system key on the webhook, and rejects web pages on the API without a key', async () => {
    const path = '/runtime/webhooks/durabletask/instances/';
    expect((await fetch(`${host.url}${path}`)).status).toBe(401);
    expect((await fetch(`${host.url}${path}`, { headers: { 'x-functions-key': host.functionKey } })).status).toBe(403);
    expect((await fetch(`${host.url}${path}?code=${host.systemKey}`)).status).toBe(200);
    expect(
      (await fetch(`${host.url}/durabletask/instances/`, { headers: { origin: 'https://example.com' } })).status,
    ).toBe(403);
  });
});
