import * as z from 'zod';
import { BrokerError } from '../../core/errors.ts';
import { parseJson } from '../../core/outbound.ts';
import { safeParse } from '../../core/json.ts';

/*
 * The position at which a query continues. The SDK's token is a JSON object in base64. The API uses base64url, because
 * the token is part of a URL. Callers send it back, so only the expected properties are passed to the SDK.
 */

const maxLength = 1024;
const tokenSchema = z.strictObject({ nextPartitionKey: z.string(), nextRowKey: z.string().optional() });

export const encodeContinuation = (sdkToken: string): string => Buffer.from(sdkToken, 'base64').toString('base64url');

/**
 * The SDK's token for a continuation of the API.
 * @throws BrokerError request_invalid if `encodeContinuation` cannot have returned it.
 */
export function decodeContinuation(continuation: string): string {
  const json = continuation.length <= maxLength ? Buffer.from(continuation, 'base64url').toString('utf8') : '';
  const parsed = safeParse(tokenSchema, parseJson(json));
  if (!parsed.success)
    throw new BrokerError('request_invalid', 'The continuation is not valid. Send the one from the previous page.');
  return Buffer.from(JSON.stringify(parsed.data)).toString('base64');
}
