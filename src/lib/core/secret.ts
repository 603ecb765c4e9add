import { hash } from 'node:crypto';
import { inspect } from 'node:util';

const redacted = '[secret]';

/**
 * A confidential value: refresh token, client secret or access token. Every conversion to text returns `[secret]`. Only
 * {@link Secret.reveal} returns the value, so that a search for `reveal(` finds every place that uses one.
 */
export class Secret {
  readonly #value: string;
  #fingerprint: string | undefined;

  /** @throws TypeError for an empty value, because an empty credential is always a mistake. */
  constructor(value: string) {
    if (value === '') throw new TypeError('a secret cannot be empty');
    this.#value = value;
  }

  /** The value. Only code that sends or stores it calls this. */
  reveal(): string {
    return this.#value;
  }

  /** SHA-256 in hexadecimal, which identifies a secret without revealing it. */
  fingerprint(): string {
    // Computed once, because a cached token has many audit records.
    return (this.#fingerprint ??= hash('sha256', this.#value, 'hex'));
  }

  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.toPrimitive](): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
