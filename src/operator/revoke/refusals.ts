import type { TokenReply } from '../../lib/microsoft/token-reply.ts';
import { type JsonObject, textOf } from '../../lib/microsoft/reply.ts';
import { toBrokerError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { Secret } from '../../lib/core/secret.ts';
import type { Registration, RevokeDeps } from './revoke-state.ts';
import { type Proof, unread } from './revoke-refusal.ts';

export const keysItem = (clientId: string): string => `Keys of the application ${clientId}`;

/**
 * Asks Entra itself whether an application exists that Graph does not know, with a made-up secret. Entra answers
 * AADSTS700016 if it does not, and AADSTS7000215 if it does. It gives the same answer for a wrong client id, and for an
 * application that was deleted and can be restored with its keys.
 */
export async function proveMissing(
  deps: RevokeDeps,
  { clientId, isConfirmed }: Pick<Registration, 'clientId' | 'isConfirmed'>,
): Promise<Proof> {
  const item = keysItem(clientId);
  const unproven = (detail: string): Proof => ({ item, proven: false, detail });
  const reply = await redeemMadeUp(deps, clientId, deps.partnerTenantId);
  if (reply.ok || reply.failure.logFields['aadsts'] !== 700016) {
    const said = reply.ok ? 'It issued a token.' : reply.failure.detail;
    return unproven(
      `Microsoft Graph does not know the application ${clientId} (404), but Entra does not say that it is gone: ${said} Check --tenant, and run the command again.`,
    );
  }
  const deleted = await findDeleted(deps, clientId).catch(toBrokerError);
  if (deleted instanceof Error) return unread(item, deleted);
  if (deleted !== undefined) return unproven(restorable(deps, clientId, deleted));
  if (isConfirmed !== true) return unproven(unconfirmed(clientId));
  return { item, proven: true, aadsts: 700016, detail: 'Neither Graph nor Entra knows the application.' };
}

const restorable = ({ graphIdentifier }: RevokeDeps, clientId: string, deleted: JsonObject): string =>
  `The application ${clientId} was deleted at ${textOf(deleted, 'deletedDateTime')}. For 30 days it can be restored with its keys. Delete it permanently: az rest --method DELETE --url ${graphIdentifier}/v1.0/directory/deletedItems/${textOf(deleted, 'id')}. Or restore it, so that its keys can be removed. Then run the command again.`;

const unconfirmed = (clientId: string): string =>
  `Microsoft Graph does not know the application ${clientId} (404). The id may be wrong, because only --client-id or a single version in Key Vault names it. Check --client-id, --tenant and the tag clientId, and correct the wrong one. If the tag is right and the application was deleted permanently, confirm that with --client-id ${clientId}.`;

/** The application among those that were deleted within 30 days (Graph "List deletedItems"). */
async function findDeleted({ graph }: RevokeDeps, clientId: string): Promise<JsonObject | undefined> {
  const path = '/directory/deletedItems/microsoft.graph.application?$select=id,appId,deletedDateTime';
  for await (const application of graph.list(path)) {
    if (textOf(application, 'appId')?.toLowerCase() === clientId.toLowerCase()) return application;
  }
  return undefined;
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
