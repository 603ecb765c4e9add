import { domainToASCII } from 'node:url';
import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { parseDomainName, parseTenantId } from '../../lib/core/identifiers.ts';
import { closest, didYouMean, visibleText } from '../../lib/core/text.ts';
import { namesOfTags } from '../../lib/tenants/tags.ts';
import { CommandFailure } from '../command-failure.ts';
import { UsageError } from '../run-program.ts';
import { progress } from '../sign-in/output.ts';
import type { BrokerClient } from './broker-client.ts';

// The API takes ids and domains alone: a customer chooses its name, so a name grants nothing and no script should rely on
// one. People type names, and see which tenant was taken.

/** What `--tenant` and `--except` take, for the help. */
export const tenantForms = 'names, domains, ids, group:NAME or tag:NAME';

/** A tenant that a person may name. */
interface NamedTenant {
  readonly tenantId: string;
  readonly name: string;
  readonly defaultDomain?: string | undefined;
}

/**
 * The domain that a text is, in ASCII. With blanks around it, a dot at its end or letters of other scripts it is still one: a
 * customer could choose that text for its name, to get what is meant for the owner of the domain.
 */
const domainIn = (text: string): string | undefined => parseDomainName(domainToASCII(text.trim().replace(/\.$/, '')));

/** Whether a text is a name, and neither an id nor a domain. */
export const isTenantName = (text: string): boolean =>
  parseTenantId(text) === undefined && domainIn(text) === undefined;

const listedCandidates = 5;

/**
 * The tenant with this id, name or default domain, whatever the case. The beginning of a name is none: tomorrow another
 * customer's name may begin so, and the command would change that one.
 * @param marks groups and tags that the command takes in place of a tenant, such as `group:gold`.
 * @throws UsageError that lists the candidates if there are several, or names the nearest one.
 */
export function tenantNamed<T extends NamedTenant>(
  tenants: readonly T[],
  text: string,
  marks: readonly string[] = [],
): T {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') throw new UsageError('An empty text names no tenant. Give a name, a domain or an id.');
  const textsOf = ({ name, defaultDomain }: NamedTenant) => [
    name,
    ...(defaultDomain === undefined ? [] : [defaultDomain]),
  ];
  const having = (fits: (known: string) => boolean): readonly T[] =>
    tenants.filter((tenant) => [tenant.tenantId, ...textsOf(tenant)].some((known) => fits(known.toLowerCase())));
  const [only, ...others] = having((known) => known === wanted);
  if (only !== undefined && others.length === 0) return only;
  const candidates = only === undefined ? having((known) => known.startsWith(wanted)) : [only, ...others];
  if (candidates.length === 0) {
    // What a person may have typed, and what it then has to be: also the first word of a name, and a group without its mark.
    const meant = new Map([
      ...marks.map((mark) => [mark.slice(mark.indexOf(':') + 1), mark] as const),
      ...tenants.flatMap(({ name }) => name.split(' ', 1).map((word) => [word, name] as const)),
      ...[...marks, ...tenants.flatMap(textsOf)].map((whole) => [whole, whole] as const),
    ]);
    const near = meant.get(closest(text, [...meant.keys()]) ?? '');
    throw new UsageError(`No tenant is called "${text}"${near === undefined ? '.' : `; did you mean "${near}"?`}`);
  }
  const lines = candidates.slice(0, listedCandidates).map((tenant) => `\n  ${described(tenant)}`);
  const more = candidates.length > listedCandidates ? `\n  and ${candidates.length - listedCandidates} more` : '';
  const [problem, remedy] =
    only === undefined
      ? [`No tenant is called "${text}". These names begin so:`, 'Give the whole name, the domain or the id.']
      : [`"${text}" is the name of several tenants:`, 'Give the domain or the id.'];
  throw new UsageError(`${problem}${lines.join('')}${more}\n${remedy}`);
}

const described = ({ name, defaultDomain, tenantId }: NamedTenant): string =>
  visibleText(`${name} (${defaultDomain ?? tenantId})`);

type Reader = Pick<BrokerClient, 'get'>;

