import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failToStart, startHost } from '../../src/testing.ts';
import { buildApp, removeFolder, temporaryFolder } from './built-app.ts';

let folder: string;
beforeAll(async () => {
  folder = await buildApp('web');
});
afterAll(() => removeFolder(folder));

describe('the command functions-host', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('exits with 0 on %s', async (signal) => {
    const host = await startHost(folder);
    expect(await host.end(signal)).toBe(0);
  });

  it('lets --settings override local.settings.json, and the environment override both', async () => {
    const app = await buildApp('settings');
    writeFileSync(
      join(app, 'local.settings.json'),
      JSON.stringify({ IsEncrypted: false, Values: { FIRST: 'app', SECOND: 'app', THIRD: 'app' } }),
    );
    const file = join(app, 'given.json');
    writeFileSync(file, JSON.stringify({ Values: { SECOND: 'given', THIRD: 'given' } }));
    const host = await startHost(app, ['--settings', file], { THIRD: 'environment' });
    const response = await fetch(`${host.url}/api/settings`);
    expect(await response.json()).toEqual({
      FIRST: 'app',
      SECOND: 'given',
      THIRD: 'environment',
      WEBSITE_HOSTNAME: host.url.slice(7),
    });
    await host.end();
    removeFolder(app);
  });

  it('names the port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, errors, output } = await failToStart(['--app', folder, '--port', String(port), '--json']);
    expect([code, output]).toEqual([1, '']);
    expect(errors).toBe(
      `functions-host: Port ${port} is taken by another program; choose another with --port, or 0 for any.\n`,
    );
    server.close();
  });

  it('names what is invalid in an app that it loads', async () => {
    const empty = temporaryFolder('empty');
    const fail = async (): Promise<string> => {
      const { code, errors } = await failToStart(['--app', empty, '--port', '0']);
      expect(code).toBe(1);
      return errors;
    };
    writeFileSync(join(empty, 'host.json'), '{"version":"2.0"}');
    writeFileSync(join(empty, 'package.json'), '{"main":"index.cjs"}');
    writeFileSync(join(empty, 'index.cjs'), '');
    expect(await fail()).toContain('registers no functions');
    writeFileSync(join(empty, 'index.cjs'), 'throw new Error("at import")');
    expect(await fail()).toContain('The app could not be loaded from');
    writeFileSync(
      join(empty, 'host.json'),
      '{"version":"2.0","extensions":{"durableTask":{"maxConcurrentActivityFunctions":0}}}',
    );
    expect(await fail()).toContain('extensions.durableTask.maxConcurrentActivityFunctions');
    removeFolder(empty);
  });

  it('rejects a store that another host has open, and a file that is not a database', async () => {
    const store = join(folder, 'shared.sqlite');
    const host = await startHost(folder, ['--store', store]);
    expect((await failToStart(['--app', folder, '--port', '0', '--store', store])).errors).toBe(
      `functions-host: The store ${store} is in use by another host.\n`,
    );
    await host.end();
    const text = join(folder, 'text.sqlite');
    writeFileSync(text, 'This is a text and not a database. It is long enough for SQLite to check it.');
    expect((await failToStart(['--app', folder, '--port', '0', '--store', text])).errors).toContain(
      'cannot be opened: file is not a database',
    );
  });

  it('exits with 2 for a missing option', async () => {
    expect((await failToStart([])).code).toBe(2);
  });
});
