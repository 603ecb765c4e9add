import { createHash } from 'node:crypto';

/** Returns the next pseudo-random number in [0, 1). */
export type Random = () => number;

/**
 * Pseudo-random values computed from a seed and words. The same seed gives the same cloud, in whatever order values are
 * requested.
 */
export interface Seeded {
  /** A GUID in the format of version 4 (RFC 9562 section 5.4), the same for the same words. */
  guid(...words: readonly (string | number)[]): string;
  /** A sequence of numbers, the same for the same words. */
  random(...words: readonly (string | number)[]): Random;
}

export function createSeeded(seed: number): Seeded {
  const digest = (kind: string, words: readonly (string | number)[]): Buffer =>
    createHash('sha256')
      .update(`${kind}\0${seed}\0${words.join('\0')}`)
      .digest();
  return {
    guid: (...words) => {
      const bytes = digest('guid', words).subarray(0, 16);
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
    random: (...words) => mulberry32(digest('random', words).readUInt32LE(0)),
  };
}

// Mulberry32: 32 bits of state are enough to choose names and numbers. The result is the same on every platform.
function mulberry32(start: number): Random {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Picks an element. @throws RangeError for an empty list. */
export function pick<T>(random: Random, list: readonly T[]): T {
  const chosen = list[Math.floor(random() * list.length)];
  if (chosen === undefined) throw new RangeError('The list is empty.');
  return chosen;
}

/** A whole number from `lowest` to `highest`, both inclusive. */
export const between = (random: Random, lowest: number, highest: number): number =>
  lowest + Math.floor(random() * (highest - lowest + 1));
