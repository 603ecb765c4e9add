import type { TokenReply } from '../entra/judge-token-reply.ts';
import type { TenantId } from '../model/identifiers.ts';
import { Secret } from '../model/secret.ts';
import type { RevokeDeps } from './revoke-state.ts';
import type { Proof } from './revoke-refusal.ts';

export const keysItem = (clientId: string): string => `Keys of the application ${clientId}`;

/**
 * Asks Entra itself whether an application exists that Graph does not know, with a made-up secret. Entra answers
 * AADSTS700016 if it does not, and AADSTS7000215 if it does.
 */
export async function proveMissing(deps: RevokeDeps, clientId: string): Promise<Proof> {
  const reply = await redeemMadeUp(deps, clientId, deps.partnerTenantId);
  const item = keysItem(clientId);
  if (!reply.ok && reply.failure.logFields['aadsts'] === 700016) {
    return { item, proven: true, aadsts: 700016, detail: 'Neither Graph nor Entra knows the application.' };
  }
  const said = reply.ok ? 'It issued a token.' : reply.failure.detail;
  const detail = `Microsoft Graph does not know the application (404), but Entra does not say that it is gone: ${said}`;
  return { item, proven: false, detail };
}

/** Whether Entra answers that a tenant does not have an application (AADSTS700016), or does not exist (AADSTS90002). */
export async function isUnknownIn(deps: RevokeDeps, clientId: string, tenantId: TenantId): Promise<boolean> {
  const reply = await redeemMadeUp(deps, clientId, tenantId);
  return !reply.ok && [700016, 90002].some((number) => number === reply.failure.logFields['aadsts']);
}

const redeemMadeUp = (
  { redeemer, graphIdentifier: resourceIdentifier, newId }: RevokeDeps,
  clientId: string,
  tenantId: TenantId,
): Promise<TokenReply> =>
  redeemer.redeem({
    tenantId,
    resourceIdentifier,
    clientId,
    clientCredential: { kind: 'secret', secret: new Secret(newId()) },
    grant: { kind: 'application' },
    correlationId: newId(),
  });
