import * as z from 'zod';
import { BrokerError } from '../lib/core/errors.ts';
import type { ExchangeOnlineClient } from '../lib/microsoft/exchange-online.ts';
import type { GraphClient } from '../lib/microsoft/graph.ts';
import type { Row } from '../lib/runs/job/row.ts';

/** Whether a part of a report was read, or why not. */
export type PartRead = 'yes' | 'no licence' | 'no access';

/**
 * Reads what a report can do without. A tenant refuses it for want of a licence, a role or a consent; privileged identity
 * management also refuses delegated administrators with an error of its own (CIPP, RoleAssignmentScheduleInstances).
 * @throws BrokerError every other failure.
 */
export async function readPart<T>(
  items: AsyncIterable<T> | Iterable<Promise<T>>,
): Promise<{ readonly items: readonly T[]; readonly read: PartRead }> {
  try {
    return { items: await Array.fromAsync<T>(items), read: 'yes' };
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const { code, logFields } = error;
    if (code === 'resource_unavailable') return { items: [], read: 'no licence' };
    const isRefused =
      code === 'access_denied' ||
      (code === 'job_failed' && /unauthorized operation/i.test(String(logFields['resourceMessage'])));
    if (isRefused) return { items: [], read: 'no access' };
    throw error;
  }
}

const subscribedSku = z.object({
  capabilityStatus: z.string().nullish(),
  servicePlans: z.array(z.object({ servicePlanName: z.string() })).nullish(),
});

/** Whether the subscriptions of the tenant contain Entra ID P1 or P2. Needs Organization.Read.All; one request. */
export async function hasEntraPremium(graph: GraphClient): Promise<boolean> {
  for await (const { capabilityStatus, servicePlans } of graph.list(
    '/subscribedSkus?$select=capabilityStatus,servicePlans',
    { shape: subscribedSku },
  )) {
    const isUsable = capabilityStatus === 'Enabled' || capabilityStatus === 'Warning';
    if (isUsable && servicePlans?.some(({ servicePlanName }) => /^AAD_PREMIUM(?:_P2)?$/.test(servicePlanName)))
      return true;
  }
  return false;
}

/**
 * The items of a list that needs Entra ID P1, in a tenant that has it. Graph refuses it now and then even there (issues
 * 14118 and 14120 of microsoftgraph/microsoft-graph-docs), so the refusal is temporary.
 * @throws BrokerError resource_error in place of resource_unavailable.
 */
export async function* licensed<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'resource_unavailable') throw error;
    const detail =
      'Microsoft Graph finds no licence, although the subscriptions of the tenant contain Entra ID P1 or P2.';
    throw new BrokerError('resource_error', detail, { cause: error, logFields: error.logFields });
  }
}

/** The failure of a report that needs Entra ID P1, in a tenant without it: the tenant is skipped. */
export const withoutEntraPremium = (): BrokerError =>
  new BrokerError('resource_unavailable', 'The subscriptions of the tenant contain neither Entra ID P1 nor P2.');

/**
 * For a change that rests on what Entra ID P1 shows or allows. Without a licence Graph shows nothing, which is no proof.
 * @throws BrokerError job_failed: the tenant fails in the plan.
 */
export async function requireEntraPremium(graph: GraphClient, what: string): Promise<void> {
  if (await hasEntraPremium(graph)) return;
  throw new BrokerError(
    'job_failed',
    `The subscriptions of the tenant contain neither Entra ID P1 nor P2, which ${what} need. Leave it out of the plan.`,
  );
}

/** A property in whose place Graph writes null for false ("user resource type"). Null: it says nothing. */
export const flagOf = (value: boolean | null | undefined): boolean | null =>
  value === undefined ? null : value === true;

/** A time of Graph in milliseconds since 1970, undefined if there is none. */
export function timeMs(text: string | null | undefined): number | undefined {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

/** The objects of a cmdlet of Exchange, with the properties of the shape. */
export const listObjects = <T extends z.ZodObject>(
  exchange: ExchangeOnlineClient,
  cmdlet: string,
  shape: T,
  parameters = {},
): AsyncGenerator<z.output<T>> =>
  exchange.list<z.output<T>>(cmdlet, parameters, { select: Object.keys(shape.shape), shape });

/** What follows the last `@` of an address. */
export const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

const acceptedDomain = z.object({ DomainName: z.string(), MatchSubDomains: z.boolean().nullish() });

/** Returns whether an address in lower case belongs to the tenant. One cmdlet. */
export async function ownDomains(exchange: ExchangeOnlineClient): Promise<(address: string) => boolean> {
  const domains = await Array.fromAsync(listObjects(exchange, 'Get-AcceptedDomain', acceptedDomain));
  return (address) =>
    domains.some(({ DomainName: name, MatchSubDomains: withSub }) => {
      const [domain, own] = [domainOf(address), name.toLowerCase()];
      return domain === own || (withSub === true && domain.endsWith(`.${own}`));
    });
}

/** Mailboxes that a report asks about one by one. More do not fit into its time limit: ten a request, one after another. */
const mostMailboxes = 10_000;

/** A mailbox as reports about each mailbox list it. */
export const mailboxNames = z.object({
  ExternalDirectoryObjectId: z.string(),
  UserPrincipalName: z.string().nullish(),
  RecipientTypeDetails: z.string().nullish(),
});

/** What a cmdlet returned about one mailbox. */
interface OfMailbox<T> {
  readonly objects: readonly T[];
  /** Why there are no objects. Null: they were read. */
  readonly unread: string | null;
}

/**
 * Asks a cmdlet about each mailbox, ten in a request. One that cannot be read is a value.
 * @param by the parameter that names the mailbox.
 * @throws BrokerError if none can be read for want of a role, or for now.
 */
export async function ofEachMailbox<M extends z.output<typeof mailboxNames>, T extends z.ZodObject>(
  exchange: ExchangeOnlineClient,
  mailboxes: readonly M[],
  {
    cmdlet,
    by,
    parameters,
    shape,
  }: { cmdlet: string; by: string; parameters?: Readonly<Record<string, true>>; shape: T },
): Promise<readonly (OfMailbox<z.output<T>> & { readonly mailbox: M })[]> {
  const requests = mailboxes.slice(0, mostMailboxes).map((mailbox) => {
    const { ExternalDirectoryObjectId: id, UserPrincipalName: name } = mailbox;
    return { id, cmdlet, parameters: { [by]: name ?? id, ...parameters } };
  });
  const options = { select: Object.keys(shape.shape), shape };
  const replies = new Map((await exchange.batch<z.output<T>>(requests, options)).map((reply) => [reply.id, reply]));
  const [first, ...others] = replies.values();
  if (first?.ok === false && others.every(({ ok }) => !ok)) {
    if (first.error.code === 'access_denied' || first.error.transient) throw first.error;
  }
  return mailboxes.map((mailbox) => {
    const reply = replies.get(mailbox.ExternalDirectoryObjectId);
    if (reply?.ok === true) return { mailbox, objects: reply.value, unread: null };
    const reason = reply?.error.detail ?? `The report reads ${mostMailboxes} mailboxes of a tenant.`;
    return { mailbox, objects: [], unread: reason };
  });
}

/** One row of those with the same key. Exchange lists some entries twice. */
export const distinct = (rows: readonly Row[], key: readonly string[]): readonly Row[] => [
  ...new Map(rows.map((row) => [JSON.stringify(key.map((name) => row[name] ?? null)), row])).values(),
];
