import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { TenantId } from '../../core/identifiers.ts';
import type { Secret } from '../../core/secrets.ts';
import { maximumUrlLength } from '../../judge/reading/target.ts';

/**
 * Links in answers lead back to the gateway. Each carries a MAC, because the token in a link hides the query that it
 * continues: without the MAC, a caller could continue a query that its rule does not allow.
 */

/** Whom a link belongs to. Nobody else can use it. */
export interface LinkOwner {
  /** Name of the rule that allowed the first request. */
  readonly rule: string;
  /** Identifies the caller, for example the object id of its service principal. */
  readonly caller: string;
  readonly tenantId: TenantId;
  /** Alias of the resource, for example `graph`. */
  readonly resource: string;
}

/** What a link continues. */
export interface Continuation {
  /** Path and query below the resource's address, still percent-encoded: `/v1.0/users?$skiptoken=…`. */
  readonly url: string;
  /** What earlier queries selected and expanded, as far as the URL does not show it. */
  readonly selected: readonly string[];
}

/** A URL as the caller sent it, read. `link` is set if it follows a link of the gateway, for `GatewayRequest.link`. */
export type LinkReading =
  | { readonly ok: true; readonly url: string; readonly link: { readonly selected: readonly string[] } | undefined }
  | { readonly ok: false; readonly reason: string };

/** The query parameter that carries the selected names and the MAC. */
const parameter = 'ptb_link';
const foreign =
  'The link was changed, or belongs to another caller, rule or tenant; follow the links of answers as they are.';

/**
 * Adds the MAC to a URL.
 * @param key 32 random bytes, from `LinkKeys`.
 * @throws TypeError for a URL that `readLink` could not read.
 */
export function signLink(key: Secret, owner: LinkOwner, { url, selected }: Continuation): string {
  const address = readAddress(url);
  if (address === undefined || address.marks.length > 0) throw new TypeError('the link cannot be signed');
  const names = Buffer.from(JSON.stringify(selected)).toString('base64url');
  const mac = macOf(key, owner, address, names).toString('base64url');
  return `${url}${url.includes('?') ? '&' : '?'}${parameter}=${names}.${mac}`;
}

/**
 * Reads a URL that a caller sent. One without a MAC is no link, and is judged like any other request.
 * @param keys A MAC of any of them is accepted.
 */
export function readLink(keys: readonly Secret[], owner: LinkOwner, url: string): LinkReading {
  if (!carriesMac(url)) return { ok: true, url, link: undefined };
  const address = readAddress(url);
  const [mark, ...others] = address?.marks ?? [];
  if (address === undefined || mark === undefined || others.length > 0 || mark.length > maximumUrlLength) {
    return { ok: false, reason: foreign };
  }
  const [names = '', mac = ''] = mark.split('.', 2);
  const given = Buffer.from(mac, 'base64url');
  // Base64 has several texts for the same bytes. Only the one that was issued is accepted.
  const isExact = mark === `${names}.${given.toString('base64url')}`;
  if (!isExact || !keys.some((key) => isEqual(macOf(key, owner, address, names), given))) {
    return { ok: false, reason: foreign };
  }
  const selected = JSON.parse(Buffer.from(names, 'base64url').toString('utf8')) as readonly string[];
  return { ok: true, url: address.rest, link: { selected } };
}

/** Whether a URL claims to be a link of the gateway. */
export function carriesMac(url: string): boolean {
  const query = url.slice(pathLength(url) + 1);
  return query !== '' && query.split('&').some(isMark);
}

const isEqual = (one: Buffer, other: Buffer): boolean => one.length === other.length && timingSafeEqual(one, other);

function macOf(key: Secret, owner: LinkOwner, { segments, options }: Address, names: string): Buffer {
  const { rule, caller, tenantId, resource } = owner;
  const text = JSON.stringify(['ptb-link-1', rule, caller, tenantId, resource, segments, options, names]);
  return createHmac('sha256', keyObjectOf(key)).update(text).digest();
}

/** Making a MAC with bytes takes four times as long, because Node.js makes a key object of them each time. */
const keyObjects = new WeakMap<Secret, KeyObject>();

function keyObjectOf(key: Secret): KeyObject {
  const known = keyObjects.get(key);
  if (known !== undefined) return known;
  const made = createSecretKey(key.reveal(), 'base64url');
  keyObjects.set(key, made);
  return made;
}

