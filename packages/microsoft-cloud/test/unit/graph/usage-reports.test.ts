import { describe, expect, it } from 'vitest';
import { ask, dateBefore, premium } from '../served-engine.ts';

const json = '$format=application/json';
const beta = (address: string) => ask(premium, `../beta/reports/${address}`);
/** Names in the order of the CSV columns. The examples of the documentation have another order. */
const namesOf = (report: string): readonly string[] => Object.keys(beta(`${report}?${json}`).rows[0] ?? {});

describe('a usage report as JSON', () => {
  it('has the names of the examples of the documentation', () => {
    expect(namesOf("getMailboxUsageDetail(period='D30')")).toEqual([
      'reportRefreshDate',
      'userPrincipalName',
      'displayName',
      'isDeleted',
      'deletedDate',
      'createdDate',
      'lastActivityDate',
      'itemCount',
      'storageUsedInBytes',
      'issueWarningQuotaInBytes',
      'prohibitSendQuotaInBytes',
      'prohibitSendReceiveQuotaInBytes',
      'deletedItemCount',
      'deletedItemSizeInBytes',
      'deletedItemQuota',
      'hasArchive',
      'reportPeriod',
    ]);
    expect(namesOf("getMailboxUsageStorage(period='D7')")).toEqual([
      'reportRefreshDate',
      'storageUsedInBytes',
      'reportDate',
      'reportPeriod',
    ]);
    expect(namesOf("getOffice365ActiveUserDetail(period='D7')")).toEqual(
      expect.arrayContaining(['hasOneDriveLicense', 'sharePointLastActivityDate', 'skypeForBusinessLicenseAssignDate']),
    );
    expect(namesOf("getOneDriveUsageAccountDetail(period='D7')")).toEqual(
      expect.arrayContaining(['siteUrl', 'ownerPrincipalName', 'storageAllocatedInBytes']),
    );
    expect(namesOf("getTeamsUserActivityUserDetail(period='D7')")).toEqual(
      expect.arrayContaining(['adHocMeetingsOrganizedCount', 'scheduledOneTimeMeetingsAttendedCount', 'isLicensed']),
    );
  });

  it('has values of the types of the examples', () => {
    const [mailbox] = beta(`getMailboxUsageDetail(period='D30')?${json}`).rows;
    expect(mailbox).toMatchObject({ isDeleted: false, deletedDate: null, reportPeriod: '30' });
    expect(mailbox?.['storageUsedInBytes']).toBeTypeOf('number');
    const [user] = beta(`getTeamsUserActivityUserDetail(period='D7')?${json}`).rows;
    expect(user).toMatchObject({ isLicensed: true, hasOtherAction: false, assignedProducts: [expect.any(String)] });
    const [activation] = beta(`getOffice365ActivationsUserDetail?${json}`).rows;
    expect(activation).toEqual({
      reportRefreshDate: expect.any(String),
      userPrincipalName: expect.any(String),
      displayName: expect.any(String),
      userActivationCounts: [expect.objectContaining({ windows10Mobile: 0, ios: expect.any(Number) })],
    });
  });

  it('has pages of the size that $top asks for', () => {
    const all = beta(`getMailboxUsageDetail(period='D30')?${json}`).rows;
    const found: unknown[] = [];
    let next: string | undefined = `getMailboxUsageDetail(period='D30')?${json}&$top=20`;
    while (next !== undefined) {
      const page = beta(next);
      expect(page.status).toBe(200);
      expect(page.rows.length).toBeLessThanOrEqual(20);
      found.push(...page.rows);
      next = (page.body['@odata.nextLink'] as string | undefined)?.replace(/^.*\/reports\//, '');
    }
    expect(all.length).toBeGreaterThan(40);
    expect(found).toEqual(all);
  });

  it.each([
    `getMailboxUsageDetail(period='D7')?${json}&$select=itemCount`,
    `getMailboxUsageDetail(period='D7')?${json}&$filter=itemCount eq 1`,
    `getMailboxUsageDetail(period='D7')?${json}&$skip=1`,
    `getMailboxUsageDetail(period='D7')?${json}&$count=true`,
    `getMailboxUsageStorage(period='D7')?${json}&$top=1`,
    "getMailboxUsageDetail(period='D7')?$top=1",
    "getMailboxUsageDetail(period='D7')?$format=text/html",
  ])('refuses what its page does not name: %s', (address) => {
    expect(beta(address).status).toBe(400);
  });
});

describe('a usage report about one date', () => {
  const usersOn = (days: number) =>
    beta(`getOffice365ActiveUserDetail(date=${dateBefore(days)})?${json}`).rows.map((row) => row['userPrincipalName']);

  it('lists the users who signed in on the date', () => {
    const signIns = ask(premium, 'auditLogs/signIns').rows;
    const licensed = beta(`getOffice365ActiveUserDetail(period='D180')?${json}`).rows;
    const expectedOn = (days: number) =>
      licensed
        .map((row) => row['userPrincipalName'])
        .filter((name) =>
          signIns.some(
            ({ userPrincipalName, createdDateTime, status }) =>
              userPrincipalName === String(name).toLowerCase() &&
              String(createdDateTime).startsWith(dateBefore(days)) &&
              (status as { readonly errorCode: number }).errorCode === 0,
          ),
        );
    const days = Array.from({ length: 27 }, (_, at) => at + 2);
    expect(days.map(usersOn)).toEqual(days.map(expectedOn));
    expect(usersOn(5).length).toBeGreaterThan(0);
    expect(usersOn(5).length).toBeLessThan(licensed.length);
  });

  it('lists the sites whose last activity was on the date, over a period of one day', () => {
    const all = beta(`getSharePointSiteUsageDetail(period='D30')?${json}`).rows;
    const days = Array.from({ length: 24 }, (_, at) => at + 4);
    const found = days.flatMap((at) => beta(`getSharePointSiteUsageDetail(date=${dateBefore(at)})?${json}`).rows);
    expect(found.length).toBeGreaterThan(0);
    for (const row of found) expect(row).toMatchObject({ reportRefreshDate: dateBefore(2), reportPeriod: '1' });
    const lastDays = days.map(dateBefore);
    expect(new Set(found.map((row) => row['siteId']))).toEqual(
      new Set(all.filter((row) => lastDays.includes(String(row['lastActivityDate']))).map((row) => row['siteId'])),
    );
    expect(new Set(found.map((row) => row['siteId'])).size).toBe(found.length);
  });

  it('is a CSV file, and has no lines yet about yesterday', () => {
    expect(ask(premium, `reports/getEmailActivityUserDetail(date=${dateBefore(28)})`).status).toBe(302);
    expect([2, 1].map((days) => usersOn(days).length > 0)).toEqual([true, false]);
  });

  it.each([dateBefore(0), dateBefore(-1), dateBefore(29), '2026-13-01', '20-11-2026', "'D7'"])(
    'is not about %s',
    (date) => {
      expect(beta(`getOffice365ActiveUserDetail(date=${date})`)).toMatchObject({
        status: 400,
        code: 'InvalidArgument',
        message: `Invalid date value specified: ${date.replaceAll("'", '')}. Only support data for the past 28 days.`,
      });
    },
  );
});
