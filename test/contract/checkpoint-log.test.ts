import { BlobClient, ContainerClient } from '@azure/storage-blob';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBlobCheckpointLog } from '../../src/lib/audit/chain/blob-checkpoint-log.ts';
import type { CheckpointLog } from '../../src/lib/audit/chain/checkpoint-log.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

const perBlob = 288;
let azurite: Azurite;
let containers = 0;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

/** Opens the same log as often as it is called. */
function newLog(): () => CheckpointLog {
  containers += 1;
  const name = `checkpoints${containers}`;
  return () => createBlobCheckpointLog(async () => new ContainerClient(azurite.connectionString, name));
}

/** When a checkpoint was written, by its number: a day has as many as a blob. */
const timeOf = (number: number): number => Date.UTC(2026, 0, 1) + number * 300_000;
/** A line with this number that counts as the app's, unless it says that somebody else wrote it. */
const line = (number: number, text = 'app', atMs = timeOf(number)): string =>
  `e30.${Buffer.from(JSON.stringify({ number, text, at: new Date(atMs).toISOString() })).toString('base64url')}.c2lnbmVk`;
const textOf = (jws: string | undefined): unknown => {
  const { at: _, ...rest } = JSON.parse(Buffer.from(jws?.split('.')[1] ?? '', 'base64url').toString()) as object & {
    at?: string;
  };
  return rest;
};
const isOwn = async (jws: string): Promise<boolean> =>
  jws.endsWith('.c2lnbmVk') && !JSON.stringify(textOf(jws)).includes('foreign');

/** Appends checkpoints with these numbers, in order. */
async function fill(log: CheckpointLog, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number += 1)
    expect(await log.append(line(number), number, await log.last(isOwn))).toBe(true);
}

/** Appends checkpoints with the numbers from this one on as the log does, but for the last two, without reading each. */
async function fillFirstBlob(container: ContainerClient, from: number): Promise<void> {
  const blob = container.getAppendBlobClient('checkpoints-0000000.jsonl');
  for (let number = from; number < perBlob - 1; number += 1) {
    const text = `${line(number)}\n`;
    await blob.appendBlock(text, text.length);
  }
}

