import type { TenantId } from '../../lib/core/identifiers.ts';
import type { Clock } from '../../lib/core/clock.ts';
import { Limiter } from '../../lib/core/limiter.ts';
import { propagationSeconds } from '../../lib/consent/consent-result.ts';
import { counted } from '../counted.ts';
import { progress } from '../sign-in/output.ts';
import type { Consents } from './open.ts';

interface WaitDeps {
  readonly toolbox: { readonly clock: Clock; readonly signal: AbortSignal };
  readonly local: { readonly tokens: Pick<Consents['local']['tokens'], 'forgetTenant'> };
  readonly graphToken: (tenantId: TenantId) => Promise<unknown>;
}

/** As many as the local broker redeems at the same time. */
const concurrency = 32;
const pauseMs = 15_000;

/**
 * Requests tokens until every tenant issues one, for at most twice the propagation time of a consent.
 * @returns how many tenants issue tokens, also after an interruption.
 */
export async function waitForTokens(
  { toolbox, local, graphToken }: WaitDeps,
  tenantIds: readonly TenantId[],
): Promise<number> {
  const { clock, signal } = toolbox;
  const limiter = new Limiter(concurrency);
  const endMs = clock.nowMs() + 2 * propagationSeconds * 1000;
  const waiting = new Set(tenantIds);
  const request = async (tenantId: TenantId): Promise<void> => {
    if (signal.aborted) return;
    local.tokens.forgetTenant(tenantId);
    await graphToken(tenantId).then(
      () => waiting.delete(tenantId),
      () => undefined,
    );
  };
  for (;;) {
    await Promise.all([...waiting].map((tenantId) => limiter.run(() => request(tenantId))));
    if (waiting.size === 0 || signal.aborted || clock.nowMs() >= endMs) return tenantIds.length - waiting.size;
    progress(`Waiting for ${counted(waiting.size, 'tenant')} …`);
    // An interruption ends the pause. The command still prints its results.
    await clock.sleep(pauseMs, signal).catch(() => undefined);
  }
}
