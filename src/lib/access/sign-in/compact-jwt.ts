import { duplicateKey } from '../../core/duplicate-key.ts';

/** Maximum length of the Authorization header, bytes: Node's default limit for all headers of a request. */
const maxAuthorizationBytes = 16 * 1024;

/** Why a token is refused. For the log; the response has a sentence instead. */
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

/** The token is refused, for {@link Refusal.reason}. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: RefusalReason;
  constructor(reason: RefusalReason, options?: ErrorOptions) {
    super(reason, options);
    this.reason = reason;
  }
}

/**
 * Returns the token of `Authorization: Bearer …` (RFC 6750 section 2.1). The scheme is case-insensitive.
 * @throws Refusal `missing`, `too_large` or `malformed`.
 */
export function bearerToken(authorization: string | null): string {
  if (authorization === null || authorization === '') throw new Refusal('missing');
  if (authorization.length > maxAuthorizationBytes) throw new Refusal('too_large');
  const token = /^bearer +([A-Za-z0-9_.-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw new Refusal('malformed');
  return token;
}

// Entra's key ids are base64url of 20 to 32 bytes. Other texts (paths, quotes, URLs) must not cause a request for keys.
const keyIdPattern = /^[A-Za-z0-9_-]{1,128}$/;

/** The parts of a signed JWT that matter here. The signature has not been verified. */
export interface CompactJwt {
  readonly keyId: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/**
 * Splits a signed JWT (RFC 7519, RFC 7515 section 7.1) and checks its form. The signature is not verified.
 * @throws Refusal if the algorithm is not RS256, if header or payload is not a JSON object in canonical base64url, or if
 * an object contains a key twice.
 */
export function parseCompactJwt(token: string): CompactJwt {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || !signature || rest.length > 0) throw new Refusal('malformed');
  const { alg, typ, kid, crit } = jsonObject(header);
  decode(signature);
  // RFC 8725 section 3.1: the verifier determines the algorithm, not the token.
  if (alg !== 'RS256') throw new Refusal('algorithm');
  if (typ !== 'JWT' || crit !== undefined) throw new Refusal('malformed');
  if (typeof kid !== 'string' || !keyIdPattern.test(kid)) throw new Refusal('key_unknown');
  return { keyId: kid, payload: jsonObject(payload) };
}

/** Rejects base64url that is not canonical: unused trailing bits would allow several spellings of one token. */
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
