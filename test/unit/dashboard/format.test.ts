import { describe, expect, it } from 'vitest';
import { count, duration, relative } from '../../../dashboard/app/format.ts';

it.each([
  [1, 'entry', '1 entry'],
  [1_300, 'entry', '1,300 entries'],
  [0, 'tenant', '0 tenants'],
  [2, 'day', '2 days'],
])('counts %i of %s as %s', (n, noun, text) => {
  expect(count(n, noun)).toBe(text);
});

describe('duration', () => {
  it.each([
    [3_200, '3.2 s'],
    [59_940, '59.9 s'],
    [59_970, '1 min 00 s'],
    [129_000, '2 min 09 s'],
    [3_599_990, '1 h 00 min'],
    [14_700_000, '4 h 05 min'],
  ])('formats %i ms as %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe('relative', () => {
  const hour = 3600;
  it.each([
    [0, 'now'],
    [90, 'in 90 seconds'],
    [-90 * 60, '90 minutes ago'],
    [25 * hour, 'in 25 hours'],
    [47 * hour, 'in 47 hours'],
    [-47 * hour, '47 hours ago'],
    [71 * hour, 'in 2 days'],
    [-71 * hour, '2 days ago'],
  ])('formats a time %i seconds from now as %s', (seconds, text) => {
    const nowMs = Date.parse('2026-11-25T10:00:00Z');
    expect(relative(new Date(nowMs + seconds * 1000).toISOString(), nowMs)).toBe(text);
  });
});
