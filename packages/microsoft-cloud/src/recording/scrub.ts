import { betaTypes, stableTypes } from '../graph/schema/table.ts';
import { roots } from '../graph/schema/roots.ts';
import type { Pair } from './pair.ts';

interface Exchange {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly requestBody: string;
  readonly status: number;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly responseBody: string;
}

/** Replaces what could name a customer or hold a secret. The same value gets the same pseudonym in one recording. */
export interface Scrubber {
  /** @throws TypeError if the result still looks like it holds a secret. It is not part of the message. */
  scrub(exchange: Exchange): Pair;
}

/** Everything that is not known to be harmless is replaced: values by kind, names unless Microsoft's typings have them. */
export function createScrubber(): Scrubber {
  const pseudonyms = createPseudonyms();
  return {
    scrub: (exchange) => {
      const { status, requestHeaders, responseHeaders } = exchange;
      const requestBody = scrubBody(pseudonyms, exchange.requestBody);
      const responseBody = scrubBody(pseudonyms, exchange.responseBody);
      const headers = kept(requestHeaders, requestHeadersKept);
      const pair: Pair = {
        request: {
          method: exchange.method,
          path: scrubTarget(pseudonyms, exchange.target),
          ...(Object.keys(headers).length === 0 ? {} : { headers }),
          ...(requestBody === undefined ? {} : { body: requestBody }),
          ...(requestHeaders['authorization'] === undefined ? { isAnonymous: true as const } : {}),
        },
        response: {
          status,
          headers: kept(responseHeaders, responseHeadersKept),
          ...(responseBody === undefined ? {} : { body: responseBody }),
        },
      };
      refuseSecrets(JSON.stringify(pair), exchange);
      return pair;
    },
  };
}

type Kind = 'guid' | 'user' | 'domain' | 'address' | 'time' | 'text' | 'name';
type Pseudonyms = (kind: Kind, value: string) => string;

function createPseudonyms(): Pseudonyms {
  const numbers = new Map<string, number>();
  const counts = new Map<Kind, number>();
  return (kind, value) => {
    const key = `${kind}\0${value.toLowerCase()}`;
    let number = numbers.get(key);
    if (number === undefined) {
      number = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, number);
      numbers.set(key, number);
    }
    return written[kind](number);
  };
}

const written: Readonly<Record<Kind, (number: number) => string>> = {
  guid: (number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
  user: (number) => `user-${number}@domain.example`,
  domain: (number) => `domain-${number}.example`,
  address: (number) => `https://address-${number}.example/`,
  time: () => '2000-01-01T00:00:00Z',
  text: (number) => `text-${number}`,
  name: (number) => `name-${number}`,
};

const isGuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const isTime = /^\d{4}-\d\d-\d\d(?:T[\d:.]{5,20}(?:Z|[+-]\d\d:\d\d)?)?$/;
const isUser = /^[^@\s]{1,200}@[^@\s]{1,200}$/;
const isDomain = /^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}$/i;

function kindOf(value: string): Kind {
  if (isGuid.test(value)) return 'guid';
  if (isTime.test(value)) return 'time';
  if (value.startsWith('https://') || value.startsWith('http://')) return 'address';
  if (isUser.test(value)) return 'user';
  return isDomain.test(value) ? 'domain' : 'text';
}

/** The words of Microsoft's typings: names of types, properties and enumerations. */
const words: ReadonlySet<string> = new Set(
  `${stableTypes}\n${betaTypes}`.split(/[^A-Za-z0-9_]+/).filter((word) => word.length > 1 && word.length <= 80),
);
const otherNames: ReadonlySet<string> = new Set(
  '$batch $count $ref $value delta v1.0 beta getByIds checkMemberGroups checkMemberObjects getMemberGroups getMemberObjects id value error code message innerError date request-id client-request-id details target requests responses method url headers body status dependsOn'.split(
    ' ',
  ),
);

/** The typings do not have the names of paths. */
const rootNames: ReadonlySet<string> = new Set([...roots.values()].map(({ name }) => name));

const isKnownName = (name: string): boolean =>
  words.has(name) ||
  rootNames.has(name) ||
  otherNames.has(name) ||
  /^(?:microsoft\.graph|@odata|@microsoft\.graph)\.[A-Za-z]{1,40}$/.test(name);

