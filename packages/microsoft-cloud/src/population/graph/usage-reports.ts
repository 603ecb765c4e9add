import { dayMs } from '../../clock.ts';
import { between } from '../../seeded.ts';
import { skus } from '../skus.ts';
import { dateOf, randomOf, type TenantFacts } from './facts.ts';
import { hasPlan } from './licensing.ts';
import { type SiteData, sitesOf } from './site-data.ts';
import { mailboxesOf } from './usage-data.ts';
import { type Profile, profilesOf } from './user-profiles.ts';

/** Lines of a CSV file. The first has the names of the columns, which are those of Microsoft's reports. */
type Lines = readonly (readonly string[])[];

interface ReportTime {
  /** Midnight UTC of the day of the request. Reports are about two days old. */
  readonly todayMs: number;
  /** Number of days: 7, 30, 90 or 180. */
  readonly days: number;
}

const refreshDate = ({ todayMs }: ReportTime): string => dateOf(todayMs - 2 * dayMs);

const optionalDate = (ms: number | undefined): string => (ms === undefined ? '' : dateOf(ms));

const columns = (names: string): readonly string[] => names.split(',');

const skuNames: ReadonlyMap<string, string> = new Map(skus.map(({ skuId, skuPartNumber }) => [skuId, skuPartNumber]));

const productsOf = ({ user }: Profile): string => user.licences.map((id) => skuNames.get(id) ?? id).join('+');

const licensed = (facts: TenantFacts): readonly Profile[] =>
  profilesOf(facts).filter(({ user }) => user.licences.length > 0);

export const mailboxUsageDetail = (facts: TenantFacts, period: ReportTime): Lines => [
  columns(
    'Report Refresh Date,User Principal Name,Display Name,Is Deleted,Deleted Date,Created Date,Last Activity Date,Item Count,Storage Used (Byte),Issue Warning Quota (Byte),Prohibit Send Quota (Byte),Prohibit Send/Receive Quota (Byte),Deleted Item Count,Deleted Item Size (Byte),Deleted Item Quota (Byte),Has Archive,Report Period',
  ),
  ...mailboxesOf(facts).map((mailbox) => [
    refreshDate(period),
    mailbox.profile.user.userPrincipalName,
    mailbox.profile.user.displayName,
    'False',
    '',
    dateOf(mailbox.createdMs),
    optionalDate(mailbox.lastActivityMs),
    String(mailbox.itemCount),
    String(mailbox.usedBytes),
    String(mailbox.warningQuotaBytes),
    String(mailbox.sendQuotaBytes),
    String(mailbox.receiveQuotaBytes),
    String(mailbox.deletedItemCount),
    String(mailbox.deletedBytes),
    '32212254720',
    mailbox.archiveGuid === undefined ? 'False' : 'True',
    String(period.days),
  ]),
];

/** The storage that all mailboxes used on each day: it has grown a little. */
export const mailboxUsageStorage = (facts: TenantFacts, period: ReportTime): Lines => {
  const total = mailboxesOf(facts).reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  return [
    columns('Report Refresh Date,Storage Used (Byte),Report Date,Report Period'),
    ...Array.from({ length: period.days }, (_, at) => [
      refreshDate(period),
      String(Math.floor(total * (1 - at * 0.001))),
      dateOf(period.todayMs - (2 + at) * dayMs),
      String(period.days),
    ]),
  ];
};

export const emailActivityUserDetail = (facts: TenantFacts, period: ReportTime): Lines => [
  columns(
    'Report Refresh Date,User Principal Name,Display Name,Is Deleted,Deleted Date,Last Activity Date,Send Count,Receive Count,Read Count,Meeting Created Count,Meeting Interacted Count,Assigned Products,Report Period',
  ),
  ...mailboxesOf(facts).map(({ profile, lastActivityMs, sentCount, receivedCount, readCount }) => [
    refreshDate(period),
    profile.user.userPrincipalName,
    profile.user.displayName,
    'False',
    '',
    optionalDate(lastActivityMs),
    String(sentCount),
    String(receivedCount),
    String(readCount),
    '0',
    '0',
    productsOf(profile),
    String(period.days),
  ]),
];

export const activeUserDetail = (facts: TenantFacts, period: ReportTime): Lines => [
  columns(
    'Report Refresh Date,User Principal Name,Display Name,Is Deleted,Deleted Date,Has Exchange License,Has OneDrive License,Has SharePoint License,Has Skype For Business License,Has Yammer License,Has Teams License,Exchange Last Activity Date,OneDrive Last Activity Date,SharePoint Last Activity Date,Skype For Business Last Activity Date,Yammer Last Activity Date,Teams Last Activity Date,Exchange License Assign Date,OneDrive License Assign Date,SharePoint License Assign Date,Skype For Business License Assign Date,Yammer License Assign Date,Teams License Assign Date,Assigned Products',
  ),
  ...licensed(facts).map((profile) => {
    const { user } = profile;
    const has = (plan: string): string => (hasPlan(user, plan) ? 'True' : 'False');
    const last = (plan: string): string => (hasPlan(user, plan) ? optionalDate(user.lastSignInMs) : '');
    const assigned = (plan: string): string => (hasPlan(user, plan) ? dateOf(user.createdMs + dayMs) : '');
    const [exchange, sharePoint, teams] = ['EXCHANGE', 'SHAREPOINT', 'TEAMS'] as const;
    return [
      refreshDate(period),
      user.userPrincipalName,
      user.displayName,
      'False',
      '',
      has(exchange),
      has(sharePoint),
      has(sharePoint),
      'False',
      'False',
      has(teams),
      last(exchange),
      last(sharePoint),
      last(sharePoint),
      '',
      '',
      last(teams),
      assigned(exchange),
      assigned(sharePoint),
      assigned(sharePoint),
      '',
      '',
      assigned(teams),
      productsOf(profile),
    ];
  }),
];

