import type { Route } from '../route.ts';
import { auditRoutes } from './audit.ts';
import { healthRoutes } from './health.ts';
import { jobRoutes } from './jobs.ts';
import { pageRoutes } from './pages.ts';
import { runRoutes } from './runs.ts';
import { tenantRoutes } from './tenants.ts';
import { tokenRoutes } from './tokens.ts';

/** Every route of the API. A test compares it with what the functions register. */
export const routes: readonly Route[] = [
  ...tokenRoutes,
  ...tenantRoutes,
  ...jobRoutes,
  ...runRoutes,
  ...auditRoutes,
  ...healthRoutes,
  ...pageRoutes,
];
