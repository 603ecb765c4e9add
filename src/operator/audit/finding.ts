/** Tampering, by what happened to records or checkpoints. */
type Tampering = 'changed' | 'removed' | 'reordered' | 'truncated' | 'inserted' | 'forged';

/**
 * What verification found. `unproven`: nothing speaks for tampering, but nothing signed speaks against it either.
 * `crash`: records that an instance was writing when it ended; nobody got what they were for.
 */
export interface Finding {
  readonly kind: Tampering | 'unproven' | 'crash';
  /** What it is about, in one sentence. */
  readonly detail: string;
  readonly chain?: string;
  /** Places in the chain, both inclusive. */
  readonly first?: number;
  readonly last?: number;
  /** Keys of the record in the table. */
  readonly record?: { readonly partitionKey: string; readonly rowKey: string };
  /** Number of a checkpoint. */
  readonly checkpoint?: number;
  /** When the records were written, as far as it is known: ISO 8601. */
  readonly between?: readonly [string, string];
}

/** A finding about a record, whose keys are read later. */
export interface RowFinding extends Omit<Finding, 'record'> {
  /** Number of the record in the export, from 0. */
  readonly row?: number;
}

export const isTampering = ({ kind }: Pick<Finding, 'kind'>): boolean => kind !== 'unproven' && kind !== 'crash';
