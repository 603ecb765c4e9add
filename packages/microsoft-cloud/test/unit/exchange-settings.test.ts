import { expect, it } from 'vitest';
import type { Row } from '../../src/graph/declaration.ts';
import { only, session, world } from './exchange-session.ts';
import { viewOf } from './tenant-view.ts';

/** The objects of a cmdlet in every tenant. */
const everywhere = (name: string, input: Row = {}): readonly Row[] =>
  world.customers.flatMap((customer) => session(viewOf(world, customer))(name, input).value);
const values = (rows: readonly Row[], name: string): readonly unknown[] =>
  [...new Set(rows.map((row) => JSON.stringify(row[name])))].toSorted();

it('lets mailboxes forward to addresses, colleagues and contacts, with and without a copy', () => {
  const forwarding = everywhere('Get-Mailbox', { ResultSize: 'Unlimited' }).filter(
    (row) => row['ForwardingAddress'] !== null || row['ForwardingSmtpAddress'] !== null,
  );
  const kinds = forwarding.map((row) =>
    [row['ForwardingAddress'] !== null, row['ForwardingSmtpAddress'] !== null].join(),
  );
  expect([...new Set(kinds)].toSorted()).toEqual(['false,true', 'true,false', 'true,true']);
  expect(values(forwarding, 'DeliverToMailboxAndForward')).toEqual(['false', 'true']);
  for (const customer of world.customers) {
    const run = session(viewOf(world, customer));
    for (const { ForwardingAddress: Identity } of run('Get-Mailbox', { ResultSize: 'Unlimited' }).value)
      if (Identity !== null) expect(run('Get-Recipient', { Identity }).value).toHaveLength(1);
  }
});

it('has each mode of automatic forwarding, and tenants with two policies', () => {
  const policies = everywhere('Get-HostedOutboundSpamFilterPolicy');
  expect(values(policies, 'AutoForwardingMode')).toEqual(['"Automatic"', '"Off"', '"On"']);
  expect(policies.length).toBeGreaterThan(policies.filter(({ IsDefault: is }) => is).length);
});

it('has transport rules that send mail to other addresses', () => {
  const rules = everywhere('Get-TransportRule');
  expect(values(rules, 'RedirectMessageTo')).toEqual(['["accounts@supplier.example"]', 'null']);
  expect(values(rules, 'BlindCopyTo')).toHaveLength(2);
});

it('has tenants and mailboxes without the default audit, and accounts that bypass it', () => {
  expect(values(everywhere('Get-OrganizationConfig'), 'AuditDisabled')).toEqual(['false', 'true']);
  expect(values(everywhere('Get-Mailbox', { ResultSize: 'Unlimited' }), 'DefaultAuditSet')).toHaveLength(2);
  const accounts = everywhere('Get-MailboxAuditBypassAssociation', { ResultSize: 'Unlimited' });
  expect(values(accounts, 'AuditBypassEnabled')).toEqual(['false', 'true']);
  const { Identity, AuditBypassEnabled } = session()('Get-MailboxAuditBypassAssociation').value[3] ?? {};
  expect(only(session()('Get-MailboxAuditBypassAssociation', { Identity }).value)).toMatchObject({
    AuditBypassEnabled,
  });
});

it('has tenants that allow EWS, that do not and that have not decided, and lists applications only if asked', () => {
  expect(values(everywhere('Get-OrganizationConfig'), 'EwsEnabled')).toEqual(['false', 'null', 'true']);
  expect(values(everywhere('Get-OrganizationConfig'), 'EwsAllowedAppIDs')).toEqual(['null']);
  const listed = everywhere('Get-OrganizationConfig', { RetrieveEwsOperationAccessPolicy: true });
  expect(
    listed.filter(({ EwsAllowedAppIDs: ids }) => /^[\da-f-]{36},[\da-f-]{36}$/.test(String(ids))).length,
  ).toBeGreaterThan(0);
  expect(listed.some(({ EwsAllowedAppIDs: ids }) => ids === null)).toBe(true);
});
