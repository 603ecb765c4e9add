import { methods } from 'graph-permissions/permission-map';
import { isSorted } from './differences.ts';
import { type Pair, recordOf } from './pair.ts';
import {
  isAnnotation,
  isErrorCode,
  isListedValue,
  isMember,
  isOperation,
  isProperty,
  isTypeName,
  type PathReader,
  pathReader,
} from './vocabulary.ts';

export interface Exchange {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  /** Names in lower case, also those of `responseHeaders`. */
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly requestBody: string;
  readonly status: number;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly responseBody: string;
}

/** Why an exchange becomes no pair. The message quotes nothing of the exchange. */
export class Unsaved extends Error {
  override readonly name = 'Unsaved';
}

/** Replaces what could name a customer or hold a secret. The same value gets the same pseudonym in one recording. */
export interface Scrubber {
  /** @throws Unsaved for an exchange that says nothing about the service, or that cannot be scrubbed. */
  scrub(exchange: Exchange): Pair;
}

interface ScrubberOptions {
  /** Base addresses of Graph, without a trailing slash. Addresses below them keep their form; others are replaced. */
  readonly services?: readonly string[];
}

const graph = 'https://graph.microsoft.com';

/**
 * Only what is listed stays: names and enumerations of Microsoft's schema, codes of errors, operators of queries, booleans. Of a
 * time only remains whether it has a time of day, of a number whether it is whole. Everything else is replaced.
 */
export function createScrubber({ services = [] }: ScrubberOptions = {}): Scrubber {
  const replace = createPseudonyms();
  return {
    scrub: (exchange) => {
      const pair = scrubPair({ replace, services: [graph, ...services] }, readExchange(exchange));
      refuseSecrets(JSON.stringify(pair), exchange);
      return pair;
    },
  };
}

/**
 * The places of a pair that hold what a scrubber replaces, such as `response.body.value[0].displayName`. None in a pair that a
 * scrubber wrote, so a pair that was edited or made by another program is recognized.
 */
export function unscrubbedPlaces(pair: Pair): readonly string[] {
  const replace: Replace = (kind, value) => (isWritten[kind].test(value) ? value : '\0');
  return unequalPlaces(pair, scrubPair({ replace, services: [graph] }, pair), '');
}

function unequalPlaces(left: unknown, right: unknown, at: string): readonly string[] {
  if (typeof left !== 'object' || left === null || typeof right !== 'object' || right === null)
    return Object.is(left, right) ? [] : [at];
  const [one, other] = [left as Record<string, unknown>, right as Record<string, unknown>];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((name) => {
    if (!Object.hasOwn(other, name)) return [at === '' ? name : `${at}.${name}`];
    if (!Object.hasOwn(one, name)) return [];
    return unequalPlaces(
      one[name],
      other[name],
      Array.isArray(left) ? `${at}[${name}]` : at === '' ? name : `${at}.${name}`,
    );
  });
}

/** What pseudonyms stand for. */
export type Kind = 'guid' | 'user' | 'domain' | 'ip' | 'address' | 'time' | 'text' | 'name';
type Replace = (kind: Kind, value: string) => string;

interface Scrubbing {
  readonly replace: Replace;
  readonly services: readonly string[];
}

function createPseudonyms(): Replace {
  const numbers = new Map<string, number>();
  const counts = new Map<string, number>();
  const numberOf = (kind: string, value: string): number => {
    const key = `${kind}\0${value.toLowerCase()}`;
    const number = numbers.get(key) ?? (counts.get(kind) ?? 0) + 1;
    if (!numbers.has(key)) counts.set(kind, number);
    numbers.set(key, number);
    return number;
  };
  const written: Readonly<Record<Kind, (value: string) => string>> = {
    guid: (value) => `00000000-0000-4000-8000-${String(numberOf('guid', value)).padStart(12, '0')}`,
    // The domain keeps its pseudonym, so that users can be joined with domains.
    user: (value) => `user-${numberOf('user', value)}@${written.domain(value.slice(value.lastIndexOf('@') + 1))}`,
    domain: (value) => `domain-${numberOf('domain', value)}.example`,
    ip: (value) => {
      const number = numberOf('ip', value);
      // The ranges for benchmarks (RFC 2544) and for documentation (RFC 3849).
      return value.includes(':') ? `2001:db8::${number.toString(16)}` : `198.18.${number >> 8}.${number & 255}`;
    },
    address: (value) => `https://address-${numberOf('address', value)}.example/`,
    // One for all but "never": if they kept their distance, one that is known, as of a public message, would tell the others.
    time: (value) => (isWritten.time.test(value) ? value : value.includes('T') ? '2000-01-01T00:00:00Z' : '2000-01-01'),
    text: (value) => `text-${numberOf('text', value)}`,
    name: (value) => `name-${numberOf('name', value)}`,
  };
  return (kind, value) => written[kind](value);
}

