import { beforeEach, describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../../src/lib/access/policy/parse-policy.ts';
import type { Rule } from '../../../../src/lib/access/policy/policy.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { customer, DoctorBench, one, partner, refusing, statusOf } from './doctor-bench.ts';

let bench: DoctorBench;
beforeEach(async () => {
  bench = await DoctorBench.create();
});

describe('examine of the customers', () => {
  it('warns that there are none and names the usual reason', async () => {
    bench.customers = [];
    const found = await bench.checks();
    expect(one(found, 'Customers')).toMatchObject({
      status: 'warning',
      remedy: expect.stringContaining('AdminAgents') as string,
    });
    expect(one(found, 'Customer token')?.status).toBe('skipped');
  });

  it('warns about an incomplete list and fails when the list cannot be read', async () => {
    bench.warnings = ['The list of contracts could not be read.'];
    expect(one(await bench.checks(), 'Customers')).toMatchObject({
      status: 'warning',
      message: '2 customers, 2 of them with delegated access. The list of contracts could not be read.',
    });
    const failing = { snapshot: () => Promise.reject(new BrokerError('directory_unavailable', 'no')) };
    expect(statusOf(await bench.checks({ directory: failing }))).toMatchObject({
      Customers: 'failed',
      'Customer token': 'skipped',
    });
  });

  it('tries the first five customers and reports the last failure', async () => {
    bench.refuse = refusing({ tenantId: customer(1).tenantId }, 'consent_required');
    expect(one(await bench.checks(), 'Customer token')?.message).toBe('Entra issued a token for customer 2.');
    bench.refuse = (request) =>
      request.tenantId === partner ? undefined : new BrokerError('consent_required', 'nobody');
    bench.customers = [1, 2, 3, 4, 5, 6].map((n) => customer(n));
    expect(one(await bench.checks(), 'Customer token')).toMatchObject({
      status: 'failed',
      code: 'consent_required',
      message: 'customer 5: nobody',
    });
  });

  it('tries the given customer, by id or domain', async () => {
    expect(one(await bench.checks({ customer: 'C2.example' }), 'Customer token')?.message).toBe(
      'Entra issued a token for customer 2.',
    );
    expect(one(await bench.checks({ customer: customer(1).tenantId }), 'Customer token')?.status).toBe('ok');
    expect(one(await bench.checks({ customer: 'nobody.example' }), 'Customer token')?.message).toBe(
      '"nobody.example" is not a customer.',
    );
  });

  it('fails when no customer is reachable, and names the reason for the given one', async () => {
    bench.customers = [customer(1, { reachable: false, reason: 'no_relationship' })];
    expect(one(await bench.checks(), 'Customer token')?.message).toBe('No customer has delegated access.');
    expect(one(await bench.checks({ customer: 'c1.example' }), 'Customer token')).toMatchObject({
      code: 'tenant_not_delegated',
    });
  });
});

describe('rules that protect targets', () => {
  const rulesOf = (...rules: readonly object[]): readonly Rule[] => {
    const [applications, via] = [['aaaaaaaa-0000-4000-8000-000000000001'], ['gateway']];
    const whole = {
      callers: { applications },
      tenants: ['*'],
      resources: ['graph'],
      scopes: ['User.ReadWrite.All'],
      via,
    };
    const parsed = parsePolicy(
      JSON.stringify({ version: 1, rules: rules.map((rule, at) => ({ name: `rule ${at}`, ...whole, ...rule })) }),
    );
    if (!parsed.ok) throw new Error(parsed.problems.join(' '));
    return parsed.policy.rules;
  };
  const both = ['RoleManagement.Read.Directory', 'Directory.Read.All'];
  const found = async (scopes: readonly string[], ...rules: readonly object[]) => {
    bench.rules = rulesOf(...rules);
    bench.scopes = (application) => (application === 'changes' ? scopes : ['User.Read']);
    return one(await bench.checks(), 'Protected targets');
  };
  const rule = { protect: ['administrators'], application: 'changes' };
  const group = { ...rule, protect: ['group:22222222-2222-4222-8222-222222222222'] };

  it.each<[readonly string[], object, string]>([
    [[], rule, 'RoleManagement.Read.Directory and Directory.Read.All'],
    [['Directory.Read.All'], rule, 'RoleManagement.Read.Directory'],
    [['RoleManagement.ReadWrite.Directory'], rule, 'Directory.Read.All'],
    [['RoleManagement.Read.Directory'], group, 'Directory.Read.All'],
  ])('with %j name what alone is missing', async (scopes, given, missing) => {
    expect(await found(scopes, given)).toMatchObject({
      status: 'warning',
      message: `The rule "rule 0" may refuse changes of users in customer 1, because its application changes is not consented to ${missing} there.`,
      remedy:
        'Add what is missing to the profile of the application: run `ptb setup --permissions … --application changes`, `ptb consent --application changes` and `ptb tenants consent --renew --application changes`.',
    });
  });

  it('are fine with what was consented, each with its own application', async () => {
    expect(await found(both, rule, group)).toMatchObject({
      status: 'ok',
      message:
        'All applications of rules with protect (2) have the permissions to look up in customer 1 whom they protect.',
    });
    expect(await found(['Directory.ReadWrite.All'], group)).toMatchObject({ status: 'ok' });
    expect(await found(['User.Read.All'], group)).toMatchObject({ status: 'ok' });
    for (const reads of ['RoleManagement.Read.All', 'RoleEligibilitySchedule.Read.Directory'])
      expect(await found([reads, 'Directory.Read.All'], rule)).toMatchObject({ status: 'ok' });
    expect(await found(['RoleManagement.Read.All', 'User.Read.All', 'GroupMember.Read.All'], rule)).toMatchObject({
      status: 'ok',
    });
    expect(await found(both, { ...rule, application: 'default' })).toMatchObject({ status: 'warning' });
  });

  it('get a remedy for each application', async () => {
    const { remedy } = (await found([], rule, { ...rule, application: 'default' }, group)) ?? {};
    expect(remedy?.match(/`ptb setup[^`]*`/g)).toEqual([
      '`ptb setup --permissions … --application changes`',
      '`ptb setup --permissions …`',
    ]);
  });

  it('are checked where they hold, by any domain of the customer, also if that depends on tags', async () => {
    expect(await found([], { ...rule, tenants: ['other.example'] })).toBeUndefined();
    expect(await found([], { ...rule, except: ['c1.example'] })).toBeUndefined();
    expect(await found([], { ...rule, except: ['c1.example.org'] })).toBeUndefined();
    expect(await found([], { ...rule, tenants: ['c1.example.org'] })).toMatchObject({ status: 'warning' });
    expect(await found([], {})).toBeUndefined();
    expect(await found([], { ...rule, tenants: ['tag:tier=gold'] })).toMatchObject({ status: 'warning' });
  });

  it('are not checked if the domains of the customer cannot be read', async () => {
    bench.domains = () => {
      throw new BrokerError('access_denied', 'Insufficient privileges.');
    };
    expect(await found(both, rule)).toMatchObject({ status: 'skipped' });
    expect(await found(both, {})).toBeUndefined();
  });

  it('are named if their application gets no token, with the reason and what to do', async () => {
    bench.refuse = refusing({ application: 'changes' }, 'consent_required');
    expect(await found(both, rule)).toMatchObject({
      status: 'warning',
      message: expect.stringMatching(
        /^The application changes of the rule "rule 0" gets no token for customer 1: .*consent_required/,
      ) as string,
      remedy: `Run \`ptb tenants consent --tenant ${customer(1).tenantId} --application changes\`, wait about three minutes, then try again.`,
    });
  });
});
