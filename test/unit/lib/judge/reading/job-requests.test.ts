import { describe, expect, it } from 'vitest';
import { parseTenantId } from '../../../../../src/lib/core/identifiers.ts';
import { judgeReadingCmdlet } from '../../../../../src/lib/judge/reading/cmdlet.ts';
import { judgeCustomerUrl } from '../../../../../src/lib/judge/reading/non-graph-url.ts';

describe('a cmdlet of who may only read', () => {
  const judge = (cmdlet: string, permissions = ['Exchange.Manage']) =>
    judgeReadingCmdlet(permissions, JSON.stringify({ CmdletInput: { CmdletName: cmdlet, Parameters: {} } }));

  it.each(['Get-Mailbox', 'get-mailbox', 'Search-UnifiedAuditLog', 'Test-ApplicationAccessPolicy'])(
    '%s is sent',
    (cmdlet) => expect(() => judge(cmdlet)).not.toThrow(),
  );

  it.each(['Set-Mailbox', 'Search-Mailbox', 'Test-MigrationServerAvailability', 'Forget-Mailbox', 'Getter-Mailbox'])(
    '%s is refused, because it may change something',
    (cmdlet) => {
      expect(() => judge(cmdlet)).toThrow(`The cmdlet ${cmdlet} may change something; use one that only reads.`);
    },
  );

  it('is refused without the permission that opens cmdlets', () => {
    expect(() => judge('Get-Mailbox', ['User.Read.All'])).toThrow('add Exchange.Manage');
    expect(() => judge('Get-Mailbox', [])).toThrow('add Exchange.Manage');
  });
});

describe('a request to Partner Center of who may read about one customer', () => {
  const tenantId = parseTenantId('aaaaaaaa-0000-4000-8000-000000000001')!;
  const judge = (url: string) => judgeCustomerUrl(url, tenantId);

  it('is sent below the customer, with its query', () => {
    expect(judge(`/v1/customers/${tenantId}/subscriptions`)).toBe(`/v1/customers/${tenantId}/subscriptions`);
    expect(judge(`/v1/customers/${tenantId.toUpperCase()}/orders?size=5`)).toBe(
      `/v1/customers/${tenantId.toUpperCase()}/orders?size=5`,
    );
  });

  it.each([
    ['another customer', '/v1/customers/bbbbbbbb-0000-4000-8000-000000000002/subscriptions'],
    ['the customer itself', `/v1/customers/${tenantId}`],
    ['all customers', '/v1/customers'],
    ['another version', `/v2/customers/${tenantId}/subscriptions`],
    ['another collection', `/v1/agreements/${tenantId}/subscriptions`],
    ['the root', '/v1'],
  ])('is refused for %s', (_, url) => {
    expect(() => judge(url)).toThrow('does not lie below /v1/customers/TENANT');
  });
});
