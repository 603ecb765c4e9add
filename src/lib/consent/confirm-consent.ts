import type { Clock } from '../core/clock.ts';
import { type BrokerError, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { type CustomerConsent, isGranted, type ScopedResource } from './customer-grants.ts';

interface ConfirmDeps {
  readonly clock: Clock;
  readonly read: (tenantId: TenantId) => Promise<CustomerConsent>;
}

/** A consent is visible within a minute, as partners report, and takes effect everywhere after about three. */
export const propagationSeconds = 180;

const firstPauseMs = 1_000;
const longestPauseMs = 15_000;

/** The consent as it was last read, or why it could not be read. */
export type ConfirmedConsent =
  | { readonly consent: CustomerConsent; readonly error?: undefined }
  | { readonly consent?: undefined; readonly error: BrokerError };

/** Reads the consent until it includes all of the resources, for at most {@link propagationSeconds}. */
export const confirmConsent = (
  deps: ConfirmDeps,
  tenantId: TenantId,
  resources: readonly ScopedResource[],
): Promise<ConfirmedConsent> =>
  readUntil(deps, tenantId, (consent) => resources.every((resource) => isGranted(consent, resource)));

/** Reads the consent until nothing is granted any more. */
export const confirmWithdrawal = (deps: ConfirmDeps, tenantId: TenantId): Promise<ConfirmedConsent> =>
  readUntil(deps, tenantId, ({ grants }) => grants.length === 0);

async function readUntil(
  { clock, read }: ConfirmDeps,
  tenantId: TenantId,
  isDone: (consent: CustomerConsent) => boolean,
): Promise<ConfirmedConsent> {
  const endMs = clock.nowMs() + propagationSeconds * 1000;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    // Until the consent has reached Entra, reading fails in several ways. None of them is final.
    const last = await read(tenantId).then(
      (consent): ConfirmedConsent => ({ consent }),
      (thrown: unknown): ConfirmedConsent => ({ error: toBrokerError(thrown) }),
    );
    if (last.consent !== undefined && isDone(last.consent)) return last;
    if (clock.nowMs() + pauseMs > endMs) return last;
    await clock.sleep(pauseMs);
  }
}
