import { InvalidArgumentError } from 'commander';
import { isObject } from '../lib/core/objects.ts';
import { parseJson } from '../lib/core/outbound.ts';

/** Returns a parser for an option that is a whole number in a range. */
export function wholeNumberOption(smallest: number, largest: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= smallest && value <= largest) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${smallest} to ${largest}.`);
  };
}

/** A TCP port. With 0, the system chooses a free one. */
export const portOption = wholeNumberOption(0, 65_535);

/** Reads a JSON object. @throws InvalidArgumentError for another text. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> {
  const value = parseJson(text);
  if (isObject(value)) return value;
  throw new InvalidArgumentError('It must be a JSON object.');
}

const dayMs = 24 * 60 * 60 * 1000;

/** A time, for the help. */
export const timeForms = 'ISO 8601 such as 2026-11-24, or 7d for so many days ago';

/** Days before now as a time. Everything else is for the broker to read. @throws InvalidArgumentError for no day. */
export function timeOption(text: string): string {
  const [, days] = /^(\d{1,5}) ?d(?:ays?)?$/i.exec(text) ?? [];
  if (days === undefined) {
    if (/^\d/.test(text)) return text;
    throw new InvalidArgumentError(`It must be a time: ${timeForms}.`);
  }
  if (Number(days) === 0) throw new InvalidArgumentError('It must be at least one day.');
  return new Date(Date.now() - Number(days) * dayMs).toISOString();
}
