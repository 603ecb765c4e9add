/** The last stored checkpoint, and where the next one goes. */
export interface StoredCheckpoint {
  /** Absent if there are only lines that the app has not written. */
  readonly jws?: string;
  /** Bytes in its blob, with all lines after it. */
  readonly position: number;
  /** The same for blobs with lines that are not the app's. By number of the blob. */
  readonly positions?: ReadonlyMap<number, BlobEnd>;
  /** Whether lines were found that the app has not written. */
  readonly hasForeign?: boolean;
}

export interface BlobEnd {
  readonly position: number;
  /** Whether the last line is complete. */
  readonly isWhole: boolean;
}

/** Some checkpoints that follow each other. */
export interface CheckpointPage {
  readonly checkpoints: readonly string[];
  /** Present if more follow. */
  readonly continuation?: string;
}

/** The checkpoints in storage, in their order. Nothing in it is ever changed. */
export interface CheckpointLog {
  /**
   * The last one that the app has written.
   * @param isOwn whether a line is a checkpoint of the app.
   * @throws BrokerError storage_unavailable, and what `isOwn` throws.
   */
  last(isOwn: (jws: string) => Promise<boolean>): Promise<StoredCheckpoint | undefined>;
  /**
   * Adds the next one.
   * @returns false if another instance has added one after `before`.
   * @throws BrokerError storage_unavailable. It may have been added nevertheless.
   */
  append(jws: string, number: number, before: StoredCheckpoint | undefined): Promise<boolean>;
  /**
   * Reads checkpoints, oldest first, from one that was written before `fromMs`, if there is one.
   * @throws BrokerError storage_unavailable; request_invalid for a continuation that no page had.
   */
  page(fromMs: number, continuation?: string): Promise<CheckpointPage>;
}
