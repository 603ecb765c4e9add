import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import { judgeRequest } from '../../../../src/lib/judge/judge.ts';
import type { Allowed, GatewayRequest, Grant, Refused } from '../../../../src/lib/judge/verdict.ts';
import { account, somebody } from './cases/case.ts';

const map = partnerMap();

function grantOf(permissions: string, more: Partial<Grant> = {}): Grant {
  return {
    scheme: 'delegated',
    permissions: new Set(permissions.split(' ')),
    signedIn: account,
    beta: true,
    me: true,
    host: 'graph.microsoft.com',
    ...more,
  };
}

function allowed(
  permissions: string,
  request: Partial<GatewayRequest> & { url: string },
  more?: Partial<Grant>,
): Allowed {
  const verdict = judgeRequest(map, grantOf(permissions, more), { method: 'GET', ...request });
  if (!verdict.allowed) throw new Error(verdict.reason);
  return verdict;
}

function refused(
  permissions: string,
  request: Partial<GatewayRequest> & { url: string },
  more?: Partial<Grant>,
): Refused {
  const verdict = judgeRequest(map, grantOf(permissions, more), { method: 'GET', ...request });
  if (verdict.allowed) throw new Error('allowed');
  return verdict;
}

describe('the request to send', () => {
  it.each([
    ['/v1.0/users', 'https://graph.microsoft.com/v1.0/users', '/v1.0/users'],
    ['/V1.0/Users/', 'https://graph.microsoft.com/v1.0/Users', '/v1.0/Users'],
    [
      "https://GRAPH.microsoft.com/v1.0/users('o''b@a.example')",
      "https://graph.microsoft.com/v1.0/users('o''b@a.example')",
      "/v1.0/users/o'b@a.example",
    ],
    [
      '/v1.0/users/a%23EXT%23@b.example?select=id',
      'https://graph.microsoft.com/v1.0/users/a%23EXT%23@b.example?select=id',
      '/v1.0/users/a%23EXT%23@b.example',
    ],
    [
      "/v1.0/users?$FILTER=displayName+eq+'a&b'".replace('&', '%26'),
      "https://graph.microsoft.com/v1.0/users?$filter=displayName%20eq%20'a%26b'",
      '/v1.0/users',
    ],
    ['/v1.0/%75sers/$count', 'https://graph.microsoft.com/v1.0/users/$count', '/v1.0/users/$count'],
  ])('is built from what was read: %s', (url, sent, path) => {
    expect(allowed('User.Read.All', { url }).request).toMatchObject({ method: 'GET', url: sent, path });
  });

  it('contains only the listed headers, with lower-case names', () => {
    const headers = {
      ConsistencyLevel: 'eventual',
      Prefer: 'return=minimal',
      Authorization: 'Bearer x',
      Cookie: 'a=b',
      Host: 'evil.example',
      'X-Forwarded-For': '1.2.3.4',
      'Transfer-Encoding': 'chunked',
    };
    expect(allowed('User.Read.All', { url: '/v1.0/users', headers }).request.headers).toEqual({
      consistencylevel: 'eventual',
      prefer: 'return=minimal',
    });
  });

  it.each(['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override', 'X-Original-URL', 'X-Rewrite-Url'])(
    'is refused with the header %s',
    (name) => {
      expect(refused('User.Read.All', { url: '/v1.0/users', headers: { [name]: 'DELETE' } })).toMatchObject({
        kind: 'unreadable',
        reason: `The header "${name.toLowerCase()}" replaces method or path; remove it.`,
      });
    },
  );

  it.each([
    'application/json;odata.metadata=none',
    'application/json; odata.metadata="none"',
    'application/json;odata=nometadata',
    'text/plain, application/json;metadata=none',
    'application/json;odata.metadata=minimal;x=1',
  ])('is refused if it accepts an answer without types: %s', (accept) => {
    expect(refused('User.Read.All', { url: '/v1.0/users', headers: { Accept: accept } }).reason).toContain('"accept"');
  });

  it.each(['application/json', '*/*', 'application/json;odata.metadata=minimal;q=0.9, text/plain'])(
    'may accept %s',
    (accept) => {
      expect(allowed('User.Read.All', { url: '/v1.0/users', headers: { accept } }).request.headers).toEqual({ accept });
    },
  );

  it('is refused with a header that is not ASCII', () => {
    expect(refused('User.Read.All', { url: '/v1.0/users', headers: { prefer: 'a\r\nx: y' } }).kind).toBe('unreadable');
  });
});

