import type { ErrorCode } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { Severity } from '../notices/notice.ts';
import type { ReachabilityReason } from '../tenants/tenant.ts';

/** What can happen to a tenant. */
export const eventKinds = [
  'appeared',
  'reachable',
  'back',
  'lost',
  'excluded',
  'included',
  'ending',
  'extended',
  'consent_missing',
  'consent_differs',
  'consent_given',
  'role_missing',
  'role_given',
  'tags_changed',
  'auto_consented',
  'auto_consent_failed',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** Days before the end of a relationship at which `ending` is told, each once. */
export const endingDays = [1, 7, 14, 30] as const;
export type EndingDays = (typeof endingDays)[number];

/** `not_listed`: no list of Microsoft shows the tenant any longer. */
export type EventReason = ReachabilityReason | 'not_listed';

/** Why the broker could not consent in a tenant, and what a person can do about it. */
export interface ConsentFailure {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly nextStep: string;
}

/** What is known of an event beside its kind. */
export interface EventDetails {
  /** Why the tenant is or is not reachable. With `appeared`, `lost`, `excluded`. */
  readonly reason?: EventReason;
  /** When the relationship ends. */
  readonly endsAtMs?: number;
  /** When it would have ended. With `extended`. */
  readonly endedAtMs?: number;
  /** With `ending`: the relationship ends within so many days. */
  readonly days?: EndingDays;
  readonly tagsAdded?: readonly string[];
  readonly tagsRemoved?: readonly string[];
  /** With `consent_differs`: the permissions that are missing. */
  readonly scopes?: readonly string[];
  /** With `consent_missing` and `role_missing`: the jobs that failed. */
  readonly jobs?: readonly string[];
  /** With `consent_missing`: the further application that lacks the consent. Absent: the default one. */
  readonly application?: string;
  /** With `auto_consent_failed`. */
  readonly failure?: ConsentFailure;
}

/** What has happened, before it has its place in the log. */
export interface DerivedEvent extends EventDetails {
  readonly kind: EventKind;
}

/** An event in the log. */
export interface TenantEvent extends DerivedEvent {
  /** The same for whoever derives the event from the same state. Receivers use it to drop repetitions. */
  readonly id: string;
  /** Place in the log. Later events have higher numbers; some numbers are left out. */
  readonly sequence: number;
  /** When the broker noticed it. */
  readonly atMs: number;
  readonly tenantId: TenantId;
  /** The customer's name at that time. */
  readonly tenantName: string;
}

/** How urgent each kind is, for notices, the command line and the dashboard. */
export const eventSeverities: Readonly<Record<EventKind, Severity>> = {
  appeared: 'info',
  reachable: 'info',
  back: 'info',
  lost: 'critical',
  excluded: 'info',
  included: 'info',
  ending: 'warning',
  extended: 'info',
  consent_missing: 'warning',
  consent_differs: 'warning',
  consent_given: 'info',
  role_missing: 'warning',
  role_given: 'info',
  tags_changed: 'info',
  auto_consented: 'info',
  auto_consent_failed: 'warning',
};
