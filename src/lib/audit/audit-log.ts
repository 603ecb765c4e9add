import type { CallerIdentity, CallerRole } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import { BrokerError, type ErrorCode } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { AppMetrics } from '../core/metrics.ts';
import type { AwaitedBy } from '../core/rows/group-commit.ts';
import type { Grant } from '../core/secrets.ts';
import type { Spans } from '../core/spans.ts';

/**
 * The outcome of a request. A token: `issued` or `denied`. A request through the gateway: `denied`, or `sent`, recorded
 * before it leaves, and later `answered` (the resource answered, whatever its status) or `failed` (no usable answer came).
 * The tags of a tenant: `changed`, recorded before the change, and later `failed` if they stayed as they were.
 * So is a decision on an approval.
 * A tool of the MCP server: `called`, recorded before it does anything.
 * An approval: `asked`; `approved`, `denied` or `revoked` by a person; `used` by a request that changes something;
 * `expired` or `ended` by time.
 */
export const auditOutcomes = [
  'issued',
  'denied',
  'sent',
  'answered',
  'failed',
  'asked',
  'approved',
  'revoked',
  'expired',
  'used',
  'ended',
  'changed',
  'called',
] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/**
 * What an entry is about: a token, a request that the gateway was asked to send, a step of an approval, the tags of a tenant,
 * or a call of a tool by an agent.
 */
export const auditKinds = ['token', 'request', 'approval', 'tags', 'tool'] as const;
export type AuditKind = (typeof auditKinds)[number];

/** What an entry holds about a request through the gateway. Never a value of the query or the body. */
interface GatewayRequestFields {
  readonly method?: string;
  /** Canonical, with its version and without query. Absent if the path could not be read. */
  readonly path?: string;
  /** The path with `*` in place of each key. Absent if the path could not be read. */
  readonly template?: string;
  /** Names of query options, and of the properties in them. */
  readonly query?: string;
  /** Names of the properties of the body, or of the parameters of the cmdlet. */
  readonly bodyNames?: readonly string[];
  /** The cmdlet of an InvokeCommand of Exchange. */
  readonly cmdlet?: string;
  /** SHA-256 of the body in hexadecimal. Absent without a body. */
  readonly bodySha256?: string;
  /** HTTP status of the resource. */
  readonly status?: number;
  /** `request-id` of the resource. */
  readonly requestId?: string;
  /** Bytes of the body that the resource answered with, after decompression. */
  readonly bytes?: number;
}

/**
 * One token request, one step of a request through the gateway, or a request that was refused before it got that far: the
 * caller, what was issued, sent or denied, the time and the rule. Never holds the token.
 */
