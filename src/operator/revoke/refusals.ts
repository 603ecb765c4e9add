import { type BrokerError, toBrokerError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { Secret } from '../../lib/core/secrets.ts';
import { defined, type JsonObject, textOf } from '../../lib/core/objects.ts';
import type { TokenReply } from '../../lib/microsoft/token-reply.ts';
import type { Registration, RevokeDeps, State } from './state.ts';

/** What Entra said to one credential. */
export interface Proof {
  /** What was tried or read. */
  readonly item: string;
  /** Whether it is certain that it does not work any more. */
  readonly proven: boolean;
  /** The number with which Entra refuses it. */
  readonly aadsts?: number;
  readonly detail: string;
  /** Set if the answer says nothing either way, for instance because Entra is unavailable. */
  readonly inconclusive?: true;
}

/**
 * Numbers with which Entra refuses a refresh token itself, with whatever client credential it is redeemed. AADSTS50034: its
 * account was deleted. A disabled account (AADSTS50057) can be enabled again, so it proves nothing.
 */
export const refusalsOfToken: readonly unknown[] = [
  70000, 70008, 700082, 700084, 50173, 50089, 50132, 50133, 50034, 9002313,
];

/** Numbers with which Entra refuses a client secret, certificate or federated credential itself. */
export const refusalsOfClient: readonly unknown[] = [7000215, 7000222, 700027, 70021, 700211, 700212, 700213];

/** The tenant does not have the application, because the id is wrong or it was deleted, or the application is disabled. */
const refusalsOfApplication: readonly unknown[] = [700016, 7000112];

export const aadstsOf = (reply: TokenReply): unknown => (reply.ok ? undefined : reply.failure.logFields['aadsts']);

/** Whether Entra refused before it judged the client credential. */
export const isOfApplication = (reply: TokenReply): boolean => refusalsOfApplication.includes(aadstsOf(reply));

/** Whether Entra refused before it judged the refresh token. */
export const isOfClient = (reply: TokenReply): boolean =>
  isOfApplication(reply) || refusalsOfClient.includes(aadstsOf(reply));

/** Whether Entra refused the value itself. */
export const isFinal = (reply: TokenReply): boolean =>
  [...refusalsOfToken, ...refusalsOfClient].includes(aadstsOf(reply));

/** Of the replies to one value as several applications: a token, else what proves nothing, else a refusal. */
export const worstOf = <T extends TokenReply | undefined>(
  replies: readonly T[],
  final: readonly unknown[],
): T | undefined =>
  replies.find((reply) => reply?.ok) ??
  replies.find((reply) => reply === undefined || !final.includes(aadstsOf(reply))) ??
  replies.at(0);

/** Entra's answer to a certificate when the clock of this machine is wrong. To repeat it does not help. */
const wrongClock = 700024;

/**
 * @param final numbers with which Entra refuses the value itself, from whatever place it is tried. Any other refusal, such
 * as one by a policy, proves nothing: it may depend on this machine.
 */
export function proofOf(item: string, reply: TokenReply, final: readonly unknown[]): Proof {
  if (reply.ok) return { item, proven: false, detail: 'Entra still issues a token for it.' };
  const { detail, logFields } = reply.failure;
  const { aadsts } = logFields;
  const number = typeof aadsts === 'number' ? { aadsts } : {};
  if (final.includes(aadsts))
    return { item, proven: true, ...number, detail: `Entra refuses it (AADSTS${String(aadsts)}).` };
  const inconclusive = aadsts === wrongClock ? {} : { inconclusive: true as const };
  return { item, proven: false, ...number, detail: `This proves nothing: ${detail}`, ...inconclusive };
}

/** The proof for a part that could not be read. */
export const unread = (item: string, failure: BrokerError): Proof =>
  defined({ item, proven: false, detail: failure.detail, inconclusive: failure.transient ? true : undefined });

export const keysItem = (clientId: string): string => `Keys of the application ${clientId}`;

/**
 * Asks Entra itself whether an application exists that Graph does not know, with a made-up secret. Entra answers
 * AADSTS700016 if it does not, and AADSTS7000215 if it does. It gives the same answer for a wrong client id, and for an
 * application that was deleted and can be restored with its keys.
 */
export async function proveMissing(
  deps: RevokeDeps,
  { certain }: Pick<State, 'certain'>,
  { clientId }: Pick<Registration, 'clientId'>,
): Promise<Proof> {
  const item = keysItem(clientId);
  const reply = await redeemMadeUp(deps, clientId, deps.partnerTenantId);
  if (reply.ok || reply.failure.logFields['aadsts'] !== 700016) {
    const said = reply.ok ? 'It issued a token.' : reply.failure.detail;
    const detail = `Microsoft Graph does not know the application ${clientId} (404), but Entra does not say that it is gone: ${said} Check --partner-tenant, and run the command again.`;
    return { item, proven: false, detail };
  }
  const deleted = await findDeleted(deps, clientId).catch(toBrokerError);
  if (deleted instanceof Error) return unread(item, deleted);
  if (deleted !== undefined) {
    const detail = `The application ${clientId} was deleted at ${textOf(deleted, 'deletedDateTime')}. For 30 days it can be restored with its keys. Delete it permanently: az rest --method DELETE --url ${deps.graphIdentifier}/v1.0/directory/deletedItems/${textOf(deleted, 'id')}. Or restore it, so that its keys can be removed. Then run the command again.`;
    return { item, proven: false, detail };
  }
  if (certain.has(clientId))
    return { item, proven: true, aadsts: 700016, detail: 'Neither Graph nor Entra knows the application.' };
  const detail = `Microsoft Graph does not know the application ${clientId} (404). The id may be wrong. Check --client-id, --partner-tenant and the tag clientId in Key Vault, and correct the wrong one. If the tag is right and the application was deleted permanently, confirm that with --client-id ${clientId}.`;
  return { item, proven: false, detail };
}

/** The application among those that were deleted within 30 days (Graph "List deletedItems"). */
async function findDeleted({ graph }: RevokeDeps, clientId: string): Promise<JsonObject | undefined> {
  const path = '/directory/deletedItems/microsoft.graph.application?$select=id,appId,deletedDateTime';
  for await (const application of graph.list(path))
    if (textOf(application, 'appId')?.toLowerCase() === clientId.toLowerCase()) return application;
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
