import { partnerMap } from 'graph-permissions/partner-table';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import type { TenantFacts } from '../../../../../src/lib/access/tenants/tenant-set.ts';
import type { AuditEntry } from '../../../../../src/lib/audit/audit-log.ts';
import { fromRow, toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import { type DomainName, nilUuid } from '../../../../../src/lib/core/identifiers.ts';
import {
  type Decided,
  decidedIn,
  keyOf,
  RecordJudge,
  shapeOf,
} from '../../../../../src/lib/gateway/replay/judge-record.ts';
import { Replay, type ReplayReport } from '../../../../../src/lib/gateway/replay/replay.ts';
import { auditEntryOf } from '../../../../../src/lib/approvals/decide-approval.ts';
import type { StoredApproval } from '../../../../../src/lib/approvals/approval-log.ts';
import { denied, guid, issued, tenant } from '../../../../support/audit-entries.ts';
import { bytes, contoso, json, portal, stage, usersRule } from '../send/stage.ts';

const userId = '0a1b2c3d-0000-4000-8000-000000000001';
const otherId = '0a1b2c3d-0000-4000-8000-000000000002';
const tenants = [contoso, tenant(1), tenant(2)].map(
  (tenantId, index): TenantFacts => ({
    tenantId,
    domains: [`customer${index}.onmicrosoft.com` as DomainName],
    tags: new Set(tenantId === tenant(2) ? ['gold'] : []),
  }),
);

export function judgeBy(rules: readonly object[], map = partnerMap()): RecordJudge {
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return new RecordJudge(parsed.policy, { map, tenants, partnerTenantId: undefined });
}

/** As it was stored and is read again. */
const stored = (entry: AuditEntry): AuditEntry | undefined => fromRow(toRow(entry, guid(0xaa)));

function replayed(
  entries: readonly AuditEntry[],
  inForce: readonly object[],
  proposed: readonly object[],
): ReplayReport {
  const replay = new Replay(judgeBy(inForce), judgeBy(proposed));
  for (const entry of entries) replay.add(stored(entry));
  return replay.report();
}

const wide = { ...usersRule, scopes: ['User.ReadWrite.All', 'Group.Read.All'] };
const limited = (requests: object, changes: object = {}) => ({ ...wide, requests, ...changes });

/** What the gateway records of these requests. */
async function historyOf(rules: readonly object[], requests: readonly (readonly [string, string, unknown?])[]) {
  const { audit, send } = stage(rules);
  for (const [method, path, body] of requests)
    await send(path, { method, ...(body === undefined ? {} : { body: bytes(body) }) }).catch(() => undefined);
  return audit.entries;
}

describe('requests that the gateway has recorded', () => {
  it('show what a narrower policy would refuse, by caller and template, and what stays', async () => {
    const entries = await historyOf(
      [wide],
      [
        ['GET', '/v1.0/users?$select=id'],
        ['GET', `/v1.0/users/${userId}`],
        ['GET', `/v1.0/users('anna')`],
        ['PATCH', `/v1.0/users/${userId}`, { jobTitle: 'x' }],
        ['GET', '/v1.0/groups'],
      ],
    );
    const report = replayed(entries, [wide], [limited({ methods: ['GET'], paths: ['/v1.0/users', '/v1.0/groups'] })]);
    expect(report).toMatchObject({ records: 10, judged: 5, judgedInPart: 0, skipped: { outcome: 5 }, unknown: {} });
    expect(report.changes).toEqual({ refused: 3, allowed: 0, approval: 0, rule: 0 });
    expect(
      report.groups.map(({ change, request, records, ruleInForce, ruleNew }) => [
        change,
        request,
        records,
        ruleInForce,
        ruleNew,
      ]),
    ).toEqual([
      ['refused', 'GET /v1.0/users/*', 2, 'reads users', undefined],
      ['refused', 'PATCH /v1.0/users/*', 1, 'reads users', undefined],
    ]);
    expect(report.groups[0]).toMatchObject({
      caller: { applicationId: portal.applicationId },
      tenants: 1,
      examples: [{ tenantId: contoso }, { tenantId: contoso }],
      reason: expect.stringContaining('do not include GET') as string,
    });
  });

  it('share a group however their paths are written, and are shown as one was', async () => {
    const entries = await historyOf(
      [{ ...usersRule, scopes: ['RoleManagement.Read.Directory'] }],
      [
        ['GET', '/v1.0/directoryRoles'],
        ['GET', '/v1.0/DIRECTORYROLES'],
      ],
    );
    const { groups } = replayed(entries, [{ ...usersRule, scopes: ['RoleManagement.Read.Directory'] }], []);
    expect(groups).toMatchObject([{ request: 'GET /v1.0/directoryRoles', records: 2 }]);
  });

  it('are judged with the properties that they named', async () => {
    const entries = await historyOf(
      [{ ...wide, scopes: ['User.Read.All', 'AuditLog.Read.All', 'Group.Read.All'] }],
      [
        ['GET', '/v1.0/users?$select=id,signInActivity'],
        ['GET', '/v1.0/users?$expand=memberOf($select=id)'],
        ['GET', '/v1.0/users?$select=id'],
      ],
    );
    const report = replayed(
      entries,
      [{ ...wide, scopes: ['User.Read.All', 'AuditLog.Read.All', 'Group.Read.All'] }],
      [usersRule],
    );
    expect(report.changes.refused).toBe(1);
    expect(report.groups[0]?.reason).toContain('signInActivity');
  });

  it('show what a wider policy would allow, and of a refused write that its body is not known', async () => {
    const entries = await historyOf(
      [usersRule],
      [
        ['GET', '/v1.0/groups'],
        ['PATCH', `/v1.0/users/${userId}`, { jobTitle: 'x' }],
        ['GET', '/v1.0/devices'],
      ],
    );
    const report = replayed(entries, [usersRule], [wide]);
    expect(report).toMatchObject({ records: 3, judged: 3, judgedInPart: 1 });
    expect(report.groups.map(({ change, request, ruleNew }) => [change, request, ruleNew])).toEqual([
      ['allowed', 'GET /v1.0/groups', 'reads users'],
      ['allowed', 'PATCH /v1.0/users/*', 'reads users'],
    ]);
  });

  it('are not counted as refused if they were refused at the time', async () => {
    const entries = await historyOf([], [['GET', '/v1.0/users']]);
    expect(entries).toMatchObject([{ outcome: 'denied' }]);
    expect(replayed(entries, [wide], [])).toMatchObject({ judged: 1, refusedByBoth: 0, groups: [] });
  });

  it('show another rule, and one with an approval', async () => {
    const entries = await historyOf(
      [wide],
      [
        ['GET', '/v1.0/users'],
        ['GET', '/v1.0/groups'],
      ],
    );
    const report = replayed(
      entries,
      [wide],
      [
        { ...limited({ paths: ['/v1.0/users'] }), name: 'users' },
        { ...limited({ paths: ['/v1.0/groups'] }), name: 'groups', approval: {} },
      ],
    );
    expect(report.groups.map(({ change, ruleNew }) => [change, ruleNew])).toEqual([
      ['approval', 'groups'],
      ['rule', 'users'],
    ]);
  });

  it.each([
    ['the new policy', [`/v1.0/users/${userId}`], ['/v1.0/users/*'], { refused: 0, allowed: 1 }],
    ['the policy in force', ['/v1.0/users/*'], [`/v1.0/users/${userId}`], { refused: 1, allowed: 0 }],
  ])('are judged by the object that they are about, if a rule of %s names it', async (_, before, after, changes) => {
    const urls = [`/v1.0/users/${userId}`, `/v1.0/users/${otherId}`];
    for (const order of [urls, urls.toReversed()]) {
      const entries = await historyOf(
        [wide],
        order.map((url) => ['GET', url] as const),
      );
      const report = replayed(entries, [limited({ paths: before })], [limited({ paths: after })]);
      expect(report.changes).toMatchObject(changes);
    }
  });

  it('are not refused by one rule while another one may exclude the tenant', async () => {
    const entries = await historyOf([wide], [['GET', '/v1.0/users']]);
    const proposed = [limited({ paths: ['/v1.0/groups'] }), { ...wide, name: 'more', except: ['fabrikam.com'] }];
    expect(replayed(entries, [wide], proposed)).toMatchObject({ judged: 0, unknown: { tenant: 1 } });
  });

  it('of Exchange are judged by their cmdlet and its parameters', async () => {
    const exchange = (cmdlets: object) => ({
      ...usersRule,
      resources: ['exchange'],
      scopes: undefined,
      requests: { cmdlets },
    });
    const { audit, send } = stage([exchange({ 'Get-Mailbox': ['*'] })]);
    const call = (Parameters: object) => bytes({ CmdletInput: { CmdletName: 'Get-Mailbox', Parameters } });
    const to = { method: 'POST', resource: 'exchange' };
    await send(`/adminapi/beta/${contoso}/InvokeCommand`, { ...to, body: call({ Identity: 'anna' }) });
    await send(`/adminapi/beta/${contoso}/InvokeCommand`, { ...to, body: call({ ResultSize: '5' }) });
    expect(audit.entries[0]).toMatchObject({ template: '/adminapi/beta/*/InvokeCommand', bodyNames: ['Identity'] });
    const narrow = exchange({ 'Get-Mailbox': ['Identity'] });
    const report = replayed(audit.entries, [exchange({ 'Get-Mailbox': ['*'] })], [narrow]);
    expect(report.groups).toMatchObject([{ change: 'refused', request: 'Get-Mailbox', records: 1 }]);
  });

  it('are looked up in the permission map once for all rules with the same scopes', async () => {
    const entries = await historyOf([wide], [['GET', '/v1.0/users']]);
    const lookUpsFor = (count: number): number => {
      let found = 0;
      const whole = partnerMap();
      const map = Object.defineProperty({ ...whole }, 'root', { get: () => ((found += 1), whole.root) });
      const judge = judgeBy(
        Array.from({ length: count }, (_, index) => ({
          ...limited({ paths: ['/v1.0/groups'] }),
          name: `rule ${index}`,
        })),
        map,
      );
      expect(judge.decide(decidedIn(entries[0] as AuditEntry) as Decided).outcome).toBe('refused');
      return found;
    };
    expect(lookUpsFor(1)).toBeGreaterThan(0);
    expect(lookUpsFor(50)).toBe(lookUpsFor(1));
  });

  it('are kept apart by short keys, however many names they have', () => {
    const judge = judgeBy([wide]);
    const keys = ['a', 'b'].map((last) => {
      const query = `$select=${'x'.repeat(1_400)}${last}`;
      const entry = issued({ kind: 'request', outcome: 'sent', method: 'GET', path: '/v1.0/users', query }) as Decided;
      return [keyOf(entry, [judge]), shapeOf(entry, [judge])];
    });
    expect(new Set(keys.flat()).size).toBe(4);
    expect(Math.max(...keys.flat().map(({ length }) => length))).toBeLessThan(100);
  });

  it('of a resource at an address of Exchange are judged by their cmdlet', async () => {
    const own = {
      ...usersRule,
      resources: ['own'],
      scopes: undefined,
      requests: { cmdlets: { 'Get-Label': ['*'] } },
    };
    const entry = issued({
      kind: 'request',
      outcome: 'sent',
      resource: 'own',
      caller: portal,
      roles: ['Requests.Send'],
      method: 'POST',
      path: `/adminapi/beta/${tenant(1)}/InvokeCommand`,
      template: '/adminapi/beta/*/InvokeCommand',
      cmdlet: 'Get-Label',
      bodyNames: ['Identity'],
    });
    const narrow = { ...own, requests: { cmdlets: { 'Get-Label': ['Filter'] } } };
    const report = replayed([entry], [own], [narrow]);
    expect(report).toMatchObject({
      judged: 1,
      refusedByBoth: 0,
      groups: [{ change: 'refused', request: 'Get-Label' }],
    });
  });

  it.each([
    ['was cut', `/subscriptions/${'x'.repeat(600)}/providers`],
    ['had a secret in it', '/subscriptions/[secret]/providers'],
  ])('are not judged by a path that %s, where a pattern may name the rest', (_, path) => {
    const arm = {
      ...usersRule,
      resources: ['arm'],
      scopes: undefined,
      requests: { paths: ['/subscriptions/*/providers'] },
    };
    const common = {
      kind: 'request',
      outcome: 'sent',
      method: 'GET',
      caller: portal,
      roles: ['Requests.Send'],
    } as const;
    const entry = issued({ ...common, resource: 'arm', path, template: path });
    expect(replayed([entry], [arm], [arm])).toMatchObject({ judged: 0, unknown: { names: 1 } });
    const ofGraph = issued({
      ...common,
      path: path.replace('/subscriptions', '/v1.0/groups'),
      template: '/v1.0/groups/*',
    });
    const graph = (key: string) => [{ ...wide, requests: { paths: [`/v1.0/groups/${key}`] } }];
    expect(replayed([ofGraph], graph('*'), graph('*'))).toMatchObject({ judged: 1, unknown: {} });
    expect(replayed([ofGraph], graph('*'), graph(userId))).toMatchObject({ judged: 0, unknown: { names: 1 } });
  });

  it('are not refused by one rule while another one needs names that the record lacks', () => {
    const entry = issued({
      kind: 'request',
      outcome: 'sent',
      method: 'PATCH',
      path: `/v1.0/users/${userId}`,
      template: '/v1.0/users/*',
      bodyNames: ['...'],
      caller: portal,
      roles: ['Requests.Send'],
    });
    const groups = { ...wide, name: 'groups', scopes: ['Group.Read.All'] };
    expect(replayed([entry], [groups, wide], [groups, wide])).toMatchObject({ judged: 0, unknown: { names: 1 } });
    expect(replayed([entry], [groups], [groups])).toMatchObject({ judged: 1, refusedByBoth: 1 });
  });

  it('wait for no approval in a run', async () => {
    const [first] = await historyOf([wide], [['GET', '/v1.0/users']]);
    const entry = { ...(first as AuditEntry), run: guid(0xee) };
    expect(replayed([entry], [wide], [{ ...wide, approval: {} }]).changes.refused).toBe(1);
  });

  it('are not those that the broker sends to learn whom another one changes', async () => {
    const { audit, send, world } = stage([{ ...wide, protect: ['administrators'] }]);
    world.answers.push(json({ value: [] }), json({ value: [] }));
    await send(`/v1.0/users/${userId}`, { method: 'PATCH', body: bytes({ jobTitle: 'x' }) }).catch(() => undefined);
    const lookUps = audit.entries.filter(({ method, outcome }) => method === 'GET' && outcome === 'sent');
    expect(lookUps.length).toBeGreaterThan(0);
    const { skipped, judged, changes } = replayed(lookUps, [wide], [limited({ methods: ['PATCH'] })]);
    expect([skipped, judged, changes.refused]).toEqual([{ lookup: lookUps.length }, 0, 0]);
  });

  it('that wait for an approval are judged as what they ask for, with the roles of who asks', async () => {
    const asking = { ...wide, approval: {}, callers: { ...wide.callers, roles: ['Requests.Send'] } };
    const { send, deps, audit } = stage([asking]);
    await send(`/v1.0/users?$select=id,displayName`);
    const [waiting] = (await deps.approvals.approvalLog.list({ limit: 1 })).approvals;
    const approval = (waiting as StoredApproval).approval;
    const asked = auditEntryOf(approval, approval.asker, { outcome: 'asked', atMs: approval.askedAtMs });
    expect(asked).toMatchObject({ template: '/v1.0/users', query: '$select=id,displayName', roles: ['Requests.Send'] });
    // Who decides has other roles.
    expect(auditEntryOf(approval, approval.asker, { outcome: 'approved', atMs: 0 }).roles).toBeUndefined();
    const { changes, groups } = replayed([asked, ...audit.entries], [asking], [limited({ paths: ['/v1.0/groups'] })]);
    expect(changes).toMatchObject({ refused: 1 });
    expect(groups).toMatchObject([{ change: 'refused', request: 'GET /v1.0/users' }]);
  });

  it('show that more people, or people with another role, would have to approve', async () => {
    const entries = await historyOf([wide], [['GET', '/v1.0/users']]);
    const changesTo = (before: object, after: object) =>
      replayed(entries, [{ ...wide, approval: before }], [{ ...wide, approval: after }]).changes;
    expect(changesTo({}, { count: 2 }).approval).toBe(1);
    expect(changesTo({ count: 2 }, { count: 2, from: ['Audit.Read'] }).approval).toBe(1);
    expect(changesTo({ count: 2, from: ['Audit.Read'] }, {})).toEqual({ refused: 0, allowed: 0, approval: 0, rule: 0 });
  });

  it('ask the tenant what a rule protects, so the replay does not know', async () => {
    const entries = await historyOf([wide], [['PATCH', `/v1.0/users/${userId}`, { jobTitle: 'x' }]]);
    const report = replayed(entries, [wide], [{ ...wide, protect: ['administrators'] }]);
    expect([report.unknown, report.judged]).toEqual([{ target: 1 }, 0]);
  });
});

const tokens = {
  name: 'tokens',
  callers: { applications: [guid(0xa1)] },
  tenants: ['*'],
  resources: ['graph'],
  scopes: ['User.Read.All', 'Directory.Read.All'],
};

describe('changes of plans that were recorded', () => {
  const rule = { name: 'changes', callers: { applications: [guid(0xa1)] }, tenants: ['*'], changes: ['block-guests'] };
  const change = (changes: Partial<AuditEntry> = {}) =>
    issued({
      kind: 'request',
      outcome: 'sent',
      method: 'PATCH',
      path: `/v1.0/users/${userId}`,
      template: '/v1.0/users/*',
      bodyNames: ['accountEnabled'],
      roles: ['Changes.Plan', 'Changes.Apply'],
      run: 'block-guests@apply-0123456789abcdef',
      plan: 'digest',
      scopes: ['User.ReadWrite.All'],
      ...changes,
    });

  it('are judged by the rules for the change job, and not by those for requests', () => {
    const other = change({ tenantId: tenant(2), outcome: 'denied', code: 'target_protected' });
    expect(replayed([change(), other], [rule], [rule])).toMatchObject({ judged: 2, groups: [] });
    const report = replayed([change(), other], [rule], [wide, { ...rule, changes: ['block-mail'] }]);
    expect(report.groups).toMatchObject([
      {
        change: 'refused',
        request: 'apply block-guests',
        records: 1,
        ruleInForce: 'changes',
        reason: 'No rule lets this caller apply plans of block-guests in this tenant.',
      },
    ]);
    expect(replayed([change()], [], [{ ...rule, changes: ['*'] }]).groups).toMatchObject([{ change: 'allowed' }]);
  });

  it('show an approval, a role that the caller lacks, and a tenant that is no longer covered', () => {
    expect(replayed([change()], [rule], [{ ...rule, approval: {} }]).changes.approval).toBe(1);
    const demanding = { ...rule, callers: { ...rule.callers, roles: ['Audit.Read'] } };
    expect(replayed([change()], [rule], [demanding]).changes.refused).toBe(1);
    expect(replayed([change()], [rule], [{ ...rule, except: [tenant(1)] }]).changes.refused).toBe(1);
    const gone = change({ tenantId: tenant(9) });
    expect(replayed([gone], [rule], [{ ...rule, tenants: ['tag:gold'] }]).unknown).toEqual({ tenant: 1 });
    expect(replayed([change()], [rule], [{ ...rule, protect: ['administrators'] }]).unknown).toEqual({ target: 1 });
  });
});

describe('tokens that were recorded', () => {
  it('are judged by the scopes that they carried, and by those that were requested', () => {
    const first = { ...tokens, name: 'first', scopes: ['Group.Read.All'] };
    const entry = issued({ roles: ['Tokens.Request'], requestedScopes: ['User.Read.All'] });
    expect(replayed([entry], [first, tokens], [first, { ...tokens, scopes: ['User.Read.All'] }]).groups).toMatchObject([
      { change: 'refused', ruleInForce: 'tokens', request: 'token User.Read.All' },
    ]);
    expect(replayed([entry], [tokens], [tokens])).toMatchObject({ judged: 1, groups: [] });
  });

  it('of an earlier version are judged as far as they go', () => {
    const demanding = { ...tokens, callers: { ...tokens.callers, roles: ['Audit.Read'] } };
    const report = replayed([issued(), issued({ tokenId: guid(2) })], [tokens], [demanding]);
    expect(report).toMatchObject({ judged: 0, unknown: { roles: 2 } });
    expect(replayed([issued()], [tokens], [tokens])).toMatchObject({ judged: 1, judgedInPart: 1 });
  });

  it('of a tenant that is gone are not judged by its tags or domains', () => {
    const entry = issued({ tenantId: tenant(9), roles: ['Tokens.Request'] });
    expect(replayed([entry], [tokens], [{ ...tokens, tenants: ['tag:gold'] }]).unknown).toEqual({ tenant: 1 });
    expect(replayed([entry], [tokens], [{ ...tokens, tenants: ['fabrikam.com'] }]).unknown).toEqual({ tenant: 1 });
    expect(replayed([entry], [tokens], [{ ...tokens, tenants: [tenant(9)] }]).unknown).toEqual({});
    const gold = issued({ tenantId: tenant(2), roles: ['Tokens.Request'] });
    expect(replayed([gold], [tokens], [{ ...tokens, tenants: ['tag:gold'] }])).toMatchObject({ judged: 1, groups: [] });
  });

  it('are not judged by domains that the list does not have, where it depends on them', () => {
    const entry = issued({ roles: ['Tokens.Request'] });
    const unknownFor = (changes: object, record: Partial<AuditEntry> = {}) =>
      replayed([{ ...entry, ...record }], [{ ...tokens, ...changes }], [tokens]).unknown;
    expect(unknownFor({ except: ['fabrikam.com'] })).toEqual({ tenant: 1 });
    expect(unknownFor({ tenants: ['fabrikam.com'] })).toEqual({ tenant: 1 });
    expect(unknownFor({ tenants: ['fabrikam.com'] }, { tenantAsked: 'fabrikam.com' })).toEqual({});
    // Whoever has fabrikam.com, another part of the rule refuses it.
    expect(unknownFor({ tenants: ['fabrikam.com'], resources: ['exchange'] })).toEqual({});
    expect(unknownFor({ except: ['customer0.onmicrosoft.com'], tenants: ['customer1.onmicrosoft.com'] })).toEqual({});
  });

  it('are counted where no policy decides', () => {
    const { resource: _, ...planApproval } = issued({ kind: 'approval', outcome: 'asked' });
    const report = replayed(
      [
        issued({ caller: { applicationId: nilUuid, objectId: nilUuid, kind: 'application' }, rule: 'job:mfa-report' }),
        denied({ code: 'tenant_excluded', tenantId: tenant(1) }),
        denied({ code: 'request_invalid' }),
        issued({ kind: 'approval', outcome: 'approved' }),
        planApproval,
      ],
      [tokens],
      [],
    );
    expect(report).toMatchObject({
      records: 5,
      judged: 0,
      skipped: { job: 1, failure: 1, form: 1, step: 1, plans: 1 },
      groups: [],
    });
  });

  it('say how many are refused by both policies although they were served', () => {
    expect(replayed([issued({ roles: ['Tokens.Request'] })], [], []).refusedByBoth).toBe(1);
  });
});
