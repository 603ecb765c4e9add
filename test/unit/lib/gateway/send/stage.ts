import { randomBytes, randomUUID } from 'node:crypto';
import { partnerMap } from 'graph-permissions/partner-table';
import { GatedTokens } from '../../../../../src/lib/tokens/issue-token.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import { createCallerRateLimit } from '../../../../../src/lib/access/sign-in/callers.ts';
import type { PolicyState } from '../../../../../src/lib/access/policy/policy-store.ts';
import { createGateway, type Gateway, type GatewayDeps } from '../../../../../src/lib/gateway/gateway.ts';
import { GatewayLinks } from '../../../../../src/lib/gateway/send/gateway-links.ts';
import type { CallerRequest } from '../../../../../src/lib/gateway/send/gateway-request.ts';
import type { Answer } from '../../../../../src/lib/gateway/send/rewrite-answer.ts';
import { serveRequest } from '../../../../../src/lib/gateway/send/serve-request.ts';
import type { Sender } from '../../../../../src/lib/gateway/send/request-records.ts';
import type { UpstreamRequest } from '../../../../../src/lib/gateway/send/upstream.ts';
import type { Caller } from '../../../../../src/lib/core/caller.ts';
import { clouds, createResourceRegistry } from '../../../../../src/lib/core/resources.ts';
import type { DomainName, TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { type AccessToken, Secret, type TokenRequest } from '../../../../../src/lib/core/secrets.ts';
import { noSpans } from '../../../../../src/lib/core/spans.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../../fakes/fake-orchestrations.ts';
import { MemoryTenantTags } from '../../../../fakes/memory-tenant-tags.ts';
import { MemoryAuditLog } from '../../../../fakes/memory-audit-log.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { memoryApprovals } from '../../../../support/approvals.ts';
import { delegatedTenant } from '../../../../support/delegated-tenant.ts';

const partner = 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId;
export const contoso = 'bbbbbbbb-0000-4000-8000-000000000001' as TenantId;
export const portal: Caller = {
  applicationId: 'cccccccc-0000-4000-8000-000000000001',
  objectId: 'cccccccc-0000-4000-8000-00000000000a',
  kind: 'application',
  roles: ['Requests.Send'],
  tenantId: partner,
  name: 'portal',
};

const claims = Buffer.from(JSON.stringify({ uti: 'token-1', scp: 'User.ReadWrite.All' })).toString('base64url');
/** What every request carries. */
export const bearer = `eyJhbGciOiJub25lIn0.${claims}.${'s'.repeat(40)}`;

export const usersRule = {
  name: 'reads users',
  callers: { applications: [portal.applicationId] },
  tenants: ['*'],
  resources: ['graph'],
  scopes: ['User.Read.All'],
  via: ['gateway'],
};

export const json = (value: unknown, more: Partial<Answer> = {}): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
  ...more,
});

/** The gateway with a fake resource behind it. */
export function stage(
  rules: readonly object[] = [usersRule],
  { requestsPerMinute = 600, tenantId = contoso, nowMs = Date.UTC(2026, 10, 24, 5) } = {},
) {
  const clock = new FakeClock(nowMs);
  const audit = new MemoryAuditLog();
  const recording = recordingLogger();
  const world = {
    tenant: delegatedTenant(tenantId, 'Contoso', { defaultDomain: 'contoso.com' as DomainName }),
    sent: [] as UpstreamRequest[],
    answers: [] as (Answer | Error)[],
    tokenRequests: [] as TokenRequest[],
    /** What happens while a request waits for its token. */
    beforeToken: (): Promise<unknown> => Promise.resolve(),
    fromCache: false,
    scopes: ['User.ReadWrite.All', 'User.Read.All'] as readonly string[],
    newer: 0,
    lookedUp: [] as string[],
    /** The tenant that has contoso.com now. */
    owner: tenantId,
    tags: new MemoryTenantTags(),
  };
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  const state: PolicyState = { policy: parsed.policy, state: 'current', loadedAtMs: 0 };
  const policy = { current: async () => state };
  const directory = {
    find: async (id: string) => (id === tenantId ? world.tenant : undefined),
    excludes: async () => false,
    tenantOf: async (domain: string) => {
      world.lookedUp.push(domain);
      return domain === 'contoso.com' ? world.owner : undefined;
    },
  } as unknown as GatewayDeps['directory'] & ConstructorParameters<typeof GatedTokens>[0]['directory'];
  const token = (request: TokenRequest): AccessToken => ({
    secret: new Secret(bearer),
    tenantId: request.tenantId,
    resource: request.resource,
    grant: request.grant,
    application: request.application,
    scopes: world.scopes,
    expiresAtMs: clock.nowMs() + 3_600_000,
    fromCache: world.fromCache,
  });
  const tokens = new GatedTokens({
    policy,
    directory,
    partnerTenantId: partner,
    tokens: {
      getToken: async (request) => {
        world.tokenRequests.push(request);
        await world.beforeToken();
        return token(request);
      },
      getNewerToken: async (request) => {
        world.newer += 1;
        return token(request);
      },
      forgetTenant: () => undefined,
    },
  });
  const key = new Secret(randomBytes(32).toString('base64url'));
  const approvals = memoryApprovals({ audit, policy, clock });
  const orchestrations = new FakeOrchestrations();
  const deps: Gateway = {
    ...createGateway(
      {
        policy,
        directory,
        tenantTags: world.tags,
        resources: createResourceRegistry(clouds.public, []),
        tokens,
        audit,
        approvals,
        callers: {
          limit: createCallerRateLimit({ clock }, { requestsPerMinute: requestsPerMinute }),
          refusalRecords: createCallerRateLimit({ clock }, { requestsPerMinute: 60, burst: 60 }),
        },
        clock,
        random: () => 0.5,
        newId: randomUUID,
        background: (work) => work(),
        spans: noSpans,
        partnerTenantId: partner,
        permissionMap: async () => partnerMap(),
        vault: { vaultUrl: 'https://vault.example' } as never,
      },
      clouds.public,
    ),
    links: new GatewayLinks({ current: async () => [key], newest: async () => [key] }),
    upstream: async (request) => {
      world.sent.push(request);
      const answer = world.answers.shift() ?? json({ value: [] });
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const send = (
    path: string,
    more: Partial<CallerRequest> & Pick<Sender, 'run'> = {},
    caller: Caller = portal,
  ): Promise<Answer> => {
    const { run, ...requested } = more;
    const order: CallerRequest = {
      tenant: contoso,
      resource: 'graph',
      method: 'GET',
      url: path,
      headers: more.body === undefined ? {} : { 'content-type': 'application/json' },
      body: undefined,
      gatewayUrl: `https://broker.example/api/gateway/${contoso}/graph`,
      justification: {},
      ...requested,
    };
    return serveRequest(deps, order, {
      caller,
      correlationId: 'dddddddd-0000-4000-8000-000000000001',
      log: recording.log,
      orchestrations,
      ...(run === undefined ? {} : { run }),
    });
  };
  return { clock, audit, approvals, orchestrations, events: () => recording.events(), world, deps, send };
}

/** The JSON of an answer. */
export const bodyOf = ({ body }: Answer): unknown => JSON.parse(Buffer.from(body).toString('utf8'));

export const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
