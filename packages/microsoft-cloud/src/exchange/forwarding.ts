import { perTenant, randomOf } from '../population/graph/facts.ts';
import { contactRows } from '../population/graph/tenant-rows.ts';
import { mailboxesOf } from '../population/graph/usage-data.ts';
import { pick } from '../seeded.ts';

/** Where a mailbox sends its mail. */
interface Forwarding {
  /** An address, inside or outside the tenant. */
  readonly smtp: string | undefined;
  /** The name of a mailbox or contact. Exchange ignores the address then ("Set-Mailbox", ForwardingAddress). */
  readonly recipient: string | undefined;
  readonly keepsCopy: boolean;
}

/** By object id of the account, from the seed: mostly outside, sometimes to a colleague or a contact. */
export const forwardingsOf = perTenant((facts): ReadonlyMap<string, Forwarding> => {
  const mailboxes = mailboxesOf(facts);
  const contacts = contactRows(facts).map(({ displayName }) => String(displayName));
  return new Map(
    mailboxes.flatMap(({ forwardingAddress, profile }) => {
      if (forwardingAddress === undefined) return [];
      const random = randomOf(facts, 'forwarding', profile.index);
      const colleague = pick(random, mailboxes).profile.user;
      const names = [colleague.id, ...contacts.filter((name, _, all) => all.indexOf(name) === all.lastIndexOf(name))];
      const kind = pick(random, ['outside', 'outside', 'colleague', 'recipient', 'both'] as const);
      const addresses = {
        outside: forwardingAddress,
        both: forwardingAddress,
        colleague: colleague.userPrincipalName,
        recipient: undefined,
      };
      const recipient = kind === 'recipient' || kind === 'both' ? pick(random, names) : undefined;
      return [[profile.user.id, { smtp: addresses[kind], recipient, keepsCopy: random() < 0.7 }]];
    }),
  );
});
