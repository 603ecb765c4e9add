import { canonicalText, hashOf, type StoredRecord } from '../canonical-row.ts';
import { type ChainLink, type LostRange, readLink, readLost } from '../chain-link.ts';

/** What verification keeps of a record. */
interface KnownRecord {
  readonly partitionKey: string;
  readonly rowKey: string;
  readonly hash: string;
  /** Time in its row key, milliseconds. NaN if the key has none. */
  readonly atMs: number;
}

export interface ChainedRecord extends KnownRecord {
  readonly link: ChainLink;
  readonly lost: readonly LostRange[];
}

export interface RecordIndex {
  /** By id of the chain, then by place. */
  readonly chains: ReadonlyMap<string, ReadonlyMap<number, readonly ChainedRecord[]>>;
  /** Records without the column `chain`. */
  readonly unchained: readonly KnownRecord[];
  /** Records with a column `chain` that no version has written. */
  readonly unreadable: readonly KnownRecord[];
  readonly count: number;
  /** Requests through the gateway whose outcome is not among the records. */
  readonly withoutOutcome: number;
}

const endOfTimeMs = 9_999_999_999_999;

const timeOf = (rowKey: string): number => {
  const [, digits] = /^(\d{13})-/.exec(rowKey) ?? [];
  return digits === undefined ? Number.NaN : endOfTimeMs - Number(digits);
};

/** Hashes all records. Holds about 400 bytes of each. */
export async function indexRecords(records: AsyncIterable<StoredRecord>): Promise<RecordIndex> {
  const chains = new Map<string, Map<number, ChainedRecord[]>>();
  const unchained: KnownRecord[] = [];
  const unreadable: KnownRecord[] = [];
  const outcomes = new OpenRequests();
  let count = 0;
  for await (const record of records) {
    count += 1;
    outcomes.see(record);
    const { PartitionKey: partitionKey, RowKey: rowKey } = record;
    const known = { partitionKey, rowKey, hash: hashOf(canonicalText(record)), atMs: timeOf(rowKey) };
    if (record['chain'] === undefined) unchained.push(known);
    else {
      const link = readLink(record['chain']);
      if (link === undefined) unreadable.push(known);
      else add(chains, { ...known, link, lost: readLost(record['chainLost']) });
    }
  }
  return { chains, unchained, unreadable, count, withoutOutcome: outcomes.count };
}

function add(chains: Map<string, Map<number, ChainedRecord[]>>, record: ChainedRecord): void {
  const { id, seq } = record.link;
  const places = chains.get(id) ?? new Map<number, ChainedRecord[]>();
  chains.set(id, places);
  const there = places.get(seq);
  if (there === undefined) places.set(seq, [record]);
  else there.push(record);
}

/** The records of one request share `tokenId`, in any order. */
class OpenRequests {
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
