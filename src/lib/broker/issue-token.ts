import * as z from 'zod';
import { type AuditEntry, type AuditLog, longestRecordSeconds } from '../audit/audit-log.ts';
import type { Caller } from '../model/caller.ts';
import { type Denial, denyInAnyTenant } from '../callers/decide.ts';
import { judgeScopes, type ScopeLimit } from '../callers/judge-scopes.ts';
import type { PolicyStore } from '../callers/policy-store.ts';
import type { Clock } from '../runtime/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import { errorFields, type Logger, scrub } from '../runtime/log.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import { decideForTenant, findTenant, parseReference, tenantRefusal } from './requested-tenant.ts';
import type { ResourceRegistry } from '../model/resources.ts';
import { type AccessToken, type CachingTokenSource, grants, type TokenRequest } from '../model/token.ts';

/** Entra's tokens live 60 to 90 minutes ("Access tokens", token lifetime), so a longer lifetime cannot be promised. */
const longestLifetimeSeconds = 3_000;

/** The body of `POST /api/tokens`. */
export const tokenRequestSchema = z.strictObject({
  tenant: z
    .string()
    .min(1)
    .max(253)
    .meta({ description: 'Tenant id (GUID), or any domain that is verified in the tenant.' }),
  resource: z.string().min(1).max(64).meta({ description: 'Alias of the resource, e.g. graph.' }),
  scopes: z
    // One scope a string, by its short name: no spaces, no other resource's address.
    .array(
      z.string().regex(/^[A-Za-z][A-Za-z0-9._-]{0,127}$/, 'is not the short name of one scope, like User.Read.All'),
    )
    .max(50)
    .default([])
    .meta({
      description: 'Scopes that the caller needs; the policy is asked for each. Entra issues all consented ones.',
    }),
  grant: z
    .enum(grants)
    .default('delegated')
    .meta({ description: 'For the service account (delegated) or for the application itself.' }),
  minimumLifetimeSeconds: z
    .number()
    .int()
    .min(0)
    .max(longestLifetimeSeconds)
    .default(300)
    .meta({ description: 'How long the token must live at least, seconds.' }),
});
export type TokenOrder = z.output<typeof tokenRequestSchema>;

export interface IssueDeps {
  readonly policy: PolicyStore;
  readonly directory: Pick<TenantDirectory, 'find' | 'tenantOf' | 'excludes'>;
  readonly resources: ResourceRegistry;
  readonly tokens: Pick<CachingTokenSource, 'getToken' | 'getNewerToken'>;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly partnerTenantId: TenantId;
  readonly clock: Clock;
  readonly newId: () => string;
}

export interface IssuedToken {
  readonly token: AccessToken;
  readonly tokenId: string;
}

type Known = { -readonly [K in keyof AuditEntry]?: AuditEntry[K] };

/**
 * Issues one token. The steps are, in this order: tenant, policy, redemption, check of the scopes that Entra granted,
 * audit record. The token is returned only when its record is durable. A refusal is recorded too, and stays a refusal
 * if that fails.
 * @throws BrokerError
 */
export async function issueToken(
  deps: IssueDeps,
  order: TokenOrder,
  asker: { readonly caller: Caller; readonly correlationId: string; readonly log: Logger },
): Promise<IssuedToken> {
  const tokenId = deps.newId();
  const { caller, correlationId, log } = asker;
  const known: Known = {};
  const entry = (outcome: 'issued' | 'denied', code?: ErrorCode): AuditEntry => ({
    atMs: deps.clock.nowMs(),
    correlationId,
    tokenId,
    outcome,
    caller: { applicationId: caller.applicationId, objectId: caller.objectId, kind: caller.kind },
    // The caller's text may contain anything, even a pasted secret.
    tenantAsked: scrub(order.tenant),
    resource: order.resource,
    scopes: order.scopes,
    grant: order.grant,
    ...(code === undefined ? {} : { code }),
    ...known,
  });
  let token: AccessToken;
  try {
    token = await obtain(deps, order, caller, correlationId, known);
  } catch (thrown) {
    await deps.audit
      .record(entry('denied', toBrokerError(thrown).code))
      .catch((failure: unknown) => log.log('error', 'audit.denial_not_recorded', errorFields(failure)));
    throw thrown;
  }
  await deps.audit.record(entry('issued'));
  return { token, tokenId };
}

async function obtain(
  deps: IssueDeps,
  order: TokenOrder,
  caller: Caller,
  correlationId: string,
  known: Known,
): Promise<AccessToken> {
  const resource = deps.resources.get(order.resource);
  const reference = parseReference(order.tenant);
  if (reference.kind === 'id') known.tenantId = reference.tenantId;
  const { policy } = await deps.policy.current();
  const { scopes, grant, minimumLifetimeSeconds } = order;
  const question = { resource: resource.alias, scopes, grant };
  // Before the tenant of a domain is looked up: a caller without any rule must not cost a request to Entra.
  const denied = denyInAnyTenant(policy, caller, question);
  if (denied !== undefined) throw forbidden(denied);

  const tenant = await findTenant(deps, reference);
  const { tenantId } = tenant;
  if (tenantId !== undefined) known.tenantId = tenantId;
  const decision = await decideForTenant(deps, policy, caller, question, tenant);
  if (!decision.allow) throw forbidden(decision);
  known.rule = decision.rule;
  known.application = decision.application;
  // After the decision: a caller without a rule must not learn anything about tenants.
  if (tenantId === undefined) throw new BrokerError('tenant_unknown', 'No tenant has this domain.');
  const refusal = await tenantRefusal(deps, tenantId, tenant.listed);
  if (refusal !== undefined) throw refusal;

  const request: TokenRequest = {
    tenantId,
    resource,
    grant,
    application: decision.application,
    // The token is returned only after its record has been written.
    minimumLifetimeSeconds: minimumLifetimeSeconds + longestRecordSeconds,
    correlationId,
  };
  let token = await deps.tokens.getToken(request);
  if (showsFormerConsent(token, scopes, decision)) token = (await deps.tokens.getNewerToken(request)) ?? token;
  const judgement = judgeScopes(decision, token.scopes);
  known.expiresAtMs = token.expiresAtMs;
  known.fromCache = token.fromCache;
  if (judgement.excess.length > 0) known.excessScopes = [...judgement.excess];
  if (!judgement.handOut) throw new BrokerError('scope_not_allowed', judgement.reason);
  known.scopes = [...token.scopes];
  known.tokenFingerprint = token.secret.fingerprint();
  return token;
}

/**
 * Whether a cached token may show an outdated consent: scopes may have been added or withdrawn since its redemption.
 */
function showsFormerConsent(token: AccessToken, asked: readonly string[], limit: ScopeLimit): boolean {
  if (!token.fromCache) return false;
  const known = token.scopes.filter((scope) => scope !== '.default');
  // If this token is unreadable, a newer one is unreadable too.
  if (known.length === 0) return false;
  return asked.some((scope) => !known.includes(scope)) || !judgeScopes(limit, known).handOut;
}

const forbidden = ({ reason, missing }: Denial): BrokerError =>
  new BrokerError('caller_forbidden', reason, { logFields: { missing } });
