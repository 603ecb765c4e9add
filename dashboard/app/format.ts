import { dayText } from '../../src/lib/core/day-text.ts';
import { capitalized } from '../../src/lib/core/text.ts';

/** A time in the reader's zone, without its year if that is the year of now: `24 Nov, 05:00`. */
export const localTime = (iso: string): string => `${localDate(iso)}, ${localClock(iso, false)}`;

const isOfThisYear = (iso: string): boolean => new Date(iso).getFullYear() === new Date().getFullYear();

/** The same, or the day alone if it is in another year. */
export const shortLocalTime = (iso: string): string => (isOfThisYear(iso) ? localTime(iso) : localDate(iso));

/** `24 Nov, 05:00:09`. */
export const exactLocalTime = (iso: string): string => `${localDate(iso)}, ${localClock(iso, true)}`;

const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });
const clockToSecond = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** The time of day in the reader's zone. @param exact with seconds. */
export const localClock = (iso: string, exact: boolean): string =>
  (exact ? clockToSecond : clock).format(new Date(iso));

export const utcTime = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;

/** `4 h 05 min`, `2 min 09 s`, `3.2 s`. */
export function duration(ms: number): string {
  // Round first: 59.97 s must become 1 min 00 s and not 60.0 s.
  const seconds = Math.round(ms / 100) / 10;
  if (seconds === 0) return '< 0.1 s';
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(Math.floor(seconds % 60))} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

const pad = (n: number): string => String(n).padStart(2, '0');

/** `1 tenant`, `25 tenants`, `2 entries`. */
export const count = (n: number, noun: string): string =>
  `${n.toLocaleString('en')} ${n === 1 ? noun : `${noun.replace(/(?<![aeiou])y$/, 'ie')}s`}`;

export const firstSentence = (text = ''): string => /^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? text;

/** Keeps each number on the line of its word: for titles, whose lines are short. */
export const numbersKept = (title: string): string => title.replaceAll(/(?<=\d) (?=\p{L})/gu, '\u00A0');

/** `25 tenants`, or `3 of 25 tenants` if only some are shown. */
export const countOf = (shown: number, all: number, noun: string): string =>
  shown === all ? count(all, noun) : `${shown.toLocaleString('en')} of ${count(all, noun)}`;

const relativeFormat = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/**
 * `in 3 hours`, `2 days ago`: whole units, as in the days that the API counts. 25 hours are not written in days, because `Intl`
 * writes one day as "tomorrow", which may be the wrong calendar day.
 */
export function relative(iso: string, nowMs = Date.now()): string {
  const seconds = (Date.parse(iso) - nowMs) / 1000;
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ];
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= 2 * size) return relativeFormat.format(Math.trunc(seconds / size), unit);
  }
  return relativeFormat.format(Math.trunc(seconds), 'second');
}

/** `24 Nov`, or `2 Sept 2031` in another year than that of now. */
export const localDate = (iso: string): string => (isOfThisYear(iso) ? localDay(iso) : dayText(iso));

const dayOfYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** `24 Nov`. */
export const localDay = (iso: string): string => dayOfYear.format(new Date(iso));

const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short' });

/** `Tue, 24 Nov`. */
export const shortDay = (iso: string): string => `${weekday.format(new Date(iso))}, ${localDate(iso)}`;

/** `15 to 28 Nov`, `28 Oct to 3 Nov`. */
export function spanOfDays(from: string, to: string): string {
  const [first, last] = [localDate(from), localDate(to)];
  const [day, ...month] = first.split(' ');
  return `${last.endsWith(` ${month.join(' ')}`) ? day : first} to ${last}`;
}

const dayTitle = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

/** Things by the days that they happened on, in the reader's zone. The order stays. */
export function byDay<T>(
  all: readonly T[],
  timeOf: (one: T) => string,
  nowMs = Date.now(),
): readonly { readonly title: string; readonly items: readonly T[] }[] {
  const yesterday = new Date(nowMs);
  yesterday.setDate(yesterday.getDate() - 1);
  const names = new Map([
    [dayTitle.format(yesterday), 'Yesterday'],
    [dayTitle.format(nowMs), 'Today'],
  ]);
  return [...Map.groupBy(all, (one) => dayTitle.format(Date.parse(timeOf(one))))].map(([title, items]) => ({
    title: names.get(title) ?? title.replace(` ${new Date(nowMs).getFullYear()}`, ''),
    items,
  }));
}

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

/** Days of the week of an NCRONTAB expression in words. Undefined for rarer forms. */
function daysOfWeek(field: string): string | undefined {
  if (field === '*') return '';
  const days = field
    .replaceAll(/[A-Z]{3,}/gi, (name) =>
      String(weekdays.findIndex((day) => day.slice(0, 3) === capitalized(name.toLowerCase()))),
    )
    .replaceAll(/\d+/g, (digits) => weekdays[Number(digits)] ?? '?');
  return /^\w+([-,]\w+)*$/.test(days) ? `, ${days.replaceAll(',', ', ').replaceAll('-', ' through ')}` : undefined;
}

/** An NCRONTAB expression in words: `At 05:00 UTC, Monday through Friday`. A rarer one stays as it is. */
export function scheduleWords(expression: string): string {
  const [, minute = '', hour = '', day = '*', week = ''] = /^0 (\S+) (\S+) (\*|\d+) \* (\S+)$/.exec(expression) ?? [];
  const days = daysOfWeek(week);
  const end = days === undefined ? undefined : `${days}${day === '*' ? '' : `, on day ${day} of the month`}`;
  const [, everyMinutes] = /^\*\/(\d+)$/.exec(minute) ?? [];
  const [, everyHours] = /^\*\/(\d+)$/.exec(hour) ?? [];
  if (end === undefined) return expression;
  if (everyMinutes !== undefined && hour === '*') return `Every ${everyMinutes} minutes${end}`;
  if (!/^\d+$/.test(minute)) return expression;
  if (/^\d+(,\d+)*$/.test(hour)) {
    const times = hour.split(',').map((one) => `${pad(Number(one))}:${pad(Number(minute))}`);
    return `At ${times.join(', ')} UTC${end}`;
  }
  const every = hour === '*' ? 'Every hour' : everyHours === undefined ? undefined : `Every ${everyHours} hours`;
  return every === undefined ? expression : `${every}, at minute ${Number(minute)}${end}`;
}