describe('the log of checkpoints in blobs', () => {
  it('is empty before the first, also without its container', async () => {
    const log = newLog()();
    expect(await log.last(isOwn)).toBeUndefined();
    expect(await log.page(0, isOwn)).toEqual({ checkpoints: [] });
  });

  it('keeps checkpoints in their order', async () => {
    const log = newLog()();
    await fill(log, 1, 3);
    expect((await log.last(isOwn))?.jws).toBe(line(3));
    expect(await log.page(0, isOwn)).toEqual({ checkpoints: [line(1), line(2), line(3)] });
  });

  it('takes one of two checkpoints that follow the same one, whoever wrote it', async () => {
    const open = newLog();
    const [one, other] = [open(), open()];
    await fill(one, 1, 1);
    const before = await other.last(isOwn);
    const taken = await Promise.all([one, other].map((log, index) => log.append(line(2, `of ${index}`), 2, before)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect((await one.last(isOwn))?.jws).toBe(line(2, `of ${taken.indexOf(true)}`));
    expect((await one.page(0, isOwn)).checkpoints).toHaveLength(2);
  });

  it('takes one of two first checkpoints', async () => {
    const open = newLog();
    const logs = Array.from({ length: 5 }, () => open());
    const taken = await Promise.all(logs.map((log, index) => log.append(line(1, `of ${index}`), 1, undefined)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect((await open().page(0, isOwn)).checkpoints).toHaveLength(1);
  });

  it('knows its own checkpoint again after a lost reply', async () => {
    const log = newLog()();
    await fill(log, 1, 1);
    const before = await log.last(isOwn);
    expect(await log.append(line(2), 2, before)).toBe(true);
    expect(await log.append(line(2), 2, before)).toBe(true);
    expect((await log.page(0, isOwn)).checkpoints).toEqual([line(1), line(2)]);
  });

  it('finds the last checkpoint behind large ones, and a large one', async () => {
    const log = newLog()();
    for (const [index, size] of [200_000, 200_000, 10, 1_600_000].entries()) {
      const large = line(index + 1, 'x'.repeat(size));
      expect(await log.append(large, index + 1, await log.last(isOwn))).toBe(true);
      const last = await log.last(isOwn);
      expect(last?.jws).toBe(large);
      expect(last?.hasForeign).toBe(false);
    }
    const pages: string[][] = [];
    for (let next: string | undefined, done = false; !done; done = next === undefined) {
      const page = await log.page(0, isOwn, next);
      next = page.continuation;
      pages.push([...page.checkpoints]);
    }
    expect(pages.map(({ length }) => length)).toEqual([3, 1]);
    expect(pages.flat().map((jws) => textOf(jws))).toMatchObject([
      { number: 1 },
      { number: 2 },
      { number: 3 },
      { number: 4 },
    ]);
  });

  it('goes on in another blob after a day, and reads from the one before a time', async () => {
    const log = newLog()();
    await fill(log, 1, 2);
    await fillFirstBlob(new ContainerClient(azurite.connectionString, `checkpoints${containers}`), 3);
    await fill(log, perBlob - 1, perBlob + 1);
    expect((await log.last(isOwn))?.jws).toBe(line(perBlob + 1));
    const first = await log.page(0, isOwn);
    expect(first.checkpoints).toHaveLength(perBlob);
    const second = await log.page(0, isOwn, first.continuation);
    expect(second).toEqual({ checkpoints: [line(perBlob + 1)] });
    await fill(log, perBlob + 2, perBlob + 2);
    // A day comes before the time.
    expect((await log.page(timeOf(perBlob + 2), isOwn)).checkpoints[0]).toBe(line(1));
    await expect(log.page(0, isOwn, '1')).rejects.toMatchObject({ code: 'request_invalid' });
  });

  describe('of ninety days that are written at once, as after a restore', () => {
    const blobs = 90;
    /** Of each blob only the first two and the last. */
    const linesOf = (blob: number): string[] => [1, 2, perBlob].map((place) => line(blob * perBlob + place));
    let log: CheckpointLog;
    let container: ContainerClient;
    beforeAll(async () => {
      log = newLog()();
      container = new ContainerClient(azurite.connectionString, `checkpoints${containers}`);
      await container.create();
      for (let blob = 0; blob < blobs; blob += 1) {
        const client = container.getAppendBlobClient(`checkpoints-${String(blob).padStart(7, '0')}.jsonl`);
        const text = linesOf(blob).map((each) => `${each}\n`);
        await client.create();
        await client.appendBlock(text.join(''), text.join('').length);
      }
    });
    /** @param isKnown whether the vault has the key of a line. */
    const readFrom = async (
      fromMs: number,
      { of = log, isKnown = isOwn } = {},
    ): Promise<[first: string | undefined, requests: number]> => {
      const downloads = vi.spyOn(BlobClient.prototype, 'downloadToBuffer');
      try {
        const { checkpoints } = await of.page(fromMs, isKnown);
        return [checkpoints[0], downloads.mock.calls.length];
      } finally {
        downloads.mockRestore();
      }
    };

    it('is read from a day before a time, which a few requests find, and none the next time', async () => {
      const [first, requests] = await readFrom(timeOf(61 * perBlob + 2));
      expect(first).toBe(line(60 * perBlob + 1));
      expect(requests).toBeGreaterThan(1);
      expect(requests).toBeLessThan(16);
      expect(await readFrom(timeOf(61 * perBlob + 200))).toEqual([first, 1]);
      expect(await readFrom(timeOf(61 * perBlob + 1))).toEqual([line(59 * perBlob + 1), 1]);
      expect((await readFrom(timeOf(0)))[0]).toBe(line(1));
      expect((await readFrom(timeOf(1_000_000)))[0]).toBe(line((blobs - 1) * perBlob + 1));
    });

    it('is read from a day before a time although the vault no longer has the key of two thirds of it', async () => {
      const of = createBlobCheckpointLog(async () => container);
      const asked: number[] = [];
      const isKnown = async (jws: string): Promise<boolean> => {
        const { number } = textOf(jws) as { readonly number: number };
        asked.push(number);
        return number > 60 * perBlob && isOwn(jws);
      };
      const [first] = await readFrom(timeOf(80 * perBlob + 2), { of, isKnown });
      expect(first).toBe(line(79 * perBlob + 1));
      asked.length = 0;
      expect(await readFrom(timeOf(80 * perBlob + 2), { of, isKnown })).toEqual([first, 1]);
      expect(await readFrom(timeOf(30 * perBlob + 2), { of, isKnown })).toEqual([line(1), 1]);
      expect(asked).toEqual([]);
    });

    it('is searched from where storage says that it was written, so old keys are not asked for', async () => {
      const listed = new ContainerClient(azurite.connectionString, container.containerName);
      const all = await Array.fromAsync(container.listBlobsFlat({ prefix: 'checkpoints-' }));
      const times = all.map((item, blob) => {
        const lastModified = new Date(timeOf((blob + 1) * perBlob));
        return { ...item, properties: { ...item.properties, lastModified } };
      });
      vi.spyOn(listed, 'listBlobsFlat').mockImplementation(() => times.values() as never);
      const of = createBlobCheckpointLog(async () => listed);
      const asked: number[] = [];
      const isKnown = async (jws: string): Promise<boolean> => {
        asked.push((textOf(jws) as { readonly number: number }).number);
        return isOwn(jws);
      };
      expect(await readFrom(timeOf(80 * perBlob + 2), { of, isKnown })).toEqual([line(79 * perBlob + 1), 2]);
      expect(asked).toEqual([81 * perBlob + 1]);
    });

    it('is read from an earlier blob if others have begun one with lines of a wrong time', async () => {
      const client = container.getAppendBlobClient('checkpoints-0000090.jsonl');
      await client.create();
      const long = timeOf(90 * perBlob + 1);
      const own = line(90 * perBlob + 1);
      for (const each of [line(90 * perBlob + 1, 'foreign', 0), line(1), 'garbage'])
        await client.appendBlock(`${each}\n`, each.length + 1);
      expect((await readFrom(long + 1))[0]).toBe(line(88 * perBlob + 1));
      await client.appendBlock(`${own}\n`, own.length + 1);
      expect((await readFrom(long + 1))[0]).toBe(line(89 * perBlob + 1));
      expect((await readFrom(long))[0]).toBe(line(88 * perBlob + 1));
      // Another one in its place.
      await client.delete();
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await client.create();
      const later = line(90 * perBlob + 1, 'app', long + 60_000);
      for (const each of [line(90 * perBlob + 1, 'foreign', 0), line(1), 'garbage', later])
        await client.appendBlock(`${each}\n`, each.length + 1);
      expect((await readFrom(long + 1))[0]).toBe(line(88 * perBlob + 1));
      await client.delete();
    });
  });

  describe('with lines that the app has not written', () => {
    let log: CheckpointLog;
    let container: ContainerClient;
    const blobOf = (number: number) =>
      container.getAppendBlobClient(`checkpoints-${String(number).padStart(7, '0')}.jsonl`);
    const add = (text: string | Buffer, blob = 0): Promise<unknown> =>
      blobOf(blob).appendBlock(text, Buffer.byteLength(text));
    beforeEach(async () => {
      log = newLog()();
      container = new ContainerClient(azurite.connectionString, `checkpoints${containers}`);
      await fill(log, 1, 3);
    });
    const numbers = async (): Promise<unknown[]> =>
      (await log.page(0, isOwn)).checkpoints.map((jws) => (jws.startsWith('e30.') ? textOf(jws) : jws));

    it.each([
      ['text', 'garbage\n'],
      ['text without an end', 'garbage'],
      ['bytes that are no text', Buffer.from([0xff, 0xfe, 0xc3, 0x28])],
      ['a checkpoint without a signature', `${line(4).slice(0, -8)}AAAA\n`],
      ['one of another key', `${line(4, 'foreign')}\n`],
      ['one for another blob', `${line(400, 'foreign')}\n`],
      ['an older one again', `${line(1)}\n${line(2)}\n`],
      ['more than is read at first', `${line(2)}\n`.repeat(5_000)],
    ])('goes on from its own after %s, and says so', async (_name, text) => {
      await add(text);
      const last = await log.last(isOwn);
      expect(textOf(last?.jws)).toMatchObject({ number: 3 });
      expect(last?.hasForeign).toBe(true);
      await fill(log, 4, 5);
      expect(textOf((await log.last(isOwn))?.jws)).toMatchObject({ number: 5 });
      expect((await numbers()).slice(-2)).toEqual([
        { number: 4, text: 'app' },
        { number: 5, text: 'app' },
      ]);
    });

    it('goes on from its own before a blob of somebody else', async () => {
      await blobOf(9_999_999).create();
      await add('garbage\n', 9_999_999);
      expect(await log.last(isOwn)).toMatchObject({ jws: line(3), hasForeign: true });
      await fill(log, 4, 4);
      expect((await log.last(isOwn))?.jws).toBe(line(4));
    });

    it('goes on in a blob that somebody has begun', async () => {
      await blobOf(1).create();
      await add('garbage', 1);
      await fillFirstBlob(container, 4);
      await fill(log, perBlob - 1, perBlob + 2);
      const second = await log.page(0, isOwn, '1.0');
      expect(second.checkpoints).toEqual(['garbage', line(perBlob + 1), line(perBlob + 2)]);
    });

    it('has no copies of checkpoints from other blobs: the first that is read is none', async () => {
      await fillFirstBlob(container, 4);
      await blobOf(1).create();
      await add(`${line(2)}\n${line(3)}\n`, 1);
      await fill(log, perBlob - 1, perBlob + 2);
      await add(`${line(perBlob + 1)}\n${line(perBlob + 2)}\n`);
      expect((await numbers()).at(-1)).toEqual({ number: perBlob, text: 'app' });
      const second = await log.page(0, isOwn, '1.0');
      expect(second.checkpoints).toEqual([line(perBlob + 1), line(perBlob + 2)]);
    });

    it('starts anew if none is its own', async () => {
      const last = await log.last(async () => false);
      expect(last?.jws).toBeUndefined();
      expect(await log.append(line(1, 'anew'), 1, last)).toBe(true);
      expect((await numbers()).at(-1)).toEqual({ number: 1, text: 'anew' });
    });
  });
});