const usage = (site: SiteData, period: ReportTime): readonly string[] => [
  'False',
  dateOf(site.lastActivityMs),
  String(site.fileCount),
  site.lastActivityMs >= period.todayMs - period.days * dayMs ? String(Math.ceil(site.fileCount / 20)) : '0',
];

export const oneDriveUsageAccountDetail = (facts: TenantFacts, period: ReportTime): Lines => [
  columns(
    'Report Refresh Date,Site Id,Site URL,Owner Display Name,Is Deleted,Last Activity Date,File Count,Active File Count,Storage Used (Byte),Storage Allocated (Byte),Owner Principal Name,Report Period',
  ),
  ...sitesOf(facts)
    .filter(({ isPersonal }) => isPersonal)
    .map((site) => [
      refreshDate(period),
      site.siteGuid,
      site.webUrl,
      site.displayName,
      ...usage(site, period),
      String(site.usedBytes),
      String(site.quotaBytes),
      facts.users.find(({ id }) => id === site.ownerId)?.userPrincipalName ?? '',
      String(period.days),
    ]),
];

export const sharePointSiteUsageDetail = (facts: TenantFacts, period: ReportTime): Lines => [
  columns(
    'Report Refresh Date,Site Id,Site URL,Owner Display Name,Is Deleted,Last Activity Date,File Count,Active File Count,Page View Count,Visited Page Count,Storage Used (Byte),Storage Allocated (Byte),Root Web Template,Owner Principal Name,Report Period',
  ),
  ...sitesOf(facts)
    .filter(({ isPersonal }) => !isPersonal)
    .map((site) => [
      refreshDate(period),
      site.siteGuid,
      site.webUrl,
      site.groupId === undefined ? '' : `${site.displayName} Owners`,
      ...usage(site, period),
      String(Math.ceil(site.fileCount / 10)),
      String(Math.ceil(site.fileCount / 50)),
      String(site.usedBytes),
      String(site.quotaBytes),
      site.groupId === undefined ? 'Communication Site' : 'Group',
      '',
      String(period.days),
    ]),
];

const teamsColumns = columns(
  'Report Refresh Date,Tenant Display Name,Shared Channel Tenant Display Names,User Id,User Principal Name,Last Activity Date,Is Deleted,Deleted Date,Assigned Products,Team Chat Message Count,Private Chat Message Count,Call Count,Meeting Count,Post Messages,Reply Messages,Urgent Messages,Meetings Organized Count,Meetings Attended Count,Ad Hoc Meetings Organized Count,Ad Hoc Meetings Attended Count,Scheduled One-time Meetings Organized Count,Scheduled One-time Meetings Attended Count,Scheduled Recurring Meetings Organized Count,Scheduled Recurring Meetings Attended Count,Audio Duration,Video Duration,Screen Share Duration,Audio Duration In Seconds,Video Duration In Seconds,Screen Share Duration In Seconds,Has Other Action,Is Licensed,Report Period',
);

export const teamsUserActivityUserDetail = (facts: TenantFacts, period: ReportTime): Lines => [
  teamsColumns,
  ...profilesOf(facts)
    .filter(({ user }) => hasPlan(user, 'TEAMS'))
    .map((profile) => {
      const { user, index } = profile;
      const random = randomOf(facts, 'teams activity', index);
      const isActive = user.lastSignInMs !== undefined && user.lastSignInMs >= period.todayMs - period.days * dayMs;
      const count = (most: number): number => (isActive ? between(random, 0, most * period.days) : 0);
      const [posts, replies, chats, calls, organized] = [count(1), count(1), count(6), count(1), count(1)];
      const attended = organized + count(1);
      return [
        refreshDate(period),
        facts.name,
        '',
        user.id,
        user.userPrincipalName,
        optionalDate(user.lastSignInMs),
        'False',
        '',
        productsOf(profile),
        ...[posts + replies, chats, calls, attended, posts, replies, 0, organized, attended].map(String),
        ...[0, 0, organized, attended, 0, 0].map(String),
        'PT0S',
        'PT0S',
        'PT0S',
        '0',
        '0',
        '0',
        'No',
        'Yes',
        String(period.days),
      ];
    }),
];

export const activationsUserDetail = (facts: TenantFacts, period: ReportTime): Lines => [
  columns(
    'Report Refresh Date,User Principal Name,Display Name,Product Type,Last Activated Date,Windows,Mac,Windows 10 Mobile,iOS,Android,Activated On Shared Computer',
  ),
  ...licensed(facts)
    .filter(({ user }) => user.licences.some((id) => /PREMIUM|SP[BE]/.test(skuNames.get(id) ?? '')))
    .map(({ user, index }) => {
      const random = randomOf(facts, 'activations', index);
      const isUsed = user.lastSignInMs !== undefined;
      return [
        refreshDate(period),
        user.userPrincipalName,
        user.displayName,
        'MICROSOFT 365 APPS FOR BUSINESS',
        isUsed ? dateOf(user.createdMs + 3 * dayMs) : '',
        ...[isUsed ? between(random, 1, 2) : 0, 0, 0, isUsed ? between(random, 0, 1) : 0, 0].map(String),
        'False',
      ];
    }),
];
