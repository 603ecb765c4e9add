import { GraphError } from '../../graph/graph-error.ts';
import type { TenantView } from '../../graph/declaration.ts';
import { factsOf } from './facts.ts';
import { hasEntraP2, hasEntraPremium, hasIntune, hasSharePoint } from './licensing.ts';

/** Graph's answer in a tenant without the licence that a feature needs. */
function refuse(): never {
  throw new GraphError(
    403,
    'Authentication_RequestFromNonPremiumTenantOrB2CTenant',
    "Neither tenant is B2C or tenant doesn't have premium license",
  );
}

/** @throws GraphError 403 in a tenant without Microsoft Entra ID P1. */
export function needsEntraPremium(tenant: TenantView): void {
  if (!hasEntraPremium(factsOf(tenant))) refuse();
}

/** @throws GraphError 403 in a tenant without Microsoft Entra ID P2, which risk detection needs. */
export function needsEntraP2(tenant: TenantView): void {
  if (hasEntraP2(factsOf(tenant))) return;
  throw new GraphError(403, 'Forbidden', 'Your tenant is not licensed for this feature.');
}

/** @throws GraphError 400 in a tenant without Microsoft Entra ID P2, which privileged identity management needs. */
export function needsPrivilegedManagement(tenant: TenantView): void {
  if (hasEntraP2(factsOf(tenant))) return;
  throw new GraphError(
    400,
    'AadPremiumLicenseRequired',
    'The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.',
  );
}

/** @throws GraphError 400 in a tenant without Intune. */
export function needsIntune(tenant: TenantView): void {
  if (hasIntune(factsOf(tenant))) return;
  throw new GraphError(400, 'BadRequest', 'Request not applicable to target tenant.');
}

/** @throws GraphError 400 in a tenant without SharePoint. The text is from memory for this path. */
export function needsSharePoint(tenant: TenantView): void {
  if (hasSharePoint(factsOf(tenant))) return;
  throw new GraphError(400, 'BadRequest', 'Tenant does not have a SPO license.');
}
