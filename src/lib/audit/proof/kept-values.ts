import type { ChangeValues } from './verify-extract.ts';

/** Characters of the values that are kept. A file may have any number. */
const mostCharacters = 100_000_000;

/** The values of changes that an extract has, by their digests, as many as memory has room for. */
export class KeptValues {
  readonly #values = new Map<string, ChangeValues | 'too many'>();
  #left = mostCharacters;

  add(sha256: string, values: ChangeValues): void {
    if (typeof values === 'object')
      this.#left -= values.target.length + (values.before?.length ?? 0) + (values.after?.length ?? 0);
    this.#values.set(sha256, typeof values === 'object' && this.#left < 0 ? 'too many' : values);
  }

  /** Undefined: no change has this digest. */
  of(sha256: string | undefined): ChangeValues | 'too many' | undefined {
    return sha256 === undefined ? undefined : this.#values.get(sha256);
  }
}
