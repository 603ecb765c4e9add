import type { PermissionMap } from 'graph-permissions/permission-map';
import { type JsonObject, isObject } from '../core/objects.ts';
import { type BodyNames, type ReadBody } from './reading/body.ts';
import type { PropertyPath } from './reading/filter.ts';
import { namespace, type Part, type PathReading, readPath } from './reading/path.ts';
import { type Expansion, type OptionsReading, type QueryUse, readQueryUse } from './reading/query.ts';
import { isJson, readTarget } from './reading/target.ts';
import { once, type RequestReading } from './request-reading.ts';
import { keyParts, type Location, resolve } from './resolve.ts';
import { type GatewayRequest, unreadable } from './verdict.ts';

/*
 * What a request names: its path with `*` for each key, its query options with the properties in them, and the properties of its
 * body. Values are left out. The audit log keeps it, and `readNames` makes a reading of it that the judge decides on as it decided
 * on the request.
 */

/** What a request names, without values. */
export interface RequestNames {
  /**
   * Version and path, with `*` in place of each key. Absent if the permission map does not contain the path, because nothing else
   * tells keys from names.
   */
  readonly template?: string;
  /** `$select=id,displayName&$expand=manager($select=id)&$filter=accountEnabled&$top`. Absent without a query. */
  readonly query?: string;
  /**
   * Properties of the body: `displayName`, those of inner objects with a slash (`/forceChangePasswordNextSignIn`), and
   * `NAME=TYPE` where the judge asks for the type or the path of an object. Absent without a JSON body.
   */
  readonly bodyNames?: readonly string[];
}

/** Stands for names that are too long for a record, or that cannot be read. A request with it cannot be judged again. */
const cutNames = '...';
/** Most characters of a template, of a query, and of the names of a body. */
const longest = { template: 500, query: 1_500, body: 1_500 };

const bounded = (text: string, most: number): string => (text.length > most ? cutNames : text);

/**
 * What a request names. A template that cannot be made is left out, and other parts that cannot be read are {@link cutNames}.
 */
export function namesOf(reading: RequestReading, map: PermissionMap): RequestNames {
  const template = attempt(() => bounded(templateOf(reading, map), longest.template));
  const query = attempt(() => bounded(queryNames(reading.options(), reading.query()), longest.query)) ?? cutNames;
  return {
    ...(template === undefined ? {} : { template }),
    ...(query === '' ? {} : { query }),
    ...(hasJson(reading) ? { bodyNames: attempt(() => namesInBody(reading.body(), map, reading)) ?? [cutNames] } : {}),
  };
}

/** A picture has no names. */
const hasJson = ({ request, headers }: RequestReading): boolean =>
  request.body !== undefined && request.body !== '' && isJson(attempt(headers)?.['content-type']);

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function templateOf(reading: RequestReading, map: PermissionMap): string {
  const path = reading.path();
  const method = reading.method();
  const location = (['delegated', 'application'] as const)
    .map((scheme) => attempt(() => resolve(map, path.parts, { method, scheme })))
    .find((found) => found !== undefined);
  if (location === undefined) throw unreadable('The permission map does not contain the path.');
  return `/${reading.target().version}${templatePath(path, location)}`;
}

/** A path with `*` for each key, and for each value of a parameter. It has one segment for each part. */
function templatePath(path: PathReading, location: Location): string {
  const keys = keyParts(path, location);
  return path.parts
    .map((part, index) => `/${keys[index] === 'key' ? '*' : nameOf(part, path.segments[index])}`)
    .join('');
}

function nameOf(part: Part, segment = ''): string {
  const parameters = part.kind === 'call' || part.kind === 'qualified' ? part.parameters : undefined;
  if (parameters === undefined) return segment;
  const name = namespace.test(segment) ? `microsoft.graph.${part.text}` : part.text;
  return `${name}(${parameters.map((parameter) => `${parameter}='*'`).join(',')})`;
}

const pathText = ({ names, collection }: PropertyPath): string => `${names.join('/')}${collection ? '/$count' : ''}`;

/** Stands for the free text of `$search`. The readers of OData have no other form for it. */
const freeText = '$search';

