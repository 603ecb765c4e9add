import { Cron } from 'croner';
import { parseTimeSpan } from '../runtime/time-span.ts';

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

const fields: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: months },
  { name: 'day of the week', min: 0, max: 6, names: days },
];

export interface Schedule {
  readonly text: string;
  /** The first occurrence after `afterMs`, or undefined when there is none (for example 31 February). */
  nextMs(afterMs: number): number | undefined;
}

/**
 * Parses the schedule of a timer trigger: an NCRONTAB expression, or a TimeSpan (`hh:mm:ss`) between occurrences.
 * @param timeZone IANA name.
 * @throws Error that names the invalid field.
 */
export function parseSchedule(text: string, timeZone: string): Schedule {
  const intervalMs = text.trim().includes(' ') ? undefined : parseTimeSpan(text);
  if (intervalMs === undefined) return parseNcrontab(text, timeZone);
  if (intervalMs <= 0) throw new Error(`"${text}" is not longer than zero`);
  return { text, nextMs: (afterMs) => afterMs + intervalMs };
}

/**
 * Parses an NCRONTAB expression: six fields, or five fields for second 0, with `*`, lists, ranges, steps, and names of
 * months and days. An occurrence must match both the day and the day of the week. A cron library computes the dates
 * but cannot parse the text: it accepts more (`?`, `L`, `#`, 7 for Sunday) and matches either of the two days.
 * @throws Error that names the invalid field.
 */
function parseNcrontab(text: string, timeZone: string): Schedule {
  const parts = text.trim().split(/\s+/);
  const six = parts.length === 5 ? ['0', ...parts] : parts;
  if (six.length !== 6)
    throw new Error(`"${text}" is not an NCRONTAB expression: it has ${parts.length} fields instead of six`);
  const pattern = fields.map((field, index) => renderField(parseField(six[index] as string, field), field)).join(' ');
  checkTimeZone(timeZone);
  // Paused and without a callback: only the calendar is used.
  const cron = new Cron(pattern, { mode: '6-part', domAndDow: true, timezone: timeZone, paused: true });
  return { text, nextMs: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() };
}

function checkTimeZone(timeZone: string): void {
  try {
    Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new Error(`"${timeZone}" (WEBSITE_TIME_ZONE) is not a time zone name of the IANA database`);
  }
}

/** The values that match, in ascending order. */
function parseField(text: string, field: Field): number[] {
  const invalid = (): Error => new Error(`"${text}" is not a valid ${field.name} (${field.min} to ${field.max})`);
  const values = new Set<number>();
  for (const entry of text.split(',')) {
    const [range = '', step, ...more] = entry.split('/');
    if (more.length > 0 || (step !== undefined && !/^[1-9]\d{0,3}$/.test(step))) throw invalid();
    const increment = step === undefined ? 1 : Number(step);
    const [low, high] = bounds(range, step !== undefined, field, invalid);
    for (let value = low; value <= high; value += increment) values.add(value);
  }
  return [...values].toSorted((a, b) => a - b);
}

function bounds(range: string, hasStep: boolean, field: Field, invalid: () => Error): [number, number] {
  if (range === '*') return [field.min, field.max];
  const ends = range.split('-').map((end) => parseValue(end, field, invalid));
  const [first, second] = ends;
  if (first === undefined || ends.length > 2) throw invalid();
  if (second !== undefined) return first <= second ? [first, second] : [second, first];
  // "5/15" starts at 5 and has no upper limit of its own.
  return [first, hasStep ? field.max : first];
}

function parseValue(text: string, field: Field, invalid: () => Error): number {
  if (/^\d{1,2}$/.test(text)) {
    const value = Number(text);
    if (value < field.min || value > field.max) throw invalid();
    return value;
  }
  const at = /^[a-z]+$/i.test(text)
    ? (field.names ?? []).findIndex((name) => name.toLowerCase().startsWith(text.toLowerCase()))
    : -1;
  if (at === -1) throw invalid();
  return at + field.min;
}

const renderField = (values: readonly number[], { min, max }: Field): string =>
  values.length === max - min + 1 ? '*' : values.join(',');

/** Replaces each `%NAME%` with the app setting of that name. @throws Error when the setting is not set. */
export function resolveSettings(text: string, settings: Readonly<Record<string, string | undefined>>): string {
  return text.replace(/%([^%]+)%/g, (_whole, name: string) => {
    const value = settings[name];
    if (value === undefined || value === '') throw new Error(`the app setting ${name} is not set`);
    return value;
  });
}
