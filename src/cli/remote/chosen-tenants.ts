import type { BrokerClient } from './broker-client.ts';
import { namedTenants, withTenant } from './named-tenants.ts';

/** Tenants as `--tenant` and `--except` name them. */
export interface TenantFlags {
  readonly tenant?: readonly string[] | undefined;
  readonly except?: readonly string[] | undefined;
}

/** One tenant, of which the broker says whether it exists, or the query that chooses several. */
export type SelectedTenants =
  | { readonly one: string; readonly query?: undefined }
  | {
      readonly one?: undefined;
      readonly query: { readonly tenants: string | undefined; readonly except: string | undefined };
    };

/** Does work with the tenants that a person names. @throws as `withTenant` and `namedTenants`; whatever `work` throws. */
export async function withTenants<T>(
  client: Pick<BrokerClient, 'get'>,
  { tenant, except }: TenantFlags,
  work: (selected: SelectedTenants) => Promise<T>,
): Promise<T> {
  const [only] = tenant?.length === 1 && except === undefined ? tenant : [];
  if (only !== undefined && !/^(?:group|tag):|[*,]/.test(only)) return withTenant(client, only, (one) => work({ one }));
  return work({ query: await tenantQuery(client, { tenant, except }) });
}

/** The query that chooses the tenants. @throws as `namedTenants`. */
export async function tenantQuery(client: Pick<BrokerClient, 'get'>, { tenant, except }: TenantFlags) {
  const [tenants, excepted] = [await namedTenants(client, tenant), await namedTenants(client, except)];
  return { tenants: tenants?.join(','), except: excepted?.join(',') };
}
