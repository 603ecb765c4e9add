import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';

/** Source: "Key types, algorithms, and operations". P-256K is not simulated. */
export const curves = ['P-256', 'P-384', 'P-521'] as const;
export type Curve = (typeof curves)[number];

export const rsaSizes: readonly unknown[] = [2048, 3072, 4096];

/** Source: "JsonWebKeyOperation". What a new key may do by default. */
const defaultOperations = {
  EC: ['sign', 'verify'],
  RSA: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
} as const;

/** What makes a key. */
export type KeyKind = { readonly kty: 'EC'; readonly crv: Curve } | { readonly kty: 'RSA'; readonly size: number };

export interface KeyDetails {
  readonly enabled?: boolean | undefined;
  readonly notBeforeSeconds?: number | undefined;
  readonly expiresSeconds?: number | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly operations?: readonly string[] | undefined;
}

export interface KeyVersion {
  readonly version: string;
  readonly kind: KeyKind;
  readonly privateKey: KeyObject;
  readonly createdMs: number;
  updatedMs: number;
  enabled: boolean;
  operations: readonly string[];
  notBeforeSeconds: number | undefined;
  expiresSeconds: number | undefined;
  tags: Readonly<Record<string, string>> | undefined;
}

export interface StoredKey {
  readonly name: string;
  /** Oldest first. */
  readonly versions: KeyVersion[];
}

/** The keys of one vault. As in Key Vault, letter case does not matter in names. */
export class KeyStore {
  readonly #clock: Clock;
  readonly #keys = new Map<string, StoredKey>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(name: string): StoredKey | undefined {
    return this.#keys.get(name.toLowerCase());
  }

  list(): readonly StoredKey[] {
    return [...this.#keys.values()].toSorted((left, right) => left.name.localeCompare(right.name));
  }

  /** Creates a key, or a new version of the key with this name. @param privateKey absent: a new one. */
  add(name: string, kind: KeyKind, details: KeyDetails, privateKey = newKey(kind)): KeyVersion {
    const nowMs = this.#clock.nowMs();
    const version: KeyVersion = {
      version: randomUUID().replaceAll('-', ''),
      kind,
      privateKey,
      createdMs: nowMs,
      updatedMs: nowMs,
      enabled: details.enabled ?? true,
      operations: details.operations ?? defaultOperations[kind.kty],
      notBeforeSeconds: details.notBeforeSeconds,
      expiresSeconds: details.expiresSeconds,
      tags: details.tags,
    };
    const known = this.find(name);
    if (known !== undefined) known.versions.push(version);
    else this.#keys.set(name.toLowerCase(), { name, versions: [version] });
    return version;
  }

  /** Changes the properties that are set. */
  change(version: KeyVersion, details: KeyDetails): void {
    version.enabled = details.enabled ?? version.enabled;
    version.operations = details.operations ?? version.operations;
    version.notBeforeSeconds = details.notBeforeSeconds ?? version.notBeforeSeconds;
    version.expiresSeconds = details.expiresSeconds ?? version.expiresSeconds;
    version.tags = details.tags ?? version.tags;
    version.updatedMs = this.#clock.nowMs();
  }
}

const newKey = (kind: KeyKind): KeyObject =>
  kind.kty === 'EC'
    ? generateKeyPairSync('ec', { namedCurve: kind.crv }).privateKey
    : generateKeyPairSync('rsa', { modulusLength: kind.size }).privateKey;

/** The public parameters, as in a JWK. */
export const publicParameters = ({ privateKey }: KeyVersion): Readonly<Record<string, unknown>> => ({
  ...createPublicKey(privateKey).export({ format: 'jwk' }),
});
