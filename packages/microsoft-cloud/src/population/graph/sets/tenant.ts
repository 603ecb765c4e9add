import type { Declaration, Row, TenantView } from '../../../graph/declaration.ts';
import { factsOf, type TenantFacts } from '../facts.ts';
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
import { usersActiveOn } from '../sign-in-data.ts';
import { conceal, dateReport, entitySet, periodReport } from './declare.ts';

/** Clients can assign licences. Until one writes to a user, the generated counts are right, and no user is created. */
function subscribedSkus(tenant: TenantView): readonly Row[] {
  const rows = subscribedSkuRows(factsOf(tenant));
  if (!tenant.hasWrites('users')) return rows;
  const used = new Map<string, number>();
  for (const user of tenant.rows('users')) {
    for (const { skuId } of (user['assignedLicenses'] ?? []) as readonly { readonly skuId: string }[])
      used.set(skuId, (used.get(skuId) ?? 0) + 1);
  }
  return rows.map((sku) => ({ ...sku, consumedUnits: used.get(String(sku['skuId'])) ?? 0 }));
}

export const tenantSets: readonly Declaration[] = [
  entitySet('organization', 'organization', (facts) => [organizationRow(facts)], {
    writes: { operations: ['update'] },
  }),
  entitySet('domains', 'domain', domainRows, {
    writes: { operations: ['create', 'update', 'delete'], required: ['id'] },
  }),
  {
    kind: 'set',
    path: 'subscribedSkus',
    type: 'microsoft.graph.subscribedSku',
    rows: subscribedSkus,
    live: true,
  },
  entitySet('directory/subscriptions', 'companySubscription', companySubscriptionRows),
  entitySet('contacts', 'orgContact', contactRows, { queries: 'directory', searched: ['displayName', 'mail'] }),
];

/** Users who signed in on the date, in a report whose lines have the name of the user in a column. */
const whoSignedIn =
  (column: number) =>
  (facts: TenantFacts, date: string): ((line: readonly string[]) => boolean) => {
    const users = usersActiveOn(facts, date);
    return (line) => users.has(line[column] ?? '');
  };

/** Sites whose last activity was on the date. */
const whatChanged =
  (_facts: TenantFacts, date: string) =>
  (line: readonly string[]): boolean =>
    line[5] === date;

export const reportSets: readonly Declaration[] = [
  periodReport('getMailboxUsageDetail', mailboxUsageDetail),
  periodReport('getMailboxUsageStorage', mailboxUsageStorage, { pageSize: 'whole' }),
  periodReport('getEmailActivityUserDetail', emailActivityUserDetail),
  periodReport('getOffice365ActiveUserDetail', activeUserDetail),
  periodReport('getOneDriveUsageAccountDetail', oneDriveUsageAccountDetail),
  periodReport('getSharePointSiteUsageDetail', sharePointSiteUsageDetail),
  periodReport('getTeamsUserActivityUserDetail', teamsUserActivityUserDetail, { pageSize: 2000 }),
  dateReport('getEmailActivityUserDetail', emailActivityUserDetail, whoSignedIn(1)),
  dateReport('getOffice365ActiveUserDetail', activeUserDetail, whoSignedIn(1)),
  dateReport('getOneDriveUsageAccountDetail', oneDriveUsageAccountDetail, whatChanged),
  dateReport('getSharePointSiteUsageDetail', sharePointSiteUsageDetail, whatChanged),
  dateReport('getTeamsUserActivityUserDetail', teamsUserActivityUserDetail, whoSignedIn(4), { pageSize: 2000 }),
  {
    kind: 'report',
    path: 'reports/getOffice365ActivationsUserDetail',
    refresh: 'daily',
    lines: (tenant) => {
      const facts = factsOf(tenant);
      return conceal(facts, activationsUserDetail(facts, { todayMs: tenant.todayMs, days: 30 }));
    },
  },
];