const time = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:\.\d{1,7})?(?:Z|[+-]\d\d:\d\d)?)?$/;

/** The forms of pseudonyms. The number is short: no secret has its form. */
export const isWritten: Readonly<Record<Kind, RegExp>> = {
  guid: /^00000000-0000-4000-8000-0{6}\d{6}$/,
  user: /^user-\d{1,6}@domain-\d{1,6}\.example$/,
  domain: /^domain-\d{1,6}\.example$/,
  ip: /^(?:198\.18\.\d{1,3}\.\d{1,3}|2001:db8::[0-9a-f]{1,4})$/,
  address: /^https:\/\/address-\d{1,6}\.example\/$/,
  // The last ones mean "never".
  time: /^(?:2000-01-01(?:T00:00:00Z)?|0001-01-01T00:00:00Z|9999-12-31T(?:23:59:59|00:00:00)Z)$/,
  text: /^text-\d{1,6}$/,
  name: /^name-\d{1,6}$/,
};

const isGuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const isUser = /^[^@\s]{1,200}@[^@\s]{1,200}$/;
const isDomain = /^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}$/i;
const isIp = /^(?:\d{1,3}(?:\.\d{1,3}){3}|(?=.*:.*:)[0-9a-f:.]{2,45})$/i;

function kindOf(value: string): Kind {
  if (isGuid.test(value)) return 'guid';
  if (time.test(value)) return 'time';
  if (/^https?:\/\//i.test(value)) return 'address';
  if (isUser.test(value)) return 'user';
  if (isIp.test(value)) return 'ip';
  return isDomain.test(value) ? 'domain' : 'text';
}

/** The exchange as a pair that still holds everything. It is never written. */
function readExchange(exchange: Exchange): Pair {
  const { method, target, status, requestHeaders, responseHeaders } = exchange;
  if (!methods.some((each) => each === method)) throw new Unsaved(`only ${methods.join(', ')} are recorded`);
  if (!/^\/(?:v1\.0|beta)\//.test(target)) throw new Unsaved('only paths below /v1.0 and /beta are recorded');
  if (status === 429 || status >= 500)
    throw new Unsaved(`status ${status} tells of an overloaded or failing service, not of how it answers`);
  const body = readBody(exchange.responseBody, responseHeaders['content-type'] ?? '', 'the reply');
  const sent = readBody(exchange.requestBody, requestHeaders['content-type'] ?? 'json', 'the request');
  const list = listOf(target, body);
  return {
    request: {
      method,
      path: target,
      headers: requestHeaders,
      ...(sent === undefined ? {} : { body: sent }),
      ...(requestHeaders['authorization'] === undefined ? { isAnonymous: true as const } : {}),
    },
    response: {
      status,
      headers: responseHeaders,
      ...(body === undefined ? {} : { body }),
      ...(list === undefined ? {} : { list }),
    },
  };
}

/** Undefined for a body that is not JSON: a report, a photo, a page. Its kind is in the header. */
function readBody(text: string, contentType: string, whose: string): unknown {
  if (text === '' || !/json/i.test(contentType)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The reason of the parser quotes the body.
    throw new Unsaved(`${whose} says that it is JSON, and is none or ends early`);
  }
}

/** What is known of a list before its values are replaced and its items counted no more. */
function listOf(target: string, body: unknown): Pair['response']['list'] {
  const items = recordOf(body)['value'];
  if (!Array.isArray(items)) return undefined;
  const query = new URLSearchParams(target.split(/\?(.*)/s, 2)[1] ?? '');
  const sorted = isSorted(items, query.get('$orderby'));
  const top = query.get('$top');
  return {
    ...(sorted === undefined ? {} : { isSorted: sorted }),
    ...(top === null ? {} : { isWithinTop: items.length <= Number(top) }),
  };
}

function scrubPair(scrubbing: Scrubbing, { request, response }: Pair): Pair {
  const headers = kept(request.headers ?? {}, requestHeadersKept);
  const { isSorted: sorted, isWithinTop } = response.list ?? {};
  const list = {
    ...(typeof sorted === 'boolean' ? { isSorted: sorted } : {}),
    ...(typeof isWithinTop === 'boolean' ? { isWithinTop } : {}),
  };
  return {
    request: {
      method: request.method,
      path: scrubTarget(scrubbing, request.path),
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
      ...(request.body === undefined ? {} : { body: scrubValue(scrubbing, request.body, []) }),
      ...(request.isAnonymous === true ? { isAnonymous: true as const } : {}),
    },
    response: {
      status: response.status,
      headers: kept(response.headers, responseHeadersKept),
      ...(response.body === undefined ? {} : { body: scrubValue(scrubbing, response.body, []) }),
      ...(Object.keys(list).length === 0 ? {} : { list }),
    },
  };
}

/** Enough items of each type to see the types of their properties. */
const keptItems = 3;

function firstItems(items: readonly unknown[]): readonly unknown[] {
  const counts = new Map<unknown, number>();
  return items.filter((item) => {
    const type = recordOf(item)['@odata.type'];
    const count = (counts.get(type) ?? 0) + 1;
    counts.set(type, count);
    return count <= keptItems && counts.size <= 8;
  });
}

/** @param names Names of the properties that lead to the value, the last one last. Lists add none. */
function scrubValue(scrubbing: Scrubbing, value: unknown, names: readonly string[]): unknown {
  if (typeof value === 'string') return scrubText(scrubbing, value, names);
  if (typeof value === 'number') return scrubNumber(value, names);
  if (Array.isArray(value)) return firstItems(value).map((item) => scrubValue(scrubbing, item, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, content]) => [
      scrubName(scrubbing, name),
      scrubValue(scrubbing, content, [...names, name]),
    ]),
  );
}

