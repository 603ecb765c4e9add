/** Tenants as `--tenant` and `--except` name them. */
export interface TenantFlags {
  readonly tenant?: readonly string[];
  readonly except?: readonly string[];
}

/** One tenant, of which the broker says whether it exists, or the query that chooses several. */
export type SelectedTenants =
  | { readonly one: string; readonly query?: undefined }
  | {
      readonly one?: undefined;
      readonly query: { readonly tenants: string | undefined; readonly except: string | undefined };
    };

export function selectedTenants({ tenant, except }: TenantFlags): SelectedTenants {
  const [only] = tenant?.length === 1 && except === undefined ? tenant : [];
  if (only !== undefined && !/^(?:group|tag):|[*,]/.test(only)) return { one: only };
  return { query: { tenants: tenant?.join(','), except: except?.join(',') } };
}
