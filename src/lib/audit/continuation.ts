import * as z from 'zod';
import { BrokerError } from '../model/errors.ts';
import { parseJson } from '../runtime/outbound.ts';
import { safeParse } from '../runtime/safe-parse.ts';

/*
 * Where a query goes on. The SDK's mark is base64 of a JSON object; ours is the same in base64url, because it travels in
 * an address. It comes back from outside, so only what we could have written is passed on.
 */

const maxLength = 1024;
const markSchema = z.strictObject({ nextPartitionKey: z.string(), nextRowKey: z.string().optional() });

export const encodeContinuation = (sdkMark: string): string => Buffer.from(sdkMark, 'base64').toString('base64url');

/** @throws BrokerError request_invalid */
export function decodeContinuation(mark: string): string {
  const json = mark.length <= maxLength ? Buffer.from(mark, 'base64url').toString('utf8') : '';
  const parsed = safeParse(markSchema, parseJson(json));
  if (!parsed.success)
    throw new BrokerError('request_invalid', 'The continuation is not one that an earlier answer gave.');
  return Buffer.from(JSON.stringify(parsed.data)).toString('base64');
}
