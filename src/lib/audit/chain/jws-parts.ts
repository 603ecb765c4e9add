import { parseJson } from '../../core/outbound.ts';

/** A part of a JWS, unverified: the header (0) or the payload (1). Empty if it has none that can be read. */
export function partOf(jws: string, index: 0 | 1): Readonly<Record<string, unknown>> {
  const part = parseJson(Buffer.from(jws.split('.')[index] ?? '', 'base64url').toString('utf8'));
  return typeof part === 'object' && part !== null ? { ...part } : {};
}

/** The id of the key that a JWS names; empty if it names none. */
export function keyIdOf(jws: string): string {
  const { kid } = partOf(jws, 0);
  return typeof kid === 'string' ? kid : '';
}
