import type { TenantId } from '../core/identifiers.ts';

/** What notices tell of. */
export const noticeKinds = [
  'run.failed',
  'run.more-failures',
  'run.finished',
  'schedule.failed',
  'apply.held',
  'apply.waiting',
  'apply.finished',
  'apply.ended',
  'approval.needed',
  'emergency.used',
  'credential.changed',
  'tenant.appeared',
  'tenant.reachable',
  'tenant.back',
  'tenant.lost',
  'tenant.excluded',
  'tenant.included',
  'tenant.ending',
  'tenant.extended',
  'tenant.consent_missing',
  'tenant.consent_differs',
  'tenant.consent_given',
  'tenant.role_missing',
  'tenant.role_given',
  'tenant.tags_changed',
  'tenant.auto_consented',
  'tenant.auto_consent_failed',
] as const;
export type NoticeKind = (typeof noticeKinds)[number];
/** What happens to many tenants at once. */
export type TenantNoticeKind = Extract<NoticeKind, `tenant.${string}`>;

/** From the least to the most serious. */
export const severities = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof severities)[number];

/** A message for people and their systems. Contains no secrets and nothing that only auditors may see. */
export interface Notice {
  readonly kind: NoticeKind;
  /** Tells notices of one kind apart: a second one with the same key is not sent. */
  readonly key: string;
  readonly severity: Severity;
  /** The tenant that it is about, if it is about one. */
  readonly tenantId?: TenantId;
  /** The name of the tenant. Set for kinds that begin with `tenant.`. */
  readonly tenantName?: string;
  /** When it happened. */
  readonly atMs: number;
  /** One sentence. */
  readonly title: string;
  /** One or two sentences: what happened, then what to do. */
  readonly text: string;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  /** A page of the dashboard. */
  readonly link?: string;
}

/** Sends notices. */
export interface Notifier {
  /**
   * Accepts a notice. From then on it is delivered without further help. To send it again changes nothing.
   * @param options.moreFollow Whether the sender sends another one at once. They are then delivered together: with the last
   * one, or by the timer.
   * @throws BrokerError storage_unavailable if it was not accepted. The caller sends it again later.
   */
  send(notice: Notice, options?: { readonly moreFollow?: boolean }): Promise<void>;
}

/** Sends nothing, for deployments without a webhook. */
export const silentNotifier: Notifier = { send: () => Promise.resolve() };

/** No half of a character is left at the cut: storage and receivers may refuse one. */
export const cut = (text: string, length: number): string =>
  (text.length > length ? `${text.slice(0, length - 1)}…` : text).toWellFormed();

/** What each kind says of a tenant, behind its name. */
export const tenantTitles: Readonly<Record<TenantNoticeKind, string>> = {
  'tenant.appeared': 'new customer tenant',
  'tenant.reachable': 'access for the first time',
  'tenant.back': 'access is back',
  'tenant.lost': 'access is lost',
  'tenant.excluded': 'excluded by the settings',
  'tenant.included': 'no longer excluded',
  'tenant.ending': 'the GDAP relationship ends soon',
  'tenant.extended': 'the GDAP relationship was extended',
  'tenant.consent_missing': 'the consent is missing',
  'tenant.consent_differs': 'the consent lacks permissions',
  'tenant.consent_given': 'the consent is there again',
  'tenant.role_missing': 'a job was refused access',
  'tenant.role_given': 'jobs have access again',
  'tenant.tags_changed': 'the tags were changed',
  'tenant.auto_consented': 'the broker consented',
  'tenant.auto_consent_failed': 'the broker could not consent',
};

/**
 * A text that a caller wrote, or the name of one, for a notice. Chats turn addresses into links, and people trust the links of
 * a notice. So `://` and the dots of names are put in brackets.
 */
export const quoted = (text: string): string =>
  text.replaceAll('://', '[:]//').replaceAll(/\.(?=[\p{L}\p{N}])/gu, '[.]');
