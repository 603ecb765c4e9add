import type { Secret } from '../model/secret.ts';

/** Shorter ones would be found by chance. */
const shortestForm = 16;

/**
 * The texts by which a secret can be recognised: as it is, and in base64 and base64url. Inside a longer text that is
 * encoded as a whole, the secret begins at one of three places within a group of three bytes; of each, what does not
 * depend on the neighbours.
 */
export function secretForms(secret: Secret): readonly string[] {
  const bytes = Buffer.from(secret.reveal());
  const encoded = [0, 1, 2].flatMap((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor((shifted.length * 8) / 6);
    return (['base64', 'base64url'] as const).map((form) => shifted.toString(form).slice(first, last));
  });
  return [secret.reveal(), ...new Set(encoded.filter((text) => text.length >= shortestForm))];
}
