import { hiddenNames } from '../../judge/request-reading.ts';
import type { Secret } from '../../core/secret.ts';
import type { LinkKeys } from './link-keys.ts';
import {
  carriesMac,
  gatewayLink,
  type LinkOwner,
  type LinkReading,
  type LinkRoute,
  readLink,
  signLink,
} from './links.ts';

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
