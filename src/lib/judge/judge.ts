import { type Method, methods, openings, type PermissionMap } from './map/permission-map.ts';
import type { Question } from './question.ts';
import { type JsonObject, readBody } from './reading/body.ts';
import { isJson, readHeaders } from './reading/headers.ts';
import { type OptionsReading, readOptions } from './reading/options.ts';
import { type PathReading, readPath } from './reading/path.ts';
import { type QueryUse, readQueryUse } from './reading/query.ts';
import { readTarget, type Target } from './reading/target.ts';
import { notPermitted, quoted, Refusal, unreadable } from './refusal.ts';
import { type Location, resolve } from './resolve.ts';
import { answerLimits } from './rules/answer-limits.ts';
import { judgeBody } from './rules/judge-body.ts';
import { judgeQuery } from './rules/judge-query.ts';
import { lookUpsFor } from './rules/look-ups.ts';
import { openedBy } from './rules/opened-by.ts';
import { ownPath } from './rules/own-path.ts';
import { judgeSearchedTypes, searchedTypes } from './rules/search-types.ts';
import { refuseRoots, refuseSpecialEndpoints } from './rules/special-endpoints.ts';
import { refuseWriteThroughNavigation } from './rules/writes-through-navigations.ts';
import type { Allowed, GatewayRequest, Grant, Verdict } from './verdict.ts';

/**
 * Judges one request to Microsoft Graph: allowed if the rule's permissions open its method and path in the permission map,
 * and everything else that it reads or writes. The token behind the gateway may carry more permissions than the rule, so
 * Graph does not stop what is allowed here by mistake: what cannot be read with certainty is refused. Pure.
 */
export function judgeRequest(map: PermissionMap, grant: Grant, request: GatewayRequest): Verdict {
  try {
    return judge(map, grant, request);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { allowed: false, kind: error.kind, reason: error.message };
  }
}

function judge(map: PermissionMap, grant: Grant, request: GatewayRequest): Allowed {
  const method = readMethod(request.method);
  const target = readTarget(request.url, grant.host);
  if (target.version === 'beta' && !grant.beta) {
    throw notPermitted('The rule does not allow /beta; request /v1.0, or add a path of /beta to the rule.');
  }
  const path = readPath(target.path);
  refuseRoots(path.parts[0]?.text ?? '');
  const options = readOptions(target.query);
  const headers = readHeaders(request.headers ?? {});
  const location = resolve(map, path.parts, { method, scheme: grant.scheme });
  const body = readRequestBody(method, location, { body: request.body, contentType: headers['content-type'] });
  const query = queryOf(options, request, method);
  refuseUnclearOptions(options, location);
  refuseSpecialEndpoints(method, location, answersJson(target, options));
  refuseWriteThroughNavigation(method, location);
  const question: Question = {
    map,
    grant,
    method,
    location,
    own: ownPath(path.parts, grant),
    query,
    bodyKeys: body === undefined ? undefined : Object.keys(body),
    searchedTypes: location.path === 'search/query' ? searchedTypes(body) : undefined,
  };
  return allowed(question, { target, path, options, headers }, body);
}

interface Reading {
  readonly target: Target;
  readonly path: PathReading;
  readonly options: OptionsReading;
  readonly headers: Readonly<Record<string, string>>;
}

function allowed(question: Question, reading: Reading, body: JsonObject | undefined): Allowed {
  const { grant, method, query, searchedTypes: types } = question;
  const opened = requireOpened(question);
  const navigated = judgeQuery(question);
  const needed = [
    ...(types === undefined ? opened : judgeSearchedTypes(types, grant)),
    ...navigated.permissions,
    ...(body === undefined ? [] : judgeBody(body, question)),
  ];
  const { answer, permissions } = answerLimits(question, {
    places: navigated.places,
    csv: asksForCsv(reading.options),
  });
  const { target, path, options, headers } = reading;
  const address = `/${target.version}${path.canonical}`;
  return {
    allowed: true,
    permissions: [...new Set([...needed, ...permissions])].toSorted(),
    request: {
      method,
      url: `https://${grant.host}${address}${options.canonical === '' ? '' : `?${options.canonical}`}`,
      path: `/${target.version}${path.slashed}`,
      headers,
    },
    answer,
    lookUps: lookUpsFor(question, `https://${grant.host}/${target.version}`, path.parts),
    selected: selectedNames(query),
  };
}

/** Each name once: every page of a collection adds those of its link, and links must not grow. */
const selectedNames = ({ select, expand }: QueryUse): readonly string[] => [
  ...new Set([...(select ?? []), ...expand].map(({ names }) => names.join('/'))),
];

function readMethod(written: string): Method {
  const known = methods.find((method) => method === written);
  if (known === undefined)
    throw unreadable(`The method ${quoted(written)} is not one of ${methods.join(', ')}; use one of them.`);
  return known;
}

function readRequestBody(
  method: Method,
  location: Location,
  { body, contentType }: { body: string | undefined; contentType: string | undefined },
): JsonObject | undefined {
  if (body === undefined || body === '') {
    if (!needsBody(method, location)) return undefined;
    throw unreadable('The request has no body, and this operation reads one; send it.');
  }
  if (method === 'GET' || method === 'DELETE')
    throw unreadable(`A ${method} request has no body; send it without one.`);
  if (isJson(contentType)) return readBody(body);
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

/** A link's token continues a query that the URL may not show, so what the first query selected is judged as well. */
function queryOf(options: OptionsReading, { link }: GatewayRequest, method: Method): QueryUse {
  const hidden = options.values.has('skiptoken') || options.values.has('deltatoken');
  if (hidden && link === undefined && options.values.get('deltatoken')?.toLowerCase() !== 'latest') {
    throw notPermitted(
      'The query continues a link that did not come from this gateway; follow the links of its answers.',
    );
  }
  const use = readQueryUse(options.values);
  if (method !== 'GET' && use.expand.length > 0) throw unreadable('$expand is read with GET only; remove it.');
  const selected = (link?.selected ?? []).map((name) => ({ names: name.split('/'), collection: false }));
  return selected.length === 0 ? use : { ...use, select: [...(use.select ?? []), ...selected] };
}

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
  const request = `${question.method} ${question.location.written}`;
  if (limits.length > 0) throw notPermitted(`The rule does not open ${request}: ${limits.join('; ')}.`);
  const listed = suggestions(question);
  throw notPermitted(
    listed.length === 0
      ? `The permission map opens ${request} to no ${question.grant.scheme} permission; check method and path.`
      : `None of the rule's permissions opens ${request}; add one that does, such as ${listed.join(' or ')}.`,
  );
}

/** Up to three permissions that would open the path, shortest names first. */
function suggestions(question: Question): readonly string[] {
  const { map, grant, method, location } = question;
  const listed = location.nodes
    .flatMap((node) => openings(map, node, { method, scheme: grant.scheme, held: undefined }))
    .toSorted((one, other) => one.permission.length - other.permission.length);
  const found: string[] = [];
  for (const { permission, alsoOneOf } of listed) {
    const alone = { ...question, grant: { ...grant, permissions: new Set([permission, ...alsoOneOf]) } };
    if (openedBy(alone).permissions.length > 0) found.push(permission);
    if (found.length === 3) break;
  }
  return found;
}