/** The query in a form that {@link readQueryUse} reads: conditions are joined by `and`. */
function queryNames({ values }: OptionsReading, use: QueryUse): string {
  const conditions = use.conditions.map(pathText);
  const named = conditions.filter((text) => text !== freeText);
  const texts = new Map<string, string>();
  for (const [name, value] of values) texts.set(name, name === 'format' ? `=${value.toLowerCase()}` : '');
  // A link continues a query that it does not show.
  if (use.select !== undefined) texts.set('select', `=${use.select.map(pathText).join(',')}`);
  if (use.expand.length > 0) texts.set('expand', `=${use.expand.map(expansionText).join(',')}`);
  if (named.length > 0) texts.set('filter', `=${named.join(' and ')}`);
  if (conditions.length > named.length) texts.set('search', '=*');
  return [...texts].map(([name, text]) => `$${name}${text}`).join('&');
}

function expansionText({ names, query }: Expansion): string {
  const options = [
    ...(query.select === undefined ? [] : [`$select=${query.select.map(pathText).join(',')}`]),
    ...(query.conditions.length === 0 ? [] : [`$filter=${query.conditions.map(pathText).join(' and ')}`]),
    ...(query.expand.length === 0 ? [] : [`$expand=${query.expand.map(expansionText).join(',')}`]),
  ];
  return `${names.join('/')}${options.length === 0 ? '' : `(${options.join(';')})`}`;
}

/** Names that a property of Graph may have. Another one may be text of the caller. */
const propertyName = /^[\w.@$-]{1,128}$/;
const shownName = (name: string): string => (propertyName.test(name) ? name : '?');
const typeName = /^#?microsoft\.graph\.[\w.]+$/;

function namesInBody({ value, names }: ReadBody, map: PermissionMap, { request }: RequestReading): readonly string[] {
  const asksForTypes = /\/getbyids$/i.test(request.url);
  const found = Object.entries(value).map(([name, inner]) =>
    name === 'types' && asksForTypes ? `types=${listedTypes(inner)}` : `${shownName(name)}${typeIn(name, inner, map)}`,
  );
  const outer = new Set(Object.keys(value));
  for (const [name, values] of names) {
    const bound = [...values].map((each) => `=${objectTemplate(each, map)}`);
    if (bound.length > 0) found.push(...bound.map((text) => `/${shownName(name)}${text}`));
    else if (!outer.has(name)) found.push(`/${shownName(name)}`);
  }
  if (/\/search\/query$/i.test(request.url)) found.push(...entityTypes(value));
  return found.join(' ').length > longest.body ? [cutNames] : [...new Set(found)];
}

/** What the judge asks for of the value: the path of the object, and types. */
function typeIn(name: string, value: unknown, map: PermissionMap): string {
  if (name === '@odata.id') return `=${objectTemplate(value, map)}`;
  if (name === '@odata.type' && typeof value === 'string' && typeName.test(value)) return `=${value}`;
  return '';
}

const listedTypes = (value: unknown): string =>
  (Array.isArray(value) ? value : [])
    .filter((type) => /^\w{1,40}$/.test(String(type)))
    .join(',')
    .slice(0, 500);

/** The URL of an object, with `*` for its key and without its host; '?' for another text. */
function objectTemplate(url: unknown, map: PermissionMap): string {
  return (
    attempt(() => {
      const { host } = new URL(String(url));
      const { version, path, query } = readTarget(String(url), host);
      const reading = readPath(path);
      if (query !== '') return '?';
      return `/${version}${templatePath(reading, resolve(map, reading.parts, { method: 'GET', scheme: 'delegated' }))}`;
    }) ?? '?'
  );
}

function entityTypes({ requests }: JsonObject): readonly string[] {
  const types = (Array.isArray(requests) ? requests : []).flatMap((each: unknown): unknown[] => {
    const listed = isObject(each) ? each['entityTypes'] : undefined;
    return Array.isArray(listed) ? listed : [];
  });
  return [...new Set(types)].flatMap((type) =>
    /^\w{1,40}$/.test(String(type)) ? [`entityTypes=${String(type)}`] : [],
  );
}

/** A recorded request: what it named, and its path as it was sent, with the keys. */
export interface NamedRequest extends RequestNames {
  readonly method: string;
  /** With its version. Read alone if there is no template. */
  readonly path: string;
}

