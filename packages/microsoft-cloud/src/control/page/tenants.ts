import type { CustomerTenant } from '../../population/tenant.ts';
import type { World } from '../../world.ts';
import { table } from './html.ts';

const shown = 100;

/** The customers whose name, domain, id, state or trait contains a text. Letter case does not matter. */
export function tenantsPart({ customers }: World, search: string): string {
  const wanted = search.trim().toLowerCase();
  const fitting = wanted === '' ? customers : customers.filter((customer) => textOf(customer).includes(wanted));
  const broken = customers.filter(({ state }) => state !== 'ok').length;
  const summary = `${customers.length} tenant${customers.length === 1 ? '' : 's'}, ${broken} of them broken.${wanted === '' ? '' : ` ${fitting.length} fit.`}`;
  if (fitting.length === 0) return `<p>${summary}</p>`;
  return `<p>${summary}${fitting.length > shown ? ` The first ${shown} are shown.` : ''}</p>${table(
    'Customer tenants',
    ['Name', 'Domain', 'Tenant id', 'State', 'Trait', 'Users'],
    fitting
      .slice(0, shown)
      .map(({ name, defaultDomain, tenantId, state, trait, userCount }) => [
        name,
        defaultDomain,
        tenantId,
        state,
        trait ?? '',
        String(userCount),
      ]),
  )}`;
}

const textOf = ({ name, defaultDomain, tenantId, state, trait }: CustomerTenant): string =>
  [name, defaultDomain, tenantId, state, trait].join('\n').toLowerCase();
