import { hash } from 'node:crypto';
import type { ApprovalTerms } from '../access/policy/policy.ts';
import type { AuditEntry } from '../audit/audit-log.ts';
import { type Caller, type CallerIdentity, type CallerRole, identityOf } from '../core/caller.ts';
import { minuteMs } from '../core/clock.ts';
import { nilUuid, type TenantId } from '../core/identifiers.ts';

/*
 * The id of an approval: when it was asked for, in UTC, and eight random hexadecimal digits, such as
 * `20261126t054512-7f3a9c21`. Its row key counts down, so that the table's natural order is newest first ("Log tail
 * pattern", Azure Table storage design patterns), and follows from the id.
 */

const pattern = /^(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)-([0-9a-f]{8})$/;

/** Seconds of the largest time with ten digits, in November 2286. */
const endOfTime = 9_999_999_999;

/** @param random a new UUID. */
export const newApprovalId = (nowMs: number, random: string): string =>
  `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()}-${random.replaceAll('-', '').slice(0, 8)}`;

/** The prefix of the row keys of a time. A later time has a smaller prefix. */
export const rowPrefixAt = (ms: number): string =>
  `r-${String(Math.min(endOfTime, Math.max(0, endOfTime - Math.floor(ms / 1000)))).padStart(10, '0')}`;

/** The row key of an approval; undefined if the text is no id. */
export function rowKeyOf(id: string): string | undefined {
  const [, year, month, day, hour, minute, second, suffix] = pattern.exec(id) ?? [];
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : `${rowPrefixAt(ms)}-${suffix}`;
}

/** What may be approved. */
export const approvalKinds = ['token', 'request', 'change'] as const;
export type ApprovalKind = (typeof approvalKinds)[number];

/**
 * `pending` waits for decisions, `approved` is served. The others are final: `denied` or `revoked` by a decider, `expired`
 * without enough decisions, `used` by a request that changes something, `ended` after its validity. Only `used` goes back to
 * `approved`, as long as the record is not closed: if the request provably did not leave.
 */
export const approvalStatuses = ['pending', 'approved', 'denied', 'revoked', 'expired', 'used', 'ended'] as const;
export type ApprovalStatus = (typeof approvalStatuses)[number];

export const decisions = ['approve', 'deny', 'revoke'] as const;
export type DecisionKind = (typeof decisions)[number];

/** A line of the description that deciders read. */
export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** Exactly what is approved. */
export interface Subject {
  readonly kind: ApprovalKind;
  /** SHA-256 of everything that the approval is bound to, in hexadecimal. Two subjects with one digest are the same. */
  readonly digest: string;
  /** One line for lists. */
  readonly title: string;
  /** Kept as long as the record. */
  readonly facts: readonly Fact[];
  /** May hold data of the customer, so they are kept only until the approval is closed. */
  readonly details: readonly Fact[];
  /** The partner's own tenant for a plan over several tenants: who decides on it must see them all. */
  readonly tenantId: TenantId;
  readonly rule: string;
  /** What the audit log says about it. */
  readonly audit: Pick<
    AuditEntry,
    | ('resource' | 'scopes' | 'grant' | 'application' | 'method' | 'path' | 'cmdlet')
    | ('roles' | 'template' | 'query' | 'bodyNames')
  >;
}

/** A person or application, as its token showed it. */
export type Party = CallerIdentity & Pick<Caller, 'tenantId' | 'name'>;

/** A decision of one person. */
export interface ApprovalDecision {
  /** Unique: tells a repeated write from a second decision. */
  readonly id: string;
  readonly decision: DecisionKind;
  readonly decider: Party;
  /** The roles that the decider held. */
  readonly roles: readonly CallerRole[];
  readonly reason: string;
  readonly atMs: number;
}

/** The one request that changes something under an approval. */
interface ApprovalUse {
  /** Unique: tells a repeated write from another request. */
  readonly id: string;
  readonly atMs: number;
  /** Whether the resource answered. Until then, the change may have happened or not. */
  readonly answered: boolean;
}

/** A request that left without an answer for this long, in milliseconds, lost its process: its whole time is shorter. */
const longestUseMs = 5 * minuteMs;

/** Until then, the request that holds the approval may still be answered, or give it back. 0: no request holds it. */
export const underWayUntilMs = ({ use, closedAtMs }: Pick<Approval, 'use' | 'closedAtMs'>): number =>
  use === undefined || closedAtMs !== undefined ? 0 : use.atMs + longestUseMs;

