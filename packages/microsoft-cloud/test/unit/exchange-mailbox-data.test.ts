import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/graph/declaration.ts';
import { only, session, view } from './exchange-session.ts';
import { dayMs, startMs } from './tenant-view.ts';

const run = session();
const address = (at: number): string => String(run('Get-Mailbox').value[at]?.['PrimarySmtpAddress']);
const isoDate = (days: number): string => new Date(startMs + days * dayMs).toISOString();

describe('the folders of a mailbox', () => {
  it('hold together what the mailbox holds', () => {
    const Identity = address(2);
    const statistics = only(run('Get-MailboxStatistics', { Identity }).value);
    const folders = run('Get-MailboxFolderStatistics', { Identity }).value;
    const items = folders
      .filter(({ FolderType: type }) => type !== 'DeletedItems')
      .reduce((sum, { ItemsInFolder: count }) => sum + Number(count), 0);
    expect(items).toBe(statistics['ItemCount']);
    const inbox = only(run('Get-MailboxFolderStatistics', { Identity, FolderScope: 'Inbox' }).value);
    expect(inbox).toMatchObject({ Name: 'Inbox', FolderPath: '/Inbox' });
    expect(inbox).not.toHaveProperty('OldestItemReceivedDate');
    const dated = run('Get-MailboxFolderStatistics', { Identity, IncludeOldestAndNewestItems: true }).value;
    expect(dated.some(({ NewestItemReceivedDate: newest }) => typeof newest === 'string')).toBe(true);
    expect(run('Get-MailboxFolderStatistics', { Identity, FolderScope: 'Attic' }).status).toBe(400);
  });

  it('have permissions that are added, changed and removed', () => {
    const own = session();
    const Identity = `${address(0)}:\\Calendar`;
    const rights = (User: string): unknown =>
      own('Get-MailboxFolderPermission', { Identity }).value.find((row) => row['User'] === User)?.['AccessRights'];
    const write = (verb: string, more: Row = {}) =>
      own(`${verb}-MailboxFolderPermission`, { Identity, User: address(1), ...more }).status;
    expect(rights('Anonymous')).toEqual(['None']);
    expect(write('Set', { AccessRights: 'Editor' })).toBe(404);
    expect(write('Add', { AccessRights: 'reviewer' })).toBe(200);
    expect(rights(address(1))).toEqual(['Reviewer']);
    expect(write('Add', { AccessRights: 'Editor' })).toBe(400);
    expect(write('Set', { AccessRights: 'Editor' })).toBe(200);
    expect(write('Set', { AccessRights: 'Everything' })).toBe(400);
    expect(rights(address(1))).toEqual(['Editor']);
    expect(write('Remove')).toBe(200);
    expect(rights(address(1))).toBeUndefined();
    expect(own('Get-MailboxFolderPermission', { Identity: `${address(0)}:\\Attic` }).status).toBe(404);
  });
});

describe('settings of a mailbox', () => {
  it.each([
    ['MailboxAutoReplyConfiguration', { AutoReplyState: 'Scheduled', StartTime: '2026-12-01T08:00:00Z' }],
    ['MailboxAutoReplyConfiguration', { InternalMessage: 'Away.', CreateOOFEvent: true }],
    ['CalendarProcessing', { AutomateProcessing: 'AutoAccept', BookingWindowInDays: 90, AllowConflicts: true }],
  ])('%s keep %o', (noun, values) => {
    const own = session();
    const Identity = address(3);
    const before = only(own(`Get-${noun}`, { Identity }).value);
    expect(own(`Set-${noun}`, { Identity, ...values }).status).toBe(200);
    const shown = { ...values, ...('StartTime' in values ? { StartTime: '2026-12-01T08:00:00.0000000Z' } : {}) };
    expect(only(own(`Get-${noun}`, { Identity }).value)).toEqual({ ...before, ...shown });
  });

  it.each([
    ['MailboxAutoReplyConfiguration', { AutoReplyState: 'Sometimes' }],
    ['MailboxAutoReplyConfiguration', { StartTime: 'soon' }],
    ['CalendarProcessing', { BookingWindowInDays: 'many' }],
    ['CalendarProcessing', { AllowConflicts: 'yes' }],
  ])('%s refuse %o', (noun, values) => {
    expect(session()(`Set-${noun}`, { Identity: address(3), ...values }).status).toBe(400);
  });
});

