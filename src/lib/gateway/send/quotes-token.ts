import type { Secret } from '../../core/secret.ts';
import type { Answer } from './rewrite-answer.ts';

/** Shorter parts of a token could stand in an answer by chance. */
const shortestPart = 24;

/** An escaped ASCII letter, digit or sign in JSON. JSON inside of JSON has several backslashes; a match starts at the first. */
const escapedSign = /(?<!\\)\\+u00([2-7][\da-f])/gi;

/**
 * Whether an answer contains the token that went with its request. Its signature alone counts, because the rest of a token
 * is worth nothing without it. In JSON, each of its characters may be written as an escape.
 */
export function quotesToken({ headers, body }: Answer, token: Secret): boolean {
  const value = token.reveal();
  const signature = value.slice(value.lastIndexOf('.') + 1);
  const sought = signature.length >= shortestPart ? signature : value;
  if (Object.values(headers).some((text) => text.includes(sought))) return true;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.includes(sought, 0, 'latin1')) return true;
  if (!bytes.includes(String.raw`\u00`)) return false;
  const decoded = bytes
    .toString('latin1')
    .replace(escapedSign, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return decoded.includes(sought);
}
