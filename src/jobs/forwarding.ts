import * as z from 'zod';
import type { JobContext } from '../lib/runs/job/job.ts';

/* What jobs on the forwarding of mail share. */

type Exchange = JobContext['exchange'];

const text = z.string().nullish();
const recipientShape = z.object({ PrimarySmtpAddress: text, ExternalEmailAddress: text, RecipientType: text });

export const addressOf = (smtp: string): string => smtp.replace(/^smtp:/i, '').toLowerCase();

/**
 * The addresses of recipients that mailboxes forward to by name. Absent: one that was not found, a name that several have, and a
 * group, whose members may be outside. `refused`: Exchange did not answer for a name that may exist.
 * @throws BrokerError if one may be found later.
 */
export async function recipientsNamed(
  exchange: Exchange,
  names: readonly string[],
): Promise<{ readonly addresses: ReadonlyMap<string, string>; readonly refused: boolean }> {
  if (names.length === 0) return { addresses: new Map(), refused: false };
  const requests = [...new Set(names)].map((name) => ({
    id: name,
    cmdlet: 'Get-Recipient',
    parameters: { Identity: name },
  }));
  const replies = await exchange.batch(requests, { shape: recipientShape });
  const addresses = replies.flatMap((reply): [string, string][] => {
    if (!reply.ok) {
      if (reply.error.transient) throw reply.error;
      return [];
    }
    const [recipient, ...others] = reply.value;
    const address = recipient?.ExternalEmailAddress || recipient?.PrimarySmtpAddress;
    if (!address || others.length > 0 || /group/i.test(recipient?.RecipientType ?? '')) return [];
    return [[reply.id, addressOf(address)]];
  });
  const refused = replies.some((reply) => !reply.ok && reply.error.logFields['status'] !== 404);
  return { addresses: new Map(addresses), refused };
}
