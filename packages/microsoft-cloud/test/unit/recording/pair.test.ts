import { describe, expect, it } from 'vitest';
import { parsePairs } from '../../../src/recording/pair.ts';

const pair = (change: object) => ({
  request: { method: 'GET', path: '/v1.0/users' },
  response: { status: 200, headers: {}, body: {} },
  ...change,
});

describe('a pair', () => {
  it.each([
    ['escape', '\u001b[2J'],
    ['C1 control', '\u009b2J'],
    ['line break', 'a\nb'],
    ['delete', '\u007f'],
    ['override of the direction', '\u202e'],
    ['isolate of the direction', '\u2066'],
    ['half of a character', '\ud800'],
  ])('holds no %s, which a terminal obeys', (_name, text) => {
    const changes = [
      { title: text },
      { request: { method: 'GET', path: `/v1.0/${text}` } },
      { response: { status: 200, headers: {}, body: { value: [{ [text]: 1 }] } } },
      { response: { status: 200, headers: {}, body: { error: { code: text } } } },
    ];
    for (const change of changes)
      expect(() => parsePairs(JSON.stringify(pair(change)))).toThrow(
        'Line 1 is no pair: it holds control characters, which no recorder writes.',
      );
  });

  it('may hold names in any script', () => {
    const named = pair({ title: 'Łódź 東京 \u{1f469}\u200d\u{1f4bb}' });
    expect(parsePairs(JSON.stringify(named))).toEqual([named]);
  });
});
