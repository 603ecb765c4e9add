import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { jsonRecord } from './json-record.ts';
import { Packer, Unpacker } from './packed-numbers.ts';
import { joinPieces, maxPiecesLength, pieceNames, piecesOf } from './pieces.ts';
import {
  type HistoryOutcome,
  type HistoryPart,
  type HistoryTenant,
  historyOutcomes,
  type TenantPoint,
} from './result-history.ts';

const property = 'tenants';
export const shardProperties: readonly string[] = pieceNames(property);

/** What surrounds names, values and tenants, in characters. */
const frameLength = 200;
/** Splits fill at most half of a row, so that there is room for further tenants without them. */
const maxSplitLength = maxPiecesLength / 2;

/** Writes what a run brought in some tenants: packed numbers, or the outcome, under the id of each tenant. */
export class ShardText {
  readonly #packer = new Packer();
  readonly #tenants: string[] = [];
  #length = 0;

  /** @throws RangeError if the row is full. Before that, tenants lose their split. */
  add({ tenantId, outcome, rows, numbers = { names: [], all: [rows] } }: HistoryTenant): void {
    const hasRoom = this.#length + this.#packer.length < maxSplitLength;
    const packed = outcome === 'succeeded' ? this.#packer.pack(numbers, hasRoom) : outcome;
    const text = `"${tenantId}":${JSON.stringify(packed)}`;
    this.#tenants.push(text);
    this.#length += text.length + 1;
    if (this.#length + this.#packer.length + frameLength > maxPiecesLength)
      throw new RangeError('the history of these tenants is too long for a row');
  }

  properties(): Record<string, string> {
    const dictionary = JSON.stringify(this.#packer.dictionary()).slice(0, -1);
    return piecesOf(property, `${dictionary},"tenants":{${this.#tenants.join(',')}}}`);
  }
}

/** Reads what {@link ShardText} has written. */
export class ReadShard {
  readonly #unpacker: Unpacker;
  readonly #tenants: Readonly<Record<string, unknown>>;

  constructor(row: Readonly<Record<string, unknown>>, part: HistoryPart | undefined) {
    const content = jsonRecord(joinPieces(property, row));
    this.#unpacker = new Unpacker(content, part);
    const { tenants } = content;
    this.#tenants = typeof tenants === 'object' && tenants !== null ? (tenants as Record<string, unknown>) : {};
  }

  tenantIds(): readonly TenantId[] {
    return Object.keys(this.#tenants).flatMap((id) => parseTenantId(id) ?? []);
  }

  /** @returns undefined if the run did not concern the tenant. */
  point(tenantId: TenantId): TenantPoint | undefined {
    const entry = Object.hasOwn(this.#tenants, tenantId) ? this.#tenants[tenantId] : undefined;
    if (Array.isArray(entry)) {
      const [found, split] = [this.#unpacker.unpack(entry), this.#unpacker.splitOf(entry)];
      return { outcome: 'succeeded', ...(found && { found }), ...(split && { split }) };
    }
    const outcome = historyOutcomes.find((known): known is HistoryOutcome => known === entry);
    return outcome && { outcome };
  }
}
