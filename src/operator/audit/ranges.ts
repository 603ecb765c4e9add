import { countBefore } from './columns.ts';

/** First and last place, both inclusive. */
export type PlaceRange = readonly [first: number, last: number];

/** A set of places, as ranges that neither touch nor overlap, in order. */
export class Ranges {
  readonly list: readonly PlaceRange[];

  /** @param ranges in any order; they may overlap. One whose end is before its start is empty. */
  constructor(ranges: Iterable<PlaceRange>) {
    const list: [number, number][] = [];
    const sorted = [...ranges].filter(([first, last]) => first <= last).toSorted(([one], [other]) => one - other);
    for (const [first, last] of sorted) {
      const before = list.at(-1);
      if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
      else list.push([first, last]);
    }
    this.list = list;
  }

  covers(place: number): boolean {
    const index = countBefore(this.list.length, (each) => (this.list[each]?.[0] ?? 0) <= place) - 1;
    return (this.list[index]?.[1] ?? Number.NEGATIVE_INFINITY) >= place;
  }

  /** These places but those of other ranges. */
  without(others: Ranges): Ranges {
    if (others.list.length === 0) return this;
    const rest: PlaceRange[] = [];
    let index = 0;
    for (const [first, last] of this.list) {
      let next = first;
      while ((others.list[index]?.[1] ?? Number.POSITIVE_INFINITY) < first) index += 1;
      for (let each = index; (others.list[each]?.[0] ?? Number.POSITIVE_INFINITY) <= last; each += 1) {
        const [from = next, to = last] = others.list[each] ?? [];
        rest.push([next, from - 1]);
        next = Math.max(next, to + 1);
      }
      rest.push([next, last]);
    }
    return new Ranges(rest);
  }
}
