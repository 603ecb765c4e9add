import { beforeEach, describe, expect, it } from 'vitest';
import type { Check } from '../../../../src/operator/doctor/checks.ts';
import { gdapChecks } from '../../../../src/operator/doctor/doctor.ts';
import type { RoleRequirement } from '../../../../src/operator/gdap/judge.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { GdapBench, type PlannedRelationship, tenantId } from './gdap-bench.ts';

const mfaReport: RoleRequirement = { purpose: 'mfa-report', roles: ['Reports Reader', 'Global Reader'] };

let clock: FakeClock;
let bench: GdapBench;
beforeEach(() => {
  clock = new FakeClock();
  bench = new GdapBench(clock);
});

async function checks(requirements: readonly RoleRequirement[] = [mfaReport]): Promise<Check[]> {
  const found: Check[] = [];
  for await (const check of gdapChecks({ application: 'default', clock, requirements }, bench.client))
    found.push(check);
  return found;
}
const one = (found: readonly Check[], name: string): Check | undefined => found.find(({ check }) => check === name);

const complete: PlannedRelationship = { customer: 1, roles: ['Global Reader', 'Cloud Application Administrator'] };

describe('gdapChecks', () => {
  it('passes when every customer gives the account the roles for consent and for each job', async () => {
    bench.relationships = [complete, { ...complete, customer: 2, autoExtendDuration: 'P180D' }];
    const found = await checks();
    expect(found.map(({ check, status }) => [check, status])).toEqual([
      ['AdminAgents', 'ok'],
      ['Delegated roles', 'ok'],
      ['Relationship ends', 'ok'],
      ['Roles for consent', 'ok'],
      ['Roles for mfa-report', 'ok'],
    ]);
    expect(one(found, 'Roles for mfa-report')?.message).toBe(
      'All 2 customers give the account a role. The least role is Reports Reader (Global Reader will do, too).',
    );
    expect(one(found, 'Relationship ends')?.message).toContain('1 of 2 customers have a relationship that is extended');
  });

  it('groups the customers without a role by the cause, with the remedy for each', async () => {
    bench.relationships = [
      complete,
      { customer: 2, roles: ['User Administrator'] },
      { customer: 3, roles: ['Reports Reader'], assignments: [] },
      { customer: 4, roles: ['Reports Reader'], assignments: [{ group: 'Admins', roles: ['Reports Reader'] }] },
      {
        customer: 5,
        roles: ['Reports Reader'],
        assignments: [{ group: 'Readers', roles: ['Reports Reader'], status: 'pending' }],
      },
      { customer: 6, roles: ['Global Administrator'] },
    ];
    const found = one(await checks(), 'Roles for mfa-report');
    expect(found).toMatchObject({
      status: 'notice',
      message:
        '4 of 6 customers give the account no role. The access assignment is still pending: customer 5. The role belongs to a group that the account is not in (Admins): customer 4. The relationship has the role, but gives it to no group: customer 3. The relationship does not have the role: customer 2.',
      affected: [
        { tenantId: tenantId(2), name: 'customer 2', cause: 'not_in_relationship' },
        { name: 'customer 3', cause: 'not_assigned' },
        { name: 'customer 4', cause: 'not_member', groups: ['Admins'] },
        { name: 'customer 5', cause: 'pending' },
      ],
    });
    expect(found?.remedy).toMatch(
      /^The least role is Reports Reader .*Wait.*Add the account to the group\..*Assign the role.*Request a new relationship/,
    );
  });

  it('counts the roles of all active relationships with a customer together', async () => {
    bench.relationships = [
      { customer: 1, roles: ['Global Reader'] },
      { customer: 1, roles: ['Application Administrator'] },
      { customer: 2, roles: ['Global Reader'] },
      // None of these gives access.
      { customer: 2, roles: ['Application Administrator'], status: 'terminated' },
      { customer: 2, roles: ['Application Administrator'], endsInDays: -1 },
      { customer: 2, roles: ['Application Administrator'], name: 'MLT_customer' },
      {
        customer: 2,
        roles: ['Application Administrator'],
        assignments: [{ group: 'Readers', roles: ['Application Administrator'], status: 'deleted' }],
      },
    ];
    const found = await checks();
    expect(one(found, 'Roles for consent')).toMatchObject({
      message: expect.stringMatching(/^1 of 2 customers/) as string,
      affected: [{ tenantId: tenantId(2), cause: 'not_assigned' }],
    });
    expect(one(found, 'Delegated roles')).toMatchObject({
      message: 'The account has roles at 2 of 2 customers with an active relationship.',
      affected: [
        { roles: ['Application Administrator', 'Global Reader'], relationships: [{ id: 'rel-0' }, { id: 'rel-1' }] },
        { roles: ['Global Reader'] },
      ],
    });
  });

  it('names the groups with roles that the account is not in, for each customer', async () => {
    bench.relationships = [
      {
        ...complete,
        assignments: [
          { group: 'Readers', roles: complete.roles },
          { group: 'Admins', roles: ['Exchange Administrator'] },
        ],
      },
    ];
    expect(one(await checks(), 'Delegated roles')?.affected).toMatchObject([{ groupsWithoutAccount: ['Admins'] }]);
  });

  it('warns when the account has no role at any customer', async () => {
    bench.memberOf = ['AdminAgents'];
    bench.relationships = [complete];
    expect(one(await checks(), 'Delegated roles')).toMatchObject({
      status: 'warning',
      remedy: expect.stringContaining('add the account to the group') as string,
    });
  });

  it('warns when the account is not in AdminAgents', async () => {
    bench.memberOf = ['Readers'];
    expect(one(await checks(), 'AdminAgents')).toMatchObject({
      status: 'warning',
      remedy: expect.stringContaining('AdminAgents') as string,
    });
  });

  it('names the customers whose last relationship ends within 30 days without extension, soonest first', async () => {
    bench.relationships = [
      { ...complete, customer: 1, endsInDays: 29 },
      { ...complete, customer: 2, endsInDays: 3, autoExtendDuration: 'P0D' },
      { ...complete, customer: 3, endsInDays: 3, autoExtendDuration: 'P180D' },
      { ...complete, customer: 4, endsInDays: 3 },
      { ...complete, customer: 4, endsInDays: 300 },
      { ...complete, customer: 5, endsInDays: 31 },
      { ...complete, customer: 6, endsInDays: 3 },
      { ...complete, customer: 6, endsInDays: 3, autoExtendDuration: 'P180D' },
    ];
    expect(one(await checks(), 'Relationship ends')).toMatchObject({
      status: 'notice',
      message: expect.stringMatching(
        /of 2 customers ends within 30 days: customer 2 \(.{10}\), customer 1 \(.{10}\)\. 2 of 6 customers have/,
      ) as string,
      affected: [{ tenantId: tenantId(2) }, { tenantId: tenantId(1) }],
    });
  });

  it('counts a relationship that ends in exactly 30 days as one that does not end soon', async () => {
    bench.relationships = [{ ...complete, endsInDays: 30 }];
    expect(one(await checks(), 'Relationship ends')).toMatchObject({ status: 'ok' });
  });

  it('counts a relationship that is about to end as active, and one that ends now as ended', async () => {
    bench.relationships = [
      complete,
      { ...complete, customer: 2, status: 'expiring' },
      { ...complete, customer: 3, endsInDays: 0 },
    ];
    expect(one(await checks(), 'Delegated roles')?.message).toContain('2 of 2 customers');
  });

  it('describes every relationship with its end, its roles and its assignments', async () => {
    bench.relationships = [
      {
        customer: 1,
        roles: ['Reports Reader', 'Global Reader'],
        autoExtendDuration: 'P180D',
        assignments: [
          { group: 'Readers', roles: ['Reports Reader', 'Global Reader'] },
          { group: 'Admins', roles: ['Global Reader'], status: 'pending' },
        ],
      },
    ];
    expect(one(await checks(), 'Delegated roles')?.affected).toEqual([
      {
        tenantId: tenantId(1),
        name: 'customer 1',
        roles: ['Global Reader', 'Reports Reader'],
        groupsWithoutAccount: ['Admins'],
        relationships: [
          {
            id: 'rel-0',
            name: 'ours',
            endsAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
            autoExtends: true,
            roles: ['Global Reader', 'Reports Reader'],
            assignments: [
              { group: 'Readers', status: 'active', roles: ['Global Reader', 'Reports Reader'] },
              { group: 'Admins', status: 'pending', roles: ['Global Reader'] },
            ],
          },
        ],
      },
    ]);
  });

  it('names three customers, and counts the others', async () => {
    const ending = [1, 2, 3, 4].map((customer) => ({ ...complete, customer, endsInDays: customer }));
    bench.relationships = ending.slice(0, 3);
    expect(one(await checks(), 'Relationship ends')?.message).not.toContain('more');
    bench.relationships = ending;
    expect(one(await checks(), 'Relationship ends')?.message).toContain('and 1 more');
  });

  it('asks nothing about roles while there is no relationship', async () => {
    expect((await checks()).map(({ check, status }) => [check, status])).toEqual([
      ['AdminAgents', 'ok'],
      ['Delegated roles', 'ok'],
    ]);
  });

  it('reports Global Administrator, which prevents the automatic extension', async () => {
    bench.relationships = [complete, { customer: 2, roles: ['Global Administrator'] }, { ...complete, customer: 2 }];
    expect(one(await checks(), 'Global Administrator')).toMatchObject({
      status: 'notice',
      message: expect.stringMatching(/of 1 customers contains .*: customer 2\.$/) as string,
      remedy: expect.stringContaining('Request a new relationship') as string,
      affected: [{ tenantId: tenantId(2) }],
    });
  });
});

