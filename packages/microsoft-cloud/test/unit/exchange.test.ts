import { describe, expect, it } from 'vitest';
import { createChanges } from '../../src/exchange/changes.ts';
import { cmdlets } from '../../src/exchange/cmdlets.ts';
import { ExchangeError, exchangeErrorReply } from '../../src/exchange/exchange-error.ts';
import { sizeText } from '../../src/exchange/format.ts';
import { invoke } from '../../src/exchange/invoke.ts';
import type { Row } from '../../src/graph/declaration.ts';
import { factsOf } from '../../src/population/graph/facts.ts';
import type { Reply } from '../../src/web/http.ts';
import { reportOf, startMs, viewOf, worldOf } from './tenant-view.ts';

const world = worldOf(1, 25);
// Customer 7 has 130 users.
const view = viewOf(world, world.customers[7]);

interface More {
  readonly query?: string;
  readonly prefer?: string;
  readonly nowMs?: number;
}

interface Body {
  readonly value: readonly Row[];
  readonly '@odata.nextLink'?: string;
  readonly '@adminapi.warnings'?: readonly string[];
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly details?: readonly { readonly code: string; readonly message: string }[];
    readonly innererror: { readonly type: string; readonly internalexception: { readonly message: string } };
  };
}

/** A session of one administrator: changes are kept. */
function session(of = view) {
  const changes = createChanges()(of.tenantId);
  return (name: string, input: Readonly<Record<string, unknown>> = {}, more: More = {}) => {
    const cmdlet = cmdlets.get(name.toLowerCase());
    if (cmdlet === undefined) throw new Error(`${name} is missing.`);
    const run = (): Reply =>
      invoke({
        cmdlet,
        input,
        facts: factsOf(of),
        changes,
        request: {
          method: 'POST',
          path: '/adminapi/beta/x/InvokeCommand',
          query: new URLSearchParams(more.query ?? ''),
          headers: more.prefer === undefined ? {} : { prefer: more.prefer },
          body: '',
          facts: {},
        },
        address: 'https://exchange.test/adminapi/beta/x/InvokeCommand',
        context: 'https://exchange.test/$metadata',
        nowMs: more.nowMs ?? startMs,
      });
    const reply = ((): Reply => {
      try {
        return run();
      } catch (error) {
        if (error instanceof ExchangeError) return exchangeErrorReply(error);
        throw error;
      }
    })();
    return { status: reply.status, ...(JSON.parse(reply.body ?? '{}') as Body) };
  };
}

const only = (rows: readonly Row[]): Row => {
  expect(rows).toHaveLength(1);
  return rows[0] ?? {};
};

