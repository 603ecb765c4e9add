import type { TokenReply } from '../../lib/microsoft/token-reply.ts';
import type { BrokerError } from '../../lib/core/errors.ts';
import { aadstsOf, type Proof } from './revoke-refusal.ts';

/** A value that could not be tried. */
export interface Untried {
  readonly item: string;
  readonly reason: string;
  /** What proves that it does not work, if the keys and the sessions are gone. */
  readonly covered: string;
}

/** @param isCovered whether the keys and the sessions are proven to be gone. */
export const proofOfUntried = ({ item, reason, covered }: Untried, isCovered: boolean): Proof => ({
  item,
  proven: isCovered,
  detail: `It was not tried: ${reason} ${isCovered ? covered : uncoveredText}`,
});

const uncoveredText = 'The keys or the sessions are not proven to be gone, so it may work.';
export const noApplication = 'Key Vault does not name its application.';
export const noIdentity = 'Only the app has the managed identity.';
export const noClient = 'The vault holds no client credential for it that this machine can use.';

export const unreadable = (failure: BrokerError | undefined): string =>
  `Its value cannot be read. ${failure?.detail ?? 'It is empty, or was disabled meanwhile.'}`;

export const refusedFirst = (what: string, reply: TokenReply): string =>
  `Entra no longer ${what} (AADSTS${String(aadstsOf(reply))}).`;

export const coveredClient = (item: string): Omit<Untried, 'reason'> => ({
  item,
  covered: 'Its proof is that the keys are removed.',
});

export const coveredToken = (account: string | false | undefined): string =>
  account === undefined || account === false
    ? 'Its proof is that the keys are removed and the sessions revoked.'
    : `Its proof is that the keys are removed, and the sessions of ${account} revoked. If it belongs to another account, run the command again with --account.`;
