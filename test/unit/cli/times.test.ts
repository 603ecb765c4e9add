import { expect, it } from 'vitest';
import { exactTime, logTimes, longTime, relativeTime, shortTime } from '../../../src/cli/times.ts';

const nowMs = Date.UTC(2026, 10, 24, 12);
const at = (seconds: number): string => new Date(nowMs + seconds * 1000).toISOString();

it.each([
  [-59, 'now'],
  [59, 'now'],
  [-60, '1 min ago'],
  [-3 * 60 - 59, '3 min ago'],
  [-3_600, '1 h ago'],
  [-86_399, '23 h ago'],
  [-86_400, '1 day ago'],
  [-40 * 86_400, '40 days ago'],
  [2 * 3_600, 'in 2 h'],
  [86_400, 'in 1 day'],
])('shows a distance of %i seconds as %s', (seconds, text) => {
  expect(relativeTime(at(seconds), nowMs)).toBe(text);
});

it('shows the time of this machine and the distance on a terminal', () => {
  const time = new Date(nowMs - 180_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const local = `2026-11-24 ${two(time.getHours())}:${two(time.getMinutes())}`;
  const display = { isTerminal: true, nowMs };
  expect(longTime(time.toISOString(), display)).toBe(`${local} (3 min ago)`);
  expect(exactTime(time.toISOString(), display)).toBe(local);
  expect(shortTime(time.toISOString(), display)).toBe('3 min ago');
});

it('shows the time of day of a log line, with milliseconds and its zone', () => {
  const iso = '2026-11-24T12:03:04.005Z';
  const { zone, show } = logTimes({ isTerminal: true, nowMs });
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = new Date(iso);
  expect([zone, show(iso)]).toEqual(['local time', `${two(time.getHours())}:${two(time.getMinutes())}:04.005`]);
  const piped = logTimes({ isTerminal: false, nowMs });
  expect([piped.zone, piped.show(iso)]).toEqual(['UTC', '12:03:04.005']);
});

it('leaves a time as the API has it where no person reads it', () => {
  const display = { isTerminal: false, nowMs };
  for (const show of [exactTime, longTime, shortTime]) expect(show(at(0), display)).toBe(at(0));
});
