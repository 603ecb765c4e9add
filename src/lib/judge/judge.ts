import { type Method, openings, type PermissionMap, type Scheme } from 'graph-permissions/permission-map';
import type { JsonObject } from '../core/objects.ts';
import type { ReadBody } from './reading/body.ts';
import { noQuery, type OptionsReading } from './reading/query.ts';
import { isJson, type Target } from './reading/target.ts';
import { continuedNames, readRequest, type RequestReading } from './request-reading.ts';
import { type Location, patternSegments, type Question, resolve } from './resolve.ts';
import { answerLimits } from './rules/answer-limits.ts';
import { changedBy } from './rules/changed-by.ts';
import { judgeBody } from './rules/judge-body.ts';
import { judgeQuery, judgeSearchedTypes, searchedTypes } from './rules/judge-query.ts';
import { openedBy, refuseWriteThroughNavigation } from './rules/opened-by.ts';
import { lookUpsFor, ownPath, refuseRoots, refuseSpecialEndpoints } from './rules/special-endpoints.ts';
import {
  type Allowed,
  type GatewayRequest,
  type Grant,
  notPermitted,
  orRefused,
  type Refusal,
  unreadable,
  type Verdict,
} from './verdict.ts';

/**
 * Judges one request to Microsoft Graph: allowed if the rule's permissions open its method and path in the permission map,
 * and everything else that it reads or writes. The token behind the gateway may carry more permissions than the rule, so
 * Graph does not stop what is allowed here by mistake: what cannot be read with certainty is refused. Pure.
 */
export const judgeRequest = (map: PermissionMap, grant: Grant, request: GatewayRequest): Verdict =>
  judgeReading(map, grant, readRequest(request, grant.host));

/** The same for a request that several rules are asked about. */
export const judgeReading = (map: PermissionMap, grant: Grant, reading: RequestReading): Verdict =>
  orRefused(() => judge(map, grant, reading));

function judge(map: PermissionMap, grant: Grant, reading: RequestReading): Allowed {
  const method = reading.method();
  const target = reading.target();
  if (target.version === 'beta' && !grant.beta) {
    throw notPermitted('The rule does not allow /beta; request /v1.0, or add a path of /beta to the rule.');
  }
  const { parts } = reading.path();
  refuseRoots(parts[0]?.text ?? '');
  const options = reading.options();
  reading.headers();
  const location = resolve(map, parts, { method, scheme: grant.scheme });
  const own = ownPath(parts, grant);
  const base = { map, grant, method, location, own, query: noQuery, bodyKeys: undefined, searchedTypes: undefined };
  // Before query and body are read, which takes longer.
  if (!isListed(base)) throw notOpened(base, []);
  const body = readRequestBody(method, location, reading);
  const query = reading.query();
  refuseUnclearOptions(options, location);
  refuseSpecialEndpoints(method, location, answersJson(target, options));
  refuseWriteThroughNavigation(method, location);
  const question: Question = {
    ...base,
    query,
    bodyKeys: body === undefined ? undefined : Object.keys(body.value),
    bodyNames: body?.names,
    searchedTypes: location.path === 'search/query' ? searchedTypes(body?.value) : undefined,
  };
  return allowed(question, reading, body?.value);
}

/** Whether the map lists one of the rule's permissions at the location, whatever limits it. */
const isListed = ({ map, grant, method, location }: Question): boolean =>
  location.nodes.some(
    (node) => openings(map, node, { method, scheme: grant.scheme, held: grant.permissions }).length > 0,
  );

function allowed(question: Question, reading: RequestReading, body: JsonObject | undefined): Allowed {
  const { grant, method, searchedTypes: types } = question;
  const options = reading.options();
  const opened = requireOpened(question);
  const navigated = judgeQuery(question);
  const needed = [
    ...(types === undefined ? opened : judgeSearchedTypes(types, grant)),
    ...navigated.permissions,
    ...(body === undefined ? [] : judgeBody(body, question)),
  ];
  const { locations } = navigated;
  const { answer, permissions } = answerLimits(question, { locations, csv: asksForCsv(options) });
  const target = reading.target();
  const path = reading.path();
  const address = `/${target.version}${path.canonical}`;
  return {
    allowed: true,
    permissions: [...new Set([...needed, ...permissions])].toSorted(),
    request: {
      method,
      url: `https://${grant.host}${address}${options.canonical === '' ? '' : `?${options.canonical}`}`,
      path: `/${target.version}${path.slashed}`,
      segments: [{ text: target.version, isKey: true }, ...patternSegments(path, question.location)],
      headers: reading.headers(),
    },
    answer,
    changed: changedBy(method, question.location, path.parts),
    lookUps: lookUpsFor(question, `https://${grant.host}/${target.version}`, path.parts),
    selected: continuedNames(reading),
  };
}

function readRequestBody(
  method: Method,
  location: Location,
  { request: { body }, headers, body: read }: RequestReading,
): ReadBody | undefined {
  if (body === undefined || body === '') {
    if (!needsBody(method, location)) return undefined;
    throw unreadable('The request has no body, and this operation reads one; send it.');
  }
  if (method === 'GET' || method === 'DELETE')
    throw unreadable(`A ${method} request has no body; send it without one.`);
  const contentType = headers()['content-type'];
  if (isJson(contentType)) return read();
  const picture = location.suffix === '$value' || location.template.at(-1) === '$value';
  if (picture && /^image\/(?:jpeg|png|gif)$/i.test(contentType ?? '')) return undefined;
  throw unreadable(
    'The body is not JSON; send JSON with Content-Type application/json, or a picture to /photo/$value.',
  );
}