describe('reading', () => {
  const run = session();

  it.each([...cmdlets.values()].filter(({ kind }) => kind === 'read').map(({ name }) => name))(
    '%s answers in every tenant',
    (name) => {
      const needs: Readonly<Record<string, string>> = {
        'Get-MailboxStatistics': 'Identity',
        'Get-MailboxPermission': 'Identity',
        'Get-InboxRule': 'Mailbox',
        'Get-DistributionGroupMember': 'Identity',
      };
      const parameter = needs[name];
      const address = name === 'Get-DistributionGroupMember' ? 'Everyone' : run('Get-Mailbox').value[0]?.['Identity'];
      expect(run(name, parameter === undefined ? {} : { [parameter]: address })).toMatchObject({ status: 200 });
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

describe('writing', () => {
  const address = (at: number) => String(session()('Get-Mailbox').value[at]?.['PrimarySmtpAddress']);

  it('forwards a mailbox, and ends it', () => {
    const run = session();
    const read = () => only(run('Get-Mailbox', { Identity: address(0) }).value);
    const set = (more: Row) => run('Set-Mailbox', { Identity: address(0), ...more }).status;
    expect(set({ ForwardingSmtpAddress: 'out@mail.example', DeliverToMailboxAndForward: true })).toBe(200);
    expect(read()).toMatchObject({ ForwardingSmtpAddress: 'smtp:out@mail.example', DeliverToMailboxAndForward: true });
    expect(set({ ForwardingSmtpAddress: null, ForwardingAddress: address(1) })).toBe(200);
    expect(read()).toMatchObject({
      ForwardingSmtpAddress: null,
      ForwardingAddress: run('Get-Mailbox', { Identity: address(1) }).value[0]?.['Identity'],
    });
    expect(set({ ForwardingAddress: 'nobody@nowhere.example' })).toBe(404);
    expect(set({ ForwardingSmtpAddress: 'no address' })).toBe(400);
    expect(set({ DeliverToMailboxAndForward: 'yes' })).toBe(400);
    expect(set({ Type: 'Shared' })).toBe(200);
    expect(read()).toMatchObject({ RecipientTypeDetails: 'SharedMailbox', IsShared: true });
    expect(session()('Get-Mailbox', { Identity: address(0) }).value[0]).not.toEqual(read());
  });

  it('changes nothing with WhatIf', () => {
    const run = session();
    const before = run('Get-Mailbox', { Identity: address(0) }).value;
    const trial = { Identity: address(0), HiddenFromAddressListsEnabled: true, WhatIf: true };
    expect(run('Set-Mailbox', trial).status).toBe(200);
    expect(run('Get-Mailbox', { Identity: address(0) }).value).toEqual(before);
  });

  it('changes who may send on behalf, as a list or by a table', () => {
    const run = session();
    const ids = [1, 2].map((at) => run('Get-Mailbox', { Identity: address(at) }).value[0]?.['Identity']);
    const set = (value: unknown) => {
      run('Set-Mailbox', { Identity: address(0), GrantSendOnBehalfTo: value });
      return only(run('Get-Mailbox', { Identity: address(0) }).value)['GrantSendOnBehalfTo'];
    };
    const table = { '@odata.type': '#Exchange.GenericHashTable' };
    expect(set([address(1)])).toEqual([ids[0]]);
    expect(set({ ...table, Add: address(2) })).toEqual(ids);
    expect(set({ ...table, remove: [address(1)] })).toEqual([ids[1]]);
  });

  it('turns protocols off, and warns if nothing changes', () => {
    const run = session();
    const set = () => run('Set-CASMailbox', { Identity: address(0), PopEnabled: false, ImapEnabled: false });
    set();
    expect(only(run('Get-CASMailbox', { Identity: address(0) }).value)).toMatchObject({
      PopEnabled: false,
      ImapEnabled: false,
    });
    expect(set()['@adminapi.warnings']).toHaveLength(1);
  });

  it('gives and takes permissions on a mailbox', () => {
    const run = session();
    const users = () =>
      run('Get-MailboxPermission', { Identity: address(0) }).value.map(({ User: user, AccessRights: rights }) => [
        user,
        rights,
      ]);
    const self = ['NT AUTHORITY\\SELF', ['FullAccess', 'ReadPermission']];
    const change = (name: string) =>
      run(name, { Identity: address(0), User: address(1), AccessRights: ['fullaccess'], InheritanceType: 'All' });
    expect(change('Add-MailboxPermission').value[0]).toMatchObject({ User: address(1), AccessRights: ['FullAccess'] });
    expect(users()).toEqual([self, [address(1), ['FullAccess']]]);
    expect(change('Add-MailboxPermission')['@adminapi.warnings']).toHaveLength(1);
    expect(change('Remove-MailboxPermission')['@adminapi.warnings']).toEqual([]);
    expect(users()).toEqual([self]);
    expect(change('Remove-MailboxPermission')['@adminapi.warnings']).toHaveLength(1);
  });

  it('takes and gives back the permission of a delegate of a shared mailbox', () => {
    const run = session();
    const shared = run('Get-Mailbox', { RecipientTypeDetails: 'SharedMailbox' }).value[0]?.['PrimarySmtpAddress'];
    const read = () => run('Get-MailboxPermission', { Identity: shared }).value;
    const before = read();
    const User = before[1]?.['User'];
    expect(before.length).toBeGreaterThan(1);
    run('Remove-MailboxPermission', { Identity: shared, User, AccessRights: 'FullAccess' });
    expect(read().map((row) => row['User'])).not.toContain(User);
    run('Add-MailboxPermission', { Identity: shared, User, AccessRights: 'FullAccess' });
    expect(read()).toEqual(before);
  });

  it('disables, enables and renames a transport rule', () => {
    const withRules = world.customers
      .map((customer) => session(viewOf(world, customer)))
      .find((run) => run('Get-TransportRule').value.length > 0);
    if (withRules === undefined) throw new Error('No tenant has a rule.');
    const Identity = withRules('Get-TransportRule').value[0]?.['Guid'];
    const read = () => only(withRules('Get-TransportRule', { Identity }).value);
    withRules('Disable-TransportRule', { Identity });
    expect(read()['State']).toBe('Disabled');
    withRules('Enable-TransportRule', { Identity });
    withRules('Set-TransportRule', { Identity, Name: 'Renamed', Mode: 'audit' });
    expect(read()).toMatchObject({ State: 'Enabled', Name: 'Renamed', Mode: 'Audit' });
    expect(withRules('Set-TransportRule', { Identity, Mode: 'Never' }).status).toBe(400);
    expect(withRules('Disable-TransportRule', { Identity: 'No such rule' }).status).toBe(404);
  });

  it('changes settings of the organization', () => {
    const run = session();
    expect(run('Set-OrganizationConfig', { auditdisabled: true }).status).toBe(200);
    expect(only(run('Get-OrganizationConfig').value)['AuditDisabled']).toBe(true);
    expect(run('Set-OrganizationConfig', { AuditDisabled: null }).status).toBe(400);
    expect(run('Set-OrganizationConfig', { NoSuchSetting: true }).status).toBe(400);
  });
});

it('writes sizes as Exchange does', () => {
  expect(sizeText(1_610_612_736)).toBe('1.5 GB (1,610,612,736 bytes)');
  expect(sizeText(0)).toBe('0 B (0 bytes)');
  expect(sizeText(52_613_349_376)).toBe('49 GB (52,613,349,376 bytes)');
});
