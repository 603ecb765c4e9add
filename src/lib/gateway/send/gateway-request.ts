import { type Justification, reasonForm, reasonSchema } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import { safeParse } from '../../core/json.ts';

/** Headers for the gateway itself. None is forwarded. */
const names = { reason: 'x-reason', askAgain: 'x-ask-again', breakGlass: 'x-break-glass' } as const;

/**
 * Reads what a caller says about a request. A reason may be percent-encoded UTF-8, because a header holds ASCII only.
 * @param headers Names are lower case.
 * @throws BrokerError request_invalid
 */
export function justificationOf(headers: Readonly<Record<string, string>>): Justification {
  return {
    reason: reasonOf(headers[names.reason]),
    askAgain: flagOf(headers, names.askAgain),
    breakGlass: flagOf(headers, names.breakGlass),
  };
}

function reasonOf(written: string | undefined): string | undefined {
  if (written === undefined) return undefined;
  const parsed = safeParse(reasonSchema, decodedReason(written));
  if (parsed.success) return parsed.data;
  throw invalid(names.reason, `has ${reasonForm}, on one line, in ASCII or percent-encoded UTF-8`);
}

function decodedReason(text: string): string | undefined {
  try {
    return /^[\x20-\x7e]*$/.test(text) ? decodeURIComponent(text) : undefined;
  } catch {
    return undefined;
  }
}

function flagOf(headers: Readonly<Record<string, string>>, name: string): boolean {
  const value = headers[name];
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw invalid(name, 'is "true", or absent');
}

const invalid = (name: string, rule: string): BrokerError =>
  new BrokerError('request_invalid', `The header ${name} ${rule}.`);

/** A request that a caller hands to the gateway. */
export interface CallerRequest {
  /** Tenant id or domain, as the caller wrote it. */
  readonly tenant: string;
  /** Alias of the resource. */
  readonly resource: string;
  readonly method: string;
  /** Path and query below the address of the resource, still percent-encoded. */
  readonly url: string;
  /** Names are lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined without a body. */
  readonly body: Uint8Array | undefined;
  /** The address of the gateway for this tenant and resource, without a trailing slash. Links of answers lead there. */
  readonly gatewayUrl: string;
  readonly justification: Justification;
}

const address =
  /^(?<gatewayUrl>https?:\/\/[^/?#]+\/api\/gateway\/(?<tenant>[^/?#]+)\/(?<resource>[^/?#]+))(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/is;

/** What the host has read in the address of a request. */
export interface HostReading extends Pick<CallerRequest, 'tenant' | 'resource'> {
  /** Path below the address of the resource, decoded once. An encoded slash stays encoded. */
  readonly path: string;
}

/** A sequence that is still encoded in a decoded path: it was encoded twice, or is not UTF-8. */
const encodedTwice = /%(?!2f)[0-9a-f]{2}/i;

/**
 * Takes the address of a request apart. The host has decoded it and the worker resolves dot segments in what is left
 * (Kestrel; "URL Standard" section 4.4), so only that is read, and only that is sent. A path that was encoded twice is
 * refused, because the request would name another object than the caller wrote.
 * @param url As the Functions library reports it.
 * @param route Another reading of the tenant or the resource is refused.
 * @param takesKeys Whether the host asks for a function key, which may stand in the query.
 * @throws BrokerError request_invalid
 */
export function readAddress(
  url: string,
  route: HostReading,
  takesKeys: boolean,
): Pick<CallerRequest, 'tenant' | 'resource' | 'url' | 'gatewayUrl'> {
  const { gatewayUrl = '', tenant = '', resource = '', path = '/', query = '' } = address.exec(url)?.groups ?? {};
  const isOther = decoded(tenant) !== route.tenant || decoded(resource) !== route.resource;
  if (gatewayUrl === '' || isOther || encodedTwice.test(route.path)) {
    throw new BrokerError(
      'request_invalid',
      'The address can be read in two ways. Send /api/gateway/TENANT/RESOURCE/PATH without dot segments, and encode it once.',
    );
  }
  const options = takesKeys ? withoutFunctionKey(query) : query;
  return {
    tenant: route.tenant,
    resource: route.resource,
    url: options === '' ? path : `${path}?${options}`,
    gatewayUrl,
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * A function key may travel in the query as `code`. It belongs to the Functions host, which decodes the name and ignores its
 * case, and goes no further.
 */
const withoutFunctionKey = (query: string): string =>
  query
    .split('&')
    .filter((pair) => decoded(pair.split('=', 1)[0] ?? '')?.toLowerCase() !== 'code')
    .join('&');

/**
 * Headers that the front ends of Azure add to every request. Two of them hold the original address, so in other requests
 * they would be a sign of an attempt to replace it. None is forwarded.
 */
const fromFrontEnds = /^(?:x-original-url|x-waws-unencoded-url|x-forwarded-[a-z-]+|x-arr-[a-z-]+)$/;

/** The headers of a request, as the judge reads them. */
export const callerHeaders = (headers: Iterable<readonly [string, string]>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...headers].filter(([name]) => !fromFrontEnds.test(name) && !Object.values<string>(names).includes(name)),
  );
