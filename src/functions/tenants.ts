import { app } from '@azure/functions';
import type { Services } from '../composition.ts';
import { isoTime } from '../lib/clock.ts';
import type { Handler } from '../lib/http/pipeline.ts';
import { type DelegatedTenant, reasonTexts } from '../lib/tenants/tenant.ts';
import { guarded } from './pipeline.ts';

/** `GET /api/tenants`: every customer tenant with the reason why it can or cannot be reached. */
export const tenants: Handler<Services> = async (services) => {
  const { tenants, warnings, asOfMs } = await services.directory.snapshot();
  return { status: 200, jsonBody: { tenants: tenants.map(viewTenant), warnings, asOf: isoTime(asOfMs) } };
};

const viewTenant = ({
  tenantId,
  name,
  defaultDomain,
  relationship,
  relationshipEndsAtMs,
  reachable,
  reason,
  sources,
}: DelegatedTenant) => ({
  tenantId,
  name,
  ...(defaultDomain === undefined ? {} : { defaultDomain }),
  relationship,
  ...(relationshipEndsAtMs === undefined ? {} : { relationshipEndsAt: isoTime(relationshipEndsAtMs) }),
  reachable,
  reason,
  explanation: reasonTexts[reason],
  sources,
});

app.http('tenants', {
  route: 'tenants',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: guarded('Tenants.Read', tenants),
});
