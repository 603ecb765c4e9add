/** A sequence of at least four bytes, and the name under which a match is reported. */
export interface BytePattern {
  readonly what: string;
  readonly bytes: Buffer;
}

const keyBytes = 4;

/**
 * Searches many patterns in one pass: the time depends on the number of bytes, not of patterns. The four bytes at each
 * position are looked up among the first four bytes of the patterns.
 */
export class BytePatterns {
  readonly #byKey = new Map<number, BytePattern[]>();
  /** Pairs of bytes that a pattern starts with. This check rejects nearly every position. */
  readonly #starts = new Uint8Array(65_536);
  readonly count: number;

  /** @throws RangeError for a pattern with fewer than four bytes. */
  constructor(patterns: readonly BytePattern[]) {
    this.count = patterns.length;
    for (const pattern of patterns) {
      if (pattern.bytes.byteLength < keyBytes) throw new RangeError(`the pattern ${pattern.what} is too short`);
      const key = pattern.bytes.readUInt32BE(0);
      const known = this.#byKey.get(key);
      if (known === undefined) this.#byKey.set(key, [pattern]);
      else known.push(pattern);
      this.#starts[key >>> 16] = 1;
    }
  }

  /** Returns the names of the patterns that occur, each once. */
  find(buffer: Buffer): ReadonlySet<string> {
    const found = new Set<string>();
    const last = buffer.byteLength - keyBytes;
    for (let at = 0; at <= last; at += 1) {
      const pair = ((buffer[at] ?? 0) << 8) | (buffer[at + 1] ?? 0);
      if (this.#starts[pair] === 0) continue;
      for (const { what, bytes } of this.#byKey.get(buffer.readUInt32BE(at)) ?? []) {
        const end = at + bytes.byteLength;
        if (end > buffer.byteLength || found.has(what)) continue;
        if (buffer.compare(bytes, 0, bytes.byteLength, at, end) === 0) found.add(what);
      }
    }
    return found;
  }
}
