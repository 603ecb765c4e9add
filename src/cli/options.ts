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
