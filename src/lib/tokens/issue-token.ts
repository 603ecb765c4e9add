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
import type { ApprovalRequester } from '../approvals/approval-log.ts';
import { digestOf, type Fact, partyOf, type Subject } from '../approvals/approval.ts';
import type { Approvals } from '../approvals/approvals.ts';
import { type ConditionOutcome, meetCondition } from '../approvals/meet-condition.ts';
import { type AuditEntry, type AuditLog, longestRecordSeconds } from '../audit/audit-log.ts';
import { type Caller, callerIdOf, identityOf, reasonForm, reasonSchema } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../core/errors.ts';
import { nilUuid, type TenantId } from '../core/identifiers.ts';
import { errorFields, scrub } from '../core/log.ts';
import { defined } from '../core/objects.ts';
import type { ResourceRegistry } from '../core/resources.ts';
import {
  type AccessToken,
  type CachingTokenSource,
  type Grant,
  grants,
  type Resource,
  type TokenRequest,
  type TokenSource,
} from '../core/secrets.ts';
import { utiOf } from '../microsoft/token-reply.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import { isExcluded, reasonTexts } from '../tenants/tenant.ts';

/** What {@link GatedTokens} need. */
interface GatedTokensDeps {
  readonly tokens: CachingTokenSource;
  readonly policy: PolicyStore;
  readonly directory: Pick<TenantDirectory, 'find' | 'excludes'>;
  readonly partnerTenantId: TenantId;
}

/**
 * The only source of tokens for callers and jobs. Hands out no token, cached or new, while no policy is in force, nor for
 * a tenant that is excluded or that the partner cannot reach. A run that was planned earlier therefore gets none either.
 * It is a class with a private field, so that the compiler accepts no other token source in its place. The requests of
 * the broker itself, such as those for the list of customers, do not pass through it.
 */
export class GatedTokens implements CachingTokenSource {
  readonly #deps: GatedTokensDeps;

  constructor(deps: GatedTokensDeps) {
    this.#deps = deps;
  }

