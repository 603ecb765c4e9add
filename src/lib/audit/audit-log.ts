import type { Grant } from '../model/token.ts';
import type { Caller } from '../model/caller.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';

/** What became of a request for a token. */
export const auditOutcomes = ['issued', 'denied'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/** Who got or was refused which token, when and by which rule. Never the token. */
export interface AuditEntry {
  readonly atMs: number;
  readonly correlationId: string;
  /** Names this answer; a caller that reports a token to us can be traced by it. */
  readonly tokenId: string;
  readonly outcome: AuditOutcome;
  /** Why it was denied. */
  readonly code?: ErrorCode;
  readonly caller: Pick<Caller, 'applicationId' | 'objectId' | 'kind'>;
  /** The rule of the policy that allowed it. */
  readonly rule?: string;
  readonly tenantId?: TenantId;
  /** As the caller wrote it, where that is no tenant that we know. */
  readonly tenantAsked?: string;
  readonly resource: string;
  /** Issued: what the token carries. Denied: what was asked for. */
  readonly scopes: readonly string[];
  readonly grant: Grant;
  /** Which of the broker's applications redeemed. */
  readonly application?: string;
  readonly expiresAtMs?: number;
  /** SHA-256 of the token in hexadecimal: recognises a token that turns up elsewhere. */
  readonly tokenFingerprint?: string;
  readonly fromCache?: boolean;
  /** What it carries beyond its rule, where the rule says to hand out and record. */
  readonly excessScopes?: readonly string[];
}

export interface AuditQuery {
  /** From this time on. */
  readonly fromMs: number;
  /** Before this time. */
  readonly toMs: number;
  /** Application id. */
  readonly caller?: string;
  readonly tenantId?: TenantId;
  readonly outcome?: AuditOutcome;
  /** 1 to 1,000. */
  readonly limit: number;
  /** Of an earlier answer to the same query. */
  readonly continuation?: string;
}

export interface AuditPage {
  /** Newest first. May be fewer than asked for, even none, while there is a continuation. */
  readonly entries: readonly AuditEntry[];
  /** Present while there may be more. */
  readonly continuation?: string;
}

/** A record that takes longer has failed, and its token is not handed out: the token is that much older when it leaves. */
export const longestRecordSeconds = 3;

/** The record that no token leaves without. */
export interface AuditLog {
  /**
   * Resolves when the entry is durable, and not before.
   * @throws BrokerError `audit_unavailable` when that is not certain; the entry may then exist all the same.
   */
  record(entry: AuditEntry): Promise<void>;
  /** @throws BrokerError `storage_unavailable`, or `request_invalid` for a continuation that is none. */
  query(query: AuditQuery): Promise<AuditPage>;
  /**
   * Deletes what is older than `beforeMs`.
   * @returns how many entries.
   * @throws BrokerError `storage_unavailable`; what was deleted until then stays deleted.
   */
  purge(beforeMs: number): Promise<number>;
}
