import type { Declaration } from '../../../graph/declaration.ts';
import { factsOf } from '../facts.ts';
import { subscribedSkuRows } from '../licensing.ts';
import { companySubscriptionRows, contactRows, domainRows, organizationRow } from '../tenant-rows.ts';
import {
  activationsUserDetail,
  activeUserDetail,
  emailActivityUserDetail,
  mailboxUsageDetail,
  mailboxUsageStorage,
  oneDriveUsageAccountDetail,
  sharePointSiteUsageDetail,
  teamsUserActivityUserDetail,
} from '../usage-reports.ts';
import { entitySet, periodReport } from './declare.ts';

export const tenantSets: readonly Declaration[] = [
  entitySet('organization', 'organization', (facts) => [organizationRow(facts)], {
    writes: { operations: ['update'] },
  }),
  entitySet('domains', 'domain', domainRows, {
    writes: { operations: ['create', 'update', 'delete'], required: ['id'] },
  }),
  entitySet('subscribedSkus', 'subscribedSku', subscribedSkuRows),
  entitySet('directory/subscriptions', 'companySubscription', companySubscriptionRows),
  entitySet('contacts', 'orgContact', contactRows, { queries: 'directory', searched: ['displayName', 'mail'] }),
];

export const reportSets: readonly Declaration[] = [
  periodReport('getMailboxUsageDetail', mailboxUsageDetail),
  periodReport('getMailboxUsageStorage', mailboxUsageStorage),
  periodReport('getEmailActivityUserDetail', emailActivityUserDetail),
  periodReport('getOffice365ActiveUserDetail', activeUserDetail),
  periodReport('getOneDriveUsageAccountDetail', oneDriveUsageAccountDetail),
  periodReport('getSharePointSiteUsageDetail', sharePointSiteUsageDetail),
  periodReport('getTeamsUserActivityUserDetail', teamsUserActivityUserDetail),
  {
    kind: 'report',
    path: 'reports/getOffice365ActivationsUserDetail',
    refresh: 'daily',
    lines: (tenant) => activationsUserDetail(factsOf(tenant), { todayMs: tenant.todayMs, days: 30 }),
  },
];
