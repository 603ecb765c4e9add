import { describe, expect, it } from 'vitest';
import { WholeResponse } from '../../src/functions/route.ts';

describe('an answer as the library reads it', () => {
  const read = async (body: string | Uint8Array<ArrayBuffer> | undefined) =>
    Buffer.from(await new WholeResponse({ status: 200, ...(body === undefined ? {} : { body }) }).arrayBuffer());

  it('has the bytes of its body alone, although it is a part of a larger buffer', async () => {
    const pool = new Uint8Array(Buffer.from('of another caller: secret; of this one: öffentlich'));
    const own = pool.subarray(40);
    expect((await read(own)).toString()).toBe('öffentlich');
  });

  it('has a text in UTF-8, and no byte without a body', async () => {
    expect((await read('öffentlich')).toString()).toBe('öffentlich');
    expect(await read(undefined)).toHaveLength(0);
  });

  it('has 20 MiB as they are', async () => {
    const body = new Uint8Array(20 * 1024 * 1024).map((_, index) => index % 251);
    expect((await read(body)).equals(body)).toBe(true);
  });

  it('has the status and the headers', () => {
    const { status, headers } = new WholeResponse({ status: 404, headers: { 'Cache-Control': 'no-store' } });
    expect([status, Object.fromEntries(headers)]).toEqual([404, { 'cache-control': 'no-store' }]);
  });
});
