import type { TokenReply } from '../../lib/microsoft/token-reply.ts';
import type { BrokerError } from '../../lib/core/errors.ts';

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

/** Of the replies to one refresh token as several applications: a token, else what proves nothing, else a refusal. */
export const worstOf = (replies: readonly (TokenReply | undefined)[]): TokenReply | undefined =>
  replies.find((reply) => reply?.ok) ??
  (replies.every((reply) => reply !== undefined && refusalsOfToken.includes(aadstsOf(reply)))
    ? replies.at(0)
    : replies.find((reply) => reply === undefined || !refusalsOfToken.includes(aadstsOf(reply))));

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
  if (final.includes(aadsts)) {
    return { item, proven: true, ...number, detail: `Entra refuses it (AADSTS${String(aadsts)}).` };
  }
  const inconclusive = aadsts === wrongClock ? {} : { inconclusive: true as const };
  return { item, proven: false, ...number, detail: `This proves nothing: ${detail}`, ...inconclusive };
}

/** The proof for a part that could not be read. */
export const unread = (item: string, failure: BrokerError): Proof => ({
  item,
  proven: false,
  detail: failure.detail,
  ...(failure.transient ? { inconclusive: true } : {}),
});
