import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HostProcess, startHost } from '../../src/testing.ts';
import { buildApp, removeFolder } from './built-app.ts';
import { callClient, finished, raiseEvent, start, status, until } from './client.ts';

let folder: string;
let host: HostProcess | undefined;
let notes: string;

const boot = async (): Promise<HostProcess> => {
  // The tests of this file are about what survives a kill, not about how long it stays hidden.
  const args = ['--store', join(folder, 'store.sqlite'), '--visibility-timeout', '0'];
  host = await startHost(folder, args, { NOTES_FILE: notes });
  return host;
};
const readNotes = (): string[] =>
  existsSync(notes)
    ? readFileSync(notes, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];

beforeEach(async () => {
  folder = await buildApp('patterns', { extensions: { durableTask: { maxConcurrentActivityFunctions: 4 } } });
  notes = join(folder, 'notes.txt');
});
afterEach(async () => {
  await host?.end('SIGKILL');
  removeFolder(folder);
});

describe('a restarted host', () => {
  it('finishes a fan-out, a timer, an event and a child after four kills without repeating finished activities', async () => {
    const count = 40;
    let running = await boot();
    await start(running, 'survivor', { count, ms: 20 }, 'one');
    for (const minimum of [6, 16, 28]) {
      await expect.poll(() => readNotes().length).toBeGreaterThanOrEqual(minimum);
      await running.end('SIGKILL');
      running = await boot();
    }
    await expect.poll(() => readNotes().length).toBeGreaterThanOrEqual(count);
    expect(await raiseEvent(running, 'one', 'go', true)).toBe(202);
    await running.end('SIGKILL');
    running = await boot();
    expect(await finished(running, 'one')).toMatchObject({
      runtimeStatus: 'Completed',
      output: { done: count, approved: true, child: 1560 },
    });
    // Activities run at least once. Only those that were running or had just ended at a kill can appear twice.
    expect(new Set(readNotes()).size).toBe(count);
    expect(readNotes().length).toBeLessThan(count + 3 * 8);
  });

  it('repeats no activity after a clean stop, which waits for running activities', async () => {
    // Enough for some to be left when the host has received the signal, also on a busy machine.
    const count = 60;
    const first = await boot();
    await start(first, 'survivor', { count, ms: 100 }, 'one');
    await expect.poll(() => readNotes().length).toBeGreaterThan(0);
    expect(await first.end('SIGTERM')).toBe(0);
    expect(readNotes().length).toBeLessThan(count);
    const second = await boot();
    await raiseEvent(second, 'one', 'go', true);
    expect((await finished(second, 'one')).output).toMatchObject({ done: count });
    expect(readNotes()).toHaveLength(count);
  });

  it('keeps statuses, histories, entities and keys', async () => {
    const first = await boot();
    const { id } = await start(first, 'useCounter', 'kept');
    const before = await finished(first, id);
    const history = (await status(first, id, '&showHistory=true')).historyEvents;
    await first.end('SIGKILL');
    const second = await boot();
    expect(second.systemKey).toBe(first.systemKey);
    expect(await status(second, id)).toEqual(before);
    expect((await status(second, id, '&showHistory=true')).historyEvents).toEqual(history);
    expect((await callClient(second, 'readEntityState', { name: 'Counter', key: 'kept' })).value).toMatchObject({
      entityState: 11,
    });
  });

  it('fires overdue timers immediately, and keeps instances suspended', async () => {
    const first = await boot();
    await start(first, 'approval', { timeoutMs: 60_000, code: 1 }, 'paused');
    await callClient(first, 'suspend', 'paused', '');
    await until(first, 'paused', ({ runtimeStatus }) => runtimeStatus === 'Suspended');
    await start(first, 'approval', { timeoutMs: 400, code: 1 }, 'due');
    await until(first, 'due', ({ runtimeStatus }) => runtimeStatus !== 'Pending');
    await first.end('SIGKILL');
    const second = await boot();
    expect((await finished(second, 'due')).output).toBe('timed out');
    expect((await status(second, 'paused')).runtimeStatus).toBe('Suspended');
    await raiseEvent(second, 'paused', 'Code', 1);
    await callClient(second, 'resume', 'paused', '');
    expect((await finished(second, 'paused')).output).toBe('accepted at attempt 1');
  });

  it('does not run an orchestration of a newer version until its own version is new enough', async () => {
    const hostJson = (defaultVersion: string): void =>
      writeFileSync(
        join(folder, 'host.json'),
        JSON.stringify({
          version: '2.0',
          extensions: { durableTask: { defaultVersion, versionMatchStrategy: 'CurrentOrOlder' } },
        }),
      );
    hostJson('2.0');
    const newer = await boot();
    await start(newer, 'approval', { timeoutMs: 60_000, code: 1 }, 'versioned');
    await until(newer, 'versioned', ({ runtimeStatus }) => runtimeStatus === 'Running');
    await newer.end();
    hostJson('1.9');
    const older = await boot();
    await raiseEvent(older, 'versioned', 'Code', 1);
    await expect.poll(() => older.errors()).toContain('has version 2.0, which this host (1.9) does not run');
    expect((await status(older, 'versioned')).runtimeStatus).toBe('Running');
    await older.end();
    hostJson('2.0.1');
    expect((await finished(await boot(), 'versioned')).output).toBe('accepted at attempt 1');
  });

  it('runs a timer function for a missed occurrence', async () => {
    const first = await boot();
    const fire = await fetch(`${first.url}/admin/functions/everyNight?code=${first.masterKey}`, {
      method: 'POST',
      body: '{"input":null}',
    });
    expect(fire.status).toBe(202);
    await expect.poll(() => readNotes()).toHaveLength(1);
    expect(readNotes()[0]).toContain('"isPastDue":false');
    await first.end();
    // The state after a stop two days ago.
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(join(folder, 'store.sqlite'));
    const updated = new Date(Date.now() - 2 * 86_400_000);
    const next = new Date(updated);
    next.setUTCHours(3, 0, 0, 0);
    if (next <= updated) next.setUTCDate(next.getUTCDate() + 1);
    const stored = { Last: '0001-01-01T00:00:00.000Z', Next: next.toISOString(), LastUpdated: updated.toISOString() };
    database.prepare('UPDATE host_values SET value = ? WHERE key = ?').run(JSON.stringify(stored), 'timer everyNight');
    database.close();
    await boot();
    await expect.poll(() => readNotes()).toHaveLength(2);
    expect(readNotes()[1]).toContain('"isPastDue":true');
  });
});
