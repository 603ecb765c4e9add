import { hash } from 'node:crypto';
import { digestOf, type Fact, partyOf, type Subject } from '../../approvals/approval.ts';
import type { Allowed } from '../../judge/verdict.ts';
import type { Caller } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import { defined } from '../../core/objects.ts';
import type { Authorization } from './authorize.ts';
import { grantOf } from '../../access/policy/policy.ts';
import { scrubbedNames } from './request-records.ts';
import { type ShownBody, shownBody } from './shown-body.ts';

/** Longest query, path and value of a header that a person is asked to read, in characters. */
const longest = { query: 2_000, path: 2_000, header: 300 } as const;
/** Headers that change nothing about what is done. */
const insignificant: ReadonlySet<string> = new Set(['accept', 'accept-language', 'client-request-id']);

/**
 * Describes a request for people who approve it. Bound to the approval: the caller, the tenant, the canonical request with its
 * body and the headers that matter, the rule, and what opens the request. Query and body are kept only until the approval is
 * closed, because they may hold data of the customer.
 * @throws BrokerError request_invalid for a batch, and for a request that cannot be shown.
 */
export function requestSubject(authorization: Authorization, body: Uint8Array | undefined, caller: Caller): Subject {
  const { rule, tenantId, tenantName, resource, judged } = authorization;
  if (judged.batch) {
    const detail = 'The rule needs an approval for each request; send the parts of the batch one by one.';
    throw new BrokerError('request_invalid', detail);
  }
  const { verdict, cmdlet, names } = judged;
  const { method, url, path } = verdict.request;
  const headers = significantHeaders(verdict);
  const grant = grantOf(rule);
  const tenant = tenantName ?? tenantId;
  const shown =
    body === undefined ? undefined : shownBody(body, headers.find(([name]) => name === 'content-type')?.[1]);
  const sha256 = body === undefined ? null : hash('sha256', body, 'hex');
  const shownDigest = shown?.hidesParts === true ? null : sha256;
  const bound = [tenantId, resource.alias, resource.identifier, method, url, headers, sha256];
  const opening = [rule.name, rule.application, grant, verdict.permissions];
  const scopes = verdict.permissions;
  const { alias } = resource;
  return {
    kind: 'request',
    digest: digestOf('request', partyOf(caller), [...bound, ...opening]),
    title: cut(`${cmdlet ?? `${method} ${path}`} at ${alias} in ${tenant}`),
    facts: factsOf(authorization, verdict, cmdlet, shownDigest),
    details: detailsOf(url, headers, shown),
    tenantId,
    rule: rule.name,
    audit: {
      resource: alias,
      scopes,
      grant,
      application: rule.application,
      roles: caller.roles,
      method,
      ...scrubbedNames({ path, ...names }),
      ...defined({ cmdlet }),
    },
  };
}

const significantHeaders = ({ request }: Allowed): readonly (readonly [string, string])[] =>
  Object.entries(request.headers)
    .filter(([name]) => !insignificant.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));

function factsOf(
  { rule, tenantId, tenantName, resource }: Authorization,
  { request, permissions }: Allowed,
  cmdlet: string | undefined,
  sha256: string | null,
): readonly Fact[] {
  refuseLong('path', request.path, longest.path);
  return [
    { name: 'Tenant', value: tenantName === undefined ? tenantId : `${tenantName} (${tenantId})` },
    { name: 'Resource', value: `${resource.alias} (${resource.identifier})` },
    { name: 'Request', value: `${request.method} ${request.path}` },
    ...(cmdlet === undefined ? [] : [{ name: 'Cmdlet', value: cmdlet }]),
    ...(permissions.length === 0 ? [] : [{ name: 'Permissions', value: permissions.join(', ') }]),
    { name: 'Acts as', value: grantOf(rule) === 'delegated' ? 'the service account' : 'the application itself' },
    { name: "The broker's application", value: rule.application },
    ...(sha256 === null ? [] : [{ name: 'SHA-256 of the body', value: sha256 }]),
  ];
}

function detailsOf(
  url: string,
  headers: readonly (readonly [string, string])[],
  shown: ShownBody | undefined,
): readonly Fact[] {
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : '';
  refuseLong('query', query, longest.query);
  for (const [name, value] of headers) refuseLong(`header ${name}`, value, longest.header);
  return [
    ...(query === '' ? [] : [{ name: 'Query', value: query }]),
    ...headers.map(([name, value]) => ({ name: `Header ${name}`, value })),
    ...(shown === undefined ? [] : [{ name: 'Body', value: shown.text }]),
  ];
}

/** @throws BrokerError request_invalid for what would have to be cut. */
function refuseLong(what: string, text: string, most: number): void {
  if (text.length <= most) return;
  throw new BrokerError(
    'request_invalid',
    `The rule needs an approval, and the ${what} is longer than ${most} characters, so people cannot see what they decide on. Shorten it.`,
  );
}

const cut = (text: string): string => (text.length > 300 ? `${text.slice(0, 299)}…` : text);
