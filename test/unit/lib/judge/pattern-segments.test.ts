import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import { graphPaths, opensPath, requestLimitOf } from '../../../../src/lib/access/policy/policy.ts';
import { judgeRequest } from '../../../../src/lib/judge/judge.ts';

const map = partnerMap();
const everything = {
  scheme: 'delegated',
  permissions: new Set(map.permissions),
  beta: true,
  me: true,
  host: 'graph.microsoft.com',
} as const;
const id = '0a1b0000-0000-4000-8000-000000000001';

/** Whether a rule with this path opens a request that its permissions open. */
function opens(pattern: string, path: string, method = 'GET', body?: string): boolean {
  const verdict = judgeRequest(map, everything, { method, url: path, body });
  if (!verdict.allowed) throw new Error(verdict.reason);
  return opensPath(requestLimitOf({ paths: [pattern] }), verdict.request.segments, graphPaths);
}

describe('* in a path of a rule', () => {
  it.each([
    `/v1.0/users/${id}`,
    `/v1.0/users('${id}')`,
    '/v1.0/users/alice@contoso.com',
    `/v1.0/users/${id}/microsoft.graph.user`,
    `/v1.0/users('alice@contoso.com')/graph.user`,
  ])('opens one object: %s', (path) => {
    expect(opens('/v1.0/users/*', path)).toBe(true);
  });

  it.each([
    '/v1.0/users',
    '/v1.0/users/microsoft.graph.user',
    '/v1.0/users/graph.user',
    '/v1.0/users/delta',
    '/v1.0/users/delta()',
    '/v1.0/users/microsoft.graph.delta()',
    '/v1.0/users/$count',
    '/v1.0/users/microsoft.graph.user/$count',
    `/v1.0/users/${id}/memberOf`,
  ])('opens nothing else: %s', (path) => {
    expect(opens('/v1.0/users/*', path)).toBe(false);
  });

  it('stands for no function, navigation or suffix below an object', () => {
    const below = `/v1.0/groups/*/*`;
    expect(opens(below, `/v1.0/groups/${id}/members`)).toBe(false);
    expect(opens(below, `/v1.0/groups/${id}/members/$count`)).toBe(false);
    expect(opens('/v1.0/users/*/*', `/v1.0/users/${id}/getMemberGroups`, 'POST', '{}')).toBe(false);
  });

  it.each([
    ['/v1.0/users', '/v1.0/users/microsoft.graph.user'],
    ['/v1.0/users/delta', '/v1.0/users/delta()'],
    ['/v1.0/users/delta', '/v1.0/users/microsoft.graph.delta'],
    ['/v1.0/users/$count', '/v1.0/users/$count'],
    ['/v1.0/groups/*/members', `/v1.0/groups/${id}/members/microsoft.graph.user`],
    ['/v1.0/users/*/memberOf', `/v1.0/users/${id}/memberOf/$/microsoft.graph.group`],
    ['/v1.0/groups/*/members/$count', `/v1.0/groups/${id}/members/microsoft.graph.user/$count`],
    ['/v1.0/users/**', '/v1.0/users/delta'],
    ['/v1.0/users/**', '/v1.0/users/microsoft.graph.user'],
    [`/v1.0/users/${id}`, `/v1.0/users('${id}')`],
    [`/v1.0/applications(appId='${id}')`, `/v1.0/applications(appId='${id}')`],
    [
      '/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/*',
      '/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2',
    ],
  ])('%s opens %s', (pattern, path) => {
    expect(opens(pattern, path)).toBe(true);
  });

  it('stands for no count of a collection whose keys are names', () => {
    const configurations = '/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations';
    expect(opens(`${configurations}/*`, `${configurations}/$count`)).toBe(false);
  });

  it('stands for no collection', () => {
    expect(opens('/v1.0/*', '/v1.0/users')).toBe(false);
    expect(opens('/v1.0/*', `/v1.0/applications(appId='${id}')`)).toBe(false);
  });
});

describe('a key in a path of a rule', () => {
  it.each(['graph.alice@contoso.com', 'microsoft.graph.alice@contoso.com', 'alice@contoso.com()'])(
    'opens no object whose key only looks like it: %s',
    (key) => {
      expect(opens('/v1.0/users/alice@contoso.com', `/v1.0/users('${key}')`)).toBe(false);
      expect(opens(`/v1.0/users/${key}`, `/v1.0/users('${key}')`)).toBe(true);
    },
  );
});