  /**
   * @throws BrokerError `policy_missing`, `tenant_excluded`, `tenant_not_delegated`, a failure to read the policy or the
   * directory, or an error of the source.
   */
  async getToken(request: TokenRequest, signal?: AbortSignal): Promise<AccessToken> {
    await this.#check(request.tenantId, signal);
    const { ofPartner, ...own } = request;
    const token = await (ofPartner ? this.#partnerToken(own, signal) : this.#deps.tokens.getToken(own, signal));
    // A redemption may take a minute.
    if (!token.fromCache) await this.#check(request.tenantId, signal);
    return token;
  }

  #partnerToken(request: TokenRequest, signal?: AbortSignal): Promise<AccessToken> {
    if (request.resource.alias !== 'partner-center')
      throw new BrokerError('resource_not_allowed', "A job uses the partner's own token for Partner Center only.");
    return this.getToken({ ...request, tenantId: this.#deps.partnerTenantId }, signal);
  }

  /** @throws BrokerError as `getToken` does, except for errors of the source. */
  async getNewerToken(request: TokenRequest): Promise<AccessToken | undefined> {
    await this.#check(request.tenantId);
    const token = await this.#deps.tokens.getNewerToken(request);
    await this.#check(request.tenantId);
    return token;
  }

  forgetTenant(tenantId: TenantId): void {
    this.#deps.tokens.forgetTenant(tenantId);
  }

  async #check(tenantId: TenantId, signal?: AbortSignal): Promise<void> {
    const { policy, directory, partnerTenantId } = this.#deps;
    const { state, problem = '', isTransient } = await policy.current();
    if (state === 'deny-all') throw new BrokerError(isTransient ? 'storage_unavailable' : 'policy_missing', problem);
    if (tenantId === partnerTenantId) {
      if (await directory.excludes(tenantId, signal)) throw new BrokerError('tenant_excluded', reasonTexts.excluded);
      return;
    }
    const listed = await directory.find(tenantId, signal);
    if (listed === undefined)
      throw new BrokerError('tenant_not_delegated', 'The tenant is not a customer of the partner.');
    if (listed.reachable) return;
    throw new BrokerError(isExcluded(listed) ? 'tenant_excluded' : 'tenant_not_delegated', reasonTexts[listed.reason]);
  }
}

/** A token that a rule allows. */
export interface AllowedToken {
  readonly tenantId: TenantId;
  /** Undefined if the directory does not list the tenant. */
  readonly tenantName: string | undefined;
  readonly resource: Resource;
  readonly rule: Exclude<Decision, Denial>;
}

/**
 * Describes a requested token for people who approve it. Bound to the approval: the caller, the tenant, the resource, the
 * requested scopes, the grant, and what the rule makes of them. The minimum lifetime changes nothing.
 */
export function tokenSubject(
  { tenantId, tenantName, resource, rule }: AllowedToken,
  { scopes, grant }: { readonly scopes: readonly string[]; readonly grant: Grant },
  caller: Caller,
): Subject {
  const requested = [...new Set(scopes)].toSorted();
  const limit = rule.scopes === undefined ? null : [...rule.scopes].toSorted();
  const { alias, identifier } = resource;
  const parts = [tenantId, alias, identifier, requested, grant, rule.rule, rule.application, limit, rule.excessScopes];
  const facts: Fact[] = [
    { name: 'Tenant', value: tenantName === undefined ? tenantId : `${tenantName} (${tenantId})` },
    { name: 'Resource', value: `${resource.alias} (${resource.identifier})` },
    {
      name: 'Requested scopes',
      value: requested.length === 0 ? 'everything that was consented' : requested.join(', '),
    },
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
    digest: digestOf('token', partyOf(caller), parts),
    title: `a token for ${resource.alias} in ${tenantName ?? tenantId}`,
    facts,
    details: [],
    tenantId,
    rule: rule.rule,
    audit: { resource: alias, scopes: requested, grant, application: rule.application, roles: caller.roles },
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
  reason: reasonSchema.optional().meta({
    description: `Why the caller needs the token. Deciders and auditors read it. It has ${reasonForm}. Required with breakGlass.`,
  }),
  askAgain: z
    .boolean()
    .optional()
    .meta({ description: 'Ask for a new approval if the last one of the same request has ended.' }),
  breakGlass: z.boolean().optional().meta({
    description: 'An emergency: use a rule for emergencies, if one allows the token. Every use is announced.',
  }),
});
/** A checked {@link tokenRequestSchema}. */
export type RequestedToken = z.output<typeof tokenRequestSchema>;

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

type PendingToken = Extract<ConditionOutcome, { pending: unknown }>;

/** Fields of the audit record that become known while the token is obtained. */
type RecordFields = { -readonly [K in keyof AuditEntry]?: AuditEntry[K] };

/**
 * Issues one token. Steps: find the tenant, apply the policy, redeem, check the scopes that Entra issued, write the audit
 * record. The token is returned only after its record is durable. Refusals are recorded too; if that fails, the caller
 * still receives the original error. A rule may demand an approval first.
 * @returns the token and the id of its audit record, or the approval that the token waits for.
 * @throws BrokerError
 */
export async function issueToken(
  deps: IssueDeps,
  requested: RequestedToken,
  requester: ApprovalRequester,
): Promise<{ readonly token: AccessToken; readonly tokenId: string } | PendingToken> {
  const tokenId = deps.newId();
  const { caller, correlationId, log } = requester;
  const fields: RecordFields = {};
  const entry = (outcome: 'issued' | 'denied', code?: ErrorCode): AuditEntry => ({
    atMs: deps.clock.nowMs(),
    correlationId,
    tokenId,
    outcome,
    caller: identityOf(caller),
    roles: caller.roles,
    // The text of the caller may contain anything, even a secret pasted by mistake.
    tenantAsked: scrub(requested.tenant),
    resource: requested.resource,
    scopes: requested.scopes,
    grant: requested.grant,
    ...(code === undefined ? {} : { code }),
    ...fields,
  });
  let token: AccessToken | PendingToken;
  try {
    token = await obtainToken(deps, requested, requester, fields);
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
  requested: RequestedToken,
  requester: ApprovalRequester,
  fields: RecordFields,
): Promise<AccessToken | PendingToken> {
  const { scopes, grant, breakGlass } = requested;
  const { caller, correlationId } = requester;
  const resource = deps.resources.get(requested.resource);
  const access = { caller, resource: resource.alias, scopes, grant, ...(breakGlass === true ? { breakGlass } : {}) };
  const { tenantId, tenantName, rule } = await authorize(deps, access, requested, fields);
  const condition = await meetCondition(
    deps.approvals,
    { ...rule, name: rule.rule },
    {
      subject: () => tokenSubject({ tenantId, tenantName, resource, rule }, requested, caller),
      emergency: () => ({ tenantId, resource: resource.alias, request: 'a token' }),
    },
    { ...requested, ...requester },
  );
  if ('pending' in condition) return condition;
  Object.assign(fields, condition.met.facts);
  const request: TokenRequest = {
    tenantId,
    resource,
    grant,
    application: rule.application,
    // The token is returned only after its record has been written.
    minimumLifetimeSeconds: requested.minimumLifetimeSeconds + longestRecordSeconds,
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
  if (scopes.length > 0) fields.requestedScopes = scopes;
  fields.tokenFingerprint = token.secret.fingerprint();
  await condition.met.confirm();
  return token;
}

/** What the record says about a token even if the caller does not get it: the tenant's sign-in log has it. */
function factsOf(token: AccessToken) {
  const { expiresAtMs, fromCache } = token;
  return defined({ expiresAtMs, fromCache, uti: utiOf(token) });
}

async function authorize(
  deps: IssueDeps,
  access: TenantAccess,
  requested: RequestedToken,
  fields: RecordFields,
): Promise<Omit<AllowedToken, 'resource'>> {
  const reference = parseReference(requested.tenant);
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

/**
 * Returns a token source for the broker's own jobs, which records each token before the job receives it, as for callers.
 * Jobs get tokens for customers only, so the partner's own tenant is refused even if somebody edits a plan to name it. The
 * client of Partner Center alone uses the partner's own.
 * Refusals are recorded too. If the record of a refusal fails, the job still receives the original error.
 */
export function recordTokens(
  deps: Pick<IssueDeps, 'tokens' | 'audit' | 'clock' | 'newId'> & Pick<GatedTokensDeps, 'partnerTenantId'>,
): TokenSource {
  const entry = (request: TokenRequest, rest: Pick<AuditEntry, 'outcome'> & Partial<AuditEntry>): AuditEntry => ({
    atMs: deps.clock.nowMs(),
    correlationId: request.correlationId,
    tokenId: deps.newId(),
    caller: { applicationId: nilUuid, objectId: nilUuid, kind: 'application' },
    rule: request.purpose ?? 'broker',
    tenantId: request.ofPartner ? deps.partnerTenantId : request.tenantId,
    ...(request.ofPartner ? { tenantAsked: request.tenantId } : {}),
    resource: request.resource.alias,
    scopes: [],
    grant: request.grant,
    application: request.application,
    ...rest,
  });
  const record = (of: AuditEntry): Promise<void> => deps.audit.record(of, { awaitedBy: 'job' });
  return {
    getToken: async (request, signal): Promise<AccessToken> => {
      let token: AccessToken;
      try {
        if (request.tenantId === deps.partnerTenantId)
          throw new BrokerError('tenant_not_delegated', "Jobs get no token for the partner's own tenant.");
        const minimumLifetimeSeconds = request.minimumLifetimeSeconds + longestRecordSeconds;
        token = await deps.tokens.getToken({ ...request, minimumLifetimeSeconds }, signal);
      } catch (thrown) {
        const { code } = toBrokerError(thrown);
        await record(entry(request, { outcome: 'denied', code })).catch(() => undefined);
        throw thrown;
      }
      const scopes = [...token.scopes];
      const tokenFingerprint = token.secret.fingerprint();
      await record(entry(request, { ...factsOf(token), outcome: 'issued', scopes, tokenFingerprint }));
      return token;
    },
    forgetTenant: (tenantId) => deps.tokens.forgetTenant(tenantId),
  };
}
