import { visibleText } from '../../core/visible-text.ts';
import { scrub } from '../../core/log.ts';

/** Clients of the revision 2026-07-28 send it with each request. */
const clientInfoKey = 'io.modelcontextprotocol/clientInfo';
const maxLength = 128;

/**
 * What the client calls itself: `clientInfo` of the message, else the header User-Agent. Clients before the revision
 * 2026-07-28 send `clientInfo` with `initialize` only, and the server keeps no session. Nobody has checked it: the verified
 * identity is the caller.
 */
export function clientNameOf(message: unknown, userAgent: string | null): string | undefined {
  const { params } = objectOf(message);
  const info = objectOf(objectOf(objectOf(params)['_meta'])[clientInfoKey] ?? objectOf(params)['clientInfo']);
  const { name, version } = info;
  const own = typeof name === 'string' ? `${name}${typeof version === 'string' ? ` ${version}` : ''}` : undefined;
  const text = own ?? userAgent ?? '';
  return text === '' ? undefined : visibleText(scrub(text)).slice(0, maxLength);
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
