import { ContainerClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBlobCheckpointLog } from '../../src/lib/audit/blob-checkpoint-log.ts';
import type { CheckpointLog } from '../../src/lib/audit/checkpoint-log.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';

const perBlob = 288;
let azurite: Azurite;
let containers = 0;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());

/** Opens the same log as often as it is called. */
function newLog(): () => CheckpointLog {
  containers += 1;
  const name = `checkpoints${containers}`;
  return () => createBlobCheckpointLog(async () => new ContainerClient(azurite.connectionString, name));
}

/** Appends checkpoints with these numbers, in order. */
async function fill(log: CheckpointLog, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number += 1)
    expect(await log.append(`line-${number}`, number, await log.last())).toBe(true);
}

describe('the log of checkpoints in blobs', () => {
  it('is empty before the first, also without its container', async () => {
    const log = newLog()();
    expect(await log.last()).toBeUndefined();
    expect(await log.page(0)).toEqual({ checkpoints: [] });
  });

  it('keeps checkpoints in their order', async () => {
    const log = newLog()();
    await fill(log, 1, 3);
    expect((await log.last())?.jws).toBe('line-3');
    expect(await log.page(0)).toEqual({ checkpoints: ['line-1', 'line-2', 'line-3'] });
  });

  it('takes one of two checkpoints that follow the same one, whoever wrote it', async () => {
    const open = newLog();
    const [one, other] = [open(), open()];
    await fill(one, 1, 1);
    const before = await other.last();
    const taken = await Promise.all([one, other].map((log, index) => log.append(`line-2 of ${index}`, 2, before)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect((await one.last())?.jws).toBe(`line-2 of ${taken.indexOf(true)}`);
    expect((await one.page(0)).checkpoints).toHaveLength(2);
  });

  it('takes one of two first checkpoints', async () => {
    const open = newLog();
    const logs = Array.from({ length: 5 }, () => open());
    const taken = await Promise.all(logs.map((log, index) => log.append(`line-1 of ${index}`, 1, undefined)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect((await open().page(0)).checkpoints).toHaveLength(1);
  });

  it('knows its own checkpoint again after a lost reply', async () => {
    const log = newLog()();
    await fill(log, 1, 1);
    const before = await log.last();
    expect(await log.append('line-2', 2, before)).toBe(true);
    expect(await log.append('line-2', 2, before)).toBe(true);
    expect((await log.page(0)).checkpoints).toEqual(['line-1', 'line-2']);
  });

  it('finds the last checkpoint behind large ones, and a large one', async () => {
    const log = newLog()();
    for (const [index, size] of [200_000, 200_000, 10, 400_000].entries()) {
      const line = `${index}-${'x'.repeat(size)}`;
      expect(await log.append(line, index + 1, await log.last())).toBe(true);
      expect((await log.last())?.jws).toBe(line);
    }
    expect((await log.page(0)).checkpoints.map((line) => line.slice(0, 1))).toEqual(['0', '1', '2', '3']);
  });

  it('goes on in another blob after a day, and reads from the one before a time', async () => {
    const log = newLog()();
    await fill(log, 1, perBlob + 1);
    expect((await log.last())?.jws).toBe(`line-${perBlob + 1}`);
    const first = await log.page(0);
    expect(first.checkpoints).toHaveLength(perBlob);
    const second = await log.page(0, first.continuation);
    expect(second).toEqual({ checkpoints: [`line-${perBlob + 1}`] });
    await fill(log, perBlob + 2, perBlob + 2);
    // Both blobs are older, so only the last one can have a checkpoint for a later time.
    expect((await log.page(Date.now() + 60_000)).checkpoints).toEqual([`line-${perBlob + 1}`, `line-${perBlob + 2}`]);
    await expect(log.page(0, 'x')).rejects.toMatchObject({ code: 'request_invalid' });
  });
});
