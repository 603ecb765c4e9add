import type { Clock } from '../../core/clock.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { KeptCopy } from '../../core/kept-copy.ts';
import { Secret } from '../../core/secrets.ts';
import { hiddenNames } from '../../judge/request-reading.ts';
import type { StoredVersion } from '../../tokens/credential/credential-store.ts';
import type { KeyVaultSecrets } from '../../tokens/credential/key-vault-secrets.ts';
import { readVersion } from '../../tokens/credential/stored-secret.ts';
import {
  carriesMac,
  gatewayLink,
  type LinkOwner,
  type LinkReading,
  type LinkRoute,
  readLink,
  signLink,
} from './links.ts';

/** The secret in Key Vault. Its value is 32 random bytes in base64url. */
export const linkKeyName = 'ptb-gateway-link-key';

/** Age at which the keys are read again, as for the credential. */
const rereadMs = 600_000;
/** Minimum time between two reads that links with an unknown MAC cause, milliseconds. */
const minRereadMs = 5_000;
/** How long callers wait for a read while there is a copy, milliseconds. */
const patienceMs = 3_000;
const pauseMs = 30_000;
/** Versions that are read. Two instances that start at the same time leave two. */
const maximumKeys = 4;
const keyBytes = 32;

interface LinkKeysDeps {
  readonly secrets: Pick<KeyVaultSecrets, 'set' | 'version' | 'versions'>;
  readonly clock: Clock;
  /** Cryptographically random bytes. */
  readonly randomBytes: (count: number) => Buffer;
  readonly background?: (work: () => void) => void;
}

/**
 * The keys of links in answers. The first instance that needs one makes it. The oldest enabled version signs, so that
 * instances agree even if two made one at the same time, and every enabled version verifies. No rotation is needed: the key
 * leaves Key Vault and memory only as a MAC. An operator who disables all versions makes every link invalid.
 */
export class LinkKeys {
  readonly #deps: LinkKeysDeps;
  readonly #copy: KeptCopy<readonly [Secret, ...Secret[]]>;

  constructor(deps: LinkKeysDeps) {
    this.#deps = deps;
    this.#copy = new KeptCopy(deps, {
      freshMs: () => rereadMs,
      usableMs: Number.POSITIVE_INFINITY,
      outlives: (failure) => toBrokerError(failure).transient,
      pauseMs: (failure, isCopyServed) =>
        Math.max(isCopyServed ? pauseMs : 0, (toBrokerError(failure).retryAfterSeconds ?? 0) * 1000),
    });
  }

  /** The keys; the first signs. @throws BrokerError key_vault_unavailable. */
  async current(): Promise<readonly [Secret, ...Secret[]]> {
    return (await this.#copy.get(() => this.#load(), { patienceMs })).value;
  }

  /** The same, read again unless that happened in the last 5 seconds: another instance may have made a key. */
  async newest(): Promise<readonly [Secret, ...Secret[]]> {
    return (await this.#copy.get(() => this.#load(), { patienceMs, freshMs: minRereadMs })).value;
  }

  async #load(): Promise<readonly [Secret, ...Secret[]]> {
    const [first, ...others] = await this.#stored();
    if (first !== undefined) return [first, ...others];
    const { secrets, randomBytes } = this.#deps;
    const value = randomBytes(keyBytes).toString('base64url');
    await secrets.set(linkKeyName, { value, contentType: 'gateway-link-key', tags: {} });
    const [made, ...raced] = await this.#stored();
    if (made === undefined) {
      throw new BrokerError('key_vault_unavailable', `Key Vault does not return the secret ${linkKeyName}.`);
    }
    return [made, ...raced];
  }

  /** Keys of the enabled versions, oldest first. Key Vault's times have whole seconds, so the version decides a tie. */
  async #stored(): Promise<readonly Secret[]> {
    const { secrets } = this.#deps;
    const enabled = (await secrets.versions(linkKeyName, readVersion)).filter((version) => version.enabled);
    const found: Secret[] = [];
    for (const { version } of enabled.toSorted(byAge).slice(0, maximumKeys)) {
      const key = keyIn((await secrets.version(linkKeyName, version))?.value);
      if (key !== undefined) found.push(key);
    }
    return found;
  }
}

const byAge = (one: StoredVersion, other: StoredVersion): number =>
  one.createdAtMs - other.createdAtMs || (one.version < other.version ? -1 : 1);

/** Undefined for a value that is no key. */
const keyIn = (value: string | undefined): Secret | undefined =>
  value !== undefined && Buffer.from(value, 'base64url').length === keyBytes ? new Secret(value) : undefined;

/** Rewrites one link of an answer. Undefined: the link leads to another host. */
export type RewriteLink = (link: string) => string | undefined;

/** Writes and reads the links that lead back to the gateway. */
export class GatewayLinks {
  readonly #keys: Pick<LinkKeys, 'current' | 'newest'>;

  constructor(keys: Pick<LinkKeys, 'current' | 'newest'>) {
    this.#keys = keys;
  }

  /**
   * Gets the key before a request is sent, so that no answer is lost because its links cannot be signed.
   * @param selected `Allowed.selected` of the request's verdict.
   * @returns what rewrites the links of the answer.
   * @throws BrokerError key_vault_unavailable.
   */
  async writer(owner: LinkOwner, route: LinkRoute, selected: readonly string[]): Promise<RewriteLink> {
    const [key] = await this.#keys.current();
    return (link) =>
      gatewayLink(route, link, (url) => signLink(key, owner, { url, selected: hiddenNames(url, selected) }));
  }

  /**
   * Reads the URL of a request. Needs no key unless the URL carries a MAC.
   * @param url Path and query below the resource's address, still percent-encoded.
   * @throws BrokerError key_vault_unavailable.
   */
  async read(owner: LinkOwner, url: string): Promise<LinkReading> {
    if (!carriesMac(url)) return { ok: true, url, link: undefined };
    const keys: readonly Secret[] = await this.#keys.current();
    const reading = readLink(keys, owner, url);
    return reading.ok ? reading : readLink(await this.#keys.newest(), owner, url);
  }
}
