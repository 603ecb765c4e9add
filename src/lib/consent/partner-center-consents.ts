import type { AuditEntry, AuditLog } from '../audit/audit-log.ts';
import { backOffMs, type Clock, retry } from '../core/clock.ts';
import { toBrokerError } from '../core/errors.ts';
import { nilUuid, type TenantId } from '../core/identifiers.ts';
import { errorFields, type Logger } from '../core/log.ts';
import {
  type Fetch,
  outboundFailure,
  type OutboundReply,
  parseJson,
  retryAfterSeconds,
  send,
} from '../core/outbound.ts';
import type { Secret } from '../core/secrets.ts';
import { asObject, defined, textOf } from '../core/objects.ts';
import type { ScopedResource } from './customer-grants.ts';
import type { RegisteredApplication } from './directory-state.ts';

interface PartnerCenterDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Base address of Partner Center without a trailing slash. */
  readonly partnerCenterEndpoint: string;
  /** Returns a token of the service account for Partner Center, issued with MFA to the application that is consented. */
  readonly token: () => Promise<Secret>;
}

/** The application as the partner tenant registers it. Partner Center refuses another display name. */
type Registration = Pick<RegisteredApplication, 'clientId' | 'displayName'>;

/** The final answer of Partner Center. Status 0: no answer arrived. */
export interface ConsentAnswer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds: number | undefined;
  /** An earlier attempt got no clear answer, so Partner Center may have done the work although it refuses it now. */
  readonly mayHaveWorked?: true;
}

/** Partner Center allows 50 of these requests per second and application ("Application consents"). This allows 40. */
const intervalMs = 25;
const timeoutMs = 60_000;
const maxBodyBytes = 1024 * 1024;
const maxAttempts = 4;
const maxWaitSeconds = 120;

/** Requests about application consents. Never throws because of an answer, only if there is no token. */
export class PartnerCenterConsents {
  readonly #deps: PartnerCenterDeps;
  readonly #registration: Registration;
  #nextAtMs = 0;

  constructor(deps: PartnerCenterDeps, registration: Registration) {
    this.#deps = deps;
    this.#registration = registration;
  }

  /** Consents to the scopes of one resource. More than one resource in a request is refused (GDAP FAQ). */
  give(tenantId: TenantId, { appId, scopes }: ScopedResource): Promise<ConsentAnswer> {
    const { clientId, displayName } = this.#registration;
    const grants = [{ enterpriseApplicationId: appId, scope: scopes.join(', ') }];
    const body = JSON.stringify({ applicationId: clientId, displayName, applicationGrants: grants });
    return this.#exchange('POST', this.#collection(tenantId), body);
  }

  /** Withdraws the whole consent. The service principal stays, without grants. */
  withdraw(tenantId: TenantId): Promise<ConsentAnswer> {
    return this.#exchange('DELETE', `${this.#collection(tenantId)}/${this.#registration.clientId}`);
  }

