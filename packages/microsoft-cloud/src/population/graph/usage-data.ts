import { dayMs } from '../../clock.ts';
import { between } from '../../seeded.ts';
import { idOf, perTenant, randomOf, type TenantFacts } from './facts.ts';
import { hasMailbox, type Profile, profilesOf } from './user-profiles.ts';
import { hasPlan } from './licensing.ts';

const gigabyte = 1_073_741_824;

/** A mailbox with what it contains. Exchange and the reports of Graph describe the same mailbox. */
export interface MailboxData {
  readonly profile: Profile;
  readonly exchangeGuid: string;
  readonly archiveGuid: string | undefined;
  readonly createdMs: number;
  /** Undefined: the user never signed in. */
  readonly lastActivityMs: number | undefined;
  readonly itemCount: number;
  readonly usedBytes: number;
  readonly deletedItemCount: number;
  readonly deletedBytes: number;
  readonly warningQuotaBytes: number;
  readonly sendQuotaBytes: number;
  readonly receiveQuotaBytes: number;
  readonly sentCount: number;
  readonly receivedCount: number;
  readonly readCount: number;
  /** An address outside the tenant to which all mail is forwarded. */
  readonly forwardingAddress: string | undefined;
  readonly isLegacyOpen: boolean;
}

/** The mailboxes of a tenant, in the order of its users. */
export const mailboxesOf = perTenant((facts): readonly MailboxData[] =>
  profilesOf(facts)
    .filter((profile) => hasMailbox(facts, profile))
    .map((profile) => mailboxOf(facts, profile)),
);

function mailboxOf(facts: TenantFacts, profile: Profile): MailboxData {
  const { user, index, isSharedMailbox } = profile;
  const random = randomOf(facts, 'mailbox', index);
  const quota = (isSharedMailbox || !hasPlan(user, 'EXCHANGE_S_ENTERPRISE') ? 50 : 100) * gigabyte;
  const usedBytes = Math.floor(quota * 0.97 * random() ** 4) + 3_000_000;
  const itemCount = Math.max(20, Math.floor(usedBytes / between(random, 60_000, 140_000)));
  const activity = user.lastSignInMs === undefined ? 0 : random();
  return {
    profile,
    exchangeGuid: idOf(facts, 'mailbox', index),
    archiveGuid: random() < 0.2 ? idOf(facts, 'archive', index) : undefined,
    createdMs: user.createdMs + dayMs,
    lastActivityMs: user.lastSignInMs,
    itemCount,
    usedBytes,
    deletedItemCount: Math.floor(itemCount * random() * 0.1),
    deletedBytes: Math.floor(usedBytes * random() * 0.1),
    warningQuotaBytes: quota - 2 * gigabyte,
    sendQuotaBytes: quota - gigabyte,
    receiveQuotaBytes: quota,
    sentCount: Math.floor(activity * 120),
    receivedCount: Math.floor(activity * 600) + 5,
    readCount: Math.floor(activity * 500),
    forwardingAddress: random() < 0.03 ? `${user.givenName}.${user.surname}@mail.example`.toLowerCase() : undefined,
    isLegacyOpen: random() < 0.4,
  };
}

export const mailboxByUser = perTenant(
  (facts): ReadonlyMap<string, MailboxData> =>
    new Map(mailboxesOf(facts).map((mailbox) => [mailbox.profile.user.id, mailbox])),
);
