import type { TenantNoticeKind } from './notice.ts';

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
