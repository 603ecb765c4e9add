import type { PolicyStore } from '../access/policy/policy-store.ts';
import { BrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { AccessToken, CachingTokenSource, TokenRequest } from '../core/token.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import { isExcluded, reasonTexts } from '../tenants/tenant.ts';

/** What {@link GatedTokens} need. */
export interface GatedTokensDeps {
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
    const token = await this.#deps.tokens.getToken(request, signal);
    // A redemption may take a minute.
    if (!token.fromCache) await this.#check(request.tenantId, signal);
    return token;
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
    const { state, problem = '', isTransient } = await this.#deps.policy.current();
    if (state === 'deny-all') throw new BrokerError(isTransient ? 'storage_unavailable' : 'policy_missing', problem);
    const refusal = await this.#tenantRefusal(tenantId, signal);
    if (refusal !== undefined) throw refusal;
  }

  async #tenantRefusal(tenantId: TenantId, signal?: AbortSignal): Promise<BrokerError | undefined> {
    const { directory, partnerTenantId } = this.#deps;
    if (tenantId === partnerTenantId) {
      const excluded = await directory.excludes(tenantId, signal);
      return excluded ? new BrokerError('tenant_excluded', reasonTexts.excluded) : undefined;
    }
    const listed = await directory.find(tenantId, signal);
    if (listed === undefined)
      return new BrokerError('tenant_not_delegated', 'The tenant is not a customer of the partner.');
    if (listed.reachable) return undefined;
    return new BrokerError(isExcluded(listed) ? 'tenant_excluded' : 'tenant_not_delegated', reasonTexts[listed.reason]);
  }
}
