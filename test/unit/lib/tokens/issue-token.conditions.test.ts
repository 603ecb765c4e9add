import { describe, expect, it } from 'vitest';
import { issueToken } from '../../../../src/lib/tokens/issue-token.ts';
import { decideApproval } from '../../../../src/lib/approvals/decide-approval.ts';
import { denialError } from '../../../../src/lib/access/tenants/requested-tenant.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { person } from '../../../support/approval-records.ts';
import { guid } from '../../../support/audit-entries.ts';
import { contoso, portal, stage, usersRule } from '../gateway/send/stage.ts';

const fabrikam = 'bbbbbbbb-0000-4000-8000-000000000002' as TenantId;
const rule = { ...usersRule, via: ['token'] };
const reason = 'The account sends spam, ticket 4711.';
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

function order(stand: ReturnType<typeof stage>, more: object = {}) {
  stand.world.scopes = ['User.Read.All'];
  const logged = recordingLogger();
  const body = {
    tenant: contoso,
    resource: 'graph',
    scopes: [],
    grant: 'delegated',
    minimumLifetimeSeconds: 300,
    ...more,
  };
  const requester = {
    caller: portal,
    correlationId: 'dddddddd-0000-4000-8000-000000000001',
    log: logged.log,
    orchestrations: new FakeOrchestrations(),
  };
  return { logged, issued: issueToken(stand.deps, body as Parameters<typeof issueToken>[1], requester) };
}

describe('a token under a rule with a condition', () => {
  it('waits for an approval, and is not asked for meanwhile', async () => {
    const stand = stage([{ ...rule, approval: {} }]);
    const issued = await order(stand, { reason }).issued;
    if (!('pending' in issued)) throw new Error('Nobody has approved yet.');
    expect(issued.pending).toMatchObject({
      reason,
      subject: { kind: 'token', rule: rule.name, tenantId: contoso, title: 'a token for graph in Contoso' },
    });
    expect(stand.world.tokenRequests).toEqual([]);
  });

  it('is not handed out if its approval is revoked while it is on its way', async () => {
    const stand = stage([{ ...rule, approval: {} }]);
    const asked = await order(stand, { reason }).issued;
    if (!('pending' in asked)) throw new Error('Nobody has approved yet.');
    const decide = (decision: 'approve' | 'revoke', decider: number) =>
      decideApproval(
        stand.approvals,
        asked.pending.id,
        { decision, reason: 'Agreed with the customer.' },
        {
          caller: { ...person(decider), roles: ['Approvals.Decide'] },
          correlationId: guid(5),
          log: silentLogger,
          orchestrations: stand.orchestrations,
        },
      );
    await decide('approve', 2);
    stand.world.beforeToken = () => decide('revoke', 3);
    await expect(order(stand, { reason }).issued).rejects.toThrow(code('approval_ended'));
    expect(stand.audit.entries.filter(({ outcome }) => outcome === 'issued')).toEqual([]);
  });

  it('is handed out in an emergency, told to people and recorded with its reason', async () => {
    const stand = stage([{ ...rule, breakGlass: true }]);
    const issued = await order(stand, { reason, breakGlass: true }).issued;
    expect(issued).toHaveProperty('token');
    expect(stand.audit.entries).toMatchObject([{ outcome: 'issued', breakGlass: true, reason, rule: rule.name }]);
    const facts = stand.approvals.notices.flatMap((notice) => notice.facts);
    expect(facts).toEqual(
      expect.arrayContaining([
        { name: 'Resource', value: 'graph' },
        { name: 'Tenant', value: contoso },
        { name: 'First request', value: 'a token' },
      ]),
    );
  });

  it('follows the rule for emergencies only if the caller declares one', async () => {
    const rules = [
      { ...rule, name: 'approved', approval: {} },
      { ...rule, name: 'emergency', breakGlass: true },
    ];
    expect(await order(stage(rules), { reason }).issued).toHaveProperty('pending');
    expect(await order(stage(rules), { reason, breakGlass: true }).issued).toHaveProperty('token');
    await expect(order(stage([rules[1] ?? {}]), { reason }).issued).rejects.toThrow(code('reason_required'));
  });
});

describe('a rule for the default domain of a tenant, which comes from lists that may be old', () => {
  const byDomain = { ...rule, name: 'by domain', tenants: ['contoso.com'] };
  const byId = { ...rule, name: 'by id', tenants: [contoso] };
  const ruleOf = async (stand: ReturnType<typeof stage>): Promise<string | undefined> => {
    await order(stand).issued;
    return stand.audit.entries.at(-1)?.rule;
  };

  it('opens the tenant by its id only while Entra says that the domain is its own', async () => {
    const stand = stage([byDomain]);
    expect(await ruleOf(stand)).toBe('by domain');
    stand.world.owner = fabrikam;
    await expect(order(stand).issued).rejects.toThrow(code('caller_forbidden'));
    expect(stand.world.lookedUp).toEqual(['contoso.com', 'contoso.com']);
  });

  it('costs a look-up only if another rule would decide', async () => {
    const stand = stage([byDomain, byId]);
    expect(await ruleOf(stand)).toBe('by domain');
    stand.world.owner = fabrikam;
    expect(await ruleOf(stand)).toBe('by id');
    expect(stand.world.lookedUp).toHaveLength(2);
    for (const rules of [[byId, byDomain], [{ ...rule, tenants: ['*'] }]]) {
      const other = stage(rules);
      await ruleOf(other);
      expect(other.world.lookedUp).toEqual([]);
    }
    const denied = stage([{ ...rule, tenants: [fabrikam] }]);
    await expect(order(denied).issued).rejects.toThrow(code('caller_forbidden'));
    expect(denied.world.lookedUp).toEqual([]);
  });
});

describe('a refused order', () => {
  it('is recorded with its tenant, as soon as that is known', async () => {
    const stand = stage([{ ...rule, callers: { applications: [contoso] } }]);
    await expect(order(stand).issued).rejects.toThrow(code('caller_forbidden'));
    expect(stand.audit.entries).toMatchObject([{ outcome: 'denied', code: 'caller_forbidden', tenantId: contoso }]);
    const unknown = stage([rule]);
    await expect(order(unknown, { tenant: 'nobody.example' }).issued).rejects.toThrow(code('tenant_unknown'));
    expect(unknown.audit.entries[0]).not.toHaveProperty('tenantId');
  });

  it('stays refused if it cannot be recorded, which is logged', async () => {
    const stand = stage([rule]);
    stand.audit.down = true;
    const { logged, issued } = order(stand, { resource: 'arm' });
    await expect(issued).rejects.toThrow(code('caller_forbidden'));
    expect(logged.events()).toContain('audit.denial_not_recorded');
  });
});

it('a denial says what is missing, or what cannot be known now', () => {
  const denial = { allow: false, missing: 'tenant', reason: 'No rule.' } as const;
  expect(denialError(denial)).toMatchObject({
    code: 'caller_forbidden',
    detail: 'No rule.',
    logFields: { missing: 'tenant' },
  });
  expect(denialError({ ...denial, unknown: 'tags' }).code).toBe('storage_unavailable');
  expect(denialError({ ...denial, unknown: 'domains' }).code).toBe('entra_unavailable');
});
