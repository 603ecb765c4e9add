import { partnerMap } from 'graph-permissions/partner-table';
import { expect, it } from 'vitest';
import { scopeOf } from '../../../../../src/lib/access/policy/explain.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import type { PolicyDocument } from '../../../../../src/lib/access/policy/policy-document.ts';
import { nilUuid } from '../../../../../src/lib/core/identifiers.ts';
import { RecordJudge } from '../../../../../src/lib/gateway/replay/judge-record.ts';
import { UnusedFinder } from '../../../../../src/lib/gateway/replay/unused.ts';
import { denied, guid, issued, tenant } from '../../../../support/audit-entries.ts';

const policy: PolicyDocument = {
  version: 1,
  rules: [
    {
      name: 'helpdesk',
      callers: { applications: [guid(0xa1), guid(0xa9)] },
      tenants: [tenant(1), tenant(2), 'group:more'],
      resources: ['graph', 'exchange'],
      scopes: ['User.Read.All', 'Directory.Read.All', 'Mail.Read'],
      via: ['token', 'gateway'],
      requests: { paths: ['/v1.0/**'], cmdlets: { 'Get-Mailbox': ['*'] } },
    },
    { name: 'forgotten', callers: { applications: [guid(0xa8)] }, tenants: ['*'], resources: ['graph'] },
    {
      name: 'changes',
      callers: { applications: ['*'] },
      tenants: [tenant(1), tenant(2)],
      changes: ['block-guests', 'block-mail'],
    },
    { name: 'reading', callers: { applications: ['*'] }, reads: [] },
  ],
  tenantGroups: { more: [tenant(3)] },
  callerNames: { [guid(0xa9)]: 'Robot' },
};

function parsed(document: PolicyDocument) {
  const result = parsePolicy(JSON.stringify(document));
  if (!result.ok) throw new Error(result.problems.join(' '));
  return result.policy;
}

const finderBy = (permissionsOf: (job: string) => readonly string[] = () => []): UnusedFinder =>
  new UnusedFinder(
    new RecordJudge(parsed(policy), { map: partnerMap(), tenants: [], partnerTenantId: undefined }),
    permissionsOf,
  );

const roles = ['Tokens.Request', 'Requests.Send'] as const;
const path = '/v1.0/groups';
const sent = { roles, kind: 'request', outcome: 'sent', method: 'GET', path, template: path } as const;

it('names rules, scopes, callers, tenants, resources, cmdlets and change jobs that nobody used', () => {
  const finder = finderBy();
  finder.add(issued({ roles, scopes: ['User.Read.All'] }));
  finder.add(issued({ ...sent, atMs: Date.UTC(2026, 10, 25) }));
  finder.add(issued({ ...sent, outcome: 'sent', run: 'block-guests@apply-1', plan: 'digest', tenantId: tenant(1) }));
  // A refusal is no use, although the policy would allow it now.
  finder.add(
    denied({
      roles,
      caller: { applicationId: guid(0xa9), objectId: guid(1), kind: 'application' },
      tenantId: tenant(2),
      resource: 'graph',
      grant: 'delegated',
    }),
  );
  finder.add(undefined);
  const [helpdesk, forgotten, changes] = parsed(policy).rules.map((rule) => scopeOf(rule));
  expect(finder.report().callerNames).toEqual({ [guid(0xa9)]: 'Robot' });
  expect(finder.report().rules).toEqual([
    {
      rule: 'helpdesk',
      allows: helpdesk,
      records: 2,
      lastAt: '2026-11-25T00:00:00.000Z',
      unused: {
        scopes: ['Mail.Read'],
        callers: [guid(0xa9)],
        tenants: [tenant(2)],
        resources: ['exchange'],
        cmdlets: ['get-mailbox'],
      },
    },
    { rule: 'forgotten', allows: forgotten, records: 0, unused: {} },
    {
      rule: 'changes',
      allows: changes,
      records: 1,
      lastAt: '2026-11-24T09:30:00.000Z',
      unused: { tenants: [tenant(2)], changes: ['block-mail'] },
    },
  ]);
});

it('names roles that a caller holds, and that nothing it did needed', () => {
  const finder = finderBy();
  finder.add(issued({ roles: ['Tokens.Request', 'Requests.Send', 'Audit.Read'] }));
  finder.add(issued({ ...sent, caller: { applicationId: guid(0xa9), objectId: guid(0xb9), kind: 'user' } }));
  // Whether Audit.Read was used leaves no record.
  expect(finder.report().roles).toEqual([
    { caller: guid(0xa1), roles: ['Requests.Send'] },
    { caller: guid(0xb9), roles: ['Tokens.Request'] },
  ]);
});

it('names permissions of an application that its tokens carry, and that no request, scope or job needed', () => {
  const finder = finderBy((job) => (job === 'mfa-report' ? ['AuditLog.Read.All'] : []));
  const scopes = ['openid', 'AuditLog.Read.All', 'Directory.Read.All', 'Group.Read.All', 'Mail.Read', 'User.Read.All'];
  const broker = { applicationId: nilUuid, objectId: nilUuid, kind: 'application' } as const;
  finder.add(issued({ rule: 'job:mfa-report', caller: broker, scopes }));
  finder.add(issued({ rule: 'job:gone', caller: broker, scopes }));
  finder.add(issued({ ...sent, scopes: ['Group.Read.All'] }));
  finder.add(issued({ roles, scopes, requestedScopes: ['User.Read.All'] }));
  expect(finder.report().permissions).toEqual([
    { application: 'reader', unused: ['Directory.Read.All', 'Mail.Read'], tokens: 0 },
  ]);
  // What a token without requested scopes was used for is invisible.
  finder.add(issued({ roles, scopes }));
  expect(finder.report().permissions).toMatchObject([{ tokens: 1 }]);
});

it('compares scopes by their short names', () => {
  const finder = finderBy();
  const full = (name: string): string => `https://graph.microsoft.com/${name}`;
  const application = 'default';
  const scopes = ['User.Read.All', 'Mail.Read'].map(full);
  finder.add(issued({ roles, application, scopes, requestedScopes: ['User.Read.All'] }));
  // A rule without a list of scopes lets callers write them as Entra knows them.
  finder.add(issued({ application, scopes: [], requestedScopes: [full('Mail.Read')] }));
  const { rules, permissions } = finder.report();
  expect(rules[0]?.unused.scopes).toEqual(['Directory.Read.All']);
  expect(permissions).toEqual([{ application, unused: [], tokens: 0 }]);
});
