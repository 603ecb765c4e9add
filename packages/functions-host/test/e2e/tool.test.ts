import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failToStart, startHost } from '../../src/testing.ts';
import { buildApp, removeFolder } from './built-app.ts';

let folder: string;
beforeAll(async () => {
  folder = await buildApp('worker');
});
afterAll(() => removeFolder(folder));

/** Collects an output of a child process. */
function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}

const packageRoot = resolve(import.meta.dirname, '../..');
const main = join(packageRoot, 'src/main.ts');
const spawnHost = (command: string, args: readonly string[]): ChildProcess =>
  spawn(command, args, { cwd: packageRoot, stdio: ['ignore', 'pipe', 'pipe'] });

describe('the command functions-host', () => {
  it('prints the keys of the admin API and of the webhook', async () => {
    const child = spawnHost(process.execPath, [main, '--app', folder, '--port', '0']);
    const errors = collect(child.stderr);
    await expect.poll(errors).toMatch(/master +\S+\n/);
    const [, url] = /at (\S+):\n/.exec(errors()) ?? [];
    const [, key = ''] = /master +(\S+)/.exec(errors()) ?? [];
    expect((await fetch(`${url}/admin/functions`)).status).toBe(401);
    expect((await fetch(`${url}/admin/functions`, { headers: { 'x-functions-key': key } })).status).toBe(200);
    child.kill();
    await once(child, 'exit');
  });

  it('logs requests without their query', async () => {
    const host = await startHost(folder);
    await fetch(`${host.url}/api/where?code=secret`);
    await expect.poll(() => host.errors()).toMatch(/ information http: GET \/api\/where 200 \d+ ms\n/);
    expect(host.errors()).not.toContain('code=secret');
    await host.end();
  });

  it('prints the lines from --log-level on, whatever host.json says', async () => {
    const host = await startHost(folder, ['--log-level', 'debug']);
    await fetch(`${host.url}/api/levels`);
    await expect.poll(() => host.errors()).toContain('debug levels: user debug');
    await host.end();
    const quiet = await startHost(folder, ['--log-level', 'error']);
    await fetch(`${quiet.url}/api/levels`);
    await expect.poll(() => quiet.errors()).toContain('error console: console that failed');
    expect(quiet.errors()).not.toMatch(/ (?:information|warning) \w+: /);
    await quiet.end();
  });

  it('prints the JSON line alone on standard output; output of the app goes to the log', async () => {
    const child = spawnHost(process.execPath, [main, '--app', folder, '--port', '0', '--json']);
    const [output, errors] = [collect(child.stdout), collect(child.stderr)];
    await expect.poll(output).toContain('\n');
    expect(Object.keys(JSON.parse(output()) as object)).toContain('masterKey');
    expect(errors()).toContain('information console: printed while loading');
    child.kill();
    await once(child, 'exit');
    expect(output().trim().split('\n')).toHaveLength(1);
  });

  it('names the cause in one sentence when the app throws while loading, and the stack with --log-level debug', async () => {
    const app = await buildApp('settings', { format: 'cjs' });
    const file = join(app, 'dist/settings.js');
    writeFileSync(file, 'throw new Error("no database\\nreachable")');
    const failed = await failToStart(['--app', app, '--port', '0']);
    expect(failed.errors).toBe(`functions-host: The app could not be loaded from ${file}: Error: no database\n`);
    expect((await failToStart(['--app', app, '--port', '0', '--log-level', 'debug'])).errors).toContain('    at ');
    removeFolder(app);
  });

  it('stops when npx is stopped with SIGTERM', async () => {
    const child = spawnHost('npx', ['--no-install', 'functions-host', '--app', folder, '--port', '0', '--json']);
    const output = collect(child.stdout);
    await expect.poll(output).toContain('\n');
    const { url } = JSON.parse(output()) as { url: string };
    child.kill('SIGTERM');
    await expect
      .poll(() =>
        fetch(url).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
  });

  it('takes port and origins of CORS from Host in local.settings.json', async () => {
    const app = await buildApp('settings');
    const port = 20_000 + (process.pid % 20_000);
    writeFileSync(
      join(app, 'local.settings.json'),
      JSON.stringify({
        Values: {},
        Host: { LocalHttpPort: port, CORS: 'https://a.example,https://b.example', CORSCredentials: true },
      }),
    );
    const child = spawnHost(process.execPath, [main, '--app', app, '--json']);
    const output = collect(child.stdout);
    await expect.poll(output).toContain('\n');
    const { url } = JSON.parse(output()) as { url: string };
    expect(url).toBe(`http://127.0.0.1:${port}`);
    const call = (origin: string, init: RequestInit = {}): Promise<Response> =>
      fetch(`${url}/api/settings`, { ...init, headers: { origin, ...init.headers } });
    const allowed = (await call('https://b.example')).headers;
    expect(allowed.get('access-control-allow-origin')).toBe('https://b.example');
    expect(allowed.get('access-control-allow-credentials')).toBe('true');
    expect((await call('https://c.example')).headers.get('access-control-allow-origin')).toBeNull();
    const preflight = await call('https://a.example', {
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-own' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toBe('PUT');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('x-own');
    child.kill();
    await once(child, 'exit');
    removeFolder(app);
  });
});