/**
 * Does work with the tenant that a person names. An id or a domain takes no further request: only if the broker does not
 * know it, the names of all tenants are read.
 * @throws UsageError as {@link tenantNamed}; BrokerError tenant_unknown with the nearest domain; whatever `work` throws.
 */
export async function withTenant<T>(client: Reader, text: string, work: (reference: string) => Promise<T>): Promise<T> {
  if (isTenantName(text)) return work(await idOf(client, text));
  try {
    return await work(domainIn(text) ?? text);
  } catch (thrown) {
    if (!(thrown instanceof BrokerError) || thrown.code !== 'tenant_unknown') throw thrown;
    // Whoever may not read tenants gets the answer as it is.
    const { tenants } = await readTenants(client).catch(() => ({ tenants: undefined }));
    if (tenants === undefined) throw thrown;
    // A customer chooses its name: one that looks like the domain of another must not get what was meant for that one.
    const called = tenants.find(({ name }) => name.toLowerCase() === text.toLowerCase());
    const question =
      called === undefined
        ? didYouMean(
            text,
            tenants.flatMap(({ tenantId, defaultDomain }) => [tenantId, defaultDomain ?? tenantId]),
          )
        : `; a customer is called so: ${called.tenantId}`;
    const detail = `"${text}" is not among the customer tenants${question || '.'}`;
    throw new CommandFailure('tenant_unknown', detail, '`ptb tenants` lists them.', { cause: thrown });
  }
}

async function idOf(client: Reader, text: string): Promise<string> {
  const tenant = tenantNamed((await readTenants(client)).tenants, text);
  progress(`Tenant: ${described(tenant)}`);
  return tenant.tenantId;
}

const readTenants = async (client: Reader): Promise<TenantsAnswer> => (await client.get('/tenants')) as TenantsAnswer;

const marksOf = ({ groups = [], tenants = [] }: Partial<TenantsAnswer>): readonly string[] => [
  ...groups.map((name) => `group:${name}`),
  ...tenants.flatMap(({ tags = [] }) => [...namesOfTags(tags)].map((name) => `tag:${name}`)),
];

/** Domains that are looked up at a time. */
const lookUps = 8;

/**
 * Entries of `--tenant` or `--except` as the broker takes them: a name becomes the id of its tenant. Domains are checked,
 * because the broker takes a list with an unknown one, which in `--except` would take nothing away.
 * @throws UsageError, BrokerError as {@link withTenant}.
 */
export async function namedTenants<Entries extends readonly string[] | undefined>(
  client: Reader,
  entries: Entries,
): Promise<readonly string[] | Entries> {
  if (entries === undefined) return entries;
  const all = entries.flatMap((entry) => (isList(entry) ? entry.split(',') : [entry]));
  const named: string[] = [];
  let answer: Promise<TenantsAnswer> | undefined;
  for (let start = 0; start < all.length; start += lookUps) {
    named.push(
      ...(await Promise.all(
        all.slice(start, start + lookUps).map(async (entry) => {
          if (isForBroker(entry)) return entry;
          const domain = domainIn(entry);
          if (domain !== undefined) return checkedDomain(client, domain);
          answer ??= readTenants(client);
          const known = await answer;
          return tenantNamed(known.tenants, entry, marksOf(known)).tenantId;
        }),
      )),
    );
  }
  return named;
}

const isForBroker = (text: string): boolean => /^(?:group:|tag:|\*$)/.test(text) || parseTenantId(text) !== undefined;

/** Commas stand between entries, and in names. */
const isList = (text: string): boolean => text.split(',').every((part) => isForBroker(part) || !isTenantName(part));

async function checkedDomain(client: Reader, domain: string): Promise<string> {
  try {
    return await withTenant(client, domain, async (reference) => {
      await client.get(`/tenants/${encodeURIComponent(reference)}`);
      return reference;
    });
  } catch (thrown) {
    // Whoever may not read tenants may still name them: the broker looks the domain up itself.
    if (thrown instanceof BrokerError && thrown.code === 'caller_forbidden') return domain;
    throw thrown;
  }
}
