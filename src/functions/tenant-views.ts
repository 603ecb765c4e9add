import type { Services } from '../composition.ts';
import { exampleDomain, exampleOtherTenantId } from '../lib/api/examples.ts';
import { isoTime } from '../lib/core/clock.ts';
import { errorFields, type Logger } from '../lib/core/log.ts';
import type { LastResults } from '../lib/runs/store/schedule-log.ts';
import { type DelegatedTenant, reasonTexts } from '../lib/tenants/tenant.ts';
import type { TenantMarks } from '../lib/access/tenants/visible-tenants.ts';
import { jobRegistry } from './job-registry.ts';

/** Replaces the warnings of the directory for a caller whose reading is limited: they may name any tenant. */
export const incompleteList = 'The list of tenants may be incomplete or outdated.';
export const noLastResults = 'The last results of the jobs could not be read.';
export const noHistory = 'The results in earlier runs could not be read.';

/** Undefined if storage fails: the list of tenants is useful without the results. */
export async function readLastResults(
  { lastResults }: Services['runs'],
  log: Logger,
): Promise<LastResults | undefined> {
  try {
    return await lastResults.read(jobRegistry.list().map(({ name }) => name));
  } catch (thrown) {
    log.log('warn', 'tenants.last_results_failed', errorFields(thrown));
    return undefined;
  }
}

/**
 * A tenant of the directory as the API shows it.
 * @param last undefined if the results could not be read. The answer then has none, because none is not "no failure".
 */
export const viewTenant = (
  { tenantId, name, defaultDomain, relationship, relationshipEndsAtMs, reachable, reason, sources }: DelegatedTenant,
  last: LastResults | undefined,
  marks: TenantMarks,
) => ({
  tenantId,
  name,
  ...(defaultDomain === undefined ? {} : { defaultDomain }),
  relationship,
  ...(relationshipEndsAtMs === undefined ? {} : { relationshipEndsAt: isoTime(relationshipEndsAtMs) }),
  reachable,
  reason,
  explanation: reasonTexts[reason],
  sources,
  ...marks.of(tenantId),
  ...(last === undefined ? {} : { lastResults: last.get(tenantId) ?? [] }),
});

/** The tenant that the examples show. */
export const exampleTenant = {
  tenantId: exampleOtherTenantId,
  name: 'Contoso',
  defaultDomain: exampleDomain,
  relationship: 'gdap',
  relationshipEndsAt: '2027-06-30T00:00:00.000Z',
  reachable: true,
  reason: 'gdap_active',
  explanation: 'A GDAP relationship is active.',
  sources: ['relationships', 'contracts', 'partner-center'],
  tags: ['managed', 'threshold=30'],
  groups: ['gold'],
};
