import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { maxRequestBodyBytes, readBytes, readJson, type RequestBody } from '../../../../src/lib/api/call.ts';

const schema = z.strictObject({ tenant: z.string().min(1), list: z.array(z.int()).optional() });
const chunks = async function* (...parts: readonly (string | Buffer)[]) {
  for (const part of parts) yield Buffer.from(part as string);
};
const request = (body: unknown, headers: Record<string, string> = {}): RequestBody => ({
  headers: new Headers(headers),
  body,
});
const read = (body: unknown, headers?: Record<string, string>) => readJson(request(body, headers), schema);

describe('readJson', () => {
  it('reads the chunks of a body and parses it', async () => {
    expect(await read(chunks('{"ten', 'ant":"ü"}'))).toEqual({ tenant: 'ü' });
    const bytes = Buffer.from('{"tenant":"ü"}');
    expect(await read(chunks(bytes.subarray(0, 12), bytes.subarray(12)))).toEqual({ tenant: 'ü' });
    expect(await readJson(new Request('http://x/', { method: 'POST', body: '{"tenant":"a"}' }), schema)).toEqual({
      tenant: 'a',
    });
  });

  it.each([null, undefined])('treats an absent body (%s) as an empty object', async (body) => {
    await expect(read(body)).rejects.toMatchObject({
      code: 'request_invalid',
      detail: expect.stringMatching(/^tenant: /) as string,
    });
    expect(await readJson(request(body), z.object({}))).toEqual({});
    expect(await readJson(request(chunks('')), z.object({}))).toEqual({});
  });

  it('does not repeat thousands of unknown keys', async () => {
    const keys = Array.from({ length: 5_000 }, (_, n) => `"key${n}":1`).join();
    const failure: unknown = await read(chunks(`{"tenant":"a",${keys}}`)).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({
      code: 'request_invalid',
      detail: expect.stringMatching(/^body: Unrecognized keys: "key0", .{1,300}…\.$/) as string,
    });
  });

  it('says so if the host has dropped a body without Content-Length', async () => {
    await expect(read(null, { 'transfer-encoding': 'chunked' })).rejects.toMatchObject({
      code: 'request_invalid',
      detail: 'The body did not arrive. Send it with Content-Length: the host drops a body that is sent in chunks.',
    });
    expect(await read(chunks('{"tenant":"a"}'), { 'transfer-encoding': 'chunked' })).toEqual({ tenant: 'a' });
  });

  it('rejects invalid JSON without quoting it', async () => {
    await expect(read(chunks('{"secret'))).rejects.toMatchObject({
      code: 'request_invalid',
      detail: 'The body is not valid JSON.',
    });
  });

  it.each([
    ['arrays', '['.repeat(5_000), ']'.repeat(5_000)],
    ['objects', '{"a":'.repeat(5_000), '}'.repeat(5_000)],
  ])('rejects %s nested 5,000 deep', async (_kind, open, close) => {
    const parameters = z.strictObject({ parameters: z.unknown() });
    const nested = (inner: string): Promise<unknown> =>
      readJson(request(chunks(`{"parameters":${inner}}`)), parameters);
    await expect(nested(`${open}1${close}`)).rejects.toMatchObject({
      code: 'request_invalid',
      detail: 'The body is nested deeper than 64 levels.',
    });
    // The body itself is the first level.
    expect(await nested(`${'['.repeat(63)}"[{"${']'.repeat(63)}`)).toHaveProperty('parameters');
    await expect(nested(`${'['.repeat(64)}${']'.repeat(64)}`)).rejects.toMatchObject({ code: 'request_invalid' });
  });

  it.each(['{"tenant":"a","tenant":"b"}', '{"tenant":"a","list":[{"x":1,"\\u0078":2}]}'])(
    'rejects a body that contains a key twice in one object: %s',
    async (body) => {
      await expect(read(chunks(body))).rejects.toMatchObject({
        code: 'request_invalid',
        detail: expect.stringMatching(/^The body contains the key "(tenant|x)" twice in one object\.$/) as string,
      });
    },
  );

  it('reads a string as long as the largest body', async () => {
    const value = '\\"'.repeat(200_000);
    expect(await readJson(request(chunks(`{"a":"${value}"}`)), z.object({ a: z.string() }), 1_000_000)).toEqual({
      a: '"'.repeat(200_000),
    });
  });

  it('cuts a long key that an object contains twice', async () => {
    const key = 'k'.repeat(200);
    await expect(read(chunks(`{"${key}":1,"${key}":2}`))).rejects.toMatchObject({
      detail: `The body contains the key "${'k'.repeat(100)}" twice in one object.`,
    });
  });

  it('rejects invalid UTF-8 instead of replacing it', async () => {
    await expect(read(chunks(Buffer.from([0x7b, 0xff, 0x7d])))).rejects.toMatchObject({
      detail: 'The body is not UTF-8.',
    });
  });

  it('rejects a body that is too large by content-length or by its actual size', async () => {
    const tooLarge = { code: 'request_too_large', detail: 'The body is larger than 64 KiB.' };
    await expect(read(chunks('{}'), { 'content-length': `${maxRequestBodyBytes + 1}` })).rejects.toMatchObject(
      tooLarge,
    );
    await expect(read(chunks(Buffer.alloc(maxRequestBodyBytes), 'x'))).rejects.toMatchObject(tooLarge);
    const full = JSON.stringify({ tenant: 'a'.repeat(maxRequestBodyBytes - 13) });
    expect(Buffer.byteLength(full)).toBe(maxRequestBodyBytes);
    expect(await read(chunks(full), { 'content-length': `${maxRequestBodyBytes}` })).toMatchObject({ tenant: /^a+$/ });
  });

  it('names the wrong field, or `body` if the body itself is wrong', async () => {
    await expect(read(chunks('{"tenant":"a","list":[1,"x"]}'))).rejects.toMatchObject({
      detail: expect.stringMatching(/^list\.1: /) as string,
    });
    await expect(read(chunks('3'))).rejects.toMatchObject({ detail: expect.stringMatching(/^body: /) as string });
    await expect(read(chunks('{"tenant":{"length":{"toString":1}}}'))).rejects.toMatchObject({
      code: 'request_invalid',
    });
  });
});

describe('readBytes', () => {
  it('reads bytes as they are', async () => {
    const bytes = Buffer.from([0, 0xff, 0x7b, 0x80]);
    expect(await readBytes(request(chunks(bytes.subarray(0, 2), bytes.subarray(2))))).toEqual(bytes);
  });

  it.each([null, undefined, chunks('')])('finds no body in %s', async (body) => {
    expect(await readBytes(request(body))).toBeUndefined();
  });

  it('says so if the host has dropped the body', async () => {
    await expect(readBytes(request(null, { 'transfer-encoding': 'chunked' }))).rejects.toMatchObject({
      code: 'request_invalid',
    });
    expect(await readBytes(request(chunks('a'), { 'transfer-encoding': 'chunked' }))).toEqual(Buffer.from('a'));
  });

  it('rejects more bytes than allowed, declared or sent', async () => {
    const tooLarge = { code: 'request_too_large', detail: 'The body is larger than 1 KiB.' };
    await expect(readBytes(request(chunks('a'), { 'content-length': '1025' }), 1024)).rejects.toMatchObject(tooLarge);
    await expect(readBytes(request(chunks(Buffer.alloc(1024), 'a')), 1024)).rejects.toMatchObject(tooLarge);
    const full = request(chunks(Buffer.alloc(1024)), { 'content-length': '1024' });
    expect(await readBytes(full, 1024)).toHaveLength(1024);
  });
});
