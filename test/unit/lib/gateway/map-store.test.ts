import { beforeEach, describe, expect, it } from 'vitest';
import { buildPermissionMap } from 'graph-permissions/build-map';
import { partnerMap } from 'graph-permissions/partner-table';
import { type MapBlobs, MapStore, type MapText } from '../../../../src/lib/gateway/map-store.ts';
import { readStoredMap, writeStoredMap } from '../../../../src/lib/judge/stored-map.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

const map = buildPermissionMap([
  { segments: ['users'], method: 'GET', scheme: 'delegated', permission: 'User.Read.All', alsoOneOf: [] },
]);
const origin = {
  source: 'https://example.com/p.json',
  retrievedAt: '2026-11-24T00:00:00.000Z',
  sha256: 'a'.repeat(64),
};
const text = writeStoredMap({ origin, map });

let stored: MapText | undefined;
let failure: Error | undefined;
let asked: (string | undefined)[];
let clock: FakeClock;
let recorder: ReturnType<typeof recordingLogger>;
let store: MapStore;

beforeEach(() => {
  stored = { text, etag: '1' };
  failure = undefined;
  asked = [];
  clock = new FakeClock();
  recorder = recordingLogger();
  const blobs: Pick<MapBlobs, 'read'> = {
    read: async (etag) => {
      asked.push(etag);
      if (failure) throw failure;
      return etag !== undefined && etag === stored?.etag ? 'unchanged' : stored;
    },
  };
  store = new MapStore({ blobs, clock, log: recorder.log });
});

/** Lets a reading in the background end. */
async function later(): Promise<void> {
  await clock.advance(30_000);
  await store.inForce().catch(() => undefined);
  await settle();
}

describe('MapStore', () => {
  it('reads nothing before it is needed, and then once', async () => {
    expect(asked).toEqual([]);
    expect(await store.current()).toEqual(map);
    await store.current();
    expect(asked).toEqual([undefined]);
  });

  it('asks only whether the map changed', async () => {
    await store.current();
    await later();
    expect(asked).toEqual([undefined, '1']);
    expect(await store.current()).toEqual(map);
  });

  it('serves the built-in table while there is no stored map', async () => {
    stored = undefined;
    expect(await store.inForce()).toEqual({ map: partnerMap(), origin: undefined });
    stored = { text, etag: '2' };
    await later();
    expect((await store.inForce()).origin).toEqual(origin);
    stored = undefined;
    await later();
    expect((await store.inForce()).origin).toBeUndefined();
  });

  it('keeps the former map if the stored one was changed, and says so', async () => {
    await store.current();
    stored = { text: text.replace('User.Read.All', 'Mail.Read.All'), etag: '2' };
    await later();
    const problem = 'The stored permission map was changed or cut off; run `ptb permissions update` again.';
    expect(await store.inForce()).toEqual({ map, origin, problem });
    await later();
    expect(await store.inForce()).toEqual({ map, origin, problem });
    expect(recorder.lines.filter(({ line }) => line.includes('permission_map.rejected'))).toHaveLength(1);
    stored = { text, etag: '3' };
    await later();
    expect(await store.inForce()).toEqual({ map, origin });
  });

  it('serves the built-in table if the first stored map cannot be read', async () => {
    stored = { text: '{}', etag: '1' };
    expect(await store.inForce()).toMatchObject({
      origin: undefined,
      problem: expect.stringContaining('update') as string,
    });
  });

  it('keeps the map while storage fails, and fails without one', async () => {
    await store.current();
    failure = new Error('ECONNREFUSED');
    await later();
    await later();
    expect(await store.current()).toEqual(map);
    const blobs = { read: async () => Promise.reject(new Error('ECONNREFUSED')) };
    const empty = new MapStore({ blobs, clock, log: recorder.log });
    await expect(empty.current()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

describe('the stored form', () => {
  it('is read as it was written', () => {
    expect(readStoredMap(text)).toEqual({ origin, map });
  });

  it.each([
    ['an empty text', ''],
    ['no origin', text.slice(text.indexOf('\n') + 1)],
    ['a text that was cut off', text.slice(0, -3)],
    ['another format', text.replace('"source"', '"from"')],
    ['another digest', text.replace(/"sha256":"a/, '"sha256":"x')],
    ['an impossible length', text.padEnd(8_000_001)],
  ])('is not %s', (_, changed) => {
    expect(() => readStoredMap(changed)).toThrow(/run `ptb permissions update` again/);
  });
});
