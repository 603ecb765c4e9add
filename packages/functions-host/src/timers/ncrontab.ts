import { Cron } from 'croner';

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
  /** The first occurrence after `afterMs`, or undefined when there is none (31 February). */
  nextMs(afterMs: number): number | undefined;
}

/**
 * A schedule in NCRONTAB: six fields (five: at second 0), `*`, lists, ranges, steps, names of months and days. Day and
 * day of the week must both fit. Parsed here, since cron libraries accept more (`?`, `L`, `#`, 7 for Sunday) and join
 * the two days with "or"; the dates are computed by one of them.
 * @param timeZone IANA name. @throws Error that names the faulty field.
 */
export function parseSchedule(text: string, timeZone: string): Schedule {
  const parts = text.trim().split(/\s+/);
  const six = parts.length === 5 ? ['0', ...parts] : parts;
  if (six.length !== 6)
    throw new Error(`"${text}" is no NCRONTAB expression: it has ${parts.length} fields instead of six`);
  const pattern = fields.map((field, index) => renderField(parseField(six[index] as string, field), field)).join(' ');
  checkTimeZone(timeZone);
  // A paused job without a function never runs: only its calendar is used.
  const cron = new Cron(pattern, { mode: '6-part', domAndDow: true, timezone: timeZone, paused: true });
  return { text, nextMs: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() };
}

function checkTimeZone(timeZone: string): void {
  try {
    Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new Error(`"${timeZone}" (WEBSITE_TIME_ZONE) is not a time zone of the IANA database`);
  }
}

/** The values that fit, in order. */
export function parseField(text: string, field: Field): number[] {
  const fault = (): Error => new Error(`"${text}" is not a valid ${field.name} (${field.min} to ${field.max})`);
  const values = new Set<number>();
  for (const entry of text.split(',')) {
    const [range = '', step, ...more] = entry.split('/');
    if (more.length > 0 || (step !== undefined && !/^[1-9]\d{0,3}$/.test(step))) throw fault();
    const every = step === undefined ? 1 : Number(step);
    const [low, high] = bounds(range, step !== undefined, field, fault);
    for (let value = low; value <= high; value += every) values.add(value);
  }
  return [...values].toSorted((a, b) => a - b);
}

function bounds(range: string, stepped: boolean, field: Field, fault: () => Error): [number, number] {
  if (range === '*') return [field.min, field.max];
  const ends = range.split('-').map((end) => parseValue(end, field, fault));
  const [first, second] = ends;
  if (first === undefined || ends.length > 2) throw fault();
  if (second !== undefined) return first <= second ? [first, second] : [second, first];
  // "5/15" means from 5 to the end.
  return [first, stepped ? field.max : first];
}

function parseValue(text: string, field: Field, fault: () => Error): number {
  if (/^\d{1,2}$/.test(text)) {
    const value = Number(text);
    if (value < field.min || value > field.max) throw fault();
    return value;
  }
  const at = /^[a-z]+$/i.test(text)
    ? (field.names ?? []).findIndex((name) => name.toLowerCase().startsWith(text.toLowerCase()))
    : -1;
  if (at === -1) throw fault();
  return at + field.min;
}

const renderField = (values: readonly number[], { min, max }: Field): string =>
  values.length === max - min + 1 ? '*' : values.join(',');

/** `%NAME%` in a schedule stands for the app setting of that name. @throws Error when it is not set. */
export function resolveSettings(text: string, settings: Readonly<Record<string, string | undefined>>): string {
  return text.replace(/%([^%]+)%/g, (_whole, name: string) => {
    const value = settings[name];
    if (value === undefined || value === '') throw new Error(`the app setting ${name} is not set`);
    return value;
  });
}
