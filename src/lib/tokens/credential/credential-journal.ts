import type { ErrorCode } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';

/** Health of an application's credential. `degraded`: it works, but needs attention. `down`: it does not work. */
export const healthStatuses = ['ok', 'degraded', 'down'] as const;
export type HealthStatus = (typeof healthStatuses)[number];

/** The state that alert rules see: the status and, if an expiry is near, the threshold that was passed. */
export interface CredentialState {
  readonly status: HealthStatus;
  /** The threshold that was passed last: 30, 14, 7 or 1 days before the expiry. */
  readonly thresholdDays?: number;
}

/** The last events of a credential. Contains no secrets. */
export interface JournalEntry {
  readonly state?: CredentialState & { readonly sinceMs: number };
  /** When the last successful rotation obtained its refresh token. */
  readonly rotatedAtMs?: number;
  /** The last failed rotation. */
  readonly failure?: JournalFailure;
  /** The last customer that is recorded to have received a token, and the identifier of its resource. */
  readonly witness?: JournalWitness;
  /** Whether Partner Center last found MFA in the token. */
  readonly mfaProbe?: { readonly atMs: number; readonly compliant: boolean };
  /** Names the keys of the application that the vault did not hold at the last daily care, if there were any. */
  readonly unknownKeys?: string;
}

export interface JournalWitness {
  readonly tenantId: TenantId;
  readonly resourceIdentifier: string;
}

export interface JournalFailure {
  readonly atMs: number;
  readonly code: ErrorCode;
  readonly detail: string;
}

/** The state of each credential, kept across restarts. All methods throw BrokerError storage_unavailable. */
export interface CredentialJournal {
  read(application: string): Promise<JournalEntry>;
  recordRotation(application: string, atMs: number): Promise<void>;
  recordFailure(application: string, failure: JournalFailure): Promise<void>;
  recordWitness(application: string, witness: JournalWitness): Promise<void>;
  recordMfaProbe(application: string, probe: NonNullable<JournalEntry['mfaProbe']>): Promise<void>;
  /** @param keys empty if the vault holds all of them. */
  recordUnknownKeys(application: string, keys: string): Promise<void>;
  /** @returns whether this call changed the state. Of several instances, only that one announces the change. */
  changeState(application: string, state: CredentialState, atMs: number): Promise<boolean>;
}
