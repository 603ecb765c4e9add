import { bootLog, type Services } from '../composition.ts';
import { jobRegistry } from './job-registry.ts';
import { timer } from './timer.ts';

/** Derives and announces what has happened to tenants since the last complete read of the lists. */
const watchTenants = ({ tenantEvents }: Services) => tenantEvents.follow(jobRegistry.list());

timer(
  {
    name: 'watch-tenants',
    // As often as the directory reads the lists anyway.
    schedule: '50 3-59/10 * * * *',
    logFailure: (fields) => bootLog.log('error', 'tenant_events.failed', fields),
  },
  watchTenants,
);
