import { describe, expect, test } from 'vitest';
import auditSettings from '../../../src/jobs/audit-settings.ts';
import { BrokerError } from '../../../src/lib/core/errors.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { tryJob } from '../../support/try-job.ts';

type Objects = readonly Readonly<Record<string, unknown>>[];

const account = (id: string, AuditBypassEnabled = false) => ({ Guid: id, Name: `name of ${id}`, AuditBypassEnabled });
const mailbox = (id: string, DefaultAuditSet: unknown = ['Admin', 'Delegate', 'Owner']) => ({
  ExternalDirectoryObjectId: id,
  UserPrincipalName: `${id}@contoso.com`,
  DefaultAuditSet,
});
const right: Readonly<Record<string, Objects>> = {
  'Get-AdminAuditLogConfig': [{ UnifiedAuditLogIngestionEnabled: true }],
  'Get-OrganizationConfig': [{ AuditDisabled: false }],
  'Get-MailboxAuditBypassAssociation': [account('a')],
  'Get-Mailbox': [mailbox('m')],
};
const report = (more: Readonly<Record<string, Objects | Response>> = {}) =>
  tryJob(auditSettings, { exchange: { ...right, ...more } });
const organization = (check: string, ok: boolean | null = true, detail: string | null = null) => ({
  check,
  name: null,
  ok,
  detail,
  subject: 'organization',
});
const allRight = ['unified audit log', 'mailbox auditing', 'audit bypass', 'default audit set'].map((check) =>
  organization(check),
);

describe('audit-settings', () => {
  test('reports a tenant where everything is recorded, with four cmdlets', async () => {
    const { rows, cmdlets, requests } = await report();
    expect(rows).toEqual(allRight);
    expect(cmdlets.map(({ cmdlet, parameters }) => [cmdlet, parameters])).toEqual([
      ['Get-AdminAuditLogConfig', {}],
      ['Get-OrganizationConfig', {}],
      ['Get-MailboxAuditBypassAssociation', { ResultSize: 'Unlimited' }],
      ['Get-Mailbox', { ResultSize: 'Unlimited' }],
    ]);
    expect(requests).toHaveLength(4);
  });

  test('reports what is not recorded, by account and mailbox', async () => {
    const { rows } = await report({
      'Get-AdminAuditLogConfig': [{ UnifiedAuditLogIngestionEnabled: false }],
      'Get-OrganizationConfig': [{ AuditDisabled: true }],
      'Get-MailboxAuditBypassAssociation': [account('a'), account('b', true), account('c', true)],
      'Get-Mailbox': [mailbox('m'), mailbox('n', ['Admin']), mailbox('o', null)],
    });
    expect(rows).toEqual([
      organization('unified audit log', false, 'UnifiedAuditLogIngestionEnabled is false'),
      organization('mailbox auditing', false, 'AuditDisabled is true'),
      { check: 'audit bypass', name: 'name of b', ok: false, detail: 'AuditBypassEnabled is true', subject: 'b' },
      { check: 'audit bypass', name: 'name of c', ok: false, detail: 'AuditBypassEnabled is true', subject: 'c' },
      {
        check: 'default audit set',
        name: 'n@contoso.com',
        ok: false,
        detail: 'DefaultAuditSet lacks Delegate, Owner',
        subject: 'n',
      },
      {
        check: 'default audit set',
        name: 'o@contoso.com',
        ok: null,
        detail: 'DefaultAuditSet is not shown',
        subject: 'o',
      },
    ]);
  });

  test('knows nothing of a check that is refused or answers nothing, and reports the rest', async () => {
    const { rows } = await report({
      'Get-MailboxAuditBypassAssociation': problem(403, 'Forbidden'),
      'Get-OrganizationConfig': [],
    });
    expect(rows).toEqual([
      allRight[0],
      organization('mailbox auditing', null, 'Get-OrganizationConfig returns nothing.'),
      organization('audit bypass', null, 'Exchange Online refuses access (403 Forbidden).'),
      allRight[3],
    ]);
  });

  test('reads 50,000 accounts page by page', async () => {
    const { rows, cmdlets } = await tryJob(auditSettings, {
      exchange: ({ cmdlet, url }) => {
        if (cmdlet !== 'Get-MailboxAuditBypassAssociation') return right[cmdlet] ?? [];
        const page = Number(url.searchParams.get('$skiptoken') ?? 0);
        const value = Array.from({ length: 1_000 }, (_, at) => account(`${page}-${at}`, at === 7));
        if (page === 49) return { value };
        return { value, '@odata.nextLink': `${url.origin}${url.pathname}?$skiptoken=${page + 1}` };
      },
    });
    expect(rows.filter(({ check }) => check === 'audit bypass').map(({ subject }) => subject)).toEqual(
      Array.from({ length: 50 }, (_, page) => `${page}-7`),
    );
    expect(cmdlets).toHaveLength(53);
  });

  test('waits when it is throttled, and asks again', async () => {
    let refused = 0;
    const { rows } = await tryJob(auditSettings, {
      exchange: ({ cmdlet }) =>
        cmdlet === 'Get-Mailbox' && refused++ === 0
          ? problem(429, 'TooManyRequests', '', { 'retry-after': '20' })
          : (right[cmdlet] ?? []),
    });
    expect([refused, rows]).toEqual([2, allRight]);
  });

  test('fails with the reason of Exchange if it is refused everything, or throttled to the end', async () => {
    const everything = tryJob(auditSettings, { exchange: () => problem(401, 'Unauthorized') });
    await expect(everything).rejects.toMatchObject({ code: 'access_denied' });
    const throttled = problem(429, 'TooManyRequests', '', { 'retry-after': '600' });
    await expect(report({ 'Get-Mailbox': throttled })).rejects.toMatchObject({ code: 'throttled' });
    await expect(report({ 'Get-Mailbox': [{}] })).rejects.toMatchObject({ code: 'resource_error' });
  });

  test('skips a tenant without Exchange', async () => {
    const token = (): void => {
      throw new BrokerError('resource_unavailable', 'No Exchange.');
    };
    await expect(tryJob(auditSettings, { token })).rejects.toMatchObject({ code: 'resource_unavailable' });
  });
});
