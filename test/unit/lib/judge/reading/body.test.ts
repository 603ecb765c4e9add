import { describe, expect, it, vi } from 'vitest';
import { readBody } from '../../../../../src/lib/judge/reading/body.ts';

describe('readBody', () => {
  it.each([
    ['short texts', `{"otherMails":[${'"a=",'.repeat(800_000)}""]}`, /more than 50000 values/],
    ['numbers', `{"a":[${'1,'.repeat(2_000_000)}1]}`, /more than 50000 values/],
    ['objects', `{"a":[${'{},'.repeat(1_000_000)}1]}`, /more than 50000 values/],
    ['members', `{${'"a":1,'.repeat(600_000)}"b":1}`, /more than 50000 values/],
    ['arrays in arrays', `{"a":${'['.repeat(2_000_000)}`, /deeper than 40 levels/],
    ['objects in objects', `{"a":${'{"a":'.repeat(800_000)}`, /deeper than 40 levels/],
  ])('builds nothing of a body of very many %s', (_what, json, problem) => {
    const parse = vi.spyOn(JSON, 'parse');
    expect(() => readBody(json)).toThrow(problem);
    expect(parse).not.toHaveBeenCalled();
  });

  it('reads a large body of few values', () => {
    const content = 'a'.repeat(4_000_000);
    expect(readBody(JSON.stringify({ content })).value).toEqual({ content });
  });

  it('counts a long name several times', () => {
    const named = (length: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: 4_000 }, (_, at) => [`${at}`.padEnd(length, '_'), 1])));
    expect(readBody(named(90)).names.size).toBe(4_000);
    expect(() => readBody(named(900))).toThrow(/names, or very long ones/);
  });

  it('reads no name that is written with an escape as another one', () => {
    const hidden = String.raw`{"mail":"x","\u0070asswordProfile":{}}`;
    expect([...readBody(hidden).names.keys()]).toEqual(['mail', 'passwordProfile']);
    expect(() => readBody(String.raw`{"mail":"x","\\u0070asswordPr":1}`)).toThrow(/write keys without a backslash/);
    // While this lives, JSON.parse of Node 24 reads the hidden name as the one in it.
    const seen = JSON.parse(String.raw`{"mail":"x","\\u0070asswordPr":1}`) as object;
    const read = (): readonly string[] | 'refused' => {
      try {
        return [...readBody(hidden).names.keys()];
      } catch {
        return 'refused';
      }
    };
    expect([['mail', 'passwordProfile'], 'refused']).toContainEqual(read());
    expect(Object.keys(seen)).toHaveLength(2);
  });
});
