import { hash } from 'node:crypto';
import { inspect } from 'node:util';

const redacted = '[secret]';

/**
 * A value that must not be seen: refresh token, client secret, access token.
 * Every way in which JavaScript turns a value into text gives `[secret]`; only {@link Secret.reveal} gives the value,
 * so that a search for `reveal(` lists all places where a secret leaves its wrapping.
 */
export class Secret {
  readonly #value: string;
  #fingerprint: string | undefined;

  /** @throws TypeError for an empty value: an empty credential is never meant. */
  constructor(value: string) {
    if (value === '') throw new TypeError('a secret cannot be empty');
    this.#value = value;
  }

  /** The value itself: for the one place that sends or stores it. */
  reveal(): string {
    return this.#value;
  }

  /** SHA-256 in hexadecimal: tells two secrets apart without showing either. */
  fingerprint(): string {
    // A cached token goes into a thousand records.
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
