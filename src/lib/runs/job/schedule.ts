import { Cron } from 'croner';

/** A job's schedule: an NCRONTAB expression with six fields (seconds first), in UTC. */
export interface Schedule {
  readonly expression: string;
  /** The first scheduled time after `ms`, or undefined. */
  nextAfterMs(ms: number): number | undefined;
  /** The latest scheduled time at or before `ms`, or undefined. */
  latestAtMs(ms: number): number | undefined;
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Ranges as in "Timer trigger for Azure Functions", NCRONTAB expressions: day of week is 0 to 6, and 7 is an error. */
const fields = [
  { name: 'seconds', smallest: 0, largest: 59, words: [] },
  { name: 'minutes', smallest: 0, largest: 59, words: [] },
  { name: 'hours', smallest: 0, largest: 23, words: [] },
  { name: 'day of month', smallest: 1, largest: 31, words: [] },
  { name: 'month', smallest: 1, largest: 12, words: months },
  { name: 'day of week', smallest: 0, largest: 6, words: days },
] as const satisfies readonly { name: string; smallest: number; largest: number; words: readonly string[] }[];

/**
 * Parses an expression. croner accepts more than the platform does (`L`, `W`, `#`, `?`, 7 for Sunday), so the grammar
 * is checked first. In NCRONTAB both day fields must match; in other cron dialects one is enough.
 * @throws TypeError that names the field.
 */
export function parseSchedule(expression: string): Schedule {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== fields.length) throw new TypeError(`"${expression}" must have six fields, seconds first`);
  for (const [index, field] of fields.entries()) {
    for (const item of (parts[index] ?? '').split(',')) checkItem(item, field, expression);
  }
  const cron = new Cron(parts.join(' '), { mode: '6-part', domAndDow: true, utcOffset: 0, paused: true });
  if (cron.nextRun() === null) throw new TypeError(`"${expression}" never matches a date`);
  return {
    expression,
    nextAfterMs: (ms) => cron.nextRun(new Date(ms))?.getTime(),
    // croner searches strictly before its reference time, with a resolution of one second.
    latestAtMs: (ms) => cron.previousRuns(1, new Date(Math.floor(ms / 1000) * 1000 + 1000))[0]?.getTime(),
  };
}

// A step requires a star or a range before it, because cron dialects disagree about the meaning of "5/15".
function checkItem(item: string, field: (typeof fields)[number], expression: string): void {
  const refuse = (): never => {
    throw new TypeError(`"${expression}": "${item}" is not a valid NCRONTAB ${field.name} field`);
  };
  const match = /^(?:\*|([a-z0-9]+)(?:-([a-z0-9]+)(?=\/|$)|(?!\/)))(?:\/(\d{1,2}))?$/i.exec(item);
  if (match === null) refuse();
  const number = (text: string): number => {
    const word = (field.words as readonly string[]).indexOf(text.toLowerCase());
    const value = word >= 0 ? word + field.smallest : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
    return value >= field.smallest && value <= field.largest ? value : refuse();
  };
  const [, from, to, step] = match ?? [];
  const [first, last] = [from, to].map((text) => (text === undefined ? undefined : number(text)));
  if (first !== undefined && last !== undefined && first > last) refuse();
  if (step !== undefined && Number(step) === 0) refuse();
}
