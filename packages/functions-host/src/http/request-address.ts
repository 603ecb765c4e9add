import type { IncomingMessage } from 'node:http';

/** What a request asks for, as ASP.NET reads it. */
export interface RequestAddress {
  /**
   * Decoded once, then without dot segments. `%2F`, and sequences that are not UTF-8, stay. So a sequence that was
   * encoded twice is still encoded.
   */
  readonly path: string;
  readonly searchParams: URLSearchParams;
  /** As the request names it; can be empty. */
  readonly host: string;
  /** The absolute URL in the format of the worker protocol. The library decodes it again. */
  readonly href: string;
  /** Path and query for a server behind this one: encoded so that it decodes to the same `path`. */
  readonly forwarded: string;
}

/**
 * Reads the target and the host of a request.
 * @returns undefined if Kestrel, the server of the real host, answers 400.
 */
export function addressOf(request: IncomingMessage): RequestAddress | undefined {
  const target = request.url ?? '/';
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  const host = request.headers.host ?? '';
  if (hosts.length > 1 || !isHost(host) || !/^[\x21-\x7e]+$/.test(target)) return undefined;
  const path = target.startsWith('/') ? originPath(target) : absolutePath(target, host);
  if (path === undefined) return undefined;
  const queryAt = target.indexOf('?');
  const query = queryAt === -1 ? '' : target.slice(queryAt).replaceAll('#', '%23');
  return {
    path,
    searchParams: new URLSearchParams(queryAt === -1 ? '' : target.slice(queryAt + 1)),
    host,
    href: `http://${host || 'localhost'}${encodePath(path)}${query}`,
    forwarded: `${encodePath(path.replaceAll('%', '%25'))}${query}`,
  };
}

/** Whether a text is a name or an address, optionally with a port. */
const isHost = (host: string): boolean =>
  host === '' || (/^[^@/?#\\\s]*$/.test(host) && URL.canParse(`http://${host}`));

/** The path of a target such as `/a/b?c` (Kestrel, PathDecoder). @returns undefined if it contains NUL. */
function originPath(target: string): string | undefined {
  const [written = ''] = target.split('?', 1);
  const path = decodeSequences(written, (character) => character !== '/');
  return path.includes('\0') ? undefined : withoutDotSegments(path);
}

/** The path of a target such as `http://host/a/b?c` (.NET, Uri.LocalPath). @returns undefined if it has another host. */
function absolutePath(target: string, host: string): string | undefined {
  const url = URL.parse(target);
  if (url === null || !/^https?:\/\//.test(target)) return undefined;
  const defaultPort = url.protocol === 'https:' ? '443' : '80';
  if (host !== url.host && host !== `${url.hostname}:${url.port || defaultPort}`) return undefined;
  return decodeSequences(url.pathname, () => true);
}

/** The percent sequences of one character in UTF-8. Some of them, such as overlong ones, are not valid. */
const character =
  /%[0-7][0-9a-f]|%[cd][0-9a-f]%[89ab][0-9a-f]|%e[0-9a-f](?:%[89ab][0-9a-f]){2}|%f[0-4](?:%[89ab][0-9a-f]){3}/gi;

/** Decodes percent sequences, once. Those that are not UTF-8 stay. @param decodes whether a character is decoded. */
const decodeSequences = (text: string, decodes: (character: string) => boolean): string =>
  text.replace(character, (sequence) => {
    try {
      const decoded = decodeURIComponent(sequence);
      return decodes(decoded) ? decoded : sequence;
    } catch {
      return sequence;
    }
  });

/** RFC 3986 section 5.2.4. */
function withoutDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const kept: string[] = [];
  const segments = path.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..';
    if (segment === '..') kept.pop();
    if (!isDots) kept.push(segment);
    else if (index === segments.length - 1) kept.push('');
  }
  return `/${kept.join('/')}`;
}

/** Encodes what a path cannot contain, and keeps the percent sequences in it (ASP.NET, PathString.ToUriComponent). */
const encodePath = (path: string): string =>
  path.replace(/%(?![0-9a-f]{2})|[^\w!$%&'()*+,./:;=@~-]+/gi, (part) => encodeURIComponent(part));
