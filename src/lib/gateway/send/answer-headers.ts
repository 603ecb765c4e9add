/**
 * Headers of an answer that reach the caller. `Location` is among them, because it is rewritten before. Never cookies,
 * `WWW-Authenticate` or headers that concern one connection (RFC 9110 section 7.6.1).
 */
const returned: ReadonlySet<string> = new Set([
  'content-disposition',
  'content-language',
  'content-type',
  'client-request-id',
  'etag',
  'last-modified',
  'location',
  'odata-version',
  'preference-applied',
  'request-id',
  'retry-after',
  'x-ms-request-id',
]);

/** The headers of an answer that may reach the caller. Values that no header may have are dropped. */
export const answerHeaders = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => returned.has(name) && /^[\t\x20-\x7e]*$/.test(value)),
  );

/** The id that the resource gave to the request. */
export const requestIdOf = (headers: Readonly<Record<string, string>>): string | undefined =>
  headers['request-id'] ?? headers['x-ms-request-id'];
