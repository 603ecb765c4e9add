import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failToStart, type HostProcess, startHost } from '../../src/testing.ts';
import { buildApp, removeFolder } from './built-app.ts';

const readNotes = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');

let folder: string;
let notes: string;
beforeAll(async () => {
  folder = await buildApp('worker', { logLevel: { default: 'Warning', Function: 'Information' } });
  notes = join(folder, 'notes.txt');
});
afterAll(() => removeFolder(folder));

describe('an app in the worker', () => {
  let host: HostProcess;
  const get = (path: string): Promise<Response> => fetch(`${host.url}/api/${path}`);
  beforeAll(async () => {
    host = await startHost(folder, [], {
      NOTES_FILE: notes,
      'AzureWebJobs.off.Disabled': '1',
      'AzureWebJobs.alsoOff.Disabled': 'True',
      AzureWebJobs__stillOn__Disabled: 'true',
    });
  });
  afterAll(() => host.end());

  it('runs in the folder of the app, which FUNCTIONS_APPLICATION_DIRECTORY names', async () => {
    expect(await (await get('where')).json()).toEqual({ folder: realpathSync(folder), setting: folder });
  });

  it('gets a trace context, which continues that of the request', async () => {
    expect(await (await get('trace')).json()).toMatchObject({
      traceParent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/),
    });
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=b' };
    const continued = await (await fetch(`${host.url}/api/trace`, { headers })).json();
    expect(continued).toMatchObject({
      traceParent: expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/),
      traceState: 'a=b',
    });
  });

  it('gets null as error of a success and as result of a failure in postInvocation hooks', async () => {
    await get('trace');
    await get('throws');
    expect(readNotes(notes)).toContain('post trace: error null, result object');
    expect(readNotes(notes)).toContain('post throws: error Error: a failing handler, result null');
  });

  it('keeps %2F in a route value', async () => {
    expect(await (await get('items/a%20b%2Fc/d%2fe/f')).json()).toEqual({ id: 'a b%2Fc', rest: 'd%2fe/f' });
  });

  it('does not serve a function with an invalid name', async () => {
    expect((await get('my%20func!')).status).toBe(404);
    expect(host.errors()).toContain("error host: The function 'my func!' is not served: its name is not valid");
    expect(host.functions.map(({ name }) => name)).not.toContain('my func!');
  });

  it('does not serve disabled functions; a setting with double underscores disables nothing', async () => {
    expect([(await get('off')).status, (await get('alsoOff')).status, (await get('stillOn')).status]).toEqual([
      404, 404, 200,
    ]);
  });

  it('drops lines that are logged after the invocation', async () => {
    expect(await (await get('late')).text()).toBe('response');
    await expect.poll(() => readNotes(notes)).toContain('late\n');
    await expect.poll(() => host.errors()).toContain('information late: in time');
    await get('levels');
    await expect.poll(() => host.errors()).toContain('user warning');
    expect(host.errors()).not.toContain('too late');
  });

  it('writes only lines whose level host.json admits for their category', async () => {
    await get('levels');
    await expect.poll(() => host.errors()).toContain('error console: console that failed');
    const log = host.errors();
    expect(log).toContain('information levels: user information');
    expect(log).toContain('warning levels: user warning');
    expect(log).toContain('warning console: console with a Warning');
    for (const dropped of ['user debug', 'console output', 'console plain', 'printed while loading'])
      expect(log).not.toContain(dropped);
  });

  it('passes the hookData of appStart to appTerminate', async () => {
    await host.end();
    expect(readNotes(notes)).toContain('terminated, started: yes');
  });
});

describe('timers', () => {
  let host: HostProcess | undefined;
  let app: string;
  beforeAll(async () => {
    app = await buildApp('timers');
  });
  afterEach(() => host?.end());
  afterAll(() => removeFolder(app));

  it('accept a TimeSpan as schedule, and get a scheduleStatus without a store', async () => {
    const file = join(app, 'notes.txt');
    host = await startHost(app, [], { NOTES_FILE: file });
    await expect.poll(() => readNotes(file)).toContain('everyTwoSeconds');
    const line = readNotes(file)
      .split('\n')
      .find((text) => text.startsWith('everyNight'));
    expect(JSON.parse(line?.slice('everyNight '.length) ?? '')).toMatchObject({
      scheduleStatus: { last: expect.any(String), next: expect.any(String), lastUpdated: expect.any(String) },
    });
  });

  it('do not start without AzureWebJobsStorage', async () => {
    writeFileSync(join(app, 'local.settings.json'), '{"Values":{}}');
    const { code, errors } = await failToStart(['--app', app, '--port', '0']);
    expect([code, errors]).toEqual([1, expect.stringContaining('The app setting AzureWebJobsStorage is not set')]);
    host = await startHost(app, [], { AzureWebJobsStorage__accountName: 'store' });
  });
});

describe('an app that uses what the host lacks', () => {
  it('is told about bindings, function.json and durable-functions that Node.js breaks', async () => {
    const app = await buildApp('unsupported', { format: 'cjs' });
    const library = join(app, 'node_modules/durable-functions');
    mkdirSync(library, { recursive: true });
    writeFileSync(join(library, 'package.json'), '{"name":"durable-functions","version":"3.1.0"}');
    mkdirSync(join(app, 'OldModel'));
    writeFileSync(join(app, 'OldModel/function.json'), '{"bindings":[]}');
    const host = await startHost(app);
    const log = host.errors();
    expect(log).toMatch(/warning copies: .*blob.* is undefined/);
    expect(log).toMatch(/warning copies: .*queue.* has no effect/);
    expect(log).toMatch(/warning listens: .*queueTrigger/);
    expect(log).toMatch(/warning host: .*OldModel.*function\.json.*v3/);
    expect(log).toMatch(/warning host: durable-functions 3\.1\.0 .*Node\.js/);
    await fetch(`${host.url}/durabletask/orchestrators/old`, { method: 'POST' });
    await expect.poll(() => host.errors()).toMatch(/error old: .*util_1\.isDate.*Update durable-functions/);
    await host.end();
    removeFolder(app);
  });
});

describe('the settings files', () => {
  it('can have a byte order mark, comments and trailing commas', async () => {
    const app = await buildApp('settings');
    writeFileSync(join(app, 'host.json'), '\uFEFF{ // the version\n "version": "2.0", /* none */ }');
    writeFileSync(join(app, 'local.settings.json'), '\uFEFF{\n// a comment\n"Values": { "FIRST": "http://x//y", }, }');
    const host = await startHost(app);
    expect(await (await fetch(`${host.url}/api/settings`)).json()).toMatchObject({ FIRST: 'http://x//y' });
    await host.end();
    removeFolder(app);
  });
});
