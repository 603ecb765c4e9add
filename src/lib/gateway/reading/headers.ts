import { quoted, unreadable } from '../refusal.ts';

/** Headers that are forwarded, in lower case. */
const forwarded: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'client-request-id',
  'consistencylevel',
  'content-type',
  'if-match',
  'if-none-match',
  'prefer',
]);

/** Headers that make a server read another method or path. */
const overrides =
  /^(?:x-http-method(?:-override)?|x-method-override|x-original-url|x-rewrite-url|x-forwarded-(?:host|prefix|uri))$/;

/**
 * The headers to forward.
 * @throws Refusal for headers that override the method or path, and for an answer without `@odata.type`, because the
 * types of objects decide what of an answer the caller may see.
 */
export function readHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const [written, value] of Object.entries(headers)) {
    const name = written.toLowerCase();
    if (overrides.test(name)) throw unreadable(`The header ${quoted(name)} replaces method or path; remove it.`);
    if (!forwarded.has(name)) continue;
    if (/[^\t\x20-\x7e]/.test(value))
      throw unreadable(`The header ${quoted(name)} contains characters outside ASCII; remove them.`);
    if (name === 'accept' && /metadata\s*=\s*"?none/i.test(value)) {
      throw unreadable('The header "accept" asks for an answer without types; ask for odata.metadata=minimal.');
    }
    kept[name] = value;
  }
  return kept;
}

/** Whether a body of this content type is JSON; a missing type counts as JSON. */
export const isJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^application\/json\s*(?:;|$)/i.test(contentType);