/** The number may be one of a person. Statuses in a batch are kept: they say how the service answers. */
function scrubNumber(value: number, names: readonly string[]): number {
  if (names.join('.') === 'responses.status' && Number.isInteger(value) && value >= 100 && value <= 599) return value;
  return Number.isInteger(value) ? 1 : 0.5;
}

function scrubText(scrubbing: Scrubbing, value: string, names: readonly string[]): string {
  const name = names.at(-1)?.replace(/^.+(?=@)/, '') ?? '';
  const isKept =
    value === '' ||
    isListedValue(name, value) ||
    (name === '@odata.type' && isTypeName(value)) ||
    (name === 'code' && names.includes('error') && isErrorCode(value)) ||
    (names.join('.') === 'requests.method' && methods.some((each) => each === value)) ||
    (/^(?:requests\.(?:id|dependsOn)|responses\.id)$/.test(names.join('.')) && /^\d{1,3}$/.test(value)) ||
    (name.toLowerCase() === 'content-type' &&
      names.includes('headers') &&
      new RegExp(`${mediaType.source}$`, 'i').test(value));
  if (isKept) return value;
  if (names.join('.') === 'requests.url' && value.startsWith('/')) return scrubTarget(scrubbing, value);
  const service = scrubbing.services.find((each) => value.startsWith(`${each}/`));
  if (service !== undefined) return `${graph}${scrubAddress(scrubbing, value.slice(service.length))}`;
  return scrubbing.replace(kindOf(value), value);
}

/** `assignedLicenses@odata.type` has two parts. */
function scrubName({ replace }: Scrubbing, name: string): string {
  const [, property = '', annotation = ''] = /^(.*?)(@[^@]*)?$/s.exec(name) ?? [];
  if (!isAnnotation(annotation)) return isMember(name) ? name : replace('name', name);
  return property === '' || isMember(property) ? name : `${replace('name', property)}${annotation}`;
}

