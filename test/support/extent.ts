/** Whether randomized tests try as many cases as docs/promises.md says. `npm run fuzz` sets it; `npm test` tries a tenth. */
export const isFull = process.env['FUZZ_EXTENT'] === 'full';

/** How many cases a randomized test tries. @param full of `npm run fuzz`. */
export const casesOf = (full: number): number => (isFull ? full : Math.ceil(full / 10));
