import { bootLog, type Services } from '../composition.ts';
import { defaultApplication } from '../lib/core/identifiers.ts';
import type { ConsentInTenants } from '../lib/tenant-events/consent-in-new.ts';
import { jobRegistry } from './job-registry.ts';
import { timer } from './timer.ts';

/** Derives and announces what has happened to tenants since the last complete read of the lists, and consents in new ones. */
export const watchTenants = (services: Services) =>
  services.tenantEvents.follow(
    jobRegistry.list(),
    services.settings.AUTO_CONSENT === 'on' ? consentIn(services) : undefined,
  );

/** Few tenants are new, so its code is loaded when one is. */
const consentIn =
  (services: Services): ConsentInTenants =>
  async (tenants) => {
    const { consentInNewTenants } = await import('../lib/consent/consent-in-new-tenants.ts');
    const { broker, credentials, jobTokens, settings } = services;
    const consent = consentInNewTenants({
      ...services,
      endpoints: settings.cloud.endpoints,
      partnerTenantId: settings.PARTNER_TENANT_ID,
      // As the directory does: Partner Center is called in the partner tenant.
      ownTokens: broker,
      customerTokens: jobTokens,
      clientId: async () => (await credentials.store.load(defaultApplication)).client.clientId,
    });
    return consent(tenants);
  };

timer(
  {
    name: 'watch-tenants',
    // As often as the directory reads the lists anyway.
    schedule: '50 3-59/10 * * * *',
    logFailure: (fields) => bootLog.log('error', 'tenant_events.failed', fields),
  },
  watchTenants,
);
