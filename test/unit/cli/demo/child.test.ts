import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startChild } from '../../../../src/cli/demo/child.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-child-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const forEver = 'setInterval(() => undefined, 1_000);';

async function start(script: string, options: Parameters<typeof startChild>[2] = {}) {
  const file = join(folder, 'child.mjs');
  await writeFile(file, script);
  return startChild<{ pid: number }>(file, ['local'], options);
}

// test/support/leftovers.ts fails a test whose child is still there at its end.
describe('a child', () => {
  it('that is ready runs until it is stopped', async () => {
    const child = await start(`console.log(JSON.stringify({ pid: process.pid })); ${forEver}`);
    expect(child.ready.pid).toBe(child.pid);
    await child.stop();
    await child.exited;
  });

  it('that is not ready in time is ended', async () => {
    await expect(start(forEver, { startTimeoutMs: 1 })).rejects.toThrow('local was not ready in time');
  });

  it('that prints something else than a document is ended', async () => {
    await expect(start(`console.log('{'); ${forEver}`)).rejects.toThrow(SyntaxError);
  });

  it('that ends before it is ready fails with what it wrote to standard error', async () => {
    await expect(start(`console.error('ptb: no room'); process.exit(3);`)).rejects.toMatchObject({
      message: 'no room',
      exitCode: 3,
    });
  });
});
