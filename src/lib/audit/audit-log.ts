import type { Grant } from '../model/token.ts';
import type { Caller } from '../model/caller.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';

/** The outcome of a token request. */
export const auditOutcomes = ['issued', 'denied'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/**
 * One token request, or a request that was refused before it got that far: the caller, the token that was issued or
 * denied, the time and the rule. Never holds the token.
 */
export interface AuditEntry {
  readonly atMs: number;
  readonly correlationId: string;
  /** Identifies this answer. The caller receives it too, so that a token can be traced to its record. */
  readonly tokenId: string;
  readonly outcome: AuditOutcome;
  /** Why it was denied. */
  readonly code?: ErrorCode;
  readonly caller: Pick<Caller, 'applicationId' | 'objectId' | 'kind'>;
  /** The policy rule that allowed the request. */
  readonly rule?: string;
  readonly tenantId?: TenantId;
  /** The tenant as the caller wrote it, if it is not a known tenant. */
  readonly tenantAsked?: string;
  /** Absent if the request was refused before its content was known. */
  readonly resource?: string;
  /** Issued: the scopes that the token carries. Denied: the scopes that were requested. */
  readonly scopes: readonly string[];
  /** Absent like `resource`. */
  readonly grant?: Grant;
  /** Method and path of a request that was refused because of its caller or its form, such as `GET /audit`. */
  readonly route?: string;
  /** The broker's application that redeemed the token. */
  readonly application?: string;
  readonly expiresAtMs?: number;
  /** SHA-256 of the token in hexadecimal. Identifies a token that is found elsewhere. */
  readonly tokenFingerprint?: string;
  readonly fromCache?: boolean;
  /** Scopes that the token carries beyond the rule, if the rule allows and records them. */
  readonly excessScopes?: readonly string[];
}

export interface AuditQuery {
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** Application id. */
  readonly caller?: string;
  readonly tenantId?: TenantId;
  /** Limits the entries to those of these tenants. Entries without a tenant are not among them. */
  readonly tenantIds?: ReadonlySet<TenantId>;
  readonly outcome?: AuditOutcome;
  /** 1 to 1,000. */
  readonly limit: number;
  /** From an earlier page of the same query. */
  readonly continuation?: string;
}

export interface AuditPage {
  /** Newest first. While there is a continuation, there may be fewer than `limit`, even none. */
  readonly entries: readonly AuditEntry[];
  /** Present if more entries may follow. */
  readonly continuation?: string;
}

/** Maximum time to write a record. If it takes longer, the token is not issued, because it ages during the write. */
export const longestRecordSeconds = 3;

/** The audit log. A token is issued only after its entry is durable. */
export interface AuditLog {
  /**
   * Resolves once the entry is durable.
   * @throws BrokerError `audit_unavailable` if that is not certain. The entry may exist nevertheless.
   */
  record(entry: AuditEntry): Promise<void>;
  /** @throws BrokerError `storage_unavailable`, or `request_invalid` for an invalid continuation. */
  query(query: AuditQuery): Promise<AuditPage>;
  /**
   * Deletes the entries older than `beforeMs`.
   * @returns the number of deleted entries.
   * @throws BrokerError `storage_unavailable`. Entries deleted before the failure stay deleted.
   */
  purge(beforeMs: number): Promise<number>;
}
