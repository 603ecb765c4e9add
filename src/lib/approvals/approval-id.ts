/*
 * The id of an approval: when it was asked for, in UTC, and eight random hexadecimal digits, such as
 * `20261126t054512-7f3a9c21`. Its row key counts down, so that the table's natural order is newest first ("Log tail
 * pattern", Azure Table storage design patterns), and follows from the id.
 */

const pattern = /^(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)-([0-9a-f]{8})$/;

/** Seconds of the largest time with ten digits, in November 2286. */
const endOfTime = 9_999_999_999;

/** @param random a new UUID. */
export const newApprovalId = (nowMs: number, random: string): string =>
  `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()}-${random.replaceAll('-', '').slice(0, 8)}`;

/** The prefix of the row keys of a time. A later time has a smaller prefix. */
export const rowPrefixAt = (ms: number): string =>
  `r-${String(Math.min(endOfTime, Math.max(0, endOfTime - Math.floor(ms / 1000)))).padStart(10, '0')}`;

/** The row key of an approval; undefined if the text is no id. */
export function rowKeyOf(id: string): string | undefined {
  const [, year, month, day, hour, minute, second, suffix] = pattern.exec(id) ?? [];
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : `${rowPrefixAt(ms)}-${suffix}`;
}
