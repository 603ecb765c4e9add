import { unreadable } from '../refusal.ts';

type Version = 'v1.0' | 'beta';

/** A URL taken apart, still percent-encoded. */
export interface Target {
  readonly version: Version;
  /** Path after the version, with its leading slash. */
  readonly path: string;
  /** Query without the question mark; '' without one. */
  readonly query: string;
}

/** Longest URL that is read, in characters. Graph itself documents no limit; its servers accept about this much. */
const maximumLength = 16_384;
const control = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/**
 * Takes a URL of Microsoft Graph apart.
 * @param url Path from the version on, or the absolute URL of the host.
 * @throws Refusal for another host, another version, or characters that readers treat differently.
 */
export function readTarget(url: string, host: string): Target {
  if (url.length > maximumLength) {
    throw unreadable(`The URL is longer than ${maximumLength} characters; send a shorter query.`);
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
