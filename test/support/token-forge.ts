import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Fetch } from '../../src/lib/core/outbound.ts';
import { guid, tenant } from './audit-entries.ts';

/** Creates access tokens for the broker as Entra would, and signs arbitrary content with a tenant's key. */

export const homeTenant = tenant(0x7e);
export const entraEndpoint = 'https://login.example.test';
export const clientId = guid(0xc11e47);
export const audiences = [clientId, `api://${clientId}`];

export interface SigningKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly jwk: Record<string, unknown>;
}

export function newSigningKey(keyId: string, modulusLength = 2048): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength });
  return {
    keyId,
    privateKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'sig' },
  };
}

export const base64url = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Signs any `header` and `payload`, given as JSON texts or values. */
export function signJwt(
  key: SigningKey,
  payload: unknown,
  header: unknown = { alg: 'RS256', typ: 'JWT', kid: key.keyId },
): string {
  const input = `${base64url(header)}.${base64url(payload)}`;
  return `${input}.${sign('sha256', Buffer.from(input), key.privateKey).toString('base64url')}`;
}

/** A v2.0 token of an application, valid from 5 minutes before `nowMs` for a little over an hour. */
export function claims(nowMs: number, changes: Record<string, unknown> = {}): Record<string, unknown> {
  const now = Math.floor(nowMs / 1000);
  return {
    aud: clientId,
    iss: `${entraEndpoint}/${homeTenant}/v2.0`,
    iat: now - 300,
    nbf: now - 300,
    exp: now + 3600,
    azp: guid(0xa1),
    azpacr: '2',
    oid: guid(0xb1),
    sub: guid(0xb1),
    tid: homeTenant,
    roles: ['Tokens.Request', 'Audit.Read'],
    ver: '2.0',
    uti: 'x1',
    ...changes,
  };
}

/** Serves the signing keys like Entra and counts the requests. */
export class KeyServer {
  keys: Record<string, unknown>[];
  requests: string[] = [];
  /** The answer that replaces the keys. */
  instead: (() => Promise<Response>) | undefined;

  constructor(...keys: SigningKey[]) {
    this.keys = keys.map(({ jwk }) => jwk);
  }

  readonly fetch: Fetch = async (url) => {
    this.requests.push(url);
    if (this.instead) return this.instead();
    return Response.json({ keys: this.keys });
  };
}