function scrubBody(pseudonyms: Pseudonyms, text: string): unknown {
  if (text === '') return undefined;
  try {
    return scrubValue(pseudonyms, JSON.parse(text), '');
  } catch {
    // A report, a photo, a page: its kind is in the header.
    return undefined;
  }
}

/** Enough items of a list to see the types of its properties. */
const keptItems = 3;

/** @param name Names of the properties that lead to the value: `error.code`. */
function scrubValue(pseudonyms: Pseudonyms, value: unknown, name: string): unknown {
  if (typeof value === 'string')
    return name === 'error.code' && /^[A-Za-z_]{1,80}$/.test(value) ? value : pseudonyms(kindOf(value), value);
  if (typeof value === 'number') return Number.isInteger(value) ? 1 : 0.5;
  if (Array.isArray(value)) return value.slice(0, keptItems).map((item) => scrubValue(pseudonyms, item, '[]'));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, content]) => [
      scrubKey(pseudonyms, key),
      scrubValue(pseudonyms, content, name === '' ? key : `${name}.${key}`),
    ]),
  );
}

/** `assignedLicenses@odata.type` has two parts. */
const scrubKey = (pseudonyms: Pseudonyms, key: string): string =>
  key
    .split(/(?=@)/)
    .map((part) => (isKnownName(part) ? part : pseudonyms('name', part)))
    .join('');

function scrubTarget(pseudonyms: Pseudonyms, target: string): string {
  const [path = '', query = ''] = target.split(/\?(.*)/s, 2);
  const scrubbed = path
    .split('/')
    .map((segment) => scrubSegment(pseudonyms, decoded(segment)))
    .join('/');
  const parameters = new URLSearchParams(query);
  const shown = [...parameters].map(([name, value]) => scrubParameter(pseudonyms, name, value));
  return shown.length === 0 ? scrubbed : `${scrubbed}?${shown.join('&')}`;
}

/** A name of Graph, a call such as `applications(appId='…')`, or a key. */
function scrubSegment(pseudonyms: Pseudonyms, segment: string): string {
  if (segment === '' || isKnownName(segment)) return segment;
  const [, name = '', keys = ''] = /^([\w.]{1,80})\((.*)\)$/s.exec(segment) ?? [];
  if (name !== '' && isKnownName(name)) return `${name}(${scrubExpression(pseudonyms, keys)})`;
  return encodeURIComponent(pseudonyms(kindOf(segment), segment));
}

const expressions: ReadonlySet<string> = new Set(['$select', '$expand', '$filter', '$orderby']);

function scrubParameter(pseudonyms: Pseudonyms, name: string, value: string): string {
  if (expressions.has(name)) return `${name}=${encodeURIComponent(scrubExpression(pseudonyms, value))}`;
  if (['$top', '$skip'].includes(name)) return `${name}=${/^\d{1,4}$/.test(value) ? value : '1'}`;
  if (name === '$count') return `${name}=${value === 'true'}`;
  const known = ['$search', '$skiptoken', '$deltatoken', '$format'].includes(name);
  return `${known ? name : pseudonyms('name', name)}=${pseudonyms('text', value)}`;
}

const operators: ReadonlySet<string> = new Set(
  'eq ne gt ge lt le and or not in any all startswith endswith contains asc desc true false null $select $filter $top $orderby $expand $count'.split(
    ' ',
  ),
);

/** Keeps operators, punctuation and names of Graph, and replaces every literal. */
const scrubExpression = (pseudonyms: Pseudonyms, text: string): string =>
  text.replaceAll(/'[^']*'|[^\s'(),=:;/]+/g, (token) => {
    if (token.startsWith("'")) return `'${pseudonyms(kindOf(token.slice(1, -1)), token.slice(1, -1))}'`;
    if (operators.has(token.toLowerCase()) || isKnownName(token)) return token;
    if (/^\d{1,12}$/.test(token)) return '1';
    // The variable of a lambda.
    return /^[a-z]$/.test(token) ? token : pseudonyms(kindOf(token), token);
  });

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The part of a header that is kept, by its name. Other headers, and values of another form, are left out. */
type Kept = Readonly<Record<string, RegExp>>;
const preference = /^(?:odata\.maxpagesize=\d{1,4}|return=minimal|return=representation|respond-async)$/i;
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
    throw new TypeError('The pair still looks like it holds a secret.');
}