/** The record of one request that needs an approval. It alone decides whether the request is served. */
export interface Approval {
  readonly id: string;
  readonly subject: Subject;
  readonly asker: Party;
  /** Why the asker wants it. */
  readonly reason: string | undefined;
  /** The strictest terms of the rule since the request was made. */
  readonly terms: ApprovalTerms;
  readonly correlationId: string;
  readonly askedAtMs: number;
  /** When a pending request expires. */
  readonly expiresAtMs: number;
  /** As it was last written. Time may have ended it since: see `stateOf`. */
  readonly status: ApprovalStatus;
  readonly decisions: readonly ApprovalDecision[];
  readonly approvedAtMs: number | undefined;
  /** When the validity ends. */
  readonly validUntilMs: number | undefined;
  /** Set with the status `used`. */
  readonly use: ApprovalUse | undefined;
  readonly closedAtMs: number | undefined;
  /** Whether the audit log has the request. */
  readonly askRecorded: boolean;
  /** Whether the notice was sent. */
  readonly announced: boolean;
  /** Whether the audit log has the end. */
  readonly endRecorded: boolean;
}

/**
 * Whether an approval serves one request only. All but GET may change something, even if the permission behind them reads:
 * the broker does not know what each path does.
 */
export const isChange = ({ kind, audit }: Pick<Subject, 'kind' | 'audit'>): boolean =>
  kind === 'change' || (kind === 'request' && audit.method !== 'GET');

/** Whether a status is final. */
export const isClosed = (status: ApprovalStatus): boolean => status !== 'pending' && status !== 'approved';

/** When the request stops waiting and when its validity ends, under the stricter of two terms. */
export function endsOf(
  { askedAtMs, expiresAtMs, approvedAtMs, validUntilMs }: Approval,
  terms?: Pick<ApprovalTerms, 'expiresMinutes' | 'validMinutes'>,
): { readonly expiresAtMs: number; readonly validUntilMs: number } {
  const { expiresMinutes = Infinity, validMinutes = Infinity } = terms ?? {};
  return {
    expiresAtMs: Math.min(expiresAtMs, askedAtMs + expiresMinutes * minuteMs),
    validUntilMs: Math.min(validUntilMs ?? 0, (approvedAtMs ?? 0) + validMinutes * minuteMs),
  };
}

/** The status with what time has done to it. Ends are exclusive. Pure. */
export function stateOf(
  approval: Approval,
  nowMs: number,
  terms?: Pick<ApprovalTerms, 'expiresMinutes' | 'validMinutes'>,
): ApprovalStatus {
  const { expiresAtMs, validUntilMs } = endsOf(approval, terms);
  if (approval.status === 'pending' && nowMs >= expiresAtMs) return 'expired';
  if (approval.status === 'approved' && nowMs >= validUntilMs) return 'ended';
  return approval.status;
}

/** The stricter of what was asked under and what the rule says now. A longer time never comes from a later policy. */
export const stricter = (one: ApprovalTerms, other: ApprovalTerms): ApprovalTerms => ({
  from: [...new Set([...one.from, ...other.from])],
  count: Math.max(one.count, other.count),
  expiresMinutes: Math.min(one.expiresMinutes, other.expiresMinutes),
  validMinutes: Math.min(one.validMinutes, other.validMinutes),
});

/**
 * The decisions that count as consent: of people with all roles of the terms, each once, and not through the application that
 * asked as itself. Pure.
 */
export function consentsOf(
  { asker, decisions: made }: Approval,
  { from }: Pick<ApprovalTerms, 'from'>,
): readonly ApprovalDecision[] {
  const people = new Set<string>();
  return made.filter(({ decision, decider, roles }) => {
    const person = personOf(decider);
    if (decision !== 'approve' || decider.kind !== 'user' || person === personOf(asker)) return false;
    // An application that requested as itself, or an agent, shows the token of the person.
    if (asker.kind !== 'user' && asker.applicationId === decider.applicationId) return false;
    if (people.has(person) || !from.every((role) => roles.includes(role))) return false;
    people.add(person);
    return true;
  });
}

/** The same person behind two applications is one. */
/**
 * The tenant of a request that is about several: no list of tenants contains it, so only who may read every tenant sees the
 * request and decides.
 */
export const severalTenants = nilUuid as TenantId;

export const personOf = ({ tenantId, objectId }: Pick<Party, 'tenantId' | 'objectId'>): string =>
  `${tenantId}/${objectId}`;

/** The application and the person or service principal. Limits count for it, and only it may use its approvals. */
export const askerKeyOf = ({ tenantId, applicationId, objectId }: Party): string =>
  `${tenantId}.${applicationId}.${objectId}`;

export const partyOf = ({ tenantId, name, ...caller }: Caller): Party => ({
  tenantId,
  ...identityOf(caller),
  // A name comes from a token and has no limit of its own.
  name: name.slice(0, 256),
});

/** A value with one JSON text. */
type DigestPart = string | number | boolean | null | readonly DigestPart[];

/**
 * The SHA-256 of everything that an approval is bound to, in hexadecimal. JSON of nested lists has no two readings, so no
 * two requests share a text.
 */
export const digestOf = (kind: ApprovalKind, asker: Party, parts: readonly DigestPart[]): string =>
  hash(
    'sha256',
    JSON.stringify(['approval-1', kind, asker.tenantId, asker.applicationId, asker.objectId, asker.kind, parts]),
    'hex',
  );
