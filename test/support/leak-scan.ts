import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { checkpointType } from '../../src/lib/audit/chain/checkpoint.ts';
import { extractType, headType } from '../../src/lib/audit/proof/layout.ts';
import { type BytePattern, BytePatterns } from './byte-patterns.ts';

/** A secret whose value must not appear anywhere. */
export interface Canary {
  readonly name: string;
  readonly value: string;
}

export interface Leak {
  /** File or text that contains it. */
  readonly where: string;
  readonly what: string;
}

/** A source to scan. */
export interface Scanned {
  readonly where: string;
  readonly content: Buffer | string;
}

/** Anything that looks like a JWT: header and payload start with `{"`. */
const jwt = /(eyJ[A-Za-z0-9_-]{10,})\.eyJ[A-Za-z0-9_-]{20,}/g;

const looksLikeToken = (text: string): boolean => [...text.matchAll(jwt)].some(([, header = '']) => !isOfAudit(header));

/** What proves the audit log is signed in the same form. It holds hashes and numbers. */
function isOfAudit(header: string): boolean {
  try {
    const { typ } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { typ?: unknown };
    return [checkpointType, headType, extractType].includes(String(typ));
  } catch {
    return false;
  }
}

/**
 * Scans everything the program wrote for secrets: raw, base64 in its three alignments, base64url, URL-encoded,
 * JSON-escaped, hexadecimal and UTF-16, and all of these inside gzip streams. Long secrets are searched in pieces, so
 * that truncated ones are found, too.
 */
export class LeakScan {
  readonly leaks: Leak[] = [];
  bytes = 0;
  readonly #patterns: BytePatterns;
  readonly #allowTokens: boolean;

  /** @param options.tokens `true` for sources that may contain tokens, such as answers of POST /api/tokens. */
  constructor(canaries: readonly Canary[], options: { readonly tokens?: boolean } = {}) {
    this.#patterns = new BytePatterns(canaries.flatMap(patternsOf));
    this.#allowTokens = options.tokens === true;
  }

  scan({ where, content }: Scanned): void {
    const buffer = typeof content === 'string' ? Buffer.from(content) : content;
    this.bytes += buffer.byteLength;
    this.#look(where, buffer);
    for (const inflated of gzipStreams(buffer)) this.#look(`${where} (gunzipped)`, inflated);
  }

  async scanFolder(folder: string): Promise<void> {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      this.scan({ where: path.slice(folder.length + 1), content: await readFile(path) });
    }
  }

  /** A one-line summary for the test output. */
  summary(what: string): string {
    return `leak scan of ${what}: ${(this.bytes / 1_048_576).toFixed(2)} MiB, ${this.#patterns.count} patterns, ${this.leaks.length} leaks`;
  }

  /** @throws Error that lists some of the findings. */
  refuse(): void {
    if (this.leaks.length === 0) return;
    const some = this.leaks.slice(0, 10).map(({ where, what }) => `${what} in ${where}`);
    throw new Error(`${this.leaks.length} leaks, such as: ${some.join('; ')}`);
  }

  #look(where: string, buffer: Buffer): void {
    for (const what of this.#patterns.find(buffer)) this.leaks.push({ where, what });
    if (!this.#allowTokens && looksLikeToken(buffer.toString('latin1')))
      this.leaks.push({ where, what: 'something that looks like a token' });
  }
}

const patternsOf = ({ name, value }: Canary): BytePattern[] => piecesOf(value).flatMap((piece) => formsOf(name, piece));

/** Splits a secret: short ones stay whole, client secrets become halves, tokens four pieces. */
function piecesOf(value: string): string[] {
  // The common prefix of all tokens is not secret.
  const secret = value.slice(looksLikeToken(value) ? value.indexOf('.') + 1 : 0);
  const length = Math.min(32, Math.ceil(secret.length / 2));
  if (length < 12) return [secret];
  const rest = secret.length - length;
  const starts = [0, Math.floor(rest / 3), Math.floor((2 * rest) / 3), rest];
  return [...new Set(starts.map((start) => secret.slice(start, start + length)))];
}

function formsOf(name: string, value: string): BytePattern[] {
  const base64 = [0, 1, 2].map((shift) => aligned(value, shift));
  const forms: Record<string, string> = {
    raw: value,
    'URL-encoded': encodeURIComponent(value),
    'form-encoded': new URLSearchParams({ v: value }).toString().slice(2),
    'JSON-escaped': JSON.stringify(value).slice(1, -1),
    'JSON-escaped twice': JSON.stringify(JSON.stringify(value).slice(1, -1)).slice(1, -1),
    hexadecimal: Buffer.from(value).toString('hex'),
    ...Object.fromEntries(base64.map((text, shift) => [`base64, shifted by ${shift}`, text])),
    ...Object.fromEntries(
      base64.map((text, shift) => [`base64url, shifted by ${shift}`, text.replaceAll('+', '-').replaceAll('/', '_')]),
    ),
  };
  const texts = new Map(Object.entries(forms).map(([form, text]) => [text, form]));
  return [
    ...[...texts].map(([text, form]) => ({ what: `${name}, ${form}`, bytes: Buffer.from(text) })),
    { what: `${name}, UTF-16`, bytes: Buffer.from(value, 'utf16le') },
  ];
}

/** Base64 of the value behind `shift` unknown bytes, without the characters that depend on neighbouring bytes. */
function aligned(value: string, shift: number): string {
  const text = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)])
    .toString('base64')
    .replace(/=+$/, '');
  return text.slice(shift === 0 ? 0 : shift + 1, -2);
}

const gzipMagic = Buffer.from([0x1f, 0x8b, 0x08]);

function* gzipStreams(buffer: Buffer): Generator<Buffer> {
  for (let at = buffer.indexOf(gzipMagic); at !== -1; at = buffer.indexOf(gzipMagic, at + 1)) {
    try {
      yield gunzipSync(buffer.subarray(at), { maxOutputLength: 256 * 1_048_576 });
    } catch {
      // These three bytes only looked like the start of a gzip stream.
    }
  }
}
