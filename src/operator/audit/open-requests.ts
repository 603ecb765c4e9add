import type { StoredRecord } from '../../lib/audit/chain/canonical-row.ts';

/** Counts requests through the gateway without an outcome. The records of one request share `tokenId`, in any order. */
export class OpenRequests {
  readonly #sent = new Set<string>();
  readonly #ended = new Set<string>();

  see({ kind, outcome, tokenId }: StoredRecord): void {
    if (kind !== 'request' || typeof tokenId !== 'string') return;
    if (outcome === 'sent' && !this.#ended.delete(tokenId)) this.#sent.add(tokenId);
    if ((outcome === 'answered' || outcome === 'failed') && !this.#sent.delete(tokenId)) this.#ended.add(tokenId);
  }

  get count(): number {
    return this.#sent.size;
  }
}
