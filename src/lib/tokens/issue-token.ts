import * as z from 'zod';
import { type Decision, type Denial, denyInAnyTenant } from '../access/policy/decide.ts';
import type { PolicyStore } from '../access/policy/policy-store.ts';
import { judgeScopes, type ScopeLimit } from '../access/policy/policy.ts';
import {
  decideForTenant,
  denialError,
  findTenant,
  parseReference,
  type RequestedTenantDeps,
  type TenantAccess,
} from '../access/tenants/requested-tenant.ts';
import type { Asking } from '../approvals/admit.ts';
import { type Approval, digestOf, type Fact, partyOf, type Subject } from '../approvals/approval.ts';
import type { Approvals } from '../approvals/approvals.ts';
import { meetCondition } from '../approvals/meet-condition.ts';
import { type AuditEntry, type AuditLog, longestRecordSeconds } from '../audit/audit-log.ts';
import { type Caller, callerIdOf, reasonSchema } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { errorFields, scrub } from '../core/log.ts';
import type { ResourceRegistry } from '../core/resources.ts';
import { type AccessToken, type Grant, grants, type Resource, type TokenRequest } from '../core/secrets.ts';
import { utiOf } from '../microsoft/token-reply.ts';
import type { GatedTokens } from './gated-tokens.ts';

/** A token that a rule allows. */
export interface AllowedToken {
  readonly tenantId: TenantId;
  /** Undefined if the directory does not list the tenant. */
  readonly tenantName: string | undefined;
  readonly resource: Resource;
  readonly rule: Exclude<Decision, Denial>;
}

/**
 * Describes a token order for people who approve it. Bound to the approval: the caller, the tenant, the resource, the
 * requested scopes, the grant, and what the rule makes of them. The minimum lifetime changes nothing.
 */
export function tokenSubject(
  { tenantId, tenantName, resource, rule }: AllowedToken,
  { scopes, grant }: { readonly scopes: readonly string[]; readonly grant: Grant },
  caller: Caller,
): Subject {
  const asked = [...new Set(scopes)].toSorted();
  const limit = rule.scopes === undefined ? null : [...rule.scopes].toSorted();
  const facts: Fact[] = [
    { name: 'Tenant', value: tenantName === undefined ? tenantId : `${tenantName} (${tenantId})` },
    { name: 'Resource', value: `${resource.alias} (${resource.identifier})` },
    { name: 'Requested scopes', value: asked.length === 0 ? 'everything that was consented' : asked.join(', ') },
    {
      name: 'The token may carry',
      value: limit === null ? 'everything that was consented' : `${limit.join(', ')}${more(rule.excessScopes)}`,
    },
    { name: 'Acts as', value: grant === 'delegated' ? 'the service account' : 'the application itself' },
    { name: "The broker's application", value: rule.application },
    {
      name: 'Note',
      value:
        'A token that was handed out works until it expires, for up to 90 minutes. Revoking the approval does not end it.',
    },
  ];
  return {
    kind: 'token',
    digest: digestOf('token', partyOf(caller), [
      tenantId,
      resource.alias,
      resource.identifier,
      asked,
      grant,
      rule.rule,
      rule.application,
      limit,
      rule.excessScopes,
    ]),
    title: `a token for ${resource.alias} in ${tenantName ?? tenantId}`,
    facts,
    details: [],
    tenantId,
    rule: rule.rule,
    audit: { resource: resource.alias, scopes: asked, grant, application: rule.application },
  };
}

const more = (excess: 'refuse' | 'record'): string =>
  excess === 'record' ? ', and what was consented beyond that' : '';

/** Maximum of `minimumLifetimeSeconds`. Entra's tokens live 60 to 90 minutes ("Access tokens", token lifetime). */
const maxLifetimeSeconds = 3_000;

