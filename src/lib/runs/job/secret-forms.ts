import type { Secret } from '../../core/secret.ts';

/** Minimum length of an encoded form; shorter ones would match by chance. */
const minFormLength = 16;

/**
 * Returns the texts that reveal a secret: the secret itself, and its base64 and base64url forms. Inside a longer encoded
 * text the secret can start at three offsets within a group of three bytes. Each form contains only the characters that
 * do not depend on neighbouring bytes.
 */
export function secretForms(secret: Secret): readonly string[] {
  const bytes = Buffer.from(secret.reveal());
  const encoded = [0, 1, 2].flatMap((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor((shifted.length * 8) / 6);
    return (['base64', 'base64url'] as const).map((form) => shifted.toString(form).slice(first, last));
  });
  return [secret.reveal(), ...new Set(encoded.filter((text) => text.length >= minFormLength))];
}
