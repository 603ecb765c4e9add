import type * as z from 'zod';
import { BrokerError } from '../errors.ts';
import { safeParse } from '../json.ts';
import { parseJson } from '../outbound.ts';

/** Encodes where the next page starts. The text contains no secret, and goes into addresses. */
export const encodeContinuation = (start: object): string => Buffer.from(JSON.stringify(start)).toString('base64url');

/**
 * Decodes what {@link encodeContinuation} returned. Callers send it back, so nothing in it is trusted.
 * @throws BrokerError request_invalid
 */
export function decodeContinuation<T>(schema: z.ZodType<T>, continuation: string): T {
  const parsed = safeParse(schema, parseJson(Buffer.from(continuation, 'base64url').toString('utf8')));
  if (!parsed.success) throw wrongContinuation('is not valid');
  return parsed.data;
}

/** @param problem completes the sentence "The continuation …". */
export const wrongContinuation = (problem: string): BrokerError =>
  new BrokerError(
    'request_invalid',
    `The continuation ${problem}. Send the one of the previous page unchanged, or none to start with the first page.`,
  );