/** Operations whose body says which objects they concern. */
const needsBody = (method: Method, { template, suffix, path }: Location): boolean =>
  method !== 'GET' &&
  method !== 'DELETE' &&
  (suffix === '$ref' || ['$ref', 'getbyids'].includes(template.at(-1) ?? '') || path === 'search/query');

function refuseUnclearOptions({ values }: OptionsReading, location: Location): void {
  const dated = values.has('startdatetime') || values.has('enddatetime');
  if (dated && !location.template.some((segment) => segment === 'calendarview' || segment === 'instances')) {
    throw unreadable('startDateTime and endDateTime belong to calendarView and instances; remove them.');
  }
  if (asksForCsv({ values }) && !location.template.includes('reports')) {
    throw unreadable('$format=text/csv belongs to reports; remove it.');
  }
}

const asksForCsv = ({ values }: Pick<OptionsReading, 'values'>): boolean => /csv$/i.test(values.get('format') ?? '');

const answersJson = ({ version }: Target, { values }: OptionsReading): boolean =>
  version === 'beta' && /^application\/json$/i.test(values.get('format') ?? '');

/** @returns the permissions that open the path. @throws Refusal with the reason if none of the rule's does. */
function requireOpened(question: Question): readonly string[] {
  const { permissions, limits } = openedBy(question);
  if (permissions.length > 0) return permissions;
  throw notOpened(question, limits);
}

function notOpened(question: Question, limits: readonly string[]): Refusal {
  const request = `${question.method} ${question.location.written}`;
  if (limits.length > 0) return notPermitted(`The rule does not open ${request}: ${limits.join('; ')}.`);
  const listed = suggestions(question);
  return notPermitted(
    listed.length === 0
      ? `The permission map opens ${request} to no ${question.grant.scheme} permission; check method and path.`
      : `None of the rule's permissions opens ${request}; add one that does, such as ${listed.join(' or ')}.`,
  );
}

/** Up to three permissions that would open the path: the least privileged ones, then those with the shortest names. */
function suggestions(question: Question): readonly string[] {
  const { map, grant, method, location } = question;
  const listed = location.nodes
    .flatMap((node) => openings(map, node, { method, scheme: grant.scheme, held: undefined }))
    .toSorted(
      (one, other) => Number(other.least) - Number(one.least) || one.permission.length - other.permission.length,
    );
  const found: string[] = [];
  for (const { permission, alsoOneOf } of listed) {
    const alone = { ...question, grant: { ...grant, permissions: new Set([permission, ...alsoOneOf]) } };
    if (openedBy(alone).permissions.length > 0) found.push(permission);
    if (found.length === 3) break;
  }
  return found;
}

/** Which permissions a request needs. */
export type Requirement =
  /** Each of these opens the whole request alone; or, if none does, an example of a set that does, which is minimal. */
  | { readonly opened: true; readonly anyOf: readonly string[]; readonly together: readonly string[] }
  /** No permissions open it. */
  | { readonly opened: false; readonly reason: string };

/** The permissions that a request needs, by the rules of the judge. Takes milliseconds. Pure. */
export function requiredPermissions(
  map: PermissionMap,
  request: GatewayRequest,
  { scheme, host }: { scheme: Scheme; host: string },
): Requirement {
  const verdictOf = (permissions: Iterable<string>) => {
    const grant: Grant = { scheme, permissions: new Set(permissions), beta: true, me: true, host };
    return judgeRequest(map, grant, request);
  };
  const all = verdictOf(map.permissions);
  if (!all.allowed) return { opened: false, reason: all.reason };
  const anyOf = all.permissions.filter((permission) => verdictOf([permission]).allowed);
  if (anyOf.length > 0) return { opened: true, anyOf, together: [] };
  let together = all.permissions.toSorted(narrowFirst);
  for (const permission of together.toReversed()) {
    const without = together.filter((other) => other !== permission);
    if (verdictOf(without).allowed) together = without;
  }
  return { opened: true, anyOf: [], together: together.toSorted() };
}

/**
 * The permissions without which every one of these requests is still opened by the others. Pure.
 * @param permissions What a job or rule names.
 */
export function unneededPermissions(
  map: PermissionMap,
  requests: readonly GatewayRequest[],
  { permissions, scheme, host }: { permissions: readonly string[]; scheme: Scheme; host: string },
): readonly string[] {
  return permissions.filter((permission) => {
    const others = new Set(permissions.filter((other) => other !== permission));
    const grant: Grant = { scheme, permissions: others, beta: true, me: true, host };
    return requests.every((request) => judgeRequest(map, grant, request).allowed);
  });
}

/** The permissions that Microsoft calls the least privileged for the path of a request. Empty for a path that is not in the map. */
export function leastPermissions(map: PermissionMap, reading: RequestReading, scheme: Scheme): readonly string[] {
  const found = orRefused(() => {
    const method = reading.method();
    const { nodes } = resolve(map, reading.path().parts, { method, scheme });
    return nodes.flatMap((node) => openings(map, node, { method, scheme, held: undefined }));
  });
  return 'allowed' in found ? [] : found.filter(({ least }) => least).map(({ permission }) => permission);
}

/** Permissions to read come first, and those for the whole directory last. */
export const narrowFirst = (one: string, other: string): number =>
  breadth(one) - breadth(other) || (one < other ? -1 : 1);

const breadth = (permission: string): number =>
  (permission.startsWith('Directory.') ? 2 : 0) + (/\.Read(?:Basic)?(?:\.|$)/.test(permission) ? 0 : 1);
