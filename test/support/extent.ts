/** Whether randomized tests try as many cases as docs/promises.md says. `npm run fuzz` sets it; other runs try a tenth. */
export const isFull = process.env['FUZZ_EXTENT'] === 'full';

/** How many cases a randomized test tries. @param full of `npm run fuzz`. */
export const casesOf = (full: number): number => (isFull ? full : Math.ceil(full / 10));

/**
 * The days from 1 to `last` on which a test simulates what happens every day. `npm run fuzz`: all. Other runs: those before,
 * at and after the events, and otherwise every fortieth.
 */
export const daysOf = (last: number, ...events: readonly number[]): readonly number[] =>
  Array.from({ length: last }, (_, index) => index + 1).filter(
    (day) => isFull || day === last || day % 40 === 0 || events.some((event) => Math.abs(day - event) <= 1),
  );
