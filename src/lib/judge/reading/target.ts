import { quoted, unreadable } from '../verdict.ts';

/** Headers that are forwarded, in lower case. */
const forwarded: ReadonlySet<string> = new Set(
  'accept accept-language client-request-id consistencylevel content-type if-match if-none-match prefer'.split(' '),
);

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

/** A URL taken apart, still percent-encoded. */
export interface Target {
  readonly version: 'v1.0' | 'beta';
  /** Path after the version, with its leading slash. */
  readonly path: string;
  /** Query without the question mark; '' without one. */
  readonly query: string;
}

/**
 * Longest URL that is read, in characters. The Functions host takes 8,177 from callers (a request line of 8,192 bytes); the links
 * that a query follows within the process may be longer.
 */
export const maximumUrlLength = 16_384;
const control = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/**
 * Takes a URL of Microsoft Graph apart.
 * @param url Path from the version on, or the absolute URL of the host.
 * @throws Refusal for another host, another version, or characters that readers treat differently.
 */
export function readTarget(url: string, host: string): Target {
  if (url.length > maximumUrlLength) {
    throw unreadable(`The URL is longer than ${maximumUrlLength} characters; send a shorter query.`);
  }
  if (control.test(url) || !url.isWellFormed()) {
    throw unreadable('The URL contains control characters; remove them.');
  }
  if (url.includes('#')) throw unreadable('The URL contains "#"; write %23, or remove the fragment.');
  const located = pathOf(url, host);
  const [address = ''] = located.split('?', 1);
  const [, version = '', rest = ''] = /^\/([^/]*)(.*)$/s.exec(address) ?? [];
  const known = version.toLowerCase();
  if (known !== 'v1.0' && known !== 'beta') {
    throw unreadable('The path does not start with /v1.0/ or /beta/; start it with one of them.');
  }
  return { version: known, path: rest, query: located.slice(address.length + 1) };
}

function pathOf(url: string, host: string): string {
  const origin = `https://${host}`;
  if (url.slice(0, origin.length + 1).toLowerCase() === `${origin}/`.toLowerCase()) return url.slice(origin.length);
  if (url.startsWith('/') && !url.startsWith('//')) return url;
  throw unreadable(`The URL is not on ${host}; send the path from the version on, such as /v1.0/users.`);
}
