import {
  cmdletRefusal,
  type Comparison,
  opensMethod,
  opensPath,
  otherPaths,
  type RequestLimit,
  requestMethods,
} from '../../access/policy/policy.ts';
import { parseGuid, type TenantId } from '../../core/identifiers.ts';
import { judgedBy } from '../../core/resources.ts';
import { type CmdletCall, readCmdlet } from '../../judge/reading/cmdlet.ts';
import { optionNames, pathOf, readNonGraphUrl } from '../../judge/reading/non-graph-url.ts';
import { encode } from '../../judge/reading/path.ts';
import { isJson, readHeaders } from '../../judge/reading/target.ts';
import type { RequestNames } from '../../judge/request-names.ts';
import { once } from '../../judge/request-reading.ts';
import { type Allowed, notPermitted, quoted, unreadable } from '../../judge/verdict.ts';
import type { CallerRequest } from './gateway-request.ts';

/** @throws Refusal if `requests` of a rule does not open the method and the path. */
export function refuseUnlisted(
  limit: RequestLimit,
  { method, path, segments }: Pick<Allowed['request'], 'method' | 'path' | 'segments'>,
  comparison: Comparison,
): void {
  if (opensMethod(limit, method) && opensPath(limit, segments, comparison)) return;
  throw notPermitted(`The requests that the rule lists do not include ${method} ${path}; ask for a rule that does.`);
}

/** How a request names its tenant, and the tenant that it was found to be. */
interface RequestedTenant {
  readonly requested: string;
  readonly tenantId: TenantId;
}

/** Exchange and its compliance service answer under several names. All of them read the tenant in the path. */
const exchangeDomains = [
  'outlook.office365.com',
  'outlook.office.com',
  'outlook.com',
  'office365.us',
  'webmail.apps.mil',
  'partner.outlook.cn',
];

/** Whether the address of a resource leads to Exchange. @param baseUrl '' if it is not known. */
export function isExchangeHost(baseUrl: string): boolean {
  if (!URL.canParse(baseUrl)) return false;
  const host = new URL(baseUrl).hostname.toLowerCase().replace(/\.$/, '');
  return exchangeDomains.some((domain) => host === domain || host.endsWith(`.${domain}`));
}

/**
 * The segments to send: in `/adminapi/VERSION/TENANT/…` the tenant by its id. Exchange reads the tenant in the path, so it
 * must be that of the request. Other paths stay as they are.
 * @throws Refusal for another tenant, and for an administration path of another form.
 */
export function adminSegments(segments: readonly string[], tenant: RequestedTenant): readonly string[] {
  const [root = '', version = '', named, ...rest] = segments;
  if (root.toLowerCase() !== 'adminapi') return segments;
  if (!/^(?:beta|v\d+\.\d+)$/i.test(version) || named === undefined) {
    throw unreadable('The path does not have the form /adminapi/beta/TENANT/NAME; send it so.');
  }
  if (!isTenant(named, tenant)) {
    throw notPermitted('The path names another tenant than the request; name the same tenant in both places.');
  }
  return ['adminapi', version.toLowerCase(), tenant.tenantId, ...rest];
}

/**
 * Checks `X-AnchorMailbox`, by which Exchange finds the server of a mailbox: `UPN:NAME@DOMAIN`, or the same with a tenant id.
 * @throws Refusal for a mailbox in another domain than the one that the request names.
 */
export function checkAnchor(anchor: string, tenant: RequestedTenant): void {
  const [name = '', domain, ...others] = anchor.split('@');
  if (name !== '' && domain !== undefined && others.length === 0 && isTenant(domain.trim(), tenant)) return;
  throw notPermitted(
    'X-AnchorMailbox names no mailbox of the tenant as the request names it; send UPN:NAME@TENANT, with TENANT as in the address.',
  );
}

function isTenant(named: string, { requested, tenantId }: RequestedTenant): boolean {
  const text = named.toLowerCase();
  return text === tenantId || text === requested.toLowerCase();
}

