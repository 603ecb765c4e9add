/** A stored checkpoint, and where the next one goes. */
export interface StoredCheckpoint {
  readonly jws: string;
  /** Bytes in its blob after it. */
  readonly position: number;
}

/** Some checkpoints that follow each other. */
export interface CheckpointPage {
  readonly checkpoints: readonly string[];
  /** Present if more follow. */
  readonly continuation?: string;
}

/** The checkpoints in storage, in their order. Nothing in it is ever changed. */
export interface CheckpointLog {
  /** The last one. @throws BrokerError storage_unavailable. */
  last(): Promise<StoredCheckpoint | undefined>;
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
