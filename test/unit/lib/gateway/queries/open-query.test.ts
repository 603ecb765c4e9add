import { describe, expect, it } from 'vitest';
import { openQuery } from '../../../../../src/lib/gateway/queries/query.ts';
import { portal, stage, usersRule } from '../send/stage.ts';

const open = (rules: readonly object[], path: string, caller = portal) =>
  openQuery(stage(rules).deps, caller, { path, allPages: false });

const groupsRule = { ...usersRule, name: 'reads groups', scopes: ['Group.Read.All'], tenants: ['contoso.com'] };

describe('a query', () => {
  it('is opened by each rule whose permissions open it', async () => {
    const opened = await open(
      [groupsRule, usersRule, { ...usersRule, name: 'all', scopes: ['Directory.Read.All'] }],
      '/v1.0/users',
    );
    expect(opened).toMatchObject({
      request: 'GET /v1.0/users',
      anyOf: expect.arrayContaining(['User.Read.All', 'Directory.Read.All']) as unknown,
      rules: [
        { name: 'reads users', permissions: ['User.Read.All'] },
        { name: 'all', permissions: ['Directory.Read.All'] },
      ],
    });
    expect(opened.covered).toHaveLength(3);
  });

  it('is not opened by rules with a condition beside one without', async () => {
    const rules = [
      { ...usersRule, name: 'asks', approval: { count: 1 } },
      usersRule,
      { ...usersRule, name: 'x', breakGlass: true },
    ];
    expect((await open(rules, '/v1.0/users')).rules.map(({ name }) => name)).toEqual(['reads users']);
  });

  it.each([
    [
      '/v1.0/users',
      { approval: { count: 1 } },
      /^Only the rule "reads users" opens the request, and it needs an approval/,
    ],
    ['/v1.0/users', { breakGlass: true }, /and it is for emergencies, which a query cannot wait for or declare/],
    ['/v1.0/groups', {}, /Group.Read.All/],
    ['/beta/users', {}, /beta/],
    ['/v1.0/me', {}, /does not allow \/me/],
    ['/v1.0/users', { requests: { methods: ['GET'], paths: ['/v1.0/groups/**'] } }, /do not include GET/],
    ['/v1.0/users', { via: ['token'], scopes: undefined }, /^No rule for the gateway applies to the application/],
    [
      '/v1.0/users',
      { resources: ['exchange'], requests: { paths: ['/**'] }, scopes: undefined },
      /^No rule for this caller allows the resource graph/,
    ],
    [
      '/v1.0/users',
      { callers: { applications: ['cccccccc-0000-4000-8000-000000000009'] } },
      /^No rule for the gateway applies/,
    ],
  ])('to %s is refused by a rule with %j', async (path, more, reason) => {
    await expect(open([{ ...usersRule, ...more }], path)).rejects.toMatchObject({
      code: 'caller_forbidden',
      detail: expect.stringMatching(reason) as string,
    });
  });

  it.each([
    ['/v1.0/users/a%2fb', 'request_invalid', /encoded slash/],
    ['/v1.0/users?$skiptoken=x', 'caller_forbidden', /did not come from this gateway/],
    ['/v1.0/users#x', 'request_invalid', /^The URL contains "#"/],
    ['/v1.0/../x', 'request_invalid', /contains a dot segment/],
    ['/v1.0/users?ptb_link=W10.x', 'request_invalid', /is a link of an answer/],
    ['/v1.0/users?$top=1&$top=2', 'request_invalid', /\$top is given twice/],
    ['/v1.0/users\u{202E}', 'request_invalid', /contains a character that ids and names do not have/],
  ])('to %j cannot be read', async (path, code, reason) => {
    await expect(open([usersRule], path)).rejects.toMatchObject({
      code,
      detail: expect.stringMatching(reason) as string,
    });
  });

  it('asks for no token and sends nothing', async () => {
    const staged = stage();
    await openQuery(staged.deps, portal, { path: '/v1.0/users', allPages: false });
    expect([staged.world.sent, staged.world.tokenRequests, staged.audit.entries]).toEqual([[], [], []]);
  });
});
