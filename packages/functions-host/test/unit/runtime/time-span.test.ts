import { describe, expect, it } from 'vitest';
import { parseTimeSpan } from '../../../src/runtime/time-span.ts';

describe('parseTimeSpan', () => {
  it.each([
    ['00:00:02', 2_000],
    ['1.02:03:04.5', 93_784_500],
    ['00:05', 300_000],
    ['7', 604_800_000],
    ['24:00:00', undefined],
    ['* * * * *', undefined],
    ['soon', undefined],
  ])('reads %j as %s ms', (text, expected) => {
    expect(parseTimeSpan(text)).toBe(expected);
  });
});
