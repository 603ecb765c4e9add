import { describe, expect, it } from 'vitest';
import { answerHeaders, requestIdOf } from '../../../../../src/lib/gateway/send/send.ts';

describe('the headers of an answer', () => {
  it('are listed, and have only values that a header may have', () => {
    const etag = 'W/"1"\t~ ';
    expect(
      answerHeaders({
        etag,
        location: 'https://a.example/\u00e9',
        'content-language': '\u0000de',
        'request-id': 'a\r\nset-cookie: b',
        'set-cookie': 'a=b',
        'www-authenticate': 'Bearer',
      }),
    ).toEqual({ etag });
  });

  it('name the request', () => {
    expect(requestIdOf({ 'request-id': 'a', 'x-ms-request-id': 'b' })).toBe('a');
    expect(requestIdOf({ 'x-ms-request-id': 'b' })).toBe('b');
    expect(requestIdOf({})).toBeUndefined();
  });
});
