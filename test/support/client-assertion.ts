import { constants, type KeyObject, verify } from 'node:crypto';

/** Reads a client assertion (RFC 7523) and checks its signature as PS256 (RFC 7518 section 3.5). */
export function readAssertion(jwt: string | null | undefined, publicKey: KeyObject) {
  const [header = '', payload = '', signature = ''] = (jwt ?? '').split('.');
  const json = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  const key = { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const isPs256 = verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'));
  return { header: json(header), payload: json(payload), isPs256 };
}
