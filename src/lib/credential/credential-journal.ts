import type { ErrorCode } from '../model/errors.ts';

/** How an application's credential is. `degraded` works, but somebody should look; `down` does not work. */
export const healthStatuses = ['ok', 'degraded', 'down'] as const;
export type HealthStatus = (typeof healthStatuses)[number];

/** A state as alert rules see it: how the credential is and, where an end comes near, which threshold was passed. */
export interface CredentialState {
  readonly status: HealthStatus;
  /** Days of the threshold that was passed last, of 30, 14, 7 and 1. */
  readonly thresholdDays?: number;
}

/** What happened to a credential last. No secret, and nothing that leads to one. */
export interface JournalEntry {
  readonly state?: CredentialState & { readonly sinceMs: number };
  /** When the stored refresh token was last replaced by a rotation, proven. */
  readonly rotatedAtMs?: number;
  readonly failure?: JournalFailure;
  /** What Partner Center last said of the MFA in our token. */
  readonly mfaProbe?: { readonly atMs: number; readonly compliant: boolean };
}

export interface JournalFailure {
  readonly atMs: number;
  readonly code: ErrorCode;
  readonly detail: string;
}

/** The memory of the credential's life that outlives a process. All methods throw BrokerError storage_unavailable. */
export interface CredentialJournal {
  read(application: string): Promise<JournalEntry>;
  recordRotation(application: string, atMs: number): Promise<void>;
  recordFailure(application: string, failure: JournalFailure): Promise<void>;
  recordMfaProbe(application: string, probe: NonNullable<JournalEntry['mfaProbe']>): Promise<void>;
  /** @returns whether this call was the one that changed it: of several instances one announces the change. */
  changeState(application: string, state: CredentialState, atMs: number): Promise<boolean>;
}
