import { describe, expect, it } from 'vitest';
import { sizeText } from '../../src/exchange/format.ts';
import type { Row } from '../../src/graph/declaration.ts';
import { only, session, world } from './exchange-session.ts';
import { viewOf } from './tenant-view.ts';

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

  it('forwards a mailbox to a contact', () => {
    const withContact = world.customers
      .map((customer) => session(viewOf(world, customer)))
      .find((run) => run('Get-Recipient', { RecipientTypeDetails: 'MailContact' }).value.length > 0)!;
    const { Name } = withContact('Get-Recipient', { RecipientTypeDetails: 'MailContact' }).value[0]!;
    const { Guid: Identity } = withContact('Get-Mailbox').value[0]!;
    expect(withContact('Set-Mailbox', { Identity, ForwardingAddress: Name }).status).toBe(200);
    expect(only(withContact('Get-Mailbox', { Identity }).value)).toMatchObject({ ForwardingAddress: Name });
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
