import { partnerMap } from 'graph-permissions/partner-table';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import { type ExplainedRequest, explainRequest } from '../../../../../src/lib/gateway/send/explain-request.ts';
import type { DomainName } from '../../../../../src/lib/core/identifiers.ts';
import { bytes, contoso, portal, usersRule } from './stage.ts';

interface Asked {
  readonly url?: string;
  readonly method?: string;
  readonly body?: Uint8Array;
  readonly more?: Partial<ExplainedRequest>;
  readonly resource?: string;
}

function explained(
  rules: readonly object[],
  { url = '/v1.0/users', method = 'GET', body, more, resource = 'graph' }: Asked = {},
) {
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return explainRequest(parsed.policy, {
    caller: portal,
    callerRequest: { resource, method, url, body },
    map: resource === 'graph' ? partnerMap() : undefined,
    tenantId: contoso,
    domains: ['contoso.com' as DomainName],
    tags: new Set(),
    ...more,
  });
}

const groupsRule = { ...usersRule, name: 'reads groups', scopes: ['Group.Read.All'], application: 'groups' };
const tokens = { ...usersRule, name: 'tokens', via: ['token'] };
const reasons = /None of the rule's permissions opens GET \/groups/;

describe('explainRequest', () => {
  it('says which rule decides, what is sent, and what every other rule does', async () => {
    const rules = [
      tokens,
      { ...usersRule, name: 'of others', callers: { applications: [contoso] } },
      { ...usersRule, name: 'elsewhere', tenants: ['fabrikam.com'] },
      usersRule,
      groupsRule,
      { ...groupsRule, name: 'later' },
    ];
    expect(await explained(rules, { url: '/v1.0/groups?$top=5' })).toEqual({
      allowed: true,
      rule: 'reads groups',
      approval: undefined,
      breakGlass: false,
      application: 'groups',
      sends: 'GET /v1.0/groups',
      permissions: ['Group.Read.All'],
      rules: [
        { rule: 'tokens', outcome: 'no requests' },
        { rule: 'of others', outcome: 'lacks', missing: 'caller' },
        { rule: 'elsewhere', outcome: 'lacks', missing: 'tenant', because: 'tenants: no entry for the tenant' },
        { rule: 'reads users', outcome: 'refuses', reason: expect.stringMatching(reasons) as string },
        { rule: 'reads groups', outcome: 'allows', because: 'tenants: *' },
        { rule: 'later', outcome: 'not reached' },
      ],
    });
  });

  it('says why no rule allows the request', async () => {
    expect(await explained([usersRule, groupsRule], { url: '/v1.0/applications' })).toMatchObject({
      allowed: false,
      reason: expect.stringMatching(/GET \/applications/) as string,
      rules: [{ outcome: 'refuses' }, { outcome: 'refuses' }],
    });
    expect(await explained([tokens])).toEqual({
      allowed: false,
      reason: 'No rule for the gateway applies.',
      rules: [{ rule: 'tokens', outcome: 'no requests' }],
    });
  });

  it('names what the deciding rule demands, and the rules that it makes unnecessary', async () => {
    const approved = { ...usersRule, name: 'approved', approval: {} };
    const emergency = { ...usersRule, name: 'emergency', breakGlass: true };
    expect(await explained([emergency, approved, usersRule])).toMatchObject({
      rule: 'reads users',
      rules: [{ outcome: 'not needed' }, { outcome: 'not needed' }, { outcome: 'allows' }],
    });
    expect(await explained([emergency, approved])).toMatchObject({
      rule: 'approved',
      approval: { count: 1 },
      breakGlass: false,
      rules: [{ outcome: 'not needed' }, { outcome: 'allows' }],
    });
    expect(await explained([emergency])).toMatchObject({ rule: 'emergency', breakGlass: true, approval: undefined });
    // A rule that does not open the request is not merely unnecessary.
    expect(await explained([{ ...groupsRule, approval: {} }, usersRule])).toMatchObject({
      rules: [{ outcome: 'refuses' }, { outcome: 'allows' }],
    });
  });

  it('says how many parts of a batch go out, and by which permissions', async () => {
    const requests = ['/users', '/groups', '/applications'].map((url, index) => ({
      id: `${index}`,
      method: 'GET',
      url,
    }));
    const batch = { url: '/v1.0/$batch', method: 'POST', body: bytes({ requests }) };
    const both = { ...usersRule, name: 'both', scopes: ['User.Read.All', 'Group.Read.All'] };
    expect(await explained([usersRule, both], batch)).toMatchObject({
      rule: 'both',
      sends: '2 of 3 parts of the batch',
      permissions: ['Group.Read.All', 'User.Read.All'],
      rules: [{ outcome: 'refuses', reason: 'It opens fewer parts of the batch.' }, { outcome: 'allows' }],
    });
  });

  it('reads a body as JSON', async () => {
    const writes = { ...usersRule, scopes: ['User.ReadWrite.All'] };
    const more = { method: 'POST', body: bytes({ displayName: 'x' }) };
    expect(await explained([writes], more)).toMatchObject({ allowed: true, sends: 'POST /v1.0/users' });
    expect(await explained([writes], { ...more, body: Buffer.from([0x22, 0xff, 0x22]) })).toMatchObject({
      allowed: false,
      reason: expect.stringMatching(/UTF-8/) as string,
    });
  });

  it('knows a tenant by its domain alone, and other resources', async () => {
    const arm = {
      ...usersRule,
      tenants: ['contoso.com'],
      resources: ['arm'],
      scopes: undefined,
      requests: { paths: ['/subscriptions'] },
    };
    const asked = { url: '/subscriptions', resource: 'arm', more: { tenantId: undefined } };
    expect(await explained([arm], asked)).toMatchObject({
      allowed: true,
      sends: 'GET /subscriptions',
      permissions: [],
      rules: [{ because: 'tenants: contoso.com' }],
    });
    expect(await explained([arm], { ...asked, url: '/providers' })).toMatchObject({ allowed: false });
  });

  it('says that a protected target may still be refused, and refuses where no target shows', async () => {
    const rule = {
      ...usersRule,
      scopes: ['User.ReadWrite.All', 'Organization.ReadWrite.All'],
      protect: ['administrators'],
    };
    const patch = { method: 'PATCH', body: bytes({ jobTitle: 'x' }) };
    expect(await explained([rule], { url: '/v1.0/users/u-1', ...patch })).toMatchObject({
      allowed: true,
      looksUp: true,
    });
    expect(await explained([rule])).not.toHaveProperty('looksUp');
    const batch = { requests: [{ id: '1', method: 'PATCH', url: '/users/u-1', body: {} }] };
    expect(await explained([rule], { url: '/v1.0/$batch', method: 'POST', body: bytes(batch) })).toMatchObject({
      looksUp: true,
    });
    expect(await explained([rule], { url: '/v1.0/organization/o-1', ...patch })).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('does not show whom a PATCH changes') as string,
    });
  });
});
