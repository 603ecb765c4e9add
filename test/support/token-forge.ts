import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Fetch } from '../../src/lib/runtime/outbound.ts';
import { guid, tenant } from './audit-entries.ts';

/** What Entra would put into an access token for the broker, and a way to sign anything with the key of a tenant. */

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

/** Signs whatever it is given: `header` and `payload` are JSON texts or values. */
export function signJwt(
  key: SigningKey,
  payload: unknown,
  header: unknown = { alg: 'RS256', typ: 'JWT', kid: key.keyId },
): string {
  const input = `${base64url(header)}.${base64url(payload)}`;
  return `${input}.${sign('sha256', Buffer.from(input), key.privateKey).toString('base64url')}`;
}

/** A v2 token of an application, valid from 5 minutes before `nowMs` for an hour and a bit. */
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

/** Serves the keys as Entra does, and counts. */
export class KeyServer {
  keys: Record<string, unknown>[];
  requests: string[] = [];
  /** What to answer instead of the keys. */
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
