/** Functions of OData 4.01 Part 2, section 5.1.1. A missing value gives null, except where the section says otherwise. */
type Call = (...parameters: readonly unknown[]) => unknown;

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;

/** The directory compares without regard to case, and so do the services behind Graph. */
const lower = (value: unknown): string | undefined => textOf(value)?.toLowerCase();

const onText =
  (use: (text: string, ...rest: readonly unknown[]) => unknown): Call =>
  (value, ...rest) => {
    const text = textOf(value);
    return text === undefined ? null : use(text, ...rest);
  };

const compare =
  (test: (text: string, part: string) => boolean): Call =>
  (value, part) => {
    const [text, wanted] = [lower(value), lower(part)];
    return text !== undefined && wanted !== undefined && test(text, wanted);
  };

const timePart =
  (read: (time: Date) => number): Call =>
  (value) => {
    const ms = timeOf(value);
    return ms === undefined ? null : read(new Date(ms));
  };

/** A time as milliseconds since 1970. Undefined for anything else. */
export function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

export const functions: Readonly<Record<string, Call>> = {
  contains: compare((text, part) => text.includes(part)),
  startswith: compare((text, part) => text.startsWith(part)),
  endswith: compare((text, part) => text.endsWith(part)),
  indexof: (value, part) => {
    const [text, wanted] = [lower(value), lower(part)];
    return text === undefined || wanted === undefined ? null : text.indexOf(wanted);
  },
  length: (value) => (Array.isArray(value) ? value.length : (textOf(value)?.length ?? null)),
  substring: onText((text, from, length) => {
    const start = Number(from);
    return length === undefined ? text.slice(start) : text.slice(start, start + Number(length));
  }),
  tolower: onText((text) => text.toLowerCase()),
  toupper: onText((text) => text.toUpperCase()),
  trim: onText((text) => text.trim()),
  concat: onText((text, more) => text + (textOf(more) ?? '')),
  year: timePart((time) => time.getUTCFullYear()),
  month: timePart((time) => time.getUTCMonth() + 1),
  day: timePart((time) => time.getUTCDate()),
  hour: timePart((time) => time.getUTCHours()),
  minute: timePart((time) => time.getUTCMinutes()),
  second: timePart((time) => time.getUTCSeconds()),
  date: (value) => {
    const ms = timeOf(value);
    return ms === undefined ? null : ms - (((ms % 86_400_000) + 86_400_000) % 86_400_000);
  },
};
