import { describe, expect, it } from 'vitest';
import { staticAnswer, staticFile } from '../../../../src/lib/api/page-answer.ts';

const file = staticFile('<!doctype html>', 'text/html; charset=utf-8');

describe('an answer with a file', () => {
  it('carries the file, and may be kept only to be asked about again', () => {
    const { status, headers, body } = staticAnswer(file, null);
    expect([status, body]).toEqual([200, '<!doctype html>']);
    expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
  });

  it('lets a page load and run only what this origin serves, and nobody frame it', () => {
    const policy = staticAnswer(file, null).headers?.['content-security-policy'] ?? '';
    const directives = new Map(policy.split('; ').map((directive) => directive.split(/ (.*)/, 2) as [string, string]));
    expect(directives.get('default-src')).toBe("'none'");
    expect(directives.get('frame-ancestors')).toBe("'none'");
    for (const [name, value] of directives) {
      if (name.endsWith('-src')) expect([`'none'`, `'self'`]).toContain(value);
    }
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  it.each([file.etag, `W/${file.etag}`, `"other", ${file.etag}`, '*'])('is empty for who has it (%s)', (tag) => {
    const answer = staticAnswer(file, tag);
    expect([answer.status, answer.body]).toEqual([304, undefined]);
    expect(answer.headers?.['etag']).toBe(file.etag);
  });

  it.each(['"other"', file.etag.slice(0, -1), ''])('is whole for who has another (%s)', (tag) => {
    expect(staticAnswer(file, tag).status).toBe(200);
  });

  it('has a tag of its own for each content', () => {
    expect(staticFile('<!doctype html> ', 'text/html').etag).not.toBe(file.etag);
  });
});
