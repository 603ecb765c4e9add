/** Returns `; did you mean "…"?` with the candidate closest to the written text, or `''` if none is close. Pure. */
export function didYouMean(written: string, candidates: readonly string[]): string {
  // At most a third of the letters may differ. More than that is another word.
  const limit = Math.max(1, Math.floor(written.length / 3));
  const best = candidates
    .map((candidate) => ({ candidate, distance: editDistance(written.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((one, other) => one.distance - other.distance)[0];
  return best !== undefined && best.distance <= limit ? `; did you mean "${best.candidate}"?` : '';
}

/** Optimal string alignment distance: each insertion, deletion, substitution and swap of neighbours counts one. */
function editDistance(one: string, other: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const cost = one[row - 1] === other[column - 1] ? 0 : 1;
      const swapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current[column] = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + cost,
        swapped ? at(beforePrevious, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, other.length);
}

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY;
