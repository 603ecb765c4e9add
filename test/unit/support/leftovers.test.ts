import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Span } from '../../support/leftovers.ts';

/** What one kind of thing needs: it is opened, and what closes it is returned. */
type Open = () => Promise<() => unknown> | (() => unknown);

async function server(answer: (response: import('node:http').ServerResponse) => void = () => {}) {
  const running = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1');
  await once(running, 'listening');
  const close = async () => {
    running.close();
    running.closeAllConnections();
    await once(running, 'close');
  };
  return { url: `http://127.0.0.1:${(running.address() as AddressInfo).port}/`, close };
}

const kinds: Record<string, [expected: RegExp, open: Open]> = {
  'a server': [/^server on /, async () => (await server()).close],
  'a process': [
    /^process \d+: sleep 60/,
    async () => {
      const child = spawn('sleep', ['60']);
      await once(child, 'spawn');
      return () => child.kill();
    },
  ],
  'a process whose parent has ended': [
    /^process \d+: sleep 61/,
    async () => {
      const parent = spawn('sh', ['-c', 'sleep 61 >/dev/null 2>&1 & echo $!']);
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      await once(parent, 'close');
      return () => process.kill(Number(String(line)));
    },
  ],
  'a timer': [
    /^timer$/,
    () => {
      // Several, because they are counted, and others may end meanwhile.
      const timers = Array.from({ length: 5 }, () => setTimeout(() => {}, 60_000));
      return () => timers.forEach((timer) => clearTimeout(timer));
    },
  ],
  'a temporary folder': [
    /^temporary file /,
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'left-'));
      return () => rm(folder, { recursive: true });
    },
  ],
  'a file': [
    /^open file .*package\.json/,
    async () => {
      const file = await open('package.json');
      return () => file.close();
    },
  ],
  'a listener of the process': [
    /^listener of the process for SIGUSR2/,
    () => {
      const listener = () => {};
      process.on('SIGUSR2', listener);
      return () => process.off('SIGUSR2', listener);
    },
  ],
  'a fetch without an end': [
    /^fetch without an end: GET http/,
    async () => {
      const { url, close } = await server((response) => response.write('first'));
      await fetch(url);
      return close;
    },
  ],
  'an answer that nobody reads': [
    /^answer 200 that is neither read nor destroyed/,
    async () => {
      const { url, close } = await server((response) => response.write('first'));
      const request = get(url);
      await once(request, 'response');
      return close;
    },
  ],
};

describe('what a test leaves open', () => {
  it.each(Object.entries(kinds))('%s is found while it is open', async (_name, [expected, opens]) => {
    const span = new Span();

    const close = await opens();

    try {
      expect(await span.left(50)).toContainEqual(expect.stringMatching(expected));
    } finally {
      await close();
    }
    expect(await span.left()).toEqual([]);
  });
});
