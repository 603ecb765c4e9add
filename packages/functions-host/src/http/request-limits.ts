import type { IncomingMessage } from 'node:http';

/** The limits of the real host's server (KestrelServerLimits). Sizes are in bytes, with the ends of the lines. */
const maxRequestLineSize = 8192;
const maxRequestHeaderCount = 100;
const maxRequestHeadersTotalSize = 32_768;

/** More than the limits, so that the server sees what to answer. Node.js itself answers 431 to more. In bytes. */
export const maxHeaderSize = 2 * 1024 * 1024;

/** The status of a request that is over the limits. */
export function limitStatus({ method = '', url = '', rawHeaders }: IncomingMessage): 414 | 431 | undefined {
  if (`${method} ${url} HTTP/1.1\r\n`.length > maxRequestLineSize) return 414;
  // Each header has ": " and the end of its line.
  const size = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0);
  return rawHeaders.length > 2 * maxRequestHeaderCount || size > maxRequestHeadersTotalSize ? 431 : undefined;
}
