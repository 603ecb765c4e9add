import { describe, expect, it } from 'vitest';
import { cmdlets } from '../../src/exchange/cmdlets.ts';
import { sizeText } from '../../src/exchange/format.ts';
import type { Row } from '../../src/graph/declaration.ts';
import { only, session, view, world } from './exchange-session.ts';
import { reportOf, startMs, viewOf } from './tenant-view.ts';

describe('reading', () => {
  const run = session();

  it.each([...cmdlets.values()].filter(({ kind }) => kind === 'read').map(({ name }) => name))(
    '%s answers in every tenant',
    (name) => {
      // No tenant has a dynamic distribution group.
      if (name === 'Get-DynamicDistributionGroupMember') {
        expect(run(name, { Identity: 'nobody' }).status).toBe(404);
        return;
      }
      const Identity = run('Get-Mailbox').value[0]?.['Identity'];
      const needs: Readonly<Record<string, Row>> = {
        'Get-MailboxStatistics': { Identity },
        'Get-MailboxPermission': { Identity },
        'Get-InboxRule': { Mailbox: Identity },
        'Get-DistributionGroupMember': { Identity: 'Everyone' },
        'Get-MailboxAutoReplyConfiguration': { Identity },
        'Get-CalendarProcessing': { Identity },
        'Get-MailboxFolderStatistics': { Identity },
        'Get-MailboxFolderPermission': { Identity },
        'Search-UnifiedAuditLog': { StartDate: '2026-11-01', EndDate: '2026-11-20' },
      };
      const parameter = needs[name];
      expect(run(name, parameter ?? {})).toMatchObject({ status: 200 });
      const without = session(viewOf(world, world.customers[14]))(name);
      expect(without.status).toBe(parameter === undefined ? 200 : 400);
    },
  );

  it('describes the mailboxes of the reports, with the same size', () => {
    const reported = reportOf(view, 'getMailboxUsageDetail');
    const mailboxes = run('Get-Mailbox').value;
    expect(mailboxes.map((row) => row['UserPrincipalName'])).toEqual(
      reported.map((line) => line['User Principal Name']),
    );
    for (const line of reported.slice(0, 10)) {
      const statistics = only(run('Get-MailboxStatistics', { Identity: line['User Principal Name'] }).value);
      expect(statistics['TotalItemSize']).toBe(sizeText(Number(line['Storage Used (Byte)'])));
      expect(statistics['ItemCount']).toBe(Number(line['Item Count']));
    }
    expect(mailboxes.some(({ RecipientTypeDetails: type }) => type === 'SharedMailbox')).toBe(true);
  });

  it.each(['UserPrincipalName', 'Alias', 'ExternalDirectoryObjectId', 'Guid', 'ExchangeGuid', 'DistinguishedName'])(
    'finds a mailbox by %s, whatever the case',
    (property) => {
      const wanted = run('Get-Mailbox').value[3];
      const found = only(run('get-mailbox', { identity: String(wanted?.[property]).toUpperCase() }).value);
      expect(found['Identity']).toBe(wanted?.['Identity']);
    },
  );

  it('says which object does not exist, as Exchange does', () => {
    const { status, error } = run('Get-Mailbox', { Identity: 'nobody@nowhere.example' });
    expect(status).toBe(404);
    expect(error).toMatchObject({ code: 'NotFound', message: 'Error executing cmdlet' });
    expect(error?.details?.[0]).toMatchObject({ code: 'Client' });
    expect(error?.details?.[0]?.message).toMatch(
      /^Ex6F9304\|Microsoft\.Exchange\.Configuration\.Tasks\.ManagementObjectNotFoundException\|.*'nobody@nowhere\.example'/,
    );
    expect(error?.innererror.type).toBe('Microsoft.Exchange.Admin.OData.Core.ODataServiceException');
  });

  it('refuses unknown parameters and values of the wrong type', () => {
    const unknown = run('Get-Mailbox', { Identty: 'x' });
    expect([unknown.status, unknown.error?.message]).toEqual([400, 'Invalid Operation']);
    expect(unknown.error?.innererror.internalexception.message).toContain(
      'Invalid cmdlet parameters specified. Identty',
    );
    expect(unknown.error?.details?.[0]?.message).toMatch(/^\|Microsoft\.Exchange\.AdminApi\.\S+\|Parameter set/);
    const wrong = run('Get-Mailbox', { ResultSize: 'many' });
    expect(wrong.error?.details).toBeUndefined();
    expect(wrong.error?.innererror.internalexception.message).toContain("on parameter 'ResultSize'");
    expect(run('Get-MailboxStatistics').error?.innererror.internalexception.message).toContain('Identity');
  });

  it('refuses members that an enumeration lacks, and properties that the objects lack', () => {
    expect(run('Get-Mailbox', { RecipientTypeDetails: 'SharedMailbx' })).toMatchObject({ status: 400 });
    expect(run('Get-Mailbox', { RecipientTypeDetails: 'RoomMailbox' })).toMatchObject({ value: [] });
    expect(run('Get-TransportRule', { State: 'On' }).status).toBe(400);
    expect(run('Get-Mailbox', {}, { query: '$select=Identity,Identty' }).status).toBe(400);
  });

  it('limits by ResultSize with a warning, and filters', () => {
    const all = run('Get-Mailbox').value;
    const some = run('Get-Mailbox', { ResultSize: 2 });
    expect(some.value).toEqual(all.slice(0, 2));
    expect(some['@adminapi.warnings']).toHaveLength(1);
    expect(run('Get-Mailbox', { ResultSize: 'Unlimited' })).toMatchObject({ '@adminapi.warnings': [], value: all });
    const shared = all.filter(({ RecipientTypeDetails: type }) => type === 'SharedMailbox');
    expect(run('Get-Mailbox', { RecipientTypeDetails: 'SharedMailbox' }).value).toEqual(shared);
    expect(run('Get-Mailbox', { Filter: "RecipientTypeDetails -eq 'SharedMailbox'" }).value).toEqual(shared);
    expect(run('Get-Mailbox', { Filter: 'ForwardingSmtpAddress -ne $null' }).value).toEqual(
      all.filter(({ ForwardingSmtpAddress: to }) => to !== null),
    );
    expect(run('Get-Mailbox', { Filter: "Alias -like 'a*' -and IsShared -eq $false" }).value).toEqual(
      all.filter(({ Alias: alias, IsShared: isShared }) => String(alias).startsWith('a') && isShared === false),
    );
    for (const Filter of ["Alias -gt 'a'", "Alias -eq 'a' -or Alias -eq 'b'", 'nonsense'])
      expect(run('Get-Mailbox', { Filter }).status).toBe(400);
  });

  it.each([
    { Filter: "NoSuch -ne 'x'" },
    { Filter: 'ForwardingSmtpAdress -ne $null' },
    { Filter: "Alias -like 'a*' -and NoSuch -eq 'x'" },
    { SortBy: 'NoSuch' },
  ])('refuses a property that no mailbox has: %j', (input) => {
    const { status, error } = run('Get-Mailbox', input);
    expect(status).toBe(400);
    expect(error?.details?.[0]?.message).toContain('is not a recognized filterable property.');
  });

  it('sorts by a property in any letter case', () => {
    const names = run('Get-Mailbox').value.map(({ Alias: alias }) => String(alias));
    const sorted = run('Get-Mailbox', { SortBy: 'alias' }).value.map(({ Alias: alias }) => String(alias));
    expect(sorted).toEqual(names.toSorted((left, right) => left.localeCompare(right)));
    expect(sorted).not.toEqual(names);
  });

  it.each(['$orderby=Alias', '$skip=1', '$search=a', '$expand=x', '$top=1', '$filter=Alias eq 1', 'PropertySet=All'])(
    'refuses a query option that a cmdlet does not have: %s',
    (query) => {
      expect(run('Get-Mailbox', {}, { query }).status).toBe(400);
    },
  );

  it.each([
    ['$orderby=Alias', 400],
    ['$skip=1', 400],
    ['PropertySet=Nonsense', 400],
    ['PropertySet=Minimum,Nonsense', 400],
    ['PropertySet=Minimum,Quota&$select=Alias', 200],
    ['propertyset=All&$count=true', 200],
  ])('answers a list by address with %s by %i', (query, status) => {
    expect(run('Get-Mailbox', {}, { query, method: 'GET' }).status).toBe(status);
  });

  it('pages by a link that ends after 30 minutes and works for its cmdlet only', () => {
    const all = run('Get-Mailbox', { ResultSize: 'Unlimited' }).value;
    const seen: Row[] = [];
    let query = '$select=Identity';
    for (let page = 0; page < 20 && query !== ''; page++) {
      const reply = run('Get-Mailbox', {}, { query, prefer: 'odata.maxpagesize=50' });
      expect(reply.value.length).toBeLessThanOrEqual(50);
      seen.push(...reply.value);
      query = reply['@odata.nextLink']?.split('?')[1] ?? '';
    }
    expect(seen).toEqual(all.map(({ Identity }) => ({ Identity })));
    const first = run('Get-Mailbox', {}, { prefer: 'odata.maxpagesize = 50;odata.continue-on-error' });
    const next = { query: first['@odata.nextLink']?.split('?')[1] ?? '' };
    expect(run('Get-Mailbox', {}, { ...next, nowMs: startMs + 29 * 60_000 }).status).toBe(200);
    const late = run('Get-Mailbox', {}, { ...next, nowMs: startMs + 31 * 60_000 });
    expect(late.error?.innererror.internalexception.message).toContain('Expired or Invalid pagination request');
    expect(run('Get-Recipient', {}, next).status).toBe(400);
    expect(run('Get-Mailbox', {}, { query: '$skiptoken=abc' }).status).toBe(400);
  });

  it('lists members of a distribution group that are recipients', () => {
    const recipients = new Set(run('Get-Recipient').value.map((row) => row['Identity']));
    const members = run('Get-DistributionGroupMember', { Identity: 'Everyone' }).value;
    expect(members.length).toBeGreaterThan(10);
    expect(members.filter((row) => !recipients.has(row['Identity']))).toEqual([]);
  });
});