/** The body of `POST /api/tokens`. */
export const tokenRequestSchema = z.strictObject({
  tenant: z.string().min(1).max(253).meta({ description: 'Tenant id (GUID) or a verified domain of the tenant.' }),
  resource: z.string().min(1).max(64).meta({ description: 'Alias of the resource, e.g. graph.' }),
  scopes: z
    // One scope per string, by its short name: no spaces, no prefix of another resource.
    .array(
      z.string().regex(/^[A-Za-z][A-Za-z0-9._-]{0,127}$/, 'is not the short name of one scope, such as User.Read.All'),
    )
    .max(50)
    .default([])
    .meta({
      description:
        'Scopes that the caller needs. The policy must allow each. Entra issues every scope consented to the application.',
    }),
  grant: z
    .enum(grants)
    .default('delegated')
    .meta({ description: 'Whether the token acts as the service account (delegated) or as the application itself.' }),
  minimumLifetimeSeconds: z
    .number()
    .int()
    .min(0)
    .max(maxLifetimeSeconds)
    .default(300)
    .meta({ description: 'Minimum remaining lifetime of the token, seconds.' }),
  reason: reasonSchema
    .optional()
    .meta({ description: 'Why the caller needs the token. Deciders and auditors read it. Required with breakGlass.' }),
  askAgain: z
    .boolean()
    .optional()
    .meta({ description: 'Ask for a new approval if the last one of the same request has ended.' }),
  breakGlass: z.boolean().optional().meta({
    description: 'An emergency: use a rule for emergencies, if one allows the token. Every use is announced.',
  }),
});
/** A checked {@link tokenRequestSchema}. */
export type TokenOrder = z.output<typeof tokenRequestSchema>;

