import { describe, expect, it } from 'vitest';
import { staticAnswer, staticFile } from '../../../../src/lib/api/page-answer.ts';

const file = staticFile('<!doctype html>', 'text/html; charset=utf-8');

describe('staticAnswer', () => {
  it('returns the file and makes clients revalidate it', () => {
    const { status, headers, body } = staticAnswer(file, null);
    expect([status, body]).toEqual([200, '<!doctype html>']);
    expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
  });

  it('restricts pages to resources of this origin and forbids framing', () => {
    const policy = staticAnswer(file, null).headers?.['content-security-policy'] ?? '';
    const directives = new Map(policy.split('; ').map((directive) => directive.split(/ (.*)/, 2) as [string, string]));
    expect(directives.get('default-src')).toBe("'none'");
    expect(directives.get('frame-ancestors')).toBe("'none'");
    expect([...directives.keys()].filter((name) => name.endsWith('-src')).length).toBeGreaterThan(2);
    for (const [name, value] of directives) {
      if (name.endsWith('-src')) expect([`'none'`, `'self'`]).toContain(value);
    }
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  it.each([file.etag, `W/${file.etag}`, `"other", ${file.etag}`, '*'])(
    'answers 304 without a body when the tag matches (%s)',
    (tag) => {
      const answer = staticAnswer(file, tag);
      expect([answer.status, answer.body]).toEqual([304, undefined]);
      expect(answer.headers?.['etag']).toBe(file.etag);
    },
  );

  it.each(['"other"', file.etag.slice(0, -1), ''])('answers 200 when the tag does not match (%s)', (tag) => {
    expect(staticAnswer(file, tag).status).toBe(200);
  });

  it('derives the tag from the content', () => {
    expect(staticFile('<!doctype html> ', 'text/html').etag).not.toBe(file.etag);
  });
});
