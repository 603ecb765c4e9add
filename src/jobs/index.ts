import type { Job } from '../lib/runs/job/job.ts';
import accessCheck from './access-check.ts';
import administrators from './administrators.ts';
import applicationGrants from './application-grants.ts';
import auditSettings from './audit-settings.ts';
import blockStaleGuests from './block-stale-guests.ts';
import blockUserConsent from './block-user-consent.ts';
import conditionalAccessGaps from './conditional-access-gaps.ts';
import configurationDriftReport from './configuration-drift-report.ts';
import devices from './devices.ts';
import domainProtection from './domain-protection.ts';
import groupsAndTeams from './groups-and-teams.ts';
import inactiveAccounts from './inactive-accounts.ts';
import inboxRules from './inbox-rules.ts';
import legacyAuthentication from './legacy-authentication.ts';
import licenceReport from './licence-report.ts';
import licenceWaste from './licence-waste.ts';
import mailForwarding from './mail-forwarding.ts';
import mailboxAudit from './mailbox-audit.ts';
import mailboxPermissions from './mailbox-permissions.ts';
import mailboxSizes from './mailbox-sizes.ts';
import mfaReport from './mfa-report.ts';
import partnerNamedLocations from './partner-named-locations.ts';
import removeOutsideForwarding from './remove-outside-forwarding.ts';
import riskyUsers from './risky-users.ts';
import secretExpiryReport from './secret-expiry-report.ts';
import secureScoreGains from './secure-score-gains.ts';
import serviceHealth from './service-health.ts';
import sharepointSharingLevel from './sharepoint-sharing-level.ts';
import sharingSettings from './sharing-settings.ts';
import subscriptionEnds from './subscription-ends.ts';

/** All jobs of this app. To add one, create a file in this folder and list it here. */
export const jobs: readonly Job[] = [
  accessCheck,
  administrators,
  applicationGrants,
  auditSettings,
  blockStaleGuests,
  blockUserConsent,
  conditionalAccessGaps,
  configurationDriftReport,
  devices,
  domainProtection,
  groupsAndTeams,
  inactiveAccounts,
  inboxRules,
  legacyAuthentication,
  licenceReport,
  licenceWaste,
  mailForwarding,
  mailboxAudit,
  mailboxPermissions,
  mailboxSizes,
  mfaReport,
  partnerNamedLocations,
  removeOutsideForwarding,
  riskyUsers,
  secretExpiryReport,
  secureScoreGains,
  serviceHealth,
  sharepointSharingLevel,
  sharingSettings,
  subscriptionEnds,
];
