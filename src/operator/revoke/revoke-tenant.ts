import type { ApplicationInventory } from '../../lib/tokens/credential/vault-inventory.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { isMissing, type Registration, type RevokeDeps } from './revoke-state.ts';
import { isUnknownIn } from './refusals.ts';

/**
 * Fails a registration that this tenant does not have, if the vault names another tenant for it and that tenant has it:
 * every answer of this tenant would look as if the application were gone. A tag may be wrong, so Entra decides.
 */
export async function inOwnTenant(
  deps: RevokeDeps,
  vault: ApplicationInventory | BrokerError,
  registration: Registration,
): Promise<Registration> {
  const { clientId, keys } = registration;
  if (vault instanceof BrokerError || !isMissing(keys)) return registration;
  const named = vault.client.filter((version) => version.clientId === clientId);
  const tenants = new Set(named.flatMap(({ tenantId }) => tenantId ?? []));
  if (tenants.has(deps.partnerTenantId)) return registration;
  for (const tenantId of tenants) {
    if (await isUnknownIn(deps, clientId, tenantId)) continue;
    const failure = new BrokerError(
      'request_invalid',
      `The vault says that the application ${clientId} belongs to the tenant ${tenantId}, and the tenant ${deps.partnerTenantId} does not have it. Give --tenant ${tenantId}, or correct the tag tenantId in Key Vault.`,
    );
    return { clientId, keys: failure, federated: failure, ownReference: undefined, isElsewhere: true };
  }
  return registration;
}
