import { duplicateKey } from './duplicate-key.ts';

/** Longest Authorization header that is looked at, bytes: what Node accepts for all headers together. */
const maxAuthorizationBytes = 16 * 1024;

/** Why a token is refused, for the log; the caller is told in a sentence. */
export type RefusalReason =
  | 'missing'
  | 'too_large'
  | 'malformed'
  | 'duplicate_claim'
  | 'algorithm'
  | 'key_unknown'
  | 'signature'
  | 'expired'
  | 'not_yet_valid'
  | 'issuer'
  | 'audience'
  | 'tenant'
  | 'claims';

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: RefusalReason;
  constructor(reason: RefusalReason, options?: ErrorOptions) {
    super(reason, options);
    this.reason = reason;
  }
}

/** The token of `Authorization: Bearer …` (RFC 6750 section 2.1; the scheme in any case). @throws Refusal */
export function bearerToken(authorization: string | null): string {
  if (authorization === null || authorization === '') throw new Refusal('missing');
  if (authorization.length > maxAuthorizationBytes) throw new Refusal('too_large');
  const token = /^bearer +([A-Za-z0-9_.-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw new Refusal('malformed');
  return token;
}

// Entra's key ids are base64url of 20 to 32 bytes. Anything else (paths, quotes, URLs) is not worth a look at the keys.
const keyIdPattern = /^[A-Za-z0-9_-]{1,128}$/;

export interface CompactJwt {
  readonly keyId: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/**
 * Splits a signed JWT (RFC 7519, RFC 7515 section 7.1) and judges its form, before any cryptography. Nothing in the
 * result is proven.
 * @throws Refusal for another algorithm than RS256, for what is not the canonical base64url of a JSON object, and for a
 * key that is given twice.
 */
export function parseCompactJwt(token: string): CompactJwt {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || !signature || rest.length > 0) throw new Refusal('malformed');
  const { alg, typ, kid, crit } = jsonObject(header);
  decode(signature);
  // RFC 8725 section 3.1: the algorithm is ours to choose, never the token's.
  if (alg !== 'RS256') throw new Refusal('algorithm');
  if (typ !== 'JWT' || crit !== undefined) throw new Refusal('malformed');
  if (typeof kid !== 'string' || !keyIdPattern.test(kid)) throw new Refusal('key_unknown');
  return { keyId: kid, payload: jsonObject(payload) };
}

/** Only the one canonical spelling passes: the spare bits at the end would let one token be written in several ways. */
function decode(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw new Refusal('malformed');
  return bytes;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function jsonObject(part: string): Readonly<Record<string, unknown>> {
  const bytes = decode(part);
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new Refusal('malformed', { cause });
  }
  if (!isObject(value)) throw new Refusal('malformed');
  if (duplicateKey(text) !== undefined) throw new Refusal('duplicate_claim');
  return value;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
