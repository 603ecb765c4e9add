import { describe, expect, it } from 'vitest';
import { parseTimeSpan } from '../../../src/runtime/time-span.ts';

describe('parseTimeSpan', () => {
  it.each([
    ['00:00:02', 2_000],
    ['1.02:03:04.5', 93_784_500],
    ['00:05', 300_000],
    ['7', 604_800_000],
    ['12', 1_036_800_000],
    [' 00:00:02 ', 2_000],
    ['10.00:00:00', 864_000_000],
    ['00:00:00.2500000', 250],
    ['00:00:00.25', 250],
    ['23:59:59', 86_399_000],
    ['00:00', 0],
    ['00:60:00', undefined],
    ['00:00:60', undefined],
    ['x00:00:02', undefined],
    ['00:00:02x', undefined],
    ['1:2:3:4', undefined],
    ['123456789', undefined],
    ['00:00:00.12345678', undefined],
    ['', undefined],
    ['24:00:00', undefined],
    ['* * * * *', undefined],
    ['soon', undefined],
  ])('reads %j as %s ms', (text, expected) => {
    expect(parseTimeSpan(text)).toBe(expected);
  });
});
