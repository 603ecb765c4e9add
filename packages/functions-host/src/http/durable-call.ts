import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody, sendJson } from './exchange.ts';
import type { RequestAddress } from './request-address.ts';

/** One request to the HTTP API of the Durable Task extension. */
export interface DurableCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: RequestAddress;
  readonly method: string;
  readonly maxBodyBytes: number;
}

/** The body as text. @throws BodyTooLargeError */
export const bodyText = async (call: DurableCall): Promise<string> =>
  (await readBody(call.request, call.maxBodyBytes)).toString('utf8');

/**
 * The body as JSON text, `null` for an empty one. Sends 400 and resolves with undefined when the body is not JSON.
 * @throws BodyTooLargeError
 */
export async function jsonBody(call: DurableCall): Promise<string | undefined> {
  const text = await bodyText(call);
  if (text.trim() === '') return 'null';
  if (isJsonText(text)) return text;
  sendMessage(call.response, 400, 'Invalid JSON content');
  return undefined;
}

export function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export const isJsonRequest = (request: IncomingMessage): boolean =>
  (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() === 'application/json';

/** The value of a boolean query parameter. Any value other than `true` and `false` counts as absent. */
export function flagOf(params: URLSearchParams, name: string, defaultValue: boolean): boolean {
  const value = params.get(name)?.toLowerCase();
  return value === 'true' ? true : value === 'false' ? false : defaultValue;
}

/** Sends an error in the format of the extension. */
export const sendMessage = (response: ServerResponse, status: number, message: string): void =>
  sendJson(response, status, JSON.stringify({ message }));
