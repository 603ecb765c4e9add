/** A time in the reader's zone; the UTC time goes into the title. */
const local = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

export const localTime = (iso: string): string => local.format(new Date(iso));

const localToSecond = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export const exactLocalTime = (iso: string): string => localToSecond.format(new Date(iso));

export const utcTime = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;

/** `4 h 05 min`, `2 min 09 s`, `3.2 s`. */
export function duration(ms: number): string {
  // Rounded first, for 59.97 s are not 60.0 s but a minute.
  const seconds = Math.round(ms / 100) / 10;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(Math.floor(seconds % 60))} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

const pad = (n: number): string => String(n).padStart(2, '0');

/** `1 tenant`, `25 tenants`. */
export const count = (n: number, noun: string): string => `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;

/** Behind the figure of the days until an end, negative after it: `days left`, `day past the end`. */
export const daysWords = (days: number): string =>
  `${Math.abs(days) === 1 ? 'day' : 'days'} ${days < 0 ? 'past the end' : 'left'}`;

/** `in 3 hours`, `2 days ago`. From two of a unit on: at one of them the words would be those of the calendar, "tomorrow". */
export function relative(iso: string, nowMs: number): string {
  const seconds = (Date.parse(iso) - nowMs) / 1000;
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ];
  const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= 2 * size) return format.format(Math.round(seconds / size), unit);
  }
  return format.format(Math.trunc(seconds), 'second');
}

export const outcomeWords: Readonly<Record<string, string>> = {
  succeeded: 'ok',
  failed: 'failed',
  skipped: 'skipped',
  retrying: 'trying again',
  waiting: 'waiting',
  not_attempted: 'not attempted',
};
