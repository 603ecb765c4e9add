/**
 * How many records there are of each standing. Each record of the export counts once.
 * - `proven`: in the period of the verdict, and a signature vouches for content and place.
 * - `newer`: after that period; at most those of its last minutes are signed.
 * - `earlier`: before the first checkpoint at hand. Nothing signed knows all records of that time.
 * - `unsigned`: within the period, and nothing signed vouches for them. A finding names them.
 * - `outside`: beyond the period that was asked for, or at its limits.
 * - `tampered`: a finding says what is wrong with them.
 */
export interface Tally {
  proven: number;
  newer: number;
  earlier: number;
  unsigned: number;
  outside: number;
  tampered: number;
}

export const newTally = (): Tally => ({ proven: 0, newer: 0, earlier: 0, unsigned: 0, outside: 0, tampered: 0 });
