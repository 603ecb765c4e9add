import type { TokenReply } from '../microsoft/token-reply.ts';
import { BrokerError } from '../core/errors.ts';
import type { SharedBudgets } from '../core/share.ts';
import type { RedemptionRequest } from './redemption-request.ts';

/** "AADSTS90055 TenantThrottlingError". */
const tenantThrottled = 90055;

/**
 * The pauses that concern a request. Entra says of a tenant that it is throttled as a whole. What it means by a 429 without a
 * number is not documented, so that stops the same request only: no caller can stop others.
 */
const namesOf = ({ tenantId, application, resourceIdentifier, grant }: RedemptionRequest) => ({
  tenant: `entra ${tenantId} ${application}`,
  request: `entra ${tenantId} ${application} ${resourceIdentifier} ${grant}`,
});

/** Tells all instances how long Entra wants to be left alone. */
export function tellThrottled(budgets: SharedBudgets | undefined, request: RedemptionRequest, reply: TokenReply): void {
  if (reply.ok) return;
  const { code, retryAfterSeconds, logFields } = reply.failure;
  if (code !== 'throttled' || retryAfterSeconds === undefined) return;
  const { tenant, request: same } = namesOf(request);
  budgets?.pause(logFields['aadsts'] === tenantThrottled ? tenant : same, retryAfterSeconds * 1000);
}

/**
 * Resolves when the share of this process is known.
 * @throws BrokerError `throttled` while Entra wants to be left alone, whichever instance has heard it; the reason of the signal.
 */
export async function readyToRedeem(
  budgets: SharedBudgets | undefined,
  request: RedemptionRequest,
  signal: AbortSignal,
): Promise<void> {
  if (budgets === undefined) return;
  await budgets.ready(signal);
  const { tenant, request: same } = namesOf(request);
  const leftMs = Math.max(budgets.pausedMs(tenant), budgets.pausedMs(same));
  if (leftMs <= 0) return;
  throw new BrokerError('throttled', 'Entra throttles the requests for this tenant.', {
    retryAfterSeconds: Math.ceil(leftMs / 1000),
  });
}
