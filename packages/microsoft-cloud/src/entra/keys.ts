import {
  calculateJwkThumbprint,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWK,
  SignJWT,
  type JWTPayload,
} from 'jose';

/** The keys that Entra signs tokens with. The previous key stays published after a rotation. */
export interface SigningKeys {
  sign(claims: JWTPayload): Promise<string>;
  /** The public keys, newest first. */
  published(): readonly JWK[];
  publicKeyOf(kid: string): CryptoKey | undefined;
  /** Creates a new signing key. The previous key stays published, older keys do not. */
  rotate(): Promise<void>;
}

interface Key {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

async function createKey(): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { modulusLength: 2048 });
  const jwk = await exportJWK(publicKey);
  const kid = (await calculateJwkThumbprint(jwk)).slice(0, 27);
  return { kid, privateKey, publicKey, jwk: { ...jwk, kid, x5t: kid, use: 'sig' } };
}

export async function createSigningKeys(): Promise<SigningKeys> {
  let current = await createKey();
  let previous: Key | undefined;
  const all = (): readonly Key[] => (previous === undefined ? [current] : [current, previous]);
  return {
    // WebCrypto signs in a thread of its own, so the token endpoint keeps answering.
    sign: (claims) =>
      new SignJWT(claims)
        .setProtectedHeader({ typ: 'JWT', alg: 'RS256', x5t: current.kid, kid: current.kid })
        .sign(current.privateKey),
    published: () => all().map(({ jwk }) => jwk),
    publicKeyOf: (kid) => all().find((key) => key.kid === kid)?.publicKey,
    rotate: async () => {
      const next = await createKey();
      previous = current;
      current = next;
    },
  };
}