/** `POST /adminapi/beta/TENANT/InvokeCommand` of Exchange Online: the cmdlet is in the body. */
const invokeCommand = 'invokecommand';
/** `POST /adminapi/v2.0/TENANT/ENDPOINT` of the Exchange Online Admin API (preview): so is it here. By name in lower case. */
const adminEndpoints: ReadonlyMap<string, string> = new Map(
  [
    'AcceptedDomain',
    'DistributionGroupMember',
    'DynamicDistributionGroupMember',
    'Mailbox',
    'MailboxFolderPermission',
    'OrganizationConfig',
  ].map((name) => [name.toLowerCase(), name]),
);
/** The versions without these endpoints. */
const cmdletVersions: ReadonlySet<unknown> = new Set(['beta', 'v1.0']);
/** Whether a path runs a cmdlet, however it is written. @param segments With the version in lower case (`adminSegments`). */
export const runsCmdlet = (segments: readonly string[]): boolean =>
  segments.some((segment) => segment.toLowerCase().includes(invokeCommand)) ||
  (segments[0] === 'adminapi' && !cmdletVersions.has(segments[1]));

/** Options that shape the answer of a cmdlet. Another one might name a cmdlet. */
const answerOptions = new Set(['$select', '$top', '$skip', '$skiptoken', '$count']);

/**
 * Checks everything of a request that runs a cmdlet but its body.
 * @param segments With the tenant by its id (`adminSegments`).
 * @returns the segments to send.
 * @throws Refusal for another method, path, query option or media type.
 */
export function checkInvokeCommand(
  method: string,
  segments: readonly string[],
  query: string,
  contentType: string | undefined,
): readonly string[] {
  const [root, version = '', tenant = '', command = '', ...rest] = segments;
  const written = command.toLowerCase();
  const endpoint = cmdletVersions.has(version) ? undefined : adminEndpoints.get(written);
  const name = written === invokeCommand ? 'InvokeCommand' : endpoint;
  if (root !== 'adminapi' || name === undefined || rest.length > 0 || method !== 'POST') {
    throw unreadable(
      'A cmdlet is not sent as POST /adminapi/beta/TENANT/InvokeCommand, or to an endpoint of /adminapi/v2.0/TENANT; send it so.',
    );
  }
  const option = optionNames(query).find((name) => !answerOptions.has(name.toLowerCase()));
  if (option !== undefined) {
    throw unreadable(`A cmdlet has the query option ${quoted(option)}; send the cmdlet in the body alone.`);
  }
  if (!isJson(contentType)) throw unreadable('The cmdlet is not JSON; send Content-Type application/json.');
  return [root, version, tenant, name];
}

/** @returns the name of the cmdlet. @throws Refusal for a cmdlet or parameter that the rule does not list. */
export function judgeCmdlet(limit: RequestLimit, { name, parameters }: CmdletCall): string {
  const refusal = cmdletRefusal(limit, name, parameters);
  if (refusal !== undefined) throw notPermitted(refusal);
  return name;
}

/** A resource without a permission map, in the tenant of the request. */
export interface NonGraphTarget {
  readonly alias: string;
  /** Address of the resource, without a trailing slash. */
  readonly baseUrl: string;
  readonly tenantId: TenantId;
}

/** A GUID is a key. Of other segments nothing is known. */
const keyOf = (text: string): string => (parseGuid(text) === undefined ? encode(text) : '*');

/**
 * What a request to such a resource names, and the cmdlet that it runs. Its tenant in the path is a key like any other.
 * @throws Refusal for a URL that cannot be read.
 */
export function nonGraphNames(
  { url }: Pick<CallerRequest, 'url'>,
  body: NonGraphBody,
  isExchange: boolean,
): RequestNames & { readonly cmdlet?: string } {
  const { segments, query } = readNonGraphUrl(url);
  const options = optionNames(query).map(encodeURIComponent).join('&').slice(0, 1_500);
  const call = isExchange && runsCmdlet(segments) && !body.isEmpty ? body.cmdlet() : undefined;
  return {
    template: `/${segments.map(keyOf).join('/')}`,
    ...(options === '' ? {} : { query: options }),
    ...(call === undefined ? {} : { cmdlet: call.name, bodyNames: call.parameters }),
  };
}

