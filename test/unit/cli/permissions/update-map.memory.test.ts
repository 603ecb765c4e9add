import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedMap, updateMap, type UpdateDeps } from '../../../../src/cli/permissions/update-map.ts';
import { publishedFile } from '../../../support/published-file.ts';

/* Updates over blobs in memory. update-map.test.ts has the same on Azurite. */

const nowMs = (): number => Date.UTC(2026, 10, 25);
const url = 'https://raw.example/permissions.json';
const maximumBytes = 30 * 1024 * 1024;
const withPermission = (name: string): string =>
  publishedFile((permissions) => {
    permissions[name] = {
      authorizationType: 'oAuth2',
      pathSets: [{ schemeKeys: ['DelegatedWork'], methods: ['GET'], paths: { '/new': '' } }],
    };
  });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-map-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** One stored text, and how often it was replaced. */
function stage(body: string | Uint8Array<ArrayBuffer> = '', status = 200) {
  const state = { text: undefined as string | undefined, replaced: 0 };
  const deps: UpdateDeps = {
    blobs: {
      read: async () => (state.text === undefined ? undefined : { text: state.text, etag: 'v' }),
      replace: async (text) => {
        state.text = text;
        state.replaced += 1;
      },
    },
    fetch: async () => new Response(body, { status }),
    nowMs,
  };
  const update = (text: string) => updateMap({ ...deps, fetch: async () => new Response(text) }, { url });
  return { state, deps, update };
}

describe('an update', () => {
  it('names what it adds and removes, and stores the same file only once', async () => {
    const { state, deps, update } = stage();
    const first = await update(withPermission('First.Read.All'));
    expect(first).toMatchObject({ added: ['First.Read.All'], removed: [], unchanged: false, skippedPaths: [] });
    const again = await updateMap(
      { ...deps, fetch: async () => new Response(withPermission('First.Read.All')), nowMs: () => nowMs() + 1_000 },
      { url },
    );
    expect(again).toMatchObject({ unchanged: true, added: [], removed: [], origin: first.origin });
    expect(state.replaced).toBe(1);
    const second = await update(withPermission('Second.Read.All'));
    expect(second).toMatchObject({ added: ['Second.Read.All'], removed: ['First.Read.All'], unchanged: false });
    expect(second.permissions).toBe(first.permissions);
    expect(state.replaced).toBe(2);
  });

  it('stores nothing after a refusal', async () => {
    const { state, update } = stage();
    await expect(update('<html>')).rejects.toMatchObject({ code: 'request_invalid' });
    expect(state.replaced).toBe(0);
  });
});

describe('a file', () => {
  it.each([
    [maximumBytes + 1, /is larger than 30 MB/],
    [maximumBytes, /not Microsoft's published permission file/],
  ])('of %i bytes', async (size, reason) => {
    const file = join(folder, `${size}.json`);
    await writeFile(file, '');
    await truncate(file, size);
    await expect(updateMap(stage().deps, { file })).rejects.toThrow(reason);
  });
});

describe('a download', () => {
  it.each([
    [maximumBytes + 1, 'resource_error'],
    [maximumBytes, 'request_invalid'],
  ])('of %i bytes', async (size, code) => {
    await expect(updateMap(stage(new Uint8Array(size)).deps, { url })).rejects.toMatchObject({ code });
  });

  it('that is refused names the host and its answer', async () => {
    await expect(updateMap(stage('', 404).deps, { url })).rejects.toMatchObject({
      code: 'resource_error',
      detail: 'raw.example answers 404.',
    });
  });
});

describe('the stored map', () => {
  it.each([undefined, 'unchanged' as const, { text: '{"broken":', etag: 'v' }])('is none for %j', async (stored) => {
    expect(await storedMap({ read: async () => stored })).toBeUndefined();
  });

  it('is what an update stored', async () => {
    const { state, deps, update } = stage();
    await update(withPermission('First.Read.All'));
    expect(state.replaced).toBe(1);
    expect((await storedMap(deps.blobs))?.map.permissions).toContain('First.Read.All');
  });
});
