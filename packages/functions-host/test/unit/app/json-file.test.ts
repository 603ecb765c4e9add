import { describe, expect, it } from 'vitest';
import { parseLooseJson } from '../../../src/app/json-file.ts';

describe('parseLooseJson', () => {
  it.each([
    ['\uFEFF{"a":1}', { a: 1 }],
    ['{ // one\n"a": "http://x//y", /* two\n */ "b": [1, 2,], }', { a: 'http://x//y', b: [1, 2] }],
    ['{"a":"\\"// kept, }"}', { a: '"// kept, }' }],
    ['[1, // last\n]', [1]],
  ])('parses %j', (text, expected) => {
    expect(parseLooseJson(text)).toEqual(expected);
  });

  it('throws for what is not JSON', () => {
    expect(() => parseLooseJson('{"a" 1}')).toThrow(SyntaxError);
  });
});
