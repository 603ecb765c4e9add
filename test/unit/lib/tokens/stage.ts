import { TokenBroker } from '../../../../src/lib/tokens/broker.ts';
import type { TokenRequest } from '../../../../src/lib/core/secrets.ts';
import { CachedCredentials } from '../../../../src/lib/tokens/credential/cached-credentials.ts';
import type { Redeemer } from '../../../../src/lib/microsoft/redeemer.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { FakeClock, seededRandom } from '../../../fakes/fake-clock.ts';
import { FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

export const partner = 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId;
export const tenant = (n: number): TenantId => `bbbbbbbb-0000-4000-8000-${String(n).padStart(12, '0')}` as TenantId;
export const graph = { alias: 'graph', identifier: 'https://graph.microsoft.com' };

/** A request for a delegated token of Microsoft Graph in the nth tenant. */
export const request = (n: number, more: Partial<TokenRequest> = {}): TokenRequest => ({
  tenantId: tenant(n),
  resource: graph,
  grant: 'delegated',
  application: 'default',
  minimumLifetimeSeconds: 300,
  correlationId: 'cccccccc-0000-4000-8000-000000000000',
  ...more,
});

/** Creates a broker with one application, and the fake Entra, store and log that it uses. */
export async function startBroker() {
  const clock = new FakeClock();
  const redeemer = new FakeRedeemer(clock);
  const store = await storeWithCredential(partner, () => clock.nowMs());
  const logged = recordingLogger();
  /** Customers that the broker knows beside those that received a token. */
  const customers = [tenant(1), tenant(50)];
  const brokerOver = (entra: Redeemer): TokenBroker =>
    new TokenBroker(
      {
        credentials: new CachedCredentials({ store, clock, log: logged.log }, 600),
        redeemer: entra,
        clock,
        random: seededRandom(1),
        log: logged.log,
        customers: () => customers,
      },
      { partnerTenantId: partner, canaryResource: graph.identifier, entraConcurrency: 4, cacheSize: 1000 },
    );
  return { customers, clock, redeemer, store, logged, brokerOver, broker: brokerOver(redeemer) };
}

/** The code and scope of the error of a request, or `no error`. */
export const outcomeOf = (token: Promise<unknown>): Promise<unknown> =>
  token.then(
    () => 'no error',
    (error: unknown) => ({ code: (error as { code: string }).code, scope: (error as { scope: string }).scope }),
  );