export interface AuditEntry extends GatewayRequestFields {
  /** Absent for a token. */
  readonly kind?: 'request' | 'approval' | 'tags' | 'tool';
  /** The tool that was called. What it sent has the same `correlationId`, and the requests of a query name their run. */
  readonly tool?: string;
  /** What the client of the tool calls itself. Nobody has checked it. */
  readonly client?: string;
  /** The approval that the entry is a step of, or under which the token was issued or the request sent. */
  readonly approvalId?: string;
  /** Set if a rule for emergencies served it. */
  readonly breakGlass?: true;
  /** Why the caller asked or decided. */
  readonly reason?: string;
  /** When it happened. */
  readonly atMs: number;
  /**
   * When it is recorded, if that may be more than a minute later. The log is ordered by it: a checkpoint covers the records of a
   * time once, soon after it.
   */
  readonly writtenMs?: number;
  readonly correlationId: string;
  /**
   * Identifies the answer. The caller receives it too, so that a token can be traced to its record. The entries of one
   * request through the gateway share it.
   */
  readonly tokenId: string;
  readonly outcome: AuditOutcome;
  /** Why it was denied. */
  readonly code?: ErrorCode;
  readonly caller: CallerIdentity;
  /** The app roles that the caller held. Absent in records of earlier versions, and where no policy decides. */
  readonly roles?: readonly CallerRole[];
  /** The policy rule that allowed the request. */
  readonly rule?: string;
  /** Id of the run that sent the request: a query, or the apply of a plan. Of a tool: the run that it reads. */
  readonly run?: string;
  /** Digest of the plan that a change belongs to. */
  readonly plan?: string;
  /**
   * SHA-256 of the change with the values before and after, as the plan holds it, in hexadecimal. It has a random part, so it tells
   * nothing about the values.
   */
  readonly changeSha256?: string;
  readonly tenantId?: TenantId;
  /** The tenant as the caller wrote it, if it is not a known tenant. */
  readonly tenantAsked?: string;
  /** Absent if the request was refused before its content was known. */
  readonly resource?: string;
  /**
   * Issued: the scopes that the token carries. Denied: the scopes that were requested. Gateway: the permissions of the rule
   * that open the request.
   */
  readonly scopes: readonly string[];
  /** The scopes that were requested for an issued token, if any. */
  readonly requestedScopes?: readonly string[];
  /** Absent like `resource`. */
  readonly grant?: Grant;
  /** Method and path of a request that was refused because of its caller or its form, such as `GET /audit`. */
  readonly route?: string;
  /** The broker's application that redeemed the token. */
  readonly application?: string;
  readonly expiresAtMs?: number;
  /** SHA-256 of the token in hexadecimal. Identifies a token that is found elsewhere. */
  readonly tokenFingerprint?: string;
  /** `uti` of the token: `uniqueTokenIdentifier` in the customer's logs. Absent if the token has none that can be read. */
  readonly uti?: string;
  readonly fromCache?: boolean;
  /** Scopes that the token carries beyond the rule, if the rule allows and records them. */
  readonly excessScopes?: readonly string[];
  /** Tags that the tenant did not have before. */
  readonly tagsAdded?: readonly string[];
  /** Tags that the tenant has no longer. */
  readonly tagsRemoved?: readonly string[];
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
  readonly kind?: AuditKind;
  /** Limits the entries to those that a rule for emergencies served. */
  readonly breakGlass?: true;
  /** Limits the entries to those of one approval. */
  readonly approvalId?: string;
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
   * @param options `awaitedBy`, by default a caller: its entry does not wait for those of jobs. An entry that nobody waits
   * for may wait for others to share their transaction.
   * @throws BrokerError `audit_unavailable` if that is not certain. The entry may exist nevertheless.
   */
  record(entry: AuditEntry, options?: { readonly awaitedBy?: AwaitedBy }): Promise<void>;
  /** @throws BrokerError `storage_unavailable`, or `request_invalid` for an invalid continuation. */
  query(query: AuditQuery): Promise<AuditPage>;
  /**
   * Deletes the entries older than `beforeMs`.
   * @returns the number of deleted entries.
   * @throws BrokerError `storage_unavailable`. Entries deleted before the failure stay deleted.
   */
  purge(beforeMs: number): Promise<number>;
}

/** What {@link measuredAuditLog} needs. */
interface MeasureDeps {
  readonly metrics: AppMetrics;
  readonly clock: Clock;
  readonly spans: Spans;
  /** Aliases of the configured resources. Other names come from callers, and are counted as one. */
  readonly aliases: ReadonlySet<string>;
}

/** An audit log that counts tokens and requests by their outcome, and how long each record takes. */
export function measuredAuditLog(log: AuditLog, deps: MeasureDeps): AuditLog {
  const { metrics, clock, spans } = deps;
  return {
    record: async (entry, options) => {
      const startedAtMs = clock.nowMs();
      const observe = (outcome: string): void =>
        metrics.auditWrites.observe(Math.max(0, clock.nowMs() - startedAtMs) / 1000, outcome);
      try {
        await spans.run('audit.write', {}, () => log.record(entry, options));
      } catch (thrown) {
        observe(thrown instanceof BrokerError ? thrown.code : 'internal');
        throw thrown;
      }
      observe('ok');
      count(deps, entry);
    },
    query: (query) => log.query(query),
    purge: (beforeMs) => log.purge(beforeMs),
  };
}

function count({ metrics, aliases }: MeasureDeps, { kind, outcome, resource = '', code }: AuditEntry): void {
  const alias = aliases.has(resource) ? resource : '';
  if (kind === undefined) metrics.tokens.add(outcome, alias, code ?? '');
  if (kind === 'request') metrics.gatewayRequests.add(outcome, alias, code ?? '');
}