  #collection(tenantId: TenantId): string {
    return `${this.#deps.partnerCenterEndpoint}/v1/customers/${tenantId}/applicationconsents`;
  }

  /** Sends one request. Repeats it after throttling and server errors, with the same `MS-RequestId`. */
  async #exchange(method: 'POST' | 'DELETE', url: string, body?: string): Promise<ConsentAnswer> {
    const { clock, newId } = this.#deps;
    const requestId = newId();
    let mayHaveWorked = false;
    const answer = await retry(() => this.#sendOnce(method, url, requestId, body), {
      clock,
      attempts: maxAttempts,
      afterValue: ({ status, retryAfterSeconds: demanded }, attempt) => {
        if (status !== 429 && status !== 0 && status < 500) return undefined;
        if (status !== 429) mayHaveWorked = true;
        if (demanded === undefined) return backOffMs(attempt, 2_000);
        if (demanded > maxWaitSeconds) return undefined;
        // The limit is that of the application, so the requests for other tenants wait, too.
        if (status === 429) this.#nextAtMs = Math.max(this.#nextAtMs, clock.nowMs() + demanded * 1000);
        return demanded * 1000;
      },
    });
    return mayHaveWorked ? { ...answer, mayHaveWorked } : answer;
  }

  async #sendOnce(method: 'POST' | 'DELETE', url: string, requestId: string, body?: string): Promise<ConsentAnswer> {
    const { fetch, clock, token } = this.#deps;
    await this.#pace();
    const secret = await token();
    const sent = await send(fetch, {
      method,
      url,
      headers: {
        authorization: `Bearer ${secret.reveal()}`,
        accept: 'application/json',
        'MS-RequestId': requestId,
        'MS-CorrelationId': requestId,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...defined({ body }),
      timeoutMs,
      maxBodyBytes,
    }).catch((error: unknown) => outboundFailure(error, 'resource_error', 'Partner Center'));
    return 'status' in sent
      ? answerOf(sent, clock.nowMs())
      : { status: 0, code: '', message: sent.detail, retryAfterSeconds: undefined };
  }

  /** Spaces requests at least {@link intervalMs} apart. */
  async #pace(): Promise<void> {
    const { clock } = this.#deps;
    const nowMs = clock.nowMs();
    const atMs = Math.max(nowMs, this.#nextAtMs);
    this.#nextAtMs = atMs + intervalMs;
    if (atMs > nowMs) await clock.sleep(atMs - nowMs);
  }
}

/** Partner Center's error bodies are `{code, description}`, after a byte order mark. */
function answerOf({ status, headers, body }: OutboundReply, nowMs: number): ConsentAnswer {
  const error = asObject(parseJson(body.replace(/^\uFEFF/, '')));
  const { code } = error;
  return {
    status,
    code: (typeof code === 'number' ? String(code) : (textOf(error, 'code') ?? '')).slice(0, 100),
    // Without control characters, because a terminal would interpret them.
    message: (textOf(error, 'description') ?? textOf(error, 'message') ?? '')
      .replaceAll(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, 300),
    retryAfterSeconds: retryAfterSeconds(headers, nowMs),
  };
}

export interface RecordedConsentsDeps {
  readonly audit: Pick<AuditLog, 'record'>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Logger;
}

/**
 * Consents through Partner Center. Records each consent in the audit log before it is sent, and then its answer, as a request of
 * the broker itself.
 * @param rule stands for a rule of the policy in the records.
 * @throws BrokerError audit_unavailable before anything is sent; otherwise as `PartnerCenterConsents.give` does.
 */
export function recordGiven(
  { audit, clock, newId, log }: RecordedConsentsDeps,
  consents: Pick<PartnerCenterConsents, 'give'>,
  { application, rule }: { readonly application: string; readonly rule: string },
): PartnerCenterConsents['give'] {
  return async (tenantId, resource) => {
    const { name, scopes } = resource;
    const record = (happened: Pick<AuditEntry, 'outcome' | 'status' | 'code'>): Promise<void> =>
      audit.record({ ...entry, ...happened, atMs: clock.nowMs() });
    const entry = {
      kind: 'request',
      correlationId: newId(),
      tokenId: newId(),
      caller: { applicationId: nilUuid, objectId: nilUuid, kind: 'application' },
      rule,
      tenantId,
      resource: 'partner-center',
      scopes: scopes.map((scope) => `${name}: ${scope}`),
      grant: 'delegated',
      application,
      method: 'POST',
      path: `/v1/customers/${tenantId}/applicationconsents`,
    } as const;
    await record({ outcome: 'sent' });
    let happened: Parameters<typeof record>[0] = { outcome: 'failed', code: 'internal' };
    try {
      const answer = await consents.give(tenantId, resource);
      const { status } = answer;
      happened = status === 0 ? { outcome: 'failed', code: 'resource_error' } : { outcome: 'answered', status };
      return answer;
    } catch (thrown) {
      happened = { outcome: 'failed', code: toBrokerError(thrown).code };
      throw thrown;
    } finally {
      await record(happened).catch((failure: unknown) =>
        log.log('error', 'audit.outcome_not_recorded', errorFields(failure)),
      );
    }
  };
}
