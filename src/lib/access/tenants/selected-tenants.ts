import type { PolicyStore } from '../policy/policy-store.ts';
import { type AskedTenants, choiceAsked } from './asked.ts';
import { chooses, missingFact } from './tenant-set.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { type KnowledgeDeps, knowTenants } from './chosen-tenants.ts';

type IsChosenDeps = Pick<KnowledgeDeps, 'tenantTags'> & { readonly policy: PolicyStore };

/**
 * Returns what tells whether lists of tenants contain a tenant, with the groups of the policy in force. It throws BrokerError
 * `request_invalid` for an unknown group, `storage_unavailable` if the tags of the tenant cannot be read, and a failure to find
 * out the tenant of a domain.
 */
export const createIsChosen =
  ({ policy: policies, tenantTags }: IsChosenDeps, directory: () => KnowledgeDeps['directory']) =>
  async (asked: AskedTenants, tenantId: TenantId): Promise<boolean> => {
    const { policy } = await policies.current();
    const choice = choiceAsked(asked, policy.groups);
    const facts = (await knowTenants({ tenantTags, directory: directory() }, [choice])).factsOf(tenantId);
    if (missingFact(choice, facts) !== undefined)
      throw new BrokerError('storage_unavailable', 'The tags of the tenant cannot be read.');
    return chooses(choice, facts);
  };