/** A link, or a context such as `/v1.0/$metadata#users('…')/memberOf`. */
function scrubAddress(scrubbing: Scrubbing, rest: string): string {
  const [target = '', context] = rest.split(/#(.*)/s, 2);
  const scrubbed = scrubTarget(scrubbing, target);
  return context === undefined ? scrubbed : `${scrubbed}#${scrubExpression(scrubbing, decoded(context))}`;
}

/** @param target A path with or without a version, and its query. */
function scrubTarget(scrubbing: Scrubbing, target: string): string {
  const [path = '', query = ''] = target.split(/\?(.*)/s, 2);
  const [, version = '', rest = ''] = /^\/?(v1\.0(?=\/|$)|beta(?=\/|$)|)\/?(.*)$/s.exec(path) ?? [];
  const isName = pathReader(version);
  const segments = rest.split('/').map((segment) => scrubSegment(scrubbing, decoded(segment), isName));
  const scrubbed = `${version === '' ? '' : `/${version}`}/${segments.join('/')}`;
  const shown = [...new URLSearchParams(query)].map(([name, value]) => scrubParameter(scrubbing, name, value));
  return shown.length === 0 ? scrubbed : `${scrubbed}?${shown.join('&')}`;
}

/** A name of Graph, a call such as `applications(appId='…')`, or a key. */
function scrubSegment(scrubbing: Scrubbing, segment: string, isName: PathReader): string {
  if (segment === '') return segment;
  const [, name = segment, keys] = /^([\w.]{1,80})\((.*)\)$/s.exec(segment) ?? [];
  if (isName(name, keys !== undefined)) {
    if (keys === undefined) return name;
    return `${name}(${scrubExpression(scrubbing, keys).replaceAll(/[\s/?#%]/g, encodeURIComponent)})`;
  }
  return encodeURIComponent(scrubbing.replace(kindOf(segment), segment));
}

const expressions: ReadonlySet<string> = new Set(['$select', '$expand', '$filter', '$orderby']);
const otherParameters: ReadonlySet<string> = new Set(['$search', '$skiptoken', '$deltatoken', '$format', 'search']);

function scrubParameter(scrubbing: Scrubbing, name: string, value: string): string {
  if (expressions.has(name)) return `${name}=${encodeURIComponent(scrubExpression(scrubbing, value))}`;
  if (name === '$top' || name === '$skip') return `${name}=${/^\d{1,3}$/.test(value) ? value : '1'}`;
  if (name === '$count') return `${name}=${value === 'true'}`;
  const { replace } = scrubbing;
  const [, property = '', word = ''] = /^"(\w{1,80}):(.*)"$/s.exec(value) ?? [];
  if (name === '$search' && isProperty(property))
    return `${name}=${encodeURIComponent(`"${property}:${replace('text', word)}"`)}`;
  const shown = value === '' || (name === 'search' && value === '*') ? value : replace('text', value);
  return `${otherParameters.has(name) ? name : replace('name', name)}=${shown}`;
}

const operators: ReadonlySet<string> = new Set(
  'eq ne gt ge lt le and or not in any all startswith endswith contains asc desc true false null $select $filter $top $skip $orderby $expand $count $entity $delta $ref collection'.split(
    ' ',
  ),
);
const isPeriod = /^D(?:7|30|90|180)$/;

/** Keeps operators, punctuation and names of Graph, and replaces every literal that the schema does not list. */
function scrubExpression({ replace }: Scrubbing, text: string): string {
  let property = '';
  return text.replaceAll(
    /'(?:[^']|'')*'|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?(?![^\s'(),=:;/])|[^\s'(),=:;/]+/g,
    (token) => {
      if (token.startsWith("'")) {
        const literal = token.slice(1, -1);
        const isKept = literal === '' || isListedValue(property, literal) || isPeriod.test(literal);
        return isKept ? token : `'${replace(kindOf(literal), literal)}'`;
      }
      // A single letter is the variable of a lambda.
      if (operators.has(token.toLowerCase()) || /^[a-z]$/.test(token)) return token;
      if (isProperty(token)) {
        property = token;
        return token;
      }
      if (isOperation(token) || isTypeName(token)) return token;
      if (/^\d{1,12}$/.test(token)) return token.length === 1 ? token : '1';
      return replace(kindOf(token), token);
    },
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The part of a header that is kept, by its name. Other headers, and values of another form, are left out. */
type Kept = Readonly<Record<string, RegExp>>;
const preference = /^(?:odata\.maxpagesize=\d{1,3}|return=minimal|return=representation|respond-async)$/i;
const mediaType = /^(?:application\/(?:json|xml|octet-stream)|text\/(?:csv|plain|html)|image\/jpeg)/i;
const requestHeadersKept: Kept = { consistencylevel: /^eventual$/i, prefer: preference, 'content-type': mediaType };
const responseHeadersKept: Kept = {
  'content-type': mediaType,
  'odata-version': /^\d\.\d$/,
  'preference-applied': preference,
  'www-authenticate': /^Bearer/i,
  // That it is there is enough.
  'retry-after': /^\d/,
  location: /^http/i,
};

const kept = (headers: Readonly<Record<string, string>>, wanted: Kept): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(wanted).flatMap(([name, form]) => {
      const found = form.exec(headers[name] ?? '')?.[0];
      return found === undefined ? [] : [[name, found.toLowerCase()]];
    }),
  );

/** The last line of defence: what is written is not trusted to be scrubbed. */
function refuseSecrets(text: string, { requestHeaders }: Exchange): void {
  const sent = ['authorization', 'cookie', 'x-api-key'].map((name) =>
    (requestHeaders[name] ?? '').replace(/^\w+ /, ''),
  );
  const isHeld = sent.some((secret) => secret.length > 3 && text.includes(secret));
  if (isHeld || /eyJ[\w-]{8}|bearer [\w.~+/-]{8}|[\w~-]{81}/i.test(text))
    throw new Unsaved('the pair still looks like it holds a secret');
}