interface Address {
  readonly segments: readonly string[];
  /** Names and values, decoded and sorted. */
  readonly options: readonly (readonly [string, string])[];
  readonly marks: readonly string[];
  /** The URL without the marks. */
  readonly rest: string;
}

/**
 * Takes a URL apart. Clients change the order of query options and the percent-encoding (the JavaScript SDK of Microsoft
 * Graph does the first), so the MAC is over the decoded parts. Undefined if the URL cannot be decoded.
 */
function readAddress(url: string): Address | undefined {
  const path = url.slice(0, pathLength(url));
  const query = url.slice(path.length + 1);
  const pairs = query === '' ? [] : query.split('&');
  const kept = pairs.filter((pair) => !isMark(pair));
  try {
    return {
      segments: path.split('/').map(decodeURIComponent),
      options: kept.map(decodePair).toSorted(byText),
      marks: pairs.filter(isMark).map((pair) => decodePair(pair)[1]),
      rest: kept.length === 0 ? path : `${path}?${kept.join('&')}`,
    };
  } catch {
    return undefined;
  }
}

const pathLength = (url: string): number => (url.includes('?') ? url.indexOf('?') : url.length);

function isMark(pair: string): boolean {
  try {
    return decodePair(pair)[0] === parameter;
  } catch {
    return false;
  }
}

/** As the judge reads them: "+" is a space. @throws URIError */
function decodePair(pair: string): readonly [string, string] {
  const at = pair.indexOf('=');
  const decode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));
  return at === -1 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
}

function byText(one: readonly [string, string], other: readonly [string, string]): number {
  const [left, right] = [one.join('='), other.join('=')];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The gateway's own address, and that of the resource behind it. Both without a trailing slash. */
export interface LinkRoute {
  /** For example `https://broker.example/api/gateway/TENANT/graph`. */
  readonly gatewayUrl: string;
  /** For example `https://graph.microsoft.com`. */
  readonly resourceUrl: string;
  /** What a link that starts with a slash continues, for example `https://graph.microsoft.com/v1.0`. */
  readonly rootUrl: string;
  /** The URL of the request at the resource. A link that starts with a name, a dot or a question mark is relative to it. */
  readonly requestUrl: string;
}

/**
 * What a link of a resource that starts with a slash continues. Graph leaves the version out ("Create team": `Location:
 * /teams('…')/operations('…')`); elsewhere it is the origin (RFC 3986 section 4.2).
 * @param path Of the request.
 */
export function rootUrlOf(alias: string, resourceUrl: string, path: string): string {
  const [, version = ''] = path.split('/', 2);
  return alias === 'graph' ? `${resourceUrl}/${version}` : new URL(resourceUrl).origin;
}

/**
 * The gateway's link in place of a link of the resource.
 * @returns undefined for a link to another host, which the gateway cannot serve and the caller must not get: it may be an
 * address that works without a token.
 */
export function gatewayLink(route: LinkRoute, link: string, sign: (url: string) => string): string | undefined {
  // A fragment is not sent, and readers treat white space and backslashes differently.
  if (/[\s\\#\p{Cc}]/u.test(link)) return undefined;
  const url = belowResource(absolute(link, route), route.resourceUrl);
  if (url === undefined) return undefined;
  try {
    return `${route.gatewayUrl}${sign(url)}`;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** RFC 3986 section 4.2. What is no reference, or leaves the scheme out, stays as it is. */
function absolute(link: string, { rootUrl, requestUrl }: LinkRoute): string {
  if (link === '' || link.startsWith('//') || /^[a-z][a-z\d+.-]*:/i.test(link)) return link;
  if (!link.startsWith('/')) return new URL(link, requestUrl).href;
  const { origin, pathname } = new URL(rootUrl);
  const isWhole = link.startsWith(`${pathname.replace(/\/$/, '')}/`);
  return `${isWhole ? origin : rootUrl}${link}`;
}

/** Path and query below the resource's address, as they are written in the link. */
function belowResource(link: string, resourceUrl: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const { origin, username, password } = new URL(link);
  const base = new URL(resourceUrl);
  if (origin !== base.origin || username !== '' || password !== '') return undefined;
  const written = link.replace(/^[a-z]+:\/\/[^/?]+/i, '');
  const prefix = base.pathname.replace(/\/$/, '');
  return written.startsWith(`${prefix}/`) ? written.slice(prefix.length) : undefined;
}
