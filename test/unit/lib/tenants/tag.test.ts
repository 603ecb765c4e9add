import { describe, expect, it } from 'vitest';
import { namesOfTags, parseTag, readTags } from '../../../../src/lib/tenants/tags.ts';

describe('parseTag', () => {
  it.each([
    ['managed', 'managed'],
    ['Managed', 'managed'],
    ['0-a_b.c', '0-a_b.c'],
    ['threshold=30', 'threshold=30'],
    ['Tier=Gold', 'tier=gold'],
    ['a'.repeat(64), 'a'.repeat(64)],
    [`${'a'.repeat(32)}=${'b'.repeat(31)}`, `${'a'.repeat(32)}=${'b'.repeat(31)}`],
  ])('reads %j', (text, tag) => {
    expect(parseTag(text)).toBe(tag);
  });

  it.each([
    '',
    '-a',
    '.a',
    '=30',
    'a=',
    'a==b',
    'a=b=c',
    'a b',
    'a\n',
    'a,b',
    'a:b',
    '*',
    'größe',
    // The Kelvin sign has "k" as its small letter.
    '\u212A',
    'a\u200D',
    'a'.repeat(65),
    `a=${'b'.repeat(63)}`,
  ])('refuses %j', (text) => {
    expect(parseTag(text)).toBeUndefined();
  });
});

describe('readTags', () => {
  it('sorts tags, and drops repetitions in any case', () => {
    expect(readTags(['b', 'A', 'a', 'tier=Gold'])).toEqual({ tags: ['a', 'b', 'tier=gold'] });
  });

  it('refuses each odd tag with its reason, and cuts a long one', () => {
    const rule =
      'is not a tag: use at most 64 letters, digits, "-", "_" and ".", start with a letter or digit, and write a value as NAME=VALUE.';
    expect(readTags(['ok', 'no good', '<script>', 'a'.repeat(200)])).toEqual({
      problems: [`"no good" ${rule}`, `"<script>" ${rule}`, `"${'a'.repeat(100)}" ${rule}`],
    });
  });

  it('refuses two values of one name', () => {
    expect(readTags(['tier=gold', 'tier=silver'])).toEqual({
      problems: ['"tier=gold" and "tier=silver" have the same name; a tenant has each name once.'],
    });
    expect(readTags(['tier', 'TIER=gold'])).toHaveProperty('problems');
  });

  it('accepts 50 tags and refuses 51', () => {
    const tags = Array.from({ length: 51 }, (_, index) => `tag${index}`);
    expect(readTags(tags.slice(1))).toHaveProperty('tags.length', 50);
    expect(readTags(tags)).toEqual({ problems: ['A tenant has at most 50 tags; these are 51.'] });
  });
});

it('a tag with a value is named with and without it', () => {
  expect([...namesOfTags(['managed', 'tier=gold'])]).toEqual(['managed', 'tier=gold', 'tier']);
});
