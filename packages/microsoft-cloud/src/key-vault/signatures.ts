import {
  constants,
  createECDH,
  createPublicKey,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
  randomBytes,
} from 'node:crypto';
import type { Curve, KeyVersion } from './keys.ts';

/*
 * Signatures over digests. Key Vault never sees the data, and node:crypto signs data only. For RSA the padding of PKCS #1
 * is written here (RFC 8017 section 9.2); for EC the equations of ECDSA (FIPS 186-5 section 6.4), with the multiplication
 * of node:crypto.
 */

interface CurveFacts {
  readonly algorithm: string;
  /** Of the digest, and of the numbers in a signature. */
  readonly digestBytes: number;
  readonly numberBytes: number;
  readonly name: string;
  /** Source: SEC 2, the order of the base point. */
  readonly order: bigint;
}

const curveFacts: Readonly<Record<Curve, CurveFacts>> = {
  'P-256': {
    algorithm: 'ES256',
    digestBytes: 32,
    numberBytes: 32,
    name: 'prime256v1',
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  'P-384': {
    algorithm: 'ES384',
    digestBytes: 48,
    numberBytes: 48,
    name: 'secp384r1',
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  'P-521': {
    algorithm: 'ES512',
    digestBytes: 64,
    numberBytes: 66,
    name: 'secp521r1',
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
};

/** The start of the structure that PKCS #1 signs, before the digest (RFC 8017 section 9.2, note 1). */
const rsaAlgorithms: Readonly<Record<string, { readonly digestBytes: number; readonly prefix: string }>> = {
  RS256: { digestBytes: 32, prefix: '3031300d060960864801650304020105000420' },
  RS384: { digestBytes: 48, prefix: '3041300d060960864801650304020205000430' },
  RS512: { digestBytes: 64, prefix: '3051300d060960864801650304020305000440' },
};

/** Length of the digest that an algorithm signs, in bytes; undefined if the key does not know the algorithm. */
export function digestBytes({ kind }: KeyVersion, algorithm: string): number | undefined {
  if (kind.kty === 'RSA') return rsaAlgorithms[algorithm]?.digestBytes;
  const facts = curveFacts[kind.crv];
  return facts.algorithm === algorithm ? facts.digestBytes : undefined;
}

/** Signs a digest. An EC signature is r and s one after the other (RFC 7518 section 3.4). */
export function signDigest({ kind, privateKey }: KeyVersion, algorithm: string, digest: Buffer): Buffer {
  if (kind.kty === 'RSA')
    return privateEncrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, digestInfo(algorithm, digest));
  const { order, numberBytes } = curveFacts[kind.crv];
  for (;;) {
    const k = numberOf(randomBytes(numberBytes + 8)) % order;
    const r = k === 0n ? 0n : pointX(kind.crv, k) % order;
    const s = (inverse(k, order) * (digestNumber(kind.crv, digest) + r * secretOf(privateKey))) % order;
    if (r !== 0n && s !== 0n) return Buffer.concat([bytesOf(r, numberBytes), bytesOf(s, numberBytes)]);
  }
}

/** Whether a signature over a digest is right. The vault has the private key, so it finds the k that was used. */
export function verifyDigest(
  { kind, privateKey }: KeyVersion,
  algorithm: string,
  { digest, signature }: { readonly digest: Buffer; readonly signature: Buffer },
): boolean {
  if (kind.kty === 'RSA') return verifyRsa(createPublicKey(privateKey), signature, digestInfo(algorithm, digest));
  const { order, numberBytes } = curveFacts[kind.crv];
  if (signature.length !== 2 * numberBytes) return false;
  const [r, s] = [numberOf(signature.subarray(0, numberBytes)), numberOf(signature.subarray(numberBytes))];
  if (r === 0n || r >= order || s === 0n || s >= order) return false;
  const k = (inverse(s, order) * (digestNumber(kind.crv, digest) + r * secretOf(privateKey))) % order;
  return k !== 0n && pointX(kind.crv, k) % order === r;
}

const digestInfo = (algorithm: string, digest: Buffer): Buffer =>
  Buffer.concat([Buffer.from(rsaAlgorithms[algorithm]?.prefix ?? '', 'hex'), digest]);

function verifyRsa(key: KeyObject, signature: Buffer, expected: Buffer): boolean {
  try {
    return publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature).equals(expected);
  } catch {
    return false;
  }
}

const secretOf = (privateKey: KeyObject): bigint =>
  numberOf(Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'));

/** The digest as a number. P-521 is longer than its digest, the others are as long. */
const digestNumber = (crv: Curve, digest: Buffer): bigint => numberOf(digest) % curveFacts[crv].order;

/** The first coordinate of the multiple of the base point. */
function pointX(crv: Curve, multiple: bigint): bigint {
  const { name, numberBytes } = curveFacts[crv];
  const point = createECDH(name);
  point.setPrivateKey(bytesOf(multiple, numberBytes));
  return numberOf(point.getPublicKey().subarray(1, 1 + numberBytes));
}

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
const bytesOf = (value: bigint, length: number): Buffer =>
  Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');

/** By Euclid's algorithm. */
function inverse(value: bigint, order: bigint): bigint {
  let [low, high, lowFactor, highFactor] = [value % order, order, 1n, 0n];
  while (low > 1n) {
    const ratio = high / low;
    [low, high] = [high % low, low];
    [lowFactor, highFactor] = [highFactor - ratio * lowFactor, lowFactor];
  }
  return ((lowFactor % order) + order) % order;
}
