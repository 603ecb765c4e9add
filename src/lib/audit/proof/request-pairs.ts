type Recorded = Readonly<Record<string, unknown>>;

/**
 * Pairs the records of a request, which share `tokenId`: one from before it left, and one that says what became of it. A change
 * of tags has a second record only if it failed.
 */
export class RequestPairs<T> {
  readonly #open = new Map<unknown, T>();

  /** Keeps what was made of a record, if another one may say what became of its request. */
  begin({ tokenId, outcome, kind }: Recorded, made: T): void {
    const isBefore = outcome === 'sent' || (kind === 'tags' && outcome === 'changed');
    if (isBefore && typeof tokenId === 'string') this.#open.set(tokenId, made);
  }

  /** What was made of the record from before, if this one says what became of the request. Given once. */
  endedBy({ tokenId, outcome }: Recorded): T | undefined {
    if (outcome !== 'answered' && outcome !== 'failed') return undefined;
    const made = this.#open.get(tokenId);
    this.#open.delete(tokenId);
    return made;
  }
}
