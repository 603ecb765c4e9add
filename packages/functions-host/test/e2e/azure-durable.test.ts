import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failToStart, type HostProcess, startHost } from '../../src/testing.ts';
import { buildApp, removeFolder } from './built-app.ts';
import { callClient, finished, raiseEvent, run, start, status, until } from './client.ts';

let folder: string;
let host: HostProcess;
beforeAll(async () => {
  folder = await buildApp('patterns');
  host = await startHost(folder, ['--keys']);
});
afterAll(async () => {
  await host.end();
  removeFolder(folder);
});

const webhook = (path: string, method: string, key = host.systemKey): Promise<Response> =>
  fetch(`${host.url}/runtime/webhooks/durabletask/${path}`, { method, headers: { 'x-functions-key': key } });

describe('the management API', () => {
  it('refuses to suspend twice and to resume what is not suspended', async () => {
    const { id } = await start(host, 'approval', { timeoutMs: 60_000, code: 7 });
    await until(host, id, ({ runtimeStatus }) => runtimeStatus === 'Running');
    expect((await webhook(`instances/${id}/resume`, 'POST')).status).toBe(500);
    expect((await webhook(`instances/${id}/suspend`, 'POST')).status).toBe(202);
    await until(host, id, ({ runtimeStatus }) => runtimeStatus === 'Suspended');
    const second = await webhook(`instances/${id}/suspend`, 'POST');
    expect([second.status, await second.text()]).toEqual([500, expect.stringContaining('in the Suspended state')]);
    expect((await callClient(host, 'suspend', id, 'again')).message).toContain('500');
    expect((await webhook(`instances/${id}/resume`, 'POST')).status).toBe(202);
    await raiseEvent(host, id, 'Code', 7);
    expect((await finished(host, id)).output).toBe('accepted at attempt 1');
  });

  it('accepts an unknown orchestrator, which then fails', async () => {
    const response = await webhook('orchestrators/unknown/never-written', 'POST');
    expect(response.status).toBe(202);
    expect(await finished(host, 'never-written')).toMatchObject({
      runtimeStatus: 'Failed',
      output: expect.stringContaining("The function 'unknown' doesn't exist"),
    });
  });

  it('answers 404 to a purge of many that matches nothing', async () => {
    expect((await webhook('instances/?createdTimeFrom=2000-01-01&createdTimeTo=2000-01-02', 'DELETE')).status).toBe(
      404,
    );
  });

  it('answers 403 to a valid key of the wrong level, and 401 to an unknown key', async () => {
    expect((await webhook('instances/', 'GET', host.functionKey)).status).toBe(403);
    expect((await webhook('instances/', 'GET', 'unknown')).status).toBe(401);
  });
});

describe('a failure', () => {
  it('of an activity has the exception as JSON, with its stack', async () => {
    const { output, instanceId } = await run(host, 'givingUp', null);
    const text = String(output);
    const label = "Orchestrator function 'givingUp' failed: Activity function 'alwaysFails' failed: always broken";
    expect(text.slice(0, label.length)).toBe(label);
    expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({
      ClassName: 'System.Exception',
      Message: 'always broken',
      InnerException: {
        Message: expect.stringMatching(/^Result: Failure\nException: always broken\nStack: Error: .*\n +at /),
      },
    });
    const { historyEvents } = await status(host, instanceId, '&showHistory=true');
    expect(historyEvents).toContainEqual(
      expect.objectContaining({ EventType: 'TaskFailed', Details: expect.stringContaining('"ClassName"') }),
    );
  });

  it('of an orchestration is logged as an error', async () => {
    const { instanceId } = await run(host, 'givingUp', null);
    await expect
      .poll(() => host.errors())
      .toMatch(
        new RegExp(`error givingUp: ${instanceId}: Function 'givingUp \\(Orchestrator\\)' failed with an error`),
      );
  });
});

describe('recovery after a kill', () => {
  const boot = (app: string, seconds: string): Promise<HostProcess> =>
    startHost(app, ['--store', join(app, 'hub.sqlite'), '--visibility-timeout', seconds], {
      NOTES_FILE: join(app, 'notes.txt'),
    });
  const notes = (app: string): string =>
    existsSync(join(app, 'notes.txt')) ? readFileSync(join(app, 'notes.txt'), 'utf8') : '';

  it('hides the messages that were in work until their visibility timeout has passed', async () => {
    const app = await buildApp('patterns', { extensions: { durableTask: { maxConcurrentActivityFunctions: 1 } } });
    const first = await boot(app, '600');
    await start(first, 'survivor', { count: 2, ms: 5_000 }, 'one');
    await until(first, 'one', ({ runtimeStatus }) => runtimeStatus === 'Running');
    await first.end('SIGKILL');
    expect(notes(app)).toBe('');

    const second = await boot(app, '600');
    await expect.poll(() => second.errors()).toMatch(/warning host: .*1 activit.* hidden until \d{4}-/);
    // The second activity had not been started by the killed host.
    await expect.poll(() => notes(app)).toContain('slow 1 of one');
    expect((await run(second, 'fanOut', 3)).output).toBe(6);
    expect(notes(app)).not.toContain('slow 0');
    await second.end('SIGKILL');

    const third = await boot(app, '0');
    await raiseEvent(third, 'one', 'go', true);
    expect((await finished(third, 'one')).output).toMatchObject({ done: 2 });
    await third.end();
    removeFolder(app);
  });

  it('hides nothing after a clean stop', async () => {
    const app = await buildApp('patterns', { extensions: { durableTask: { maxConcurrentActivityFunctions: 1 } } });
    const first = await boot(app, '600');
    await start(first, 'survivor', { count: 2, ms: 100 }, 'one');
    await until(first, 'one', ({ runtimeStatus }) => runtimeStatus === 'Running');
    expect(await first.end()).toBe(0);
    const second = await boot(app, '600');
    await raiseEvent(second, 'one', 'go', true);
    expect((await finished(second, 'one')).output).toMatchObject({ done: 2 });
    await second.end();
    removeFolder(app);
  });
});

describe('host.json', () => {
  it.each([
    [{ partitionCount: 17 }, 'partitionCount must be an integer value between 1 and 16'],
    [{ controlQueueVisibilityTimeout: '00:00:30' }, 'controlQueueVisibilityTimeout must be between 1 and 60 minutes'],
    [{ workItemQueueVisibilityTimeout: '00:00:30' }, 'workItemQueueVisibilityTimeout must be between 1 and 60 minutes'],
    [{ controlQueueBufferThreshold: 0 }, 'controlQueueBufferThreshold must be between 1 and 1000'],
    [{ controlQueueBatchSize: 0 }, 'controlQueueBatchSize must be'],
    [{ maxQueuePollingInterval: 'soon' }, 'maxQueuePollingInterval'],
    [{ type: 'redis' }, 'storage provider'],
  ])('with the storageProvider %j does not start', async (storageProvider, message) => {
    const app = await buildApp('settings', { extensions: { durableTask: { storageProvider } } });
    const { code, errors } = await failToStart(['--app', app, '--port', '0']);
    expect([code, errors]).toEqual([1, expect.stringContaining(message)]);
    removeFolder(app);
  });
});
