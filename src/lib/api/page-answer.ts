import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import type { Answer } from './route.ts';

/** A public file: a page, script, style sheet or the OpenAPI document. */
export interface StaticFile {
  readonly text: string;
  /** The text compressed with Brotli (RFC 7932). */
  readonly compressed: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  /** A strong validator of the text (RFC 9110 section 8.8.3). */
  readonly etag: string;
}

const compress = promisify(brotliCompress);

/** Compresses on a thread of the pool, which takes about 40 ms for the script of the dashboard. */
export async function staticFile(text: string, contentType: string): Promise<StaticFile> {
  const compressed = await compress(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
  return { text, compressed: new Uint8Array(compressed), contentType, etag: etagOf(text) };
}

export const etagOf = (text: string): string => `"${hash('sha256', text, 'base64url').slice(0, 22)}"`;

/**
 * Allows only files of this origin, and no inline scripts or styles, frames or form targets. Trusted Types reject
 * strings in DOM sinks, so that a name from a customer's directory can never become markup.
 * @param connectTo the only address beside this origin that scripts may send requests to. One that ends with a slash
 * includes everything below it.
 */
const contentSecurityPolicy = (connectTo: string | undefined): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self'${connectTo === undefined ? '' : ` ${connectTo}`}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');

const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=()',
};

/**
 * Answers 200 with the file, compressed if the client reads Brotli, or 304 if the client has it. Clients revalidate, so
 * that a deployment shows at once.
 * @param connectTo an address that the page's scripts may send requests to, beside those of this origin.
 */
export function staticAnswer(
  { text, compressed, contentType, etag }: StaticFile,
  requestHeaders: { get(name: string): string | null },
  connectTo?: string,
): Answer {
  const brotli = readsBrotli(requestHeaders.get('accept-encoding'));
  const headers = {
    'content-security-policy': contentSecurityPolicy(connectTo),
    ...securityHeaders,
    'cache-control': 'no-cache',
    vary: 'accept-encoding',
    // Each encoding has a strong validator of its own (RFC 9110 section 8.8.3.3).
    etag: brotli ? etag.replace(/"$/, '-br"') : etag,
  };
  if (matches(requestHeaders.get('if-none-match'), headers.etag)) return { status: 304, headers };
  const described = { ...headers, 'content-type': contentType };
  return brotli
    ? { status: 200, headers: { ...described, 'content-encoding': 'br' }, body: compressed }
    : { status: 200, headers: described, body: text };
}

/** RFC 9110 section 12.5.3. A weight of zero refuses an encoding. */
const readsBrotli = (acceptEncoding: string | null): boolean =>
  (acceptEncoding ?? '').split(',').some((coding) => /^\s*br\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/i.test(coding));

/** RFC 9110 section 13.1.2. A proxy that compresses turns the tag into a weak one. */
export const matches = (ifNoneMatch: string | null, etag: string): boolean =>
  ifNoneMatch !== null &&
  ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The pages with their scripts and styles. Each file is read once. */
export interface PageFiles {
  /** Returns undefined if there is no such file. */
  find(name: string): Promise<StaticFile | undefined>;
}

export function createPageFiles(folder: string): PageFiles {
  const files = new Map<string, StaticFile>();
  return {
    find: async (name) => {
      const known = files.get(name);
      if (known !== undefined) return known;
      const contentType = contentTypes[extname(name)];
      // Only a plain file name: it cannot lead out of the folder.
      if (contentType === undefined || !/^[a-z][a-z0-9-]*\.[a-z]+$/.test(name)) return undefined;
      try {
        const file = await staticFile(await readFile(join(folder, name), 'utf8'), contentType);
        files.set(name, file);
        return file;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}