describe('the rule', () => {
  it('opens /beta only if it says so', () => {
    expect(refused('User.Read.All', { url: '/beta/users' }, { beta: false })).toMatchObject({
      kind: 'not-permitted',
      reason: expect.stringContaining('does not allow /beta') as string,
    });
  });

  it('opens /me and own objects only if it says so', () => {
    expect(refused('User.Read', { url: '/v1.0/me' }, { me: false }).reason).toContain('does not allow /me');
    expect(refused('User.Read', { url: `/v1.0/users/${account.id}` }, { me: false }).reason).toContain(
      'signed-in account',
    );
    expect(allowed('User.Read.All', { url: `/v1.0/users/${account.id}` }, { me: false }).permissions).toEqual([
      'User.Read.All',
    ]);
  });

  it('opens no object as own while the signed-in account is unknown', () => {
    expect(refused('User.Read', { url: `/v1.0/users/${account.id}` }, { signedIn: undefined }).kind).toBe(
      'not-permitted',
    );
  });

  it('is judged on the host of its cloud', () => {
    const china = { host: 'microsoftgraph.chinacloudapi.cn' };
    expect(
      allowed('User.Read.All', { url: 'https://microsoftgraph.chinacloudapi.cn/v1.0/users' }, china).request.url,
    ).toBe('https://microsoftgraph.chinacloudapi.cn/v1.0/users');
    expect(refused('User.Read.All', { url: 'https://graph.microsoft.com/v1.0/users' }, china).kind).toBe('unreadable');
  });
});

