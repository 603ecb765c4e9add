import { environmentOf } from 'microsoft-cloud';
import { vi } from 'vitest';
import type { Services } from '../../src/composition.ts';
import type { TenantId } from '../../src/lib/core/identifiers.ts';
import { type AccessToken, Secret } from '../../src/lib/core/secrets.ts';
import { startOperator, type TestOperator } from '../e2e/credential/operator.ts';
import { refreshTokenOf } from '../fakes/memory-credential-store.ts';

/** A simulated cloud whose vault holds the credential of its ready-made application. */
export async function startStoredCloud(): Promise<TestOperator> {
  const operator = await startOperator({ tenants: 12 });
  const { partnerTenantId, store, cloud } = operator;
  const { clientId, clientSecret } = cloud.document.application;
  const credential = { kind: 'secret', secret: new Secret(clientSecret) } as const;
  await store.saveClientCredential('default', { clientId, tenantId: partnerTenantId, credential });
  await store.saveRefreshToken('default', refreshTokenOf(cloud.document.refreshToken, Date.now()));
  return operator;
}

/** Composes the app anew, after these changes to the environment. */
export async function compose(environment: Readonly<Record<string, string | undefined>>) {
  vi.resetModules();
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const composition = await import('../../src/composition.ts');
  return { ...composition, services: await composition.services() };
}

export type App = Awaited<ReturnType<typeof compose>>;

/** The addresses and identities of the simulated cloud. */
export const surroundings = ({ cloud }: TestOperator): Readonly<Record<string, string>> =>
  environmentOf(cloud.document);

/** Requests a token as the broker's own work does. */
export const tokenFor = (services: Services, tenantId: string, alias = 'graph'): Promise<AccessToken> =>
  services.broker.getToken({
    tenantId: tenantId as TenantId,
    resource: services.resources.get(alias),
    grant: 'delegated',
    application: 'default',
    minimumLifetimeSeconds: 60,
    correlationId: 'composition',
  });

/** Work that ends after `release`. Counts how much of it runs at the same time. */
export function heldWork() {
  let release: () => void = () => undefined;
  const latch = new Promise<void>((resolve) => (release = resolve));
  let [active, most] = [0, 0];
  const work = async (): Promise<void> => {
    active += 1;
    most = Math.max(most, active);
    await latch;
    active -= 1;
  };
  return { work, release, active: () => active, most: () => most };
}
