import { defaultApplication } from '../core/secrets.ts';
import { hourMs } from '../core/durations.ts';
import { BrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { AccessToken, CachingTokenSource, TokenRequest } from '../core/token.ts';
import type { Clock } from '../core/clock.ts';
import type { ObservedConsent } from './tenant-state.ts';

/**
 * How long an outcome counts. Another instance may have seen a later one, and an old refusal must not contradict what that
 * instance has stored.
 */
const usableMs = hourMs / 2;
/** Scopes of the sign-in. Tokens name them or not, whatever was consented to. */
const signInScopes: ReadonlySet<string> = new Set(['openid', 'profile', 'email', 'offline_access', '.default']);

/**
 * Remembers whether Entra issued tokens for Microsoft Graph to the default application, and with which permissions, by
 * tenant. Looks at tokens that somebody asks for anyway, and asks for none.
 */
export class ConsentWatch {
  readonly #clock: Clock;
  readonly #partnerTenantId: TenantId;
  readonly #seen = new Map<TenantId, ObservedConsent>();

  constructor({ clock, partnerTenantId }: { readonly clock: Clock; readonly partnerTenantId: TenantId }) {
    this.#clock = clock;
    this.#partnerTenantId = partnerTenantId;
  }

  /** The same tokens, whose outcomes are remembered. */
  over(tokens: CachingTokenSource): CachingTokenSource {
    return {
      getToken: async (request, signal) => {
        try {
          return this.#note(request, await tokens.getToken(request, signal));
        } catch (thrown) {
          if (isWatched(request) && thrown instanceof BrokerError && thrown.code === 'consent_required')
            this.#seen.set(request.tenantId, { state: 'missing', atMs: this.#clock.nowMs() });
          throw thrown;
        }
      },
      getNewerToken: async (request) => {
        const token = await tokens.getNewerToken(request);
        return token && this.#note(request, token);
      },
      forgetTenant: (tenantId) => tokens.forgetTenant(tenantId),
    };
  }

  /** Compares with what the application has in the partner tenant, where it has everything that was asked for. */
  consentOf(tenantId: TenantId): ObservedConsent | undefined {
    const seen = this.#seen.get(tenantId);
    if (seen === undefined || Math.abs(this.#clock.nowMs() - seen.atMs) > usableMs) return undefined;
    if (seen.state === 'missing') return seen;
    const own = this.#seen.get(this.#partnerTenantId)?.scopes;
    if (own === undefined) return { state: 'given', atMs: seen.atMs };
    const lacking = own.filter((scope) => seen.scopes?.includes(scope) !== true);
    return lacking.length === 0
      ? { state: 'complete', atMs: seen.atMs }
      : { state: 'differs', atMs: seen.atMs, scopes: lacking };
  }

  #note(request: TokenRequest, token: AccessToken): AccessToken {
    if (token.fromCache || !isWatched(request)) return token;
    const scopes = token.scopes.filter((scope) => !signInScopes.has(scope)).toSorted();
    this.#seen.set(request.tenantId, { state: 'given', atMs: this.#clock.nowMs(), scopes });
    return token;
  }
}

const isWatched = ({ resource, grant, application }: TokenRequest): boolean =>
  resource.alias === 'graph' && grant === 'delegated' && application === defaultApplication;