describe('an allowed request', () => {
  it('names the permissions that open it and what it reads besides', () => {
    const url = `/v1.0/users?$select=id,signInActivity&$expand=manager`;
    expect(allowed('User.Read.All AuditLog.Read.All Mail.Read', { url }).permissions).toEqual([
      'AuditLog.Read.All',
      'User.Read.All',
    ]);
  });

  it('reads the tokens of Intune, which are conditions', () => {
    const url =
      '/v1.0/deviceManagement/managedDevices?$top=1&$skiptoken=LastDeviceName%3d%27Ada%20PC%27%2cLastDeviceId%3d%279b%27';
    const link = { selected: [] };
    expect(allowed('DeviceManagementManagedDevices.Read.All', { url, link }).request.url).toContain('LastDeviceId');
    expect(refused('DeviceManagementManagedDevices.Read.All', { url }).reason).toMatch(/continues a link/);
  });

  it('names what a link selects', () => {
    const url = '/v1.0/users?$select=id,manager&$expand=licenseDetails';
    expect(allowed('User.Read.All', { url }).selected).toEqual(['id', 'manager', '$expand=licenseDetails']);
  });

  it('names each name once, so that the links of later pages do not grow', () => {
    const url = '/v1.0/users?$select=id,mail&$skiptoken=x';
    const link = { selected: ['id', 'manager'] };
    expect(allowed('User.Read.All', { url, link }).selected).toEqual(['id', 'mail', 'manager']);
  });

  it('hides objects of types that the rule may not read', () => {
    const url = `/v1.0/groups/${somebody}/members`;
    expect(allowed('GroupMember.Read.All User.Read.All', { url }).answer.readableTypes).toEqual(['user', 'group']);
    expect(allowed('Group.ReadBasic.All', { url: `${url}?$select=id` }).answer.readableTypes).toEqual([]);
    expect(allowed('Directory.Read.All', { url }).answer.readableTypes).toHaveLength(8);
  });

  it('hides objects of such types in what it expands', () => {
    expect(allowed('Group.Read.All', { url: '/v1.0/groups?$expand=members' }).answer.readableTypes).toEqual(['group']);
  });

  it.each([
    [`/v1.0/groups/${somebody}/members`, ['']],
    [`/v1.0/users/${somebody}?$expand=manager($select=id)`, ['manager']],
    [`/v1.0/users/${somebody}/manager`, ['']],
    ['/v1.0/groups?$expand=members', ['members']],
    ['/v1.0/groups/delta?$select=id,members', ['members']],
    // Graph leaves out the type, because all have the same.
    [`/v1.0/groups/${somebody}/members/microsoft.graph.user`, []],
  ])('says where objects must show their type: %s', (url, expected) => {
    expect(allowed('Directory.Read.All', { url }).answer.typedMembers).toEqual(expected);
  });

  it('hides nothing by type where the answer has one type', () => {
    expect(allowed('User.Read.All', { url: '/v1.0/users' }).answer.readableTypes).toBeUndefined();
  });

  it('has no value of an object whose type it would not show', () => {
    for (const path of [`users/${somebody}/manager`, `directoryObjects/${somebody}`]) {
      expect(refused('Directory.Read.All', { url: `/v1.0/${path}/$value` }).reason).toContain('leave $value out');
    }
  });

  it.each([
    '@microsoft.graph.downloadUrl',
    '@content.downloadUrl',
    'downloadUrl',
    'uploadUrl',
    'sasToken',
    'azureStorageUri',
    'thumbnails',
  ])('removes %s, which can be an address that works without a token, from every answer', (property) => {
    expect(allowed('User.Read.All', { url: '/v1.0/users' }).answer.remove).toContain(property);
  });

  it('lets other formats than JSON pass only for pictures, counts and CSV', () => {
    const anyFormat = (permissions: string, url: string): boolean => allowed(permissions, { url }).answer.anyFormat;
    expect(anyFormat('User.Read.All', '/v1.0/users/$count')).toBe(true);
    expect(anyFormat('GroupMember.Read.All', `/v1.0/groups/${somebody}/members/$count`)).toBe(true);
    expect(anyFormat('User.Read.All', '/v1.0/users')).toBe(false);
    expect(anyFormat('User.Read.All', '/v1.0/users?$count=true')).toBe(false);
  });

  it('removes Conditional Access from sign-ins, unless the rule may read policies', () => {
    const url = '/v1.0/auditLogs/signIns';
    expect(allowed('AuditLog.Read.All', { url }).answer.remove).toContain('appliedConditionalAccessPolicies');
    expect(allowed('AuditLog.Read.All Policy.Read.All', { url }).answer.remove).not.toContain(
      'appliedConditionalAccessPolicies',
    );
    expect(allowed('User.Read.All', { url: '/v1.0/users' }).answer.remove).not.toContain(
      'appliedConditionalAccessPolicies',
    );
  });

  it('needs a look at a group before it changes the group or its members', () => {
    const expected = [
      {
        condition: 'group-is-not-role-assignable',
        url: `https://graph.microsoft.com/v1.0/groups/${somebody}?$select=isAssignableToRole`,
      },
    ];
    const group = { method: 'DELETE', url: `/v1.0/groups('${somebody}')/members/a1/$ref` };
    expect(allowed('GroupMember.ReadWrite.All', group).lookUps).toEqual(expected);
    expect(allowed('GroupMember.ReadWrite.All RoleManagement.ReadWrite.Directory', group).lookUps).toEqual([]);
    expect(allowed('Group.ReadWrite.All', { method: 'DELETE', url: `/v1.0/groups/${somebody}` }).lookUps).toEqual(
      expected,
    );
    expect(allowed('Group.Read.All', { url: `/v1.0/groups/${somebody}` }).lookUps).toEqual([]);
  });
});