describe('gdapChecks of default relationships', () => {
  it('names roles with which an account can make itself Global Administrator, and the customers', async () => {
    bench.relationships = [
      complete,
      { customer: 2, roles: ['Privileged Role Administrator', 'Privileged Authentication Administrator'] },
      { customer: 3, roles: ['Privileged Authentication Administrator'] },
    ];
    const found = one(await checks(), 'Privileged roles');
    expect(found).toMatchObject({
      status: 'notice',
      remedy: expect.stringContaining('no group of the account') as string,
      affected: [{ tenantId: tenantId(2) }, { tenantId: tenantId(3) }],
    });
    expect(found?.message).toContain(
      'Privileged Role Administrator (1 customers: customer 2); Privileged Authentication Administrator (2 customers: customer 2, customer 3)',
    );
    bench.relationships = [complete];
    expect(one(await checks(), 'Privileged roles')).toBeUndefined();
  });
});

describe('gdapChecks without permission', () => {
  it('says that the groups cannot be read, and names the permissions', async () => {
    bench.relationships = [complete];
    bench.answerInstead = (path) => (path.includes('/me/') ? problem(403, 'Authorization_RequestDenied') : undefined);
    const found = await checks();
    expect(found.map(({ check, status }) => [check, status])).toEqual([['AdminAgents', 'notice']]);
    expect(found[0]).toMatchObject({
      message: expect.stringContaining('access_denied') as string,
      remedy: expect.stringContaining('DelegatedAdminRelationship.Read.All') as string,
    });
  });

  it('does not warn about AdminAgents when Graph hides the names of the groups', async () => {
    const hidden = { '@odata.type': '#microsoft.graph.group', id: 'g', displayName: null };
    bench.answerInstead = (path) => (path.includes('/me/') ? { value: [hidden] } : undefined);
    expect(one(await checks(), 'AdminAgents')).toMatchObject({
      status: 'notice',
      remedy: expect.stringContaining('Directory.Read.All') as string,
    });
  });

  it('says that the relationships cannot be read', async () => {
    bench.answerInstead = (path) => (path.includes('tenantRelationships') ? problem(403, 'Forbidden') : undefined);
    expect((await checks()).map(({ check, status }) => [check, status])).toEqual([
      ['AdminAgents', 'ok'],
      ['Delegated roles', 'notice'],
    ]);
  });

  it('judges the other customers when some assignments of one cannot be read', async () => {
    const second = { ...complete, customer: 2 };
    bench.relationships = [complete, second, { customer: 3, roles: ['User Administrator'] }, second];
    bench.answerInstead = (path) => (path.includes('rel-1/') ? problem(403, 'Forbidden') : undefined);
    const found = await checks();
    expect(one(found, 'Access assignments')).toMatchObject({ status: 'notice' });
    expect(one(found, 'Delegated roles')?.message).toBe(
      'The account has roles at 3 of 3 customers with an active relationship. Those of 1 could not be read.',
    );
    expect(one(found, 'Roles for mfa-report')?.message).toMatch(/^1 of 2 customers/);
  });

  it('leaves out a relationship that ended while it was read', async () => {
    bench.relationships = [complete, { ...complete, customer: 2 }];
    bench.answerInstead = (path) => (path.includes('rel-1/') ? problem(404, 'NotFound') : undefined);
    const found = await checks();
    expect(one(found, 'Access assignments')).toBeUndefined();
    expect(one(found, 'Delegated roles')?.message).toContain('1 of 1 customers');
  });

  it('goes on when a whole batch fails', async () => {
    bench.relationships = [complete];
    bench.answerInstead = (path) => (path.endsWith('/$batch') ? problem(400, 'BadRequest') : undefined);
    const found = await checks();
    expect(one(found, 'Access assignments')).toMatchObject({ status: 'notice' });
    expect(one(found, 'Delegated roles')?.status).toBe('ok');
    expect(one(found, 'Roles for consent')).toMatchObject({
      status: 'notice',
      message: 'Not known, because no access assignment could be read.',
    });
  });
});

describe('gdapChecks over many customers', () => {
  it('reads 3,000 relationships in pages and batches, at most four at a time, and reports one line for each cause', async () => {
    bench.relationships = Array.from({ length: 3_000 }, (_, n) => ({
      customer: n,
      roles: n % 3 === 0 ? ['Global Reader'] : ['Global Reader', 'Application Administrator'],
    }));
    const found = await checks();
    expect(found).toHaveLength(5);
    expect(one(found, 'Roles for consent')?.message).toBe(
      '1000 of 3000 customers give the account no role. The relationship does not have the role: customer 0, customer 3, customer 6 and 997 more.',
    );
    expect(one(found, 'Roles for consent')?.affected).toHaveLength(1_000);
    // Groups, 10 pages of relationships and 150 batches.
    expect(bench.seen).toHaveLength(161);
    expect(bench.mostInFlight).toBeLessThanOrEqual(4);
  });
});
