import type { Secret } from '../model/secret.ts';
import type { Answer } from './rewrite-answer.ts';

/** Shorter parts of a token could stand in an answer by chance. */
const shortestPart = 24;

/**
 * Whether an answer contains the token that went with its request. Its signature alone counts, because the rest of a token
 * is worth nothing without it.
 */
export function quotesToken({ headers, body }: Answer, token: Secret): boolean {
  const value = token.reveal();
  const signature = value.slice(value.lastIndexOf('.') + 1);
  const sought = signature.length >= shortestPart ? signature : value;
  if (Object.values(headers).some((text) => text.includes(sought))) return true;
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(sought, 0, 'latin1');
}
