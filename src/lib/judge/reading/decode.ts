import { unreadable } from '../refusal.ts';

/** Encoded characters that servers and proxies decode at different times, which changes where a path is split. */
const encodedSeparators = /%(?:2f|5c|25|3f|3b|00)/i;

/** @throws Refusal for an encoded path that two readers could split at different places. */
export function refuseEncodedSeparators(path: string): void {
  if (encodedSeparators.test(path)) {
    throw unreadable('The path contains an encoded slash, percent sign, question mark, semicolon or NUL; remove it.');
  }
}

/**
 * Decodes percent sequences, once.
 * @param where what the text is a part of, for the reason.
 * @throws Refusal for a sequence that is not UTF-8, and for control characters.
 */
export function decode(text: string, where: 'path' | 'query' | 'URL'): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw unreadable(`The ${where} contains a percent sequence that is not UTF-8; encode it again.`);
  }
  if (/\p{Cc}/u.test(decoded)) throw unreadable(`The ${where} contains control characters; remove them.`);
  return decoded;
}
