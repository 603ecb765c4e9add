const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** The distance of a time from now, rounded down to its largest unit: `3 min ago`, `in 2 h`, `4 days ago`, `now`. */
export function relativeTime(iso: string, nowMs: number): string {
  const distanceMs = Date.parse(iso) - nowMs;
  const size = Math.abs(distanceMs);
  if (size < minuteMs) return 'now';
  const days = Math.floor(size / dayMs);
  const text =
    size < hourMs
      ? `${Math.floor(size / minuteMs)} min`
      : size < dayMs
        ? `${Math.floor(size / hourMs)} h`
        : `${days} ${days === 1 ? 'day' : 'days'}`;
  return distanceMs < 0 ? `${text} ago` : `in ${text}`;
}

/** Date and time in the zone of this machine: `2026-11-24 06:00`. This locale writes dates as ISO 8601 does. */
const localFormat = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' });

const clockFormat = new Intl.DateTimeFormat('sv-SE', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});

/** How times are shown. */
export interface TimeDisplay {
  /** A terminal shows times for a person. Elsewhere a program may read them, so they stay as the API has them. */
  readonly isTerminal: boolean;
  readonly nowMs: number;
}

const onStandardOutput = (): TimeDisplay => ({ isTerminal: process.stdout.isTTY, nowMs: Date.now() });

/** A time for a cell of a table. */
export const shortTime = (iso: string, { isTerminal, nowMs } = onStandardOutput()): string =>
  isTerminal ? relativeTime(iso, nowMs) : iso;

/** A time without its distance from now: `2026-11-24 06:00`. */
export const exactTime = (iso: string, { isTerminal } = onStandardOutput()): string =>
  isTerminal ? localFormat.format(new Date(iso)) : iso;

/** The time of day of a line in a log, and the zone that it is in. */
export const logTimes = ({ isTerminal } = onStandardOutput()): { zone: string; show: (iso: string) => string } =>
  isTerminal
    ? { zone: 'local time', show: (iso) => clockFormat.format(new Date(iso)).replace(',', '.') }
    : { zone: 'UTC', show: (iso) => iso.slice(11, 23) };

/** A time for a sentence: `2026-11-24 06:00 (3 min ago)`. */
export const longTime = (iso: string, display = onStandardOutput()): string =>
  display.isTerminal ? `${exactTime(iso, display)} (${relativeTime(iso, display.nowMs)})` : iso;
