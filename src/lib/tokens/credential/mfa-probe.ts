import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { type Fetch, outboundFailure, send } from '../../core/outbound.ts';
import type { Secret } from '../../core/secret.ts';

export interface MfaProbeDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Base address of Partner Center without a trailing slash. */
  readonly partnerCenterEndpoint: string;
}

const timeoutMs = 30_000;
const maxBodyBytes = 4 * 1024 * 1024;

/**
 * Whether Partner Center finds MFA in a delegated token. The request header `ValidateMfa: true` makes it report this in
 * the response header `isMfaCompliant` ("Mandating MFA for your partner tenant", App+User). Where Partner Center
 * enforces MFA, it answers 401 with code 900421.
 * @returns undefined if the reply does not contain the answer.
 * @throws BrokerError resource_error if Partner Center cannot be reached, throttles, or answers 5xx.
 */
export async function probeMfa(deps: MfaProbeDeps, token: Secret): Promise<boolean | undefined> {
  const reply = await send(deps.fetch, {
    method: 'GET',
    url: `${deps.partnerCenterEndpoint}/v1/customers?size=1`,
    headers: { authorization: `Bearer ${token.reveal()}`, accept: 'application/json', ValidateMfa: 'true' },
    timeoutMs,
    maxBodyBytes,
  }).catch((error: unknown): never => {
    throw outboundFailure(error, 'resource_error', 'Partner Center');
  });
  const compliant = reply.headers.get('ismfacompliant')?.toLowerCase();
  if (compliant === 'true' || compliant === 'false') return compliant === 'true';
  if (reply.status === 401 && reply.body.includes('900421')) return false;
  if (reply.status >= 500 || reply.status === 429) {
    throw new BrokerError('resource_error', `Partner Center answered HTTP ${reply.status}.`);
  }
  return undefined;
}
