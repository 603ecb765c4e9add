import { otherPaths, type RequestLimit, requestMethods } from '../../access/policy/request-limit.ts';
import { readHeaders } from '../../judge/reading/headers.ts';
import { notPermitted, quoted, unreadable } from '../../judge/refusal.ts';
import { once } from '../../judge/request-reading.ts';
import type { Allowed } from '../../judge/verdict.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { checkInvokeCommand, type CmdletCall, judgeCmdlet, readCmdlet, runsCmdlet } from './exchange-cmdlet.ts';
import { adminSegments, checkAnchor, isExchangeHost } from './exchange-tenant.ts';
import type { GatewayOrder } from './gateway-request.ts';
import { pathOf, readPlainUrl } from './plain-url.ts';
import { refuseUnlisted } from './refuse-unlisted.ts';

/** A resource without a permission map, in the tenant of the request. */
export interface PlainTarget {
  readonly alias: string;
  /** Address of the resource, without a trailing slash. */
  readonly baseUrl: string;
  readonly tenantId: TenantId;
}

/** An allowed request, and the cmdlet that it runs. */
export interface PlainVerdict {
  readonly verdict: Allowed;
  readonly cmdlet: string | undefined;
}

/** Headers of Exchange beside those that are forwarded to every resource. They route the request and shape the answer. */
const exchangeHeaders = ['x-anchormailbox', 'x-responseformat', 'x-serializationlevel'];

/** A body, which several rules may be asked about. */
interface PlainBody {
  readonly isEmpty: boolean;
  /** Reads it as the body of InvokeCommand, once. @throws Refusal */
  readonly cmdlet: () => CmdletCall;
}

/** @param text '' without a body. */
export const plainBody = (text: string): PlainBody => ({
  isEmpty: text === '',
  cmdlet: once(() => readCmdlet(text)),
});

/**
 * Judges a request to a resource other than Graph by `requests` of the rule alone.
 * @throws Refusal
 */
export function judgePlain(
  limit: RequestLimit,
  order: Pick<GatewayOrder, 'tenant' | 'method' | 'url' | 'headers'>,
  target: PlainTarget,
  body: PlainBody,
): PlainVerdict {
  const method = requestMethods.find((known) => known === order.method);
  if (method === undefined) {
    throw unreadable(`The method ${quoted(order.method)} is not one of ${requestMethods.join(', ')}; use one of them.`);
  }
  if ((method === 'GET' || method === 'DELETE') && !body.isEmpty)
    throw unreadable(`A ${method} request has no body; send it without one.`);
  const { segments: asked, query } = readPlainUrl(order.url);
  const headers = headersOf(order, target);
  const isExchange = leadsToExchange(target);
  const tenant = { asked: order.tenant, tenantId: target.tenantId };
  const named = isExchange ? adminSegments(asked, tenant) : asked;
  const isCmdlet = isExchange && runsCmdlet(named);
  const segments = isCmdlet ? checkInvokeCommand(method, named, query, headers['content-type']) : named;
  const path = pathOf(segments);
  const cmdlet = isCmdlet ? judgeCmdlet(limit, body.cmdlet()) : undefined;
  // `cmdlets` stands for the path of a cmdlet. Without `paths`, it is all that the rule lists.
  const paths = isCmdlet ? undefined : (limit.paths ?? []);
  refuseUnlisted({ ...limit, paths }, { method, path }, otherPaths);
  const url = `${target.baseUrl}${path}${query === '' ? '' : `?${query}`}`;
  return {
    verdict: {
      allowed: true,
      permissions: [],
      request: { method, url, path, headers },
      answer: { remove: [], readableTypes: undefined, anyFormat: true, plainLinks: true },
      lookUps: [],
      selected: [],
    },
    cmdlet,
  };
}

/** @throws Refusal for the address of Exchange with a path, which would hide the tenant in the path of a request. */
function leadsToExchange({ alias, baseUrl }: PlainTarget): boolean {
  // The address of these may be a proxy or the simulated cloud.
  if (alias === 'exchange' || alias === 'compliance') return true;
  if (!isExchangeHost(baseUrl)) return false;
  if (new URL(baseUrl).pathname === '/') return true;
  throw notPermitted(
    `The address of the resource ${alias} has a path, so the tenant of its requests cannot be read; use the resource exchange.`,
  );
}

function headersOf(
  { tenant, headers }: Pick<GatewayOrder, 'tenant' | 'headers'>,
  target: PlainTarget,
): Readonly<Record<string, string>> {
  const common = readHeaders(headers);
  if (!leadsToExchange(target)) return common;
  const own = exchangeHeaders.flatMap((name) => {
    const value = headers[name];
    return value === undefined || !/^[\x20-\x7e]*$/.test(value) ? [] : [[name, value] as const];
  });
  const anchor = headers['x-anchormailbox'];
  if (anchor !== undefined) checkAnchor(anchor, { asked: tenant, tenantId: target.tenantId });
  return { ...common, ...Object.fromEntries(own) };
}
