import type { Clock } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';
import { type Fetch, outboundFailure, send } from '../runtime/outbound.ts';
import type { Secret } from '../model/secret.ts';

export interface MfaProbeDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Base address of Partner Center without a trailing slash. */
  readonly partnerCenterEndpoint: string;
}

const timeoutMs = 30_000;
const maxBodyBytes = 4 * 1024 * 1024;

/**
 * Whether Partner Center finds MFA in a delegated token: with `ValidateMfa: true` it says so in `isMfaCompliant`
 * ("Mandating MFA for your partner tenant", App+User). Enforcement itself shows as 401 with code 900421.
 * @returns undefined when Partner Center does not say.
 * @throws BrokerError resource_error when Partner Center cannot be reached.
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
  const said = reply.headers.get('ismfacompliant')?.toLowerCase();
  if (said === 'true' || said === 'false') return said === 'true';
  if (reply.status === 401 && reply.body.includes('900421')) return false;
  if (reply.status >= 500 || reply.status === 429) {
    throw new BrokerError('resource_error', `Partner Center answers ${reply.status}.`);
  }
  return undefined;
}