/** A key that the permission map takes for nothing else. */
const anyKey = '00000000-0000-4000-8000-000000000000';

/**
 * Reads a recorded request for the judge. What it does not name was not in the request.
 * @throws Refusal, when a part is read, for names that were cut or cannot be read.
 */
export function readNames(
  { method, path, template, query = '', bodyNames }: NamedRequest,
  host: string,
): RequestReading {
  const body = bodyNames === undefined ? undefined : JSON.stringify(bodyNames);
  const request: GatewayRequest = { method, url: path, body };
  const target = once(() => {
    const { version, path: rest } = readTarget(template ?? path, host);
    return { version, path: rest, query: '' };
  });
  const options = once(() => optionsOf(query));
  const known = methodOf(method);
  return {
    request,
    method: () => known,
    target,
    path: once(() => (template === undefined ? readPath(target().path) : pathOf(template, path))),
    options,
    headers: () => (body === undefined ? {} : { 'content-type': 'application/json' }),
    query: once(() => readQueryUse(readable(options().values))),
    body: once(() => bodyOf(bodyNames ?? [], host)),
  };
}

const methodOf = (method: string): ReturnType<RequestReading['method']> =>
  method as ReturnType<RequestReading['method']>;

const refuseCut = (text: string): void => {
  if (text.split(/[/&]/).includes(cutNames)) throw unreadable('The record does not have all names of the request.');
};

function optionsOf(query: string): OptionsReading {
  refuseCut(query);
  const pairs = query === '' ? [] : query.split('&');
  const values = pairs.map((pair): [string, string] => {
    const [, name = '', value = ''] = /^\$([a-z]+)(?:=(.*))?$/is.exec(pair) ?? [];
    return [name.toLowerCase(), value];
  });
  return { values: new Map(values), canonical: query };
}

/** Options whose value is left out name nothing. */
const readable = (values: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  new Map([...values].filter(([, value]) => value !== ''));

/**
 * A template and the path that it was made of as one reading: both have one segment for each part.
 * @throws Refusal for two that do not belong together, and for a template that was cut.
 */
function pathOf(template: string, path: string): PathReading {
  refuseCut(template);
  const named = template.split('/').slice(2);
  // A path that was cut, or from which something was removed, has lost segments or their text.
  const sent = path.split('/').slice(2);
  const isWhole = sent.length === named.length && !path.includes('[');
  const parts: Part[] = [];
  const segments: string[] = [];
  for (const [index, segment] of named.entries()) {
    const written = isWhole ? sent[index] : undefined;
    if (segment === '*') {
      parts.push({
        kind: 'key',
        text: written === undefined ? anyKey : (attempt(() => decodeURIComponent(written)) ?? anyKey),
      });
      segments.push(written ?? anyKey);
    } else {
      const [part] = readPath(`/${segment}`).parts;
      if (part !== undefined) parts.push(part);
      segments.push(segment.includes('(') ? (written ?? segment) : segment);
    }
  }
  const joined = `/${segments.join('/')}`;
  return { parts, canonical: joined, slashed: joined, segments };
}

/** A body with these names, in which each object that it refers to has some key. */
function bodyOf(found: readonly string[], host: string): ReadBody {
  if (found.includes(cutNames)) throw unreadable('The record does not have all names of the body.');
  const value: Record<string, unknown> = {};
  const names = new Map<string, Set<unknown>>();
  const types: string[] = [];
  for (const text of found) {
    const isInner = text.startsWith('/');
    const [name = '', ...rest] = text.slice(isInner ? 1 : 0).split('=');
    const shown = rest.join('=');
    const known = names.get(name) ?? new Set();
    names.set(name, known);
    const isObjectUrl = name === '@odata.id' || name.endsWith('@odata.bind');
    const read = isObjectUrl ? `https://${host}${shown.replaceAll(/\/\*(?=\/|$)/g, `/${anyKey}`)}` : shown;
    if (name === 'entityTypes' && shown !== '') types.push(shown);
    else if (name.endsWith('@odata.bind')) known.add(read);
    if (!isInner && name !== 'entityTypes') value[name] = name === 'types' ? shown.split(',') : read;
  }
  if (types.length > 0) value['requests'] = [{ entityTypes: types }];
  return { value, names: names satisfies BodyNames };
}