/** What {@link issueToken} needs. */
export interface IssueDeps extends RequestedTenantDeps {
  readonly policy: PolicyStore;
  readonly resources: ResourceRegistry;
  /** Refuses tenants that are excluded or out of reach. */
  readonly tokens: GatedTokens;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly approvals: Approvals;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** A token, and the id of its audit record. */
interface IssuedToken {
  readonly token: AccessToken;
  readonly tokenId: string;
}

/** The token waits for an approval. */
interface PendingToken {
  readonly pending: Approval;
}

/** Fields of the audit record that become known while the token is obtained. */
type RecordFields = { -readonly [K in keyof AuditEntry]?: AuditEntry[K] };

/**
 * Issues one token. Steps: find the tenant, apply the policy, redeem, check the scopes that Entra issued, write the audit
 * record. The token is returned only after its record is durable. Refusals are recorded too; if that fails, the caller
 * still receives the original error. A rule may demand an approval first.
 * @throws BrokerError
 */
export async function issueToken(
  deps: IssueDeps,
  order: TokenOrder,
  requester: Asking,
): Promise<IssuedToken | PendingToken> {
  const tokenId = deps.newId();
  const { caller, correlationId, log } = requester;
  const fields: RecordFields = {};
  const entry = (outcome: 'issued' | 'denied', code?: ErrorCode): AuditEntry => ({
    atMs: deps.clock.nowMs(),
    correlationId,
    tokenId,
    outcome,
    caller: { applicationId: caller.applicationId, objectId: caller.objectId, kind: caller.kind },
    // The text of the caller may contain anything, even a secret pasted by mistake.
    tenantAsked: scrub(order.tenant),
    resource: order.resource,
    scopes: order.scopes,
    grant: order.grant,
    ...(code === undefined ? {} : { code }),
    ...fields,
  });
  let token: AccessToken | PendingToken;
  try {
    token = await obtainToken(deps, order, requester, fields);
  } catch (thrown) {
    await deps.audit
      .record(entry('denied', toBrokerError(thrown).code))
      .catch((failure: unknown) => log.log('error', 'audit.denial_not_recorded', errorFields(failure)));
    throw thrown;
  }
  if ('pending' in token) return token;
  await deps.audit.record(entry('issued'));
  return { token, tokenId };
}

async function obtainToken(
  deps: IssueDeps,
  order: TokenOrder,
  requester: Asking,
  fields: RecordFields,
): Promise<AccessToken | PendingToken> {
  const { scopes, grant, breakGlass } = order;
  const { caller, correlationId } = requester;
  const resource = deps.resources.get(order.resource);
  const access = { caller, resource: resource.alias, scopes, grant, ...(breakGlass === true ? { breakGlass } : {}) };
  const { tenantId, tenantName, rule } = await authorize(deps, access, order, fields);
  const condition = await meetCondition(
    deps.approvals,
    { ...rule, name: rule.rule },
    {
      subject: () => tokenSubject({ tenantId, tenantName, resource, rule }, order, caller),
      emergency: () => ({ tenantId, resource: resource.alias, request: 'a token' }),
    },
    { ...order, ...requester },
  );
  if ('pending' in condition) return condition;
  Object.assign(fields, condition.met.facts);
  const request: TokenRequest = {
    tenantId,
    resource,
    grant,
    application: rule.application,
    // The token is returned only after its record has been written.
    minimumLifetimeSeconds: order.minimumLifetimeSeconds + longestRecordSeconds,
    correlationId,
    callerId: callerIdOf(caller),
  };
  let token = await deps.tokens.getToken(request);
  if (mayPredateConsent(token, scopes, rule)) {
    token = (await deps.tokens.getNewerToken(request)) ?? token;
    // The attempt takes seconds, after which the older token may be too short-lived.
    if (token.expiresAtMs - deps.clock.nowMs() < request.minimumLifetimeSeconds * 1000)
      token = await deps.tokens.getToken(request);
  }
  const judgement = judgeScopes(rule, token.scopes);
  Object.assign(fields, factsOf(token));
  if (judgement.excess.length > 0) fields.excessScopes = [...judgement.excess];
  if (!judgement.allow) throw new BrokerError('scope_not_allowed', judgement.reason);
  fields.scopes = [...token.scopes];
  fields.tokenFingerprint = token.secret.fingerprint();
  await condition.met.confirm();
  return token;
}

/** What the record says about a token even if the caller does not get it: the tenant's sign-in log has it. */
function factsOf(token: AccessToken): RecordFields {
  const { expiresAtMs, fromCache } = token;
  const uti = utiOf(token);
  return { expiresAtMs, fromCache, ...(uti === undefined ? {} : { uti }) };
}

type Authorization = Omit<AllowedToken, 'resource'>;

async function authorize(
  deps: IssueDeps,
  access: TenantAccess,
  order: TokenOrder,
  fields: RecordFields,
): Promise<Authorization> {
  const reference = parseReference(order.tenant);
  if (reference.kind === 'id') fields.tenantId = reference.tenantId;
  const { policy } = await deps.policy.current();
  // Before the tenant of a domain is looked up, so that a caller without any rule causes no request to Entra.
  const denial = denyInAnyTenant(policy, access.caller, access);
  if (denial !== undefined) throw denialError(denial);

  const tenant = await findTenant(deps, reference, callerIdOf(access.caller));
  const { tenantId } = tenant;
  if (tenantId !== undefined) fields.tenantId = tenantId;
  const decision = await decideForTenant(deps, policy, access, tenant);
  if (!decision.allow) throw denialError(decision);
  fields.rule = decision.rule;
  fields.application = decision.application;
  // After the decision, so that a caller without a rule learns nothing about tenants.
  if (tenantId === undefined) throw new BrokerError('tenant_unknown', 'No tenant owns this domain.');
  return { tenantId, tenantName: tenant.listed?.name, rule: decision };
}

/** Whether a cached token may predate a change of consent: a requested scope is missing, or a scope exceeds the rule. */
function mayPredateConsent(token: AccessToken, requested: readonly string[], limit: ScopeLimit): boolean {
  if (!token.fromCache) return false;
  const readable = token.scopes.filter((scope) => scope !== '.default');
  // If this token is unreadable, a newer one is unreadable too.
  if (readable.length === 0) return false;
  return requested.some((scope) => !readable.includes(scope)) || !judgeScopes(limit, readable).allow;
}
