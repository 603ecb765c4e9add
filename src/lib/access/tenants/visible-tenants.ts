import type { Caller } from '../../core/caller.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { TenantDirectory } from '../../tenants/directory.ts';
import { tagsOf, type TenantTags } from '../../tenants/tags.ts';
import { readsOf } from '../policy/decide.ts';
import type { PolicyStore } from '../policy/policy-store.ts';
import { defined } from '../../core/objects.ts';
import { knowGroups, type KnowledgeDeps, tenantsOfSelections } from './selected-tenants.ts';
import type { TenantGroups } from './tenant-set.ts';

/** The tenants whose data a caller may see. `"*"`: no limit, also for data that belongs to no tenant. */
export type VisibleTenants = '*' | ReadonlySet<TenantId>;

/** Whether the caller may see data of the tenant. Data without a tenant is only for callers without a limit. */
export const isVisible = (visible: VisibleTenants, tenantId: TenantId | undefined): boolean =>
  visible === '*' || (tenantId !== undefined && visible.has(tenantId));

/** What {@link visibleTenants} needs. */
interface ReadingDeps {
  readonly callers: { readonly policy: PolicyStore };
  readonly directory: Pick<TenantDirectory, 'tenantOf' | 'list'>;
  readonly tenantTags: Pick<TenantTags, 'current'>;
}

/** Whether nothing limits what the caller may see. False while no policy is in force, because it may have a limit. */
export async function seesEveryTenant(policies: PolicyStore, caller: Caller): Promise<boolean> {
  const { policy, state } = await policies.current();
  return state !== 'deny-all' && readsOf(policy, caller) === '*';
}

/**
 * Returns the tenants whose data the caller may see according to `reads` in the policy. Entra says which tenant owns a
 * domain in `reads` or `except`; a domain that nobody owns opens nothing. `"*"` with an `except` means the customers in the
 * directory.
 * @throws BrokerError `caller_forbidden` while no policy is in force, because it may have limited the caller;
 * `entra_unavailable` if the tenant of a domain cannot be found out; `storage_unavailable` if a rule names a tag and the
 * tags cannot be read; for `"*"` with an `except`, an error of the directory.
 */
export async function visibleTenants(deps: ReadingDeps, caller: Caller): Promise<VisibleTenants> {
  const { policy, state } = await deps.callers.policy.current();
  if (state === 'deny-all')
    throw new BrokerError('caller_forbidden', 'No access policy is in force, so nobody may read data of customers.');
  const reads = readsOf(policy, caller);
  return reads === '*' ? reads : tenantsOfSelections(deps, reads);
}

/** The tags and groups of tenants, for people to see. */
export interface TenantMarks {
  /** Both are absent if they could not be read: none is not the same as unknown. */
  of(tenantId: TenantId): { readonly tags?: readonly string[]; readonly groups?: readonly string[] };
  /** What could not be read, in sentences. */
  readonly warnings: readonly string[];
}

/** Reads tags and works out groups. Never throws: a list of tenants is useful without them. */
export async function readMarks(
  deps: KnowledgeDeps & { readonly log: Logger },
  groups: TenantGroups,
): Promise<TenantMarks> {
  const warnings: string[] = [];
  const read = async <T>(what: string, reading: Promise<T>): Promise<T | undefined> => {
    try {
      return await reading;
    } catch (thrown) {
      deps.log.log('warn', 'tenants.marks_failed', errorFields(thrown));
      warnings.push(`The ${what} of the tenants are not known now (${toBrokerError(thrown).code}).`);
      return undefined;
    }
  };
  const [list, groupsOf] = await Promise.all([
    read('tags', deps.tenantTags.current()),
    read('groups', knowGroups(deps, groups)),
  ]);
  return {
    of: (tenantId) => defined({ tags: list && tagsOf(list, tenantId), groups: groupsOf?.(tenantId) }),
    warnings,
  };
}
