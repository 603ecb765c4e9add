import type { Severity } from '../notices/notice.ts';
import type { EventKind } from './tenant-event.ts';

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