describe('a link', () => {
  it('continues with its token if its MAC was verified', () => {
    const url = '/v1.0/users?$skiptoken=RFNwdAIA';
    expect(allowed('User.Read.All', { url, link: { selected: [] } }).request.url).toBe(
      'https://graph.microsoft.com/v1.0/users?$skiptoken=RFNwdAIA',
    );
  });

  it('is judged with what the first query selected', () => {
    const url = '/v1.0/users/delta?$deltatoken=abc';
    expect(refused('User.Read.All', { url, link: { selected: ['id', 'signInActivity'] } }).reason).toContain(
      'signInActivity',
    );
    expect(refused('User.Read.All', { url, link: { selected: ['memberOf'] } }).reason).toContain(
      '/users/{id}/memberOf',
    );
  });

  it('is judged with all that the first query expanded', () => {
    const link = { selected: ['$expand=manager($select=signInActivity)'] };
    const url = '/v1.0/users?$skiptoken=abc';
    expect(refused('User.Read.All', { url, link }).reason).toContain('signInActivity');
    expect(allowed('User.Read.All AuditLog.Read.All', { url, link })).toMatchObject({
      selected: link.selected,
      answer: { readableTypes: ['user'] },
    });
  });
});

describe('a long query', () => {
  const url = (option: string, item: string, count: number): string =>
    `/v1.0/users?$${option}=${Array.from({ length: count }, (_, index) => item.replace('#', String(index))).join(
      option === 'filter' ? ' or ' : ',',
    )}`;

  it.each([
    ['filter', 'a', 999, 1_001, 'more than 2000 words and marks'],
    ['select', 'a#', 300, 301, 'names more than 300 properties'],
    ['expand', 'manager', 50, 51, 'expands more than 50 navigations'],
  ])('may have so many parts: $%s', (option, item, most, tooMany, reason) => {
    expect(allowed('User.Read.All', { url: url(option, item, most) }).allowed).toBe(true);
    expect(refused('User.Read.All', { url: url(option, item, tooMany) }).reason).toContain(reason);
  });

  it('is counted in expanded navigations, too', () => {
    const nested = '$select=a,b,c,d,e,f,g,h,i,j';
    const expand = (count: number) =>
      `/v1.0/users?$expand=${Array.from({ length: count }, () => `manager(${nested})`).join(',')}`;
    expect(allowed('User.Read.All', { url: expand(27) }).allowed).toBe(true);
    expect(refused('User.Read.All', { url: expand(28) }).reason).toContain('names more than 300 properties');
  });
});

describe('a body', () => {
  const patch = { method: 'PATCH', url: `/v1.0/users/${somebody}` };

  it.each([
    ['{"accountEnabled":false,"accountEnabled":true}', 'twice'],
    ['{"accountEnabled":false,"AccountEnabled":true}', 'twice'],
    ['{"a":{"b":1,"B":2}}', 'twice'],
    ['{"a":1', 'not JSON'],
    ["{'a':1}", 'not JSON'],
    ['[]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    [`{"a":${'['.repeat(60)}${']'.repeat(60)}}`, 'nests deeper'],
  ])('is refused where readers could differ: %s', (body, reason) => {
    expect(refused('User.ReadWrite.All', { ...patch, body })).toMatchObject({
      kind: 'unreadable',
      reason: expect.stringContaining(reason) as string,
    });
  });

  it('is refused if it is too long', () => {
    const body = `{"a":"${'x'.repeat(5_000_000)}"}`;
    const reason = expect.stringContaining('longer than') as string;
    expect(refused('User.ReadWrite.All', { ...patch, body })).toMatchObject({ kind: 'unreadable', reason });
  });

  it('must be JSON, or a picture for a photo', () => {
    const headers = { 'content-type': 'application/xml' };
    expect(refused('User.ReadWrite.All', { ...patch, headers, body: '<a/>' }).reason).toContain('not JSON');
    expect(refused('User.ReadWrite.All', { ...patch, headers: { 'content-type': 'image/png' }, body: 'x' }).kind).toBe(
      'unreadable',
    );
    const utf16 = { 'content-type': 'application/json;charset=utf-16' };
    expect(refused('User.ReadWrite.All', { ...patch, headers: utf16, body: '{}' }).kind).toBe('unreadable');
  });
});
