import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineLog, readSettingsFile, type RunningHost, startHost } from '../../src/index.ts';
import { buildApp, removeFolder } from './built-app.ts';

let appFolder: string;
let host: RunningHost;
let log = '';

beforeAll(async () => {
  appFolder = await buildApp('web', { format: 'cjs' });
  host = await startHost({
    appFolder,
    port: 0,
    settings: readSettingsFile(`${appFolder}/local.settings.json`),
    requireKeys: false,
    log: lineLog((line) => {
      log += line;
    }),
  });
});
afterAll(() => removeFolder(appFolder));

describe('startHost', () => {
  it('serves the app in this process without keys', async () => {
    const response = await fetch(`${host.url}/api/needsFunctionKey`);
    expect(await response.json()).toMatchObject({ name: 'needsFunctionKey' });
    expect(host.functions.map(({ name }) => name)).toContain('needsFunctionKey');
  });

  it('passes errors of the app to the log', async () => {
    expect((await fetch(`${host.url}/api/throws`)).status).toBe(500);
    expect(log).toContain(' error throws: Executed with an error: Error: a failing handler');
  });

  it('rejects a second start in the same process and closes its port', async () => {
    const second = startHost({ appFolder, port: 0, settings: {}, requireKeys: false, log: () => undefined });
    await expect(second).rejects.toThrow('a process can start the host only once');
  });

  it('closes the port on stop, which can be called twice', async () => {
    await Promise.all([host.stop(), host.stop()]);
    await expect(fetch(host.url)).rejects.toThrow('fetch failed');
  });
});
