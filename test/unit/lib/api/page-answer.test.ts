import { brotliDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { staticAnswer, staticFile } from '../../../../src/lib/api/page-answer.ts';

const file = await staticFile('<!doctype html>', 'text/html; charset=utf-8');
const none = new Headers();
const asks = (tag: string) => new Headers({ 'if-none-match': tag });

describe('staticAnswer', () => {
  it('returns the file and makes clients revalidate it', () => {
    const { status, headers, body } = staticAnswer(file, none);
    expect([status, body]).toEqual([200, '<!doctype html>']);
    expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
  });

  it('restricts pages to resources of this origin and forbids framing', () => {
    const policy = staticAnswer(file, none).headers?.['content-security-policy'] ?? '';
    const directives = new Map(policy.split('; ').map((directive) => directive.split(/ (.*)/, 2) as [string, string]));
    expect(directives.get('default-src')).toBe("'none'");
    expect(directives.get('frame-ancestors')).toBe("'none'");
    expect([...directives.keys()].filter((name) => name.endsWith('-src')).length).toBeGreaterThan(2);
    for (const [name, value] of directives) {
      if (name.endsWith('-src')) expect([`'none'`, `'self'`]).toContain(value);
    }
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  it('forbids what a page does not need, whether the client has the file or not', () => {
    for (const { headers } of [staticAnswer(file, none), staticAnswer(file, asks(file.etag))])
      expect(headers).toMatchObject({
        'content-security-policy': expect.stringMatching(
          /; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'$/,
        ) as string,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=()',
      });
  });

  it('lets scripts send requests to one more address', () => {
    const policyOf = (connectTo?: string) =>
      staticAnswer(file, none, connectTo).headers?.['content-security-policy']?.split('; ');
    expect(policyOf()).toEqual(
      expect.arrayContaining(["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"]),
    );
    expect(policyOf('https://login.example/')).toContain("connect-src 'self' https://login.example/");
  });

  it.each([file.etag, `W/${file.etag}`, `"other", ${file.etag}`, '*'])(
    'answers 304 without a body when the tag matches (%s)',
    (tag) => {
      const answer = staticAnswer(file, asks(tag));
      expect([answer.status, answer.body]).toEqual([304, undefined]);
      expect(answer.headers?.['etag']).toBe(file.etag);
    },
  );

  it.each(['"other"', file.etag.slice(0, -1), ''])('answers 200 when the tag does not match (%s)', (tag) => {
    expect(staticAnswer(file, asks(tag)).status).toBe(200);
  });

  it('derives the tag from the content', async () => {
    expect((await staticFile('<!doctype html> ', 'text/html')).etag).not.toBe(file.etag);
  });

  it.each(['br', 'gzip, deflate, br, zstd', 'gzip;q=0.5, BR ; q=0.1'])('compresses for %s', (encodings) => {
    const { headers, body } = staticAnswer(file, new Headers({ 'accept-encoding': encodings }));
    expect(headers).toMatchObject({ 'content-encoding': 'br', vary: 'accept-encoding' });
    expect(brotliDecompressSync(body as Uint8Array).toString()).toBe('<!doctype html>');
  });

  it.each(['', 'gzip', 'br;q=0', 'gzip, br; q=0.00', 'brotli'])('sends the text itself for %j', (encodings) => {
    const { headers, body } = staticAnswer(file, new Headers({ 'accept-encoding': encodings }));
    expect(headers).toMatchObject({ vary: 'accept-encoding' });
    expect([headers?.['content-encoding'], body]).toEqual([undefined, '<!doctype html>']);
  });

  it('does not take one encoding for the other', () => {
    const br = { 'accept-encoding': 'br' };
    const tag = staticAnswer(file, new Headers(br)).headers?.['etag'] ?? '';
    expect(staticAnswer(file, new Headers({ ...br, 'if-none-match': tag })).status).toBe(304);
    expect(staticAnswer(file, new Headers({ ...br, 'if-none-match': file.etag })).status).toBe(200);
    expect(staticAnswer(file, asks(tag)).status).toBe(200);
  });
});
