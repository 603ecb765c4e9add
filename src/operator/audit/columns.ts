/*
 * Growing columns outside the heap of JavaScript objects: an audit log has millions of records, and an object for each
 * would need ten times as much memory.
 */

const rowsPerChunk = 2 ** 15;

interface Chunk<T> {
  [index: number]: T;
}

/** Numbers by row. */
export class NumberColumn<A extends Chunk<number>> {
  readonly #create: (length: number) => A;
  readonly #chunks: A[] = [];

  constructor(create: (length: number) => A) {
    this.#create = create;
  }

  /** Zero for a row that was not set. */
  get(row: number): number {
    return this.#chunks[Math.floor(row / rowsPerChunk)]?.[row % rowsPerChunk] ?? 0;
  }

  set(row: number, value: number): void {
    const index = Math.floor(row / rowsPerChunk);
    for (let next = this.#chunks.length; next <= index; next += 1) this.#chunks.push(this.#create(rowsPerChunk));
    const chunk = this.#chunks[index];
    if (chunk !== undefined) chunk[row % rowsPerChunk] = value;
  }
}

const hashBytes = 32;

/** SHA-256 hashes by row. */
export class HashColumn {
  readonly #chunks: Buffer[] = [];

  set(row: number, value: Buffer): void {
    const index = Math.floor(row / rowsPerChunk);
    for (let next = this.#chunks.length; next <= index; next += 1)
      this.#chunks.push(Buffer.alloc(rowsPerChunk * hashBytes));
    const chunk = this.#chunks[index];
    if (chunk !== undefined) value.copy(chunk, (row % rowsPerChunk) * hashBytes, 0, hashBytes);
  }

  /** A view, not a copy. All zero for a row that was not set. */
  get(row: number): Buffer {
    const start = (row % rowsPerChunk) * hashBytes;
    return this.#chunks[Math.floor(row / rowsPerChunk)]?.subarray(start, start + hashBytes) ?? Buffer.alloc(hashBytes);
  }
}

/** Numbers of rows, in the order in which they were added. */
export class RowList {
  #rows = new Uint32Array(16);
  #count = 0;

  add(row: number): void {
    if (this.#count === this.#rows.length) {
      const larger = new Uint32Array(this.#count * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows[this.#count] = row;
    this.#count += 1;
  }

  /** A view of the rows so far. Rows that are added later are not in it. */
  get rows(): Uint32Array {
    return this.#rows.subarray(0, this.#count);
  }
}

/** How many of `count` ordered items are before a limit, by bisection. */
export function countBefore(count: number, isBefore: (index: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
