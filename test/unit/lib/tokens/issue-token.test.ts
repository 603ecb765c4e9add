import { beforeEach, describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../../../src/lib/audit/audit-log.ts';
import {
  type IssueDeps,
  issueToken,
  type RequestedToken,
  tokenRequestSchema,
} from '../../../../src/lib/tokens/issue-token.ts';
import { GatedTokens } from '../../../../src/lib/tokens/issue-token.ts';
import { clouds, createResourceRegistry } from '../../../../src/lib/core/resources.ts';
import {
  type AccessToken,
  type CachingTokenSource,
  Secret,
  type TokenRequest,
} from '../../../../src/lib/core/secrets.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import type { PolicyStore } from '../../../../src/lib/access/policy/policy-store.ts';
import { parsePolicy } from '../../../../src/lib/access/policy/parse-policy.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { check } from '../../../../src/lib/api/call.ts';
import type { DomainName, TenantId } from '../../../../src/lib/core/identifiers.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { MemoryTenantTags } from '../../../fakes/memory-tenant-tags.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { memoryApprovals } from '../../../support/approvals.ts';
import { delegatedTenant } from '../../../support/delegated-tenant.ts';

const partner = 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId;
const contoso = 'bbbbbbbb-0000-4000-8000-000000000001' as TenantId;
const fabrikam = 'bbbbbbbb-0000-4000-8000-000000000002' as TenantId;
const excluded = 'bbbbbbbb-0000-4000-8000-000000000003' as TenantId;
const stranger = 'bbbbbbbb-0000-4000-8000-000000000009' as TenantId;
const helpdesk: Caller = {
  applicationId: 'cccccccc-0000-4000-8000-000000000001',
  objectId: 'cccccccc-0000-4000-8000-00000000000a',
  kind: 'application',
  roles: ['Tokens.Request'],
  tenantId: partner,
  name: 'helpdesk',
};

const tenants = [
  delegatedTenant(contoso, 'Contoso', { defaultDomain: 'contoso.com' as DomainName }),
  delegatedTenant(fabrikam, 'Fabrikam', {
    defaultDomain: 'fabrikam.com' as DomainName,
    reachable: false,
    reason: 'gdap_expired',
  }),
  delegatedTenant(excluded, 'Left out', {
    defaultDomain: 'left-out.com' as DomainName,
    reachable: false,
    reason: 'excluded',
  }),
];

let entries: AuditEntry[];
let requests: TokenRequest[];
let auditFails: boolean;
let tokenScopes: string[];
let tokenText: string;
let fromCache: boolean;
let tenantTags: MemoryTenantTags;
let newer: AccessToken | undefined;
/** Number of requests for a newer token. */
let newerRequests: number;
let newerTakesMs: number;
let lifeMs: number;
let rules: object[];
/** Domains whose tenant was looked up. */
let resolved: string[];
let owners: Record<string, TenantId>;
let excludedIds: TenantId[];
let deps: IssueDeps;
let notices: Notice[];

beforeEach(() => {
  const clock = new FakeClock();
  entries = [];
  requests = [];
  resolved = [];
  excludedIds = [];
  owners = {
    'contoso.com': contoso,
    'contoso.de': contoso,
    'fabrikam.com': fabrikam,
    'left-out.com': excluded,
    'partner.example': partner,
  };
  auditFails = false;
  tokenScopes = ['User.Read.All'];
  tokenText = 'the-token';
  fromCache = false;
  newer = undefined;
  newerRequests = 0;
  newerTakesMs = 0;
  lifeMs = 3_600_000;
  rules = [
    {
      name: 'helpdesk',
      callers: { applications: [helpdesk.applicationId] },
      tenants: '*',
      resources: ['graph'],
      grants: ['delegated'],
    },
  ];
  tenantTags = new MemoryTenantTags();
  let ids = 0;
  const directory = {
    find: async (reference: string) => tenants.find(({ tenantId }) => tenantId === reference),
    tenantOf: async (domain: DomainName) => {
      resolved.push(domain);
      return owners[domain];
    },
    excludes: async (tenantId: TenantId) => excludedIds.includes(tenantId),
  };
  const policy: PolicyStore = {
    current: async () => {
      const parsed = parsePolicy(
        JSON.stringify({
          version: 1,
          rules: rules.map((rule) => ({
            ...rule,
            tenants: (rule as { tenants: unknown }).tenants === '*' ? ['*'] : (rule as { tenants: unknown }).tenants,
          })),
        }),
      );
      if (!parsed.ok) throw new Error(parsed.problems.join(' '));
      return { policy: parsed.policy, state: 'current', loadedAtMs: 0 };
    },
  };
  const source: CachingTokenSource = {
    getNewerToken: async () => {
      newerRequests += 1;
      await clock.advance(newerTakesMs);
      return newer;
    },
    getToken: async (request): Promise<AccessToken> => {
      requests.push(request);
      const { tenantId, resource, grant, application } = request;
      return {
        secret: new Secret(tokenText),
        tenantId,
        resource,
        grant,
        application,
        scopes: tokenScopes,
        expiresAtMs: requests.length === 1 ? clock.nowMs() + lifeMs : clock.nowMs() + 3_600_000,
        fromCache,
      };
    },
    forgetTenant: () => undefined,
  };
  const audit: IssueDeps['audit'] = {
    record: async (entry) => {
      if (auditFails) throw new BrokerError('audit_unavailable', 'The table does not answer.');
      entries.push(entry);
    },
  };
  const memory = memoryApprovals({ audit, policy, clock });
  ({ notices } = memory);
  deps = {
    clock,
    partnerTenantId: partner,
    directory,
    tenantTags,
    policy,
    tokens: new GatedTokens({ tokens: source, policy, directory, partnerTenantId: partner }),
    newId: () => `id-${(ids += 1)}`,
    resources: createResourceRegistry(clouds.public, []),
    audit,
    approvals: memory,
  };
});

test('returns no token that became too short-lived while a newer one was requested in vain', async () => {
  Object.assign(rules[0] ?? {}, { scopes: ['Mail.Read'] });
  [fromCache, tokenScopes, newer] = [true, ['User.Read.All'], undefined];
  // Enough at first, and 5 seconds too short after the attempt.
  [lifeMs, newerTakesMs] = [315_000, 20_000];
  await issue({ scopes: ['Mail.Read'] }).catch(() => undefined);
  expect([newerRequests, requests.length]).toEqual([1, 2]);
});

const order = (more: object = {}): RequestedToken =>
  check({ tenant: contoso, resource: 'graph', ...more }, tokenRequestSchema, 'body');
const request = (more: object = {}) =>
  issueToken(deps, order(more), {
    caller: helpdesk,
    correlationId: 'dddddddd-0000-4000-8000-000000000000',
    log: silentLogger,
    orchestrations: new FakeOrchestrations(),
  });
const issue = async (more: object = {}) => {
  const issued = await request(more);
  if ('pending' in issued) throw new Error('the token waits for an approval');
  return issued;
};
const refusal = async (more: object = {}): Promise<string> =>
  issue(more).then(
    () => 'issued',
    (error: unknown) => (error as BrokerError).code,
  );

test('an emergency is announced with the tenant and what was handed out', async () => {
  Object.assign(rules[0] ?? {}, { breakGlass: true });
  await issue({ breakGlass: true, reason: 'An attack is under way.' });
  const facts = notices.flatMap((notice) => notice.facts.map(({ value }) => value));
  expect(facts).toEqual(expect.arrayContaining([contoso, 'graph', 'a token']));
  expect(entries.at(-1)).toMatchObject({ outcome: 'issued', breakGlass: true, reason: 'An attack is under way.' });
});

describe('issueToken', () => {
  test('returns the token after recording everything but the token itself', async () => {
    const { token, tokenId } = await issue({ tenant: 'CONTOSO.com' });
    expect(token.secret.reveal()).toBe('the-token');
    expect(entries).toEqual([
      expect.objectContaining({
        outcome: 'issued',
        tokenId,
        tenantId: contoso,
        tenantAsked: 'CONTOSO.com',
        rule: 'helpdesk',
        resource: 'graph',
        scopes: ['User.Read.All'],
        application: 'default',
        tokenFingerprint: new Secret('the-token').fingerprint(),
      }),
    ]);
    expect(JSON.stringify(entries)).not.toContain('the-token');
  });

  test('records the id that the token has in the logs of the tenant, also if the caller does not get it', async () => {
    const claims = Buffer.from(JSON.stringify({ uti: 'AbC-1' })).toString('base64url');
    tokenText = `e30.${claims}.x`;
    await issue();
    rules = [{ ...rules[0], scopes: ['Mail.Read'] }];
    await refusal({ scopes: ['Mail.Read'] });
    expect(entries).toMatchObject([
      { outcome: 'issued', uti: 'AbC-1' },
      { outcome: 'denied', code: 'scope_not_allowed', uti: 'AbC-1' },
    ]);
  });

  test('issues for any verified domain of the tenant, and matches rules that name the domain', async () => {
    rules = [{ ...rules[0], tenants: ['contoso.de'] }];
    const { token } = await issue({ tenant: 'contoso.DE' });
    expect(token.tenantId).toBe(contoso);
    expect(await refusal({ tenant: contoso })).toBe('caller_forbidden');
  });

  test('issues for the tenant that owns the domain, not for the one that the lists still show it for', async () => {
    owners['contoso.com'] = stranger;
    expect(await refusal({ tenant: 'contoso.com' })).toBe('tenant_not_delegated');
    expect(entries).toEqual([expect.objectContaining({ tenantId: stranger, tenantAsked: 'contoso.com' })]);
  });

  test('matches the default domain of a tenant requested by id, unless another tenant owns the domain now', async () => {
    rules = [{ ...rules[0], tenants: ['contoso.com'] }];
    expect(await refusal()).toBe('issued');
    owners['contoso.com'] = stranger;
    expect(await refusal()).toBe('caller_forbidden');
    expect(requests).toHaveLength(1);
  });

  test('looks up no domain for a tenant requested by id when no decision depends on it', async () => {
    rules = [{ ...rules[0] }, { ...rules[0], name: 'too', tenants: ['contoso.com'] }];
    expect(await refusal()).toBe('issued');
    expect(resolved).toEqual([]);
  });

  test('returns no token when its audit record is not durable', async () => {
    auditFails = true;
    expect(await refusal()).toBe('audit_unavailable');
    expect(requests).toHaveLength(1);
  });

  test('refuses a token that exceeds its rule, or records the excess, as the rule says', async () => {
    tokenScopes = ['User.Read.All', 'Directory.ReadWrite.All'];
    rules = [{ ...rules[0], scopes: ['User.Read.All'] }];
    expect(await refusal({ scopes: ['User.Read.All'] })).toBe('scope_not_allowed');
    expect(entries[0]).toMatchObject({
      outcome: 'denied',
      code: 'scope_not_allowed',
      excessScopes: ['Directory.ReadWrite.All'],
    });
    expect(entries[0]).not.toHaveProperty('tokenFingerprint');
    rules = [{ ...rules[0], scopes: ['User.Read.All'], excessScopes: 'record' }];
    expect(await refusal({ scopes: ['User.Read.All'] })).toBe('issued');
    expect(entries[1]).toMatchObject({ outcome: 'issued', excessScopes: ['Directory.ReadWrite.All'] });
  });

  test('requests three seconds more than the minimum lifetime, for the audit record', async () => {
    await issue({ minimumLifetimeSeconds: 3_000 });
    await issue();
    expect(requests.map(({ minimumLifetimeSeconds }) => minimumLifetimeSeconds)).toEqual([3_003, 303]);
  });

  test('redeems with the application that the rule names', async () => {
    rules = [{ ...rules[0], application: 'reader' }];
    await issue();
    expect(requests[0]?.application).toBe('reader');
  });
});

describe('issueToken with tags', () => {
  const depend = (more: object): void => {
    rules = [{ ...rules[0], ...more }];
  };

  test('issues by a tag of the tenant, and not without it', async () => {
    depend({ tenants: ['tag:managed'] });
    expect(await refusal()).toBe('caller_forbidden');
    tenantTags.byTenant.set(contoso, ['managed']);
    expect(await refusal()).toBe('issued');
    expect(await refusal({ tenant: 'contoso.com' })).toBe('issued');
    expect(entries.map(({ outcome }) => outcome)).toEqual(['denied', 'issued', 'issued']);
  });

  test('issues nothing for a tenant with a tag that the rule excepts', async () => {
    tenantTags.byTenant.set(contoso, ['regulated']);
    depend({ tenants: ['*'], except: ['tag:regulated'] });
    expect(await refusal()).toBe('caller_forbidden');
    tenantTags.byTenant.set(contoso, []);
    expect(await refusal()).toBe('issued');
  });

  test.each([
    ['names a tag', { tenants: ['tag:managed'] }],
    ['excepts a tag', { tenants: ['*'], except: ['tag:regulated'] }],
    ['names the tenant besides a tag', { tenants: [contoso, 'tag:managed'] }],
  ])('issues nothing by a rule that %s while the tags cannot be read', async (_, more) => {
    tenantTags.byTenant.set(contoso, ['managed']);
    tenantTags.broken = true;
    depend(more);
    expect(await refusal()).toBe('storage_unavailable');
    expect(entries).toEqual([expect.objectContaining({ outcome: 'denied', code: 'storage_unavailable' })]);
    tenantTags.broken = false;
    expect(await refusal()).toBe('issued');
  });

  test('does not read the tags for a rule without them', async () => {
    tenantTags.broken = true;
    depend({ tenants: [contoso], except: [stranger] });
    expect(await refusal()).toBe('issued');
  });
});

describe('issueToken with a domain in except', () => {
  beforeEach(() => {
    rules = [{ ...rules[0], tenants: ['*'], except: ['contoso.de'] }];
  });

  test('issues nothing for the tenant that has the domain, also when it is requested by its id', async () => {
    expect(await refusal({ tenant: 'contoso.de' })).toBe('caller_forbidden');
    expect(await refusal({ tenant: contoso })).toBe('caller_forbidden');
    expect(await refusal({ tenant: 'contoso.com' })).toBe('caller_forbidden');
    expect(requests).toEqual([]);
  });

  test('issues for the tenant when another one has the domain now', async () => {
    owners['contoso.de'] = stranger;
    expect(await refusal()).toBe('issued');
  });

  test('issues nothing while the tenant of the domain cannot be found out', async () => {
    const { tenantOf } = deps.directory;
    const away = (domain: DomainName) =>
      domain === 'contoso.de'
        ? Promise.reject(new BrokerError('entra_unavailable', 'Entra is away.'))
        : tenantOf(domain);
    deps = { ...deps, directory: { ...deps.directory, tenantOf: away } };
    expect(await refusal()).toBe('entra_unavailable');
  });

  test('looks up no domain of a rule for others', async () => {
    rules = [
      { ...rules[0], name: 'others', callers: { applications: [partner] } },
      { ...rules[0], except: undefined },
    ];
    expect(await refusal()).toBe('issued');
    expect(resolved).toEqual([]);
  });
});

describe('issueToken with a cached token', () => {
  beforeEach(async () => {
    fromCache = true;
    newer = {
      ...(await deps.tokens.getToken({ tenantId: contoso } as TokenRequest)),
      secret: new Secret('the-newer-token'),
      scopes: ['User.Read.All', 'Mail.Read'],
      fromCache: false,
    };
    requests = [];
  });

  test('replaces the token when it lacks a requested scope', async () => {
    const { token } = await issue({ scopes: ['Mail.Read'] });
    expect(token.secret.reveal()).toBe('the-newer-token');
    expect(entries).toEqual([
      expect.objectContaining({
        outcome: 'issued',
        scopes: ['User.Read.All', 'Mail.Read'],
        fromCache: false,
        tokenFingerprint: new Secret('the-newer-token').fingerprint(),
      }),
    ]);
  });

  test('replaces the token when it carries a scope that its rule does not allow', async () => {
    tokenScopes = ['User.Read.All', 'Directory.ReadWrite.All'];
    rules = [{ ...rules[0], scopes: ['User.Read.All', 'Mail.Read'] }];
    expect((await issue()).token.secret.reveal()).toBe('the-newer-token');
    newer = undefined;
    expect(await refusal()).toBe('scope_not_allowed');
  });

  test('returns the cached token when there is no newer one', async () => {
    newer = undefined;
    expect((await issue({ scopes: ['Mail.Read'] })).token.secret.reveal()).toBe('the-token');
    expect(entries).toEqual([
      expect.objectContaining({ outcome: 'issued', scopes: ['User.Read.All'], fromCache: true }),
    ]);
  });

  test.each([
    ['carries all requested scopes', ['User.Read.All'], { scopes: ['User.Read.All'] }],
    ['is requested without scopes', ['User.Read.All'], {}],
    ['has no readable scopes', [], { scopes: ['Mail.Read'] }],
    ['has no scope other than .default', ['.default'], { scopes: ['Mail.Read'] }],
  ])('keeps a token that %s', async (_, scopes, more) => {
    tokenScopes = scopes;
    expect((await issue(more)).token.secret.reveal()).toBe('the-token');
    expect(newerRequests).toBe(0);
  });

  test('keeps a token with other scopes when its rule records the excess', async () => {
    rules = [{ ...rules[0], scopes: ['Mail.Read'], excessScopes: 'record' }];
    expect((await issue()).token.secret.reveal()).toBe('the-token');
    expect(newerRequests).toBe(0);
  });
});

test('issueToken requests no newer token when Entra has just issued one', async () => {
  expect(await refusal({ scopes: ['Mail.Read'] })).toBe('issued');
  rules = [{ ...rules[0], scopes: ['Mail.Read'] }];
  expect(await refusal({ scopes: ['Mail.Read'] })).toBe('scope_not_allowed');
  expect(newerRequests).toBe(0);
});

describe('issueToken refusing a request', () => {
  test.each([
    ['a tenant that is not a customer', { tenant: stranger }, 'tenant_not_delegated'],
    ['a domain that no tenant owns', { tenant: 'nobody.example' }, 'tenant_unknown'],
    ['a tenant whose GDAP has expired', { tenant: fabrikam }, 'tenant_not_delegated'],
    ['an excluded tenant, by id', { tenant: excluded }, 'tenant_excluded'],
    ['an excluded tenant, by domain', { tenant: 'left-out.com' }, 'tenant_excluded'],
    ['a resource that is not configured', { resource: 'https://graph.microsoft.com' }, 'resource_not_allowed'],
    ['a resource that no rule allows', { resource: 'arm' }, 'caller_forbidden'],
    ['a grant that no rule allows', { grant: 'application' }, 'caller_forbidden'],
    ['a tenant that is neither id nor domain', { tenant: '../common' }, 'request_invalid'],
  ])('records the refusal and redeems nothing for %s', async (_, more, code) => {
    expect(await refusal(more)).toBe(code);
    expect(requests).toHaveLength(0);
    expect(entries).toEqual([expect.objectContaining({ outcome: 'denied', code })]);
  });

  test('discloses nothing about the tenant to a caller without a rule', async () => {
    rules = [{ ...rules[0], callers: { applications: [partner] } }];
    for (const tenant of [contoso, fabrikam, excluded, stranger, 'nobody.example'])
      expect(await refusal({ tenant })).toBe('caller_forbidden');
  });

  test('looks up no tenant and records the refusal when no rule matches the caller, grant or resource', async () => {
    deps = {
      ...deps,
      directory: { ...deps.directory, find: () => Promise.reject(new Error('the lists were read')) },
    };
    for (const more of [{ resource: 'arm' }, { grant: 'application' }])
      expect(await refusal({ tenant: 'made-up.example', ...more })).toBe('caller_forbidden');
    rules = [{ ...rules[0], callers: { applications: [partner] } }];
    expect(await refusal({ tenant: 'made-up.example' })).toBe('caller_forbidden');
    expect(await refusal({ tenant: contoso })).toBe('caller_forbidden');
    expect(resolved).toEqual([]);
    expect(entries.map(({ tenantAsked, tenantId }) => tenantId ?? tenantAsked)).toEqual([
      ...Array.from({ length: 3 }, () => 'made-up.example'),
      contoso,
    ]);
  });

  test("refuses the partner's own tenant when it is excluded, by id and by domain", async () => {
    rules = [{ ...rules[0], tenants: [partner, 'partner.example'] }];
    excludedIds = [partner];
    expect(await refusal({ tenant: partner })).toBe('tenant_excluded');
    expect(await refusal({ tenant: 'partner.example' })).toBe('tenant_excluded');
    expect(requests).toEqual([]);
  });

  test('refuses the partner\'s own tenant under "*", and allows it when a rule names it', async () => {
    expect(await refusal({ tenant: partner })).toBe('caller_forbidden');
    expect(await refusal({ tenant: 'partner.example' })).toBe('caller_forbidden');
    rules = [{ ...rules[0], tenants: [partner] }];
    expect(await refusal({ tenant: partner })).toBe('issued');
  });

  test('throws the original error when the refusal cannot be recorded', async () => {
    auditFails = true;
    expect(await refusal({ tenant: stranger })).toBe('tenant_not_delegated');
  });
});

test.each([
  ['a second scope in one string', { scopes: ['User.Read Mail.Read'] }],
  ['another resource in a scope', { scopes: ['https://evil.example/.default'] }],
  ['a list as tenant', { tenant: [contoso] }],
  ['an unknown field', { application: 'admin' }],
  ['a lifetime above the maximum', { minimumLifetimeSeconds: 3_001 }],
])('tokenRequestSchema rejects %s', (_, more) => {
  expect(() => order(more)).toThrow(BrokerError);
});