describe('a new mailbox', () => {
  it('is a recipient like the others, with an address of its own', () => {
    const own = session();
    const shared = { Name: 'Front Desk', Shared: true };
    const made = only(own('New-Mailbox', shared).value);
    expect(made).toMatchObject({ DisplayName: 'Front Desk', RecipientTypeDetails: 'SharedMailbox', IsShared: true });
    const Identity = made['PrimarySmtpAddress'];
    expect(only(own('Get-Mailbox', { Identity }).value)).toEqual(made);
    expect(only(own('Get-MailboxStatistics', { Identity }).value)).toMatchObject({ ItemCount: 0 });
    expect(only(own('Get-Recipient', { Identity }).value)).toMatchObject({ RecipientTypeDetails: 'SharedMailbox' });
    expect(own('Add-MailboxPermission', { Identity, User: address(0), AccessRights: 'FullAccess' }).status).toBe(200);
    expect(own('New-Mailbox', shared).status).toBe(400);
    expect(session()('Get-Mailbox', { Identity }).status).toBe(404);
  });

  it('of a room accepts meetings, and one of a person needs a password', () => {
    const own = session();
    const room = only(own('New-Mailbox', { Name: 'Room 1', Room: true }).value);
    expect(room).toMatchObject({ RecipientTypeDetails: 'RoomMailbox', IsResource: true });
    expect(only(own('Get-CalendarProcessing', { Identity: room['Identity'] }).value)).toMatchObject({
      AutomateProcessing: 'AutoAccept',
    });
    const person = { Name: 'New Person', MicrosoftOnlineServicesID: 'new.person@contoso.example' };
    expect(own('New-Mailbox', person).status).toBe(400);
    expect(own('New-Mailbox', { ...person, Password: 'x' }).status).toBe(200);
    expect(own('New-Mailbox', { Shared: true }).status).toBe(400);
  });
});

describe('logs', () => {
  it('trace messages of a mailbox, of two days unless the request says more', () => {
    const four = { StartDate: isoDate(-4), EndDate: isoDate(0), ResultSize: 'Unlimited' };
    const all = run('Get-MessageTraceV2', four).value;
    expect(all.length).toBeGreaterThan(20);
    const [first] = all;
    const SenderAddress = String(first?.['SenderAddress']).toUpperCase();
    const sent = run('Get-MessageTraceV2', { ...four, SenderAddress }).value;
    expect(sent).toEqual(all.filter((row) => String(row['SenderAddress']).toUpperCase() === SenderAddress));
    const recent = run('Get-MessageTrace').value;
    expect(recent.map(({ MessageId: id }) => id)).toEqual(
      all.filter((row) => Date.parse(String(row['Received'])) >= startMs - 2 * dayMs).map(({ MessageId: id }) => id),
    );
    const pages = [1, 2].flatMap((Page) => run('Get-MessageTrace', { Page, PageSize: 3 }).value);
    expect(pages).toEqual(recent.slice(0, 6));
    expect(run('Get-MessageTrace', { StartDate: 'yesterday' }).status).toBe(400);
  });

  it('search what happened, by time, user and operation', () => {
    const period = { StartDate: isoDate(-30), EndDate: isoDate(0) };
    const all = run('Search-UnifiedAuditLog', { ...period, ResultSize: 5000 }).value;
    expect(run('Search-UnifiedAuditLog', period).value).toHaveLength(100);
    const [first] = all;
    expect(JSON.parse(String(first?.['AuditData']))).toMatchObject({
      OrganizationId: view.tenantId,
      UserId: first?.['UserIds'],
      Operation: first?.['Operations'],
    });
    const narrowed = run('Search-UnifiedAuditLog', {
      ...period,
      ResultSize: 5000,
      UserIds: first?.['UserIds'],
      Operations: 'UserLoggedIn,UserLoginFailed',
    }).value;
    expect(narrowed.map(({ Identity: id }) => id)).toEqual(
      all
        .filter((row) => row['UserIds'] === first?.['UserIds'] && String(row['Operations']).startsWith('UserLog'))
        .map(({ Identity: id }) => id),
    );
    expect(run('Search-UnifiedAuditLog', { StartDate: isoDate(-1) }).status).toBe(400);
    expect(run('Search-UnifiedAuditLog', { ...period, ResultSize: 5001 }).status).toBe(400);
  });
});