/** Headers of Exchange beside those that are forwarded to every resource. They route the request and shape the answer. */
const exchangeHeaders = ['x-anchormailbox', 'x-responseformat', 'x-serializationlevel'];

/** A body, which several rules may be asked about. */
interface NonGraphBody {
  readonly isEmpty: boolean;
  /** Reads it as the body of InvokeCommand, once. @throws Refusal */
  readonly cmdlet: () => CmdletCall;
}

/** @param text '' without a body. */
export const nonGraphBody = (text: string): NonGraphBody => ({
  isEmpty: text === '',
  cmdlet: once(() => readCmdlet(text)),
});

/**
 * Judges a request to a resource other than Graph by `requests` of the rule alone.
 * @returns the allowed request, and the cmdlet that it runs.
 * @throws Refusal
 */
export function judgeNonGraph(
  limit: RequestLimit,
  request: Pick<CallerRequest, 'tenant' | 'method' | 'url' | 'headers'>,
  target: NonGraphTarget,
  body: NonGraphBody,
): { readonly verdict: Allowed; readonly cmdlet: string | undefined } {
  const method = requestMethods.find((known) => known === request.method);
  if (method === undefined) {
    throw unreadable(
      `The method ${quoted(request.method)} is not one of ${requestMethods.join(', ')}; use one of them.`,
    );
  }
  if ((method === 'GET' || method === 'DELETE') && !body.isEmpty)
    throw unreadable(`A ${method} request has no body; send it without one.`);
  const { segments: requested, query } = readNonGraphUrl(request.url);
  const headers = headersOf(request, target);
  const isExchange = leadsToExchange(target);
  const tenant = { requested: request.tenant, tenantId: target.tenantId };
  const inTenant = isExchange ? adminSegments(requested, tenant) : requested;
  const isCmdlet = isExchange && runsCmdlet(inTenant);
  const segments = isCmdlet ? checkInvokeCommand(method, inTenant, query, headers['content-type']) : inTenant;
  const path = pathOf(segments);
  const cmdlet = isCmdlet ? judgeCmdlet(limit, body.cmdlet()) : undefined;
  // `cmdlets` stands for the path of a cmdlet. Without `paths`, it is all that the rule lists.
  const paths = isCmdlet ? undefined : (limit.paths ?? []);
  const named = segments.map((text) => ({ text: encode(text), isKey: true }));
  refuseUnlisted({ ...limit, paths }, { method, path, segments: named }, otherPaths);
  const url = `${target.baseUrl}${path}${query === '' ? '' : `?${query}`}`;
  return {
    verdict: {
      allowed: true,
      permissions: [],
      request: { method, url, path, segments: named, headers },
      answer: { remove: [], readableTypes: undefined, anyFormat: true, plainLinks: true },
      lookUps: [],
      // `parsePolicy` lets only rules for Graph protect targets.
      changed: 'none',
      selected: [],
    },
    cmdlet,
  };
}

/** @throws Refusal for the address of Exchange with a path, which would hide the tenant in the path of a request. */
export function leadsToExchange({ alias, baseUrl }: NonGraphTarget): boolean {
  // The address of these may be a proxy or the simulated cloud.
  if (judgedBy(alias) === 'cmdlets') return true;
  if (!isExchangeHost(baseUrl)) return false;
  if (new URL(baseUrl).pathname === '/') return true;
  throw notPermitted(
    `The address of the resource ${alias} has a path, so the tenant of its requests cannot be read; use the resource exchange.`,
  );
}

function headersOf(
  { tenant, headers }: Pick<CallerRequest, 'tenant' | 'headers'>,
  target: NonGraphTarget,
): Readonly<Record<string, string>> {
  const common = readHeaders(headers);
  if (!leadsToExchange(target)) return common;
  const own = exchangeHeaders.flatMap((name) => {
    const value = headers[name];
    return value === undefined || !/^[\x20-\x7e]*$/.test(value) ? [] : [[name, value] as const];
  });
  const anchor = headers['x-anchormailbox'];
  if (anchor !== undefined) checkAnchor(anchor, { requested: tenant, tenantId: target.tenantId });
  return { ...common, ...Object.fromEntries(own) };
}
