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
 * @throws Refusal for headers that override the method or path, and for media types with unknown parameters. An answer
 * without `@odata.type` would not show which of its objects the caller may see.
 */
export function readHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const [written, value] of Object.entries(headers)) {
    const name = written.toLowerCase();
    if (overrides.test(name)) throw unreadable(`The header ${quoted(name)} replaces method or path; remove it.`);
    if (!forwarded.has(name)) continue;
    if (/[^\t\x20-\x7e]/.test(value))
      throw unreadable(`The header ${quoted(name)} contains characters outside ASCII; remove them.`);
    if ((name === 'accept' || name === 'content-type') && !value.split(',').every(plainMediaType)) {
      throw unreadable(
        `The header ${quoted(name)} has parameters that the gateway does not read; send application/json.`,
      );
    }
    kept[name] = value;
  }
  return kept;
}

const parameter =
  /^(?:q=[\d.]+|charset="?utf-8"?|(?:odata\.)?metadata=(?:minimal|full)|odata\.streaming=(?:true|false)|ieee754compatible=(?:true|false))$/i;

/** `odata.metadata=none` and its older spellings would ask for an answer without types, so parameters are listed. */
function plainMediaType(type: string): boolean {
  const [, ...parameters] = type.split(';').map((part) => part.trim());
  return parameters.every((text) => parameter.test(text));
}

/** Whether a body of this content type is JSON; a missing type counts as JSON. */
export const isJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^application\/json\s*(?:;|$)/i.test(contentType);
