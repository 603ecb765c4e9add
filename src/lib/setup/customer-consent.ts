import type { Clock } from '../runtime/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../model/errors.ts';
import { failureOf } from '../graph/reply.ts';
import {
  type Fetch,
  outboundFailure,
  type OutboundReply,
  parseJson,
  retryAfterSeconds,
  send,
} from '../runtime/outbound.ts';
import type { TenantId } from '../model/identifiers.ts';
import { Limiter } from '../runtime/limiter.ts';
import { backOffMs, retry } from '../runtime/retry.ts';
import type { Secret } from '../model/secret.ts';
import type { PermissionProfile } from './permissions.ts';

interface CustomerConsentDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Base address of Partner Center without a trailing slash. */
  readonly partnerCenterEndpoint: string;
  /** Returns a token of the service account for Partner Center, with MFA. */
  readonly token: () => Promise<Secret>;
  /** Removes cached tokens of the tenant: a token issued before the consent lacks it until the token expires. */
  readonly forgetTenant: (tenantId: TenantId) => void;
  /** After an abort no further tenant is started. One that was started is finished, because its old consent may be withdrawn. */
  readonly signal: AbortSignal;
}

interface CustomerConsentOptions {
  readonly clientId: string;
  readonly displayName: string;
  readonly profile: PermissionProfile;
  /** Withdraw the consent and consent again, to include permissions that were added since. */
  readonly renew: boolean;
}

export interface ConsentResult {
  readonly tenantId: TenantId;
  readonly outcome: 'consented' | 'already' | 'failed';
  readonly code?: ErrorCode;
  readonly detail?: string;
}

/** Partners report that a consent takes effect everywhere in the tenant after about three minutes. */
export const propagationSeconds = 180;

/** Partner Center allows 50 of these requests per second and application ("Application consents"). This allows 40. */
const intervalMs = 25;
const concurrency = 8;
const timeoutMs = 60_000;
const maxBodyBytes = 1024 * 1024;
const maxAttempts = 4;
const maxWaitSeconds = 120;

/**
 * Consents in many tenants, independently of each other. A failure is a result, not an error.
 * @param report receives each result when it is known.
 * @returns the results of the tenants that were started before the signal was aborted.
 */
export async function consentInTenants(
  deps: CustomerConsentDeps,
  options: CustomerConsentOptions,
  tenantIds: readonly TenantId[],
  report: (result: ConsentResult) => void = () => undefined,
): Promise<readonly ConsentResult[]> {
  const limiter = new Limiter(concurrency);
  const paced: PacedDeps = { ...deps, pace: createPace(deps.clock) };
  const one = async (tenantId: TenantId): Promise<readonly ConsentResult[]> =>
    limiter.run(async () => {
      if (deps.signal.aborted) return [];
      const result = await consentIn(paced, options, tenantId);
      report(result);
      return [result];
    });
  return (await Promise.all(tenantIds.map(one))).flat();
}

interface PacedDeps extends CustomerConsentDeps {
  /** Waits until the next request may be sent. */
  readonly pace: () => Promise<void>;
}

/** Spaces calls at least {@link intervalMs} apart. */
function createPace(clock: Clock): () => Promise<void> {
  let nextAtMs = 0;
  return async () => {
    const nowMs = clock.nowMs();
    const atMs = Math.max(nowMs, nextAtMs);
    nextAtMs = atMs + intervalMs;
    if (atMs > nowMs) await clock.sleep(atMs - nowMs);
  };
}

async function consentIn(deps: PacedDeps, options: CustomerConsentOptions, tenantId: TenantId): Promise<ConsentResult> {
  const collection = `${deps.partnerCenterEndpoint}/v1/customers/${tenantId}/applicationconsents`;
  try {
    if (options.renew) {
      const removed = await exchange(deps, 'DELETE', `${collection}/${options.clientId}`);
      if (removed.status !== 404) throwUnlessOk(removed, deps.clock.nowMs());
    }
    const reply = await exchange(deps, 'POST', collection, JSON.stringify(consentBody(options)));
    if (/already exists/i.test(reply.body)) return { tenantId, outcome: 'already' };
    throwUnlessOk(reply, deps.clock.nowMs());
    deps.forgetTenant(tenantId);
    return { tenantId, outcome: 'consented' };
  } catch (thrown) {
    const { code, detail } = toBrokerError(thrown);
    return { tenantId, outcome: 'failed', code, detail };
  }
}

/** The request body, as in "Consent" of the control panel vendor documentation: comma-separated scopes per resource. */
export function consentBody({ clientId, displayName, profile }: CustomerConsentOptions): unknown {
  return {
    applicationId: clientId,
    displayName,
    applicationGrants: profile.resources
      .filter(({ scopes }) => scopes.length > 0)
      .map(({ appId, scopes }) => ({
        enterpriseApplicationId: appId,
        scope: scopes.map(({ value }) => value).join(','),
      })),
  };
}

/** Sends one request. Repeats it after throttling and server errors, with the same `MS-RequestId`. */
async function exchange(
  deps: PacedDeps,
  method: 'POST' | 'DELETE',
  url: string,
  body?: string,
): Promise<OutboundReply> {
  const requestId = deps.newId();
  const attempt = async (): Promise<OutboundReply | BrokerError> => {
    await deps.pace();
    const token = await deps.token();
    return send(deps.fetch, {
      method,
      url,
      headers: {
        authorization: `Bearer ${token.reveal()}`,
        accept: 'application/json',
        'MS-RequestId': requestId,
        'MS-CorrelationId': requestId,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      timeoutMs,
      maxBodyBytes,
    }).catch((error: unknown) => outboundFailure(error, 'resource_error', 'Partner Center'));
  };
  const outcome = await retry(attempt, {
    clock: deps.clock,
    attempts: maxAttempts,
    afterValue: (reply, attemptsMade) => {
      if (reply instanceof BrokerError) return backOffMs(attemptsMade, 2_000);
      if (reply.status !== 429 && reply.status < 500) return undefined;
      const demanded = retryAfterSeconds(reply.headers, deps.clock.nowMs());
      if (demanded === undefined) return backOffMs(attemptsMade, 2_000);
      return demanded > maxWaitSeconds ? undefined : demanded * 1000;
    },
  });
  if (outcome instanceof BrokerError) throw outcome;
  return outcome;
}

function throwUnlessOk(reply: OutboundReply, nowMs: number): void {
  if (reply.status >= 200 && reply.status <= 299) return;
  const body = parseJson(reply.body.replace(/^\uFEFF/, ''));
  throw failureOf('Partner Center', reply.status, body, retryAfterSeconds(reply.headers, nowMs));
}
