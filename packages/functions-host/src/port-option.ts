import { InvalidArgumentError } from 'commander';

/** Reads an option as a whole number within a range. */
export function wholeNumberOption(smallest: number, largest: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= smallest && value <= largest) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${smallest} to ${largest}.`);
  };
}

/** A TCP port; 0 lets the system pick. */
export const portOption = wholeNumberOption(0, 65_535);
