import { createHash } from 'node:crypto';

/* The stored form, written again from docs/audit.md. An attacker shares no code with the verifier. */

export type Row = Record<string, unknown>;
export type Random = () => number;

/** What verification has to say about a tampering: one finding of one of these kinds about one of these subjects. */
export interface Expected {
  readonly kinds: readonly string[];
  readonly places?: readonly { readonly chain: string; readonly seq: number }[];
  readonly rowKeys?: readonly string[];
  readonly checkpoint?: number;
  /** A finding about the records without a chain. */
  readonly unchained?: true;
  /** Part of the sentence of the finding. */
  readonly detail?: string;
  /** The verdict may be `unproven`, because nothing signed tells tampering from what else it can be. */
  readonly isOpen?: true;
  /** The file must be refused, or its verdict must not be `proven`. */
  readonly isRefused?: true;
}

export const placeOf = (row: Row): { chain: string; seq: number; settled: number; previous: string } => {
  const [chain = '', seq, settled, previous = ''] = String(row['chain']).split('.');
  return { chain, seq: Number(seq), settled: Number(settled), previous };
};
export const timeOf = (row: Row): number => 9_999_999_999_999 - Number(String(row['RowKey']).slice(0, 13));
export const sha = (text: string): string => createHash('sha256').update(text).digest('base64url');
export const digest = (row: Row): string =>
  sha(
    `{${Object.keys(row)
      .toSorted()
      .map((key) => `${JSON.stringify(key)}:${JSON.stringify(row[key])}`)
      .join(',')}}`,
  );
export const pick = <T>(random: Random, items: readonly T[]): T | undefined =>
  items[Math.floor(random() * items.length)];

export interface Payload {
  readonly broker?: string;
  readonly number: number;
  readonly at: string;
  readonly from: string;
  readonly to: string;
  readonly unchained: { readonly from?: string; readonly to?: string };
  readonly chains: readonly { id: string; seq: number; first: number; holes?: [number, number, string][] }[];
}
export const payloadOf = (jws: string): Payload =>
  JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as Payload;

export const keyAt = (ms: number, random: Random) => ({
  PartitionKey: String(2_777_777 - Math.floor(ms / 3_600_000)).padStart(7, '0'),
  RowKey: `${String(9_999_999_999_999 - Math.floor(ms)).padStart(13, '0')}-${sha(String(random())).slice(0, 36)}`,
});
export const uuid = (random: Random): string => {
  const hex = createHash('sha256').update(String(random())).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};
