import { relative } from './format.ts';
import { Time } from './pieces.tsx';
import { tenantLink } from './route.ts';
import { tenantsLink } from './tenant-filter.ts';
import { endsSoon, type Tenant } from '../../src/lib/api/trouble.ts';

const shown = 8;

/** Relationships that end within 30 days and do not renew by themselves, the next end first. */
export function EndingRelationships({
  tenants,
  nowMs,
}: {
  readonly tenants: readonly Tenant[];
  readonly nowMs: number;
}) {
  const ending = tenants
    .filter(endsSoon)
    .toSorted((a, b) => (a.relationshipEndsAt ?? '').localeCompare(b.relationshipEndsAt ?? ''));
  return (
    <section class="card" aria-labelledby="ending-title">
      <h3 id="ending-title">Relationships that end soon</h3>
      {ending.length === 0 ? (
        <p class="quiet">None ends within 30 days, or it renews by itself.</p>
      ) : (
        <ul class="ending">
          {ending.slice(0, shown).map(({ tenantId, name, relationshipEndsAt }) => (
            <li key={tenantId}>
              <a href={tenantLink(tenantId)}>{name}</a>
              {relationshipEndsAt === undefined ? null : (
                <span>
                  <Time iso={relationshipEndsAt} short />{' '}
                  <span class="quiet">{relative(relationshipEndsAt, nowMs)}</span>
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
      {ending.length <= shown ? null : (
        <a href={tenantsLink({ show: 'ends soon', sort: 'ends' })}>All {ending.length}</a>
      )}
    </section>
  );
}
