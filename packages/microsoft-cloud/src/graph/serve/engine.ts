import { randomUUID } from 'node:crypto';
import type { Caller } from '../../resource/caller.ts';
import { type CloudRequest, headerOf, type Reply } from '../../web/http.ts';
import type { World } from '../../world.ts';
import type { Declaration } from '../declaration.ts';
import { GraphError, NotSimulated, notFound } from '../graph-error.ts';
import { parseQuery } from '../odata/parse-query.ts';
import type { QueryOptions } from '../odata/expression.ts';
import { QueryError } from '../odata/tokens.ts';
import { type Schema, schemaOf, type Version } from '../schema/schema.ts';
import { plainAddress } from './addresses.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { answerReport } from './answer-report.ts';
import { type Access, checkExpanded } from './check-access.ts';
import { checkDelta } from './check-delta.ts';
import { delta } from './delta.ts';
import { continuedQuery } from './delta-token.ts';
import { locate } from './locate.ts';
import { operate } from './operations.ts';
import { checkListed, type Used, usedRules } from './property-rules.ts';
import { read } from './read.ts';
import { writeReferences } from './references.ts';
import { createReports, type Reports } from './report.ts';
import { readPath, type Target, UnknownSegment } from './steps.ts';
import { createSight } from './sight.ts';
import { createStore, type Store } from './store.ts';
import { createView, type View } from './view.ts';
import { createWalks, type Walks } from './walks.ts';
import { write } from './write.ts';
import { notAllowed, notSimulated, type WriteRequest } from './write-request.ts';

/** Serves all declared data over the schema of Graph. */
export interface Engine {
  answer(request: CloudRequest, caller: Caller): Reply;
  /** The file behind the address of a report. Undefined for another path. */
  fetchReport(path: string): Reply | undefined;
  /** A tenant, to look at its data outside a request. */
  viewOf(tenantId: string): View;
  readonly catalog: Catalog;
}

interface EngineOptions {
  readonly world: World;
  readonly declarations: readonly Declaration[];
  readonly access: Access;
}

export function createEngine({ world, declarations, access }: EngineOptions): Engine {
  const catalog = createCatalog(declarations);
  const parts: Parts = {
    world,
    catalog,
    store: createStore(world.clock),
    reports: createReports(world.clock),
    walks: createWalks(),
    runId: randomUUID(),
    access,
  };
  return {
    catalog,
    fetchReport: (path) => parts.reports.fetch(path),
    viewOf: (tenantId) => viewIn(parts, tenantId, true),
    answer: (request, caller) => {
      try {
        const { states } = parts.store.changesOf(caller.tenantId);
        const serving = { isRead: request.method === 'GET', effect: request.facts.effect };
        return states.serve(serving, () => answer(parts, request, caller));
      } catch (error) {
        if (error instanceof NotSimulated) request.facts.unmatched = true;
        if (error instanceof QueryError) throw new GraphError(400, 'BadRequest', error.message);
        throw error;
      }
    },
  };
}

interface Parts {
  readonly world: World;
  readonly catalog: Catalog;
  readonly store: Store;
  readonly reports: Reports;
  readonly walks: Walks;
  /** Links that an earlier run of the cloud returned are refused. */
  readonly runId: string;
  readonly access: Access;
}

const viewIn = ({ world, catalog, store }: Parts, tenantId: string, isAgent: boolean): View =>
  createView({ world, catalog, store, tenantId, isAgent, customer: world.findCustomer(tenantId) });

function answer(parts: Parts, request: CloudRequest, caller: Caller): Reply {
  const { world, catalog, access } = parts;
  const [, version = 'v1.0', written = ''] = /^\/(v1\.0|beta)\/(.*)$/i.exec(request.path) ?? [];
  const path = plainAddress(written);
  const schema = schemaOf(version.toLowerCase() as Version);
  const isOwn = isOwnPath(path);
  const target = targetOf(parts, request, caller, { path, schema });
  const query = target.ending.kind === 'delta' ? continuedQuery(request.query) : request.query;
  const options = parseQuery(query);
  checkOptions(options, target);
  if (target.ending.kind === 'delta') checkTracking(parts, caller, { target, options, path });
  if (isOwn && caller.isApplication)
    throw new GraphError(400, 'BadRequest', '/me request is only valid with delegated authentication flow.');
  const readable = access.check(caller, request.method, path);
  // A delegated administrator is no object of the customer's directory.
  if (isOwn && caller.customer !== undefined) throw notFound(caller.objectId);
  const view = viewIn(parts, caller.tenantId, isAgent(world, caller));
  const objects = target.isList ? `${path}/{id}` : path;
  checkExpanded(options.expand, { path: objects, type: target.type }, { access, caller, schema, catalog });
  const sight = createSight({ catalog, schema, readable: (each) => access.readable(caller, each) });
  const guess = (): void => {
    request.facts.unmatched = true;
  };
  const places = { view, catalog, schema, sight, guess };
  const located = locate(target, places);
  const root = `${world.addresses().graph}/${version.toLowerCase()}`;
  const { declared } = located;
  if (declared === undefined && target.ending.kind !== 'operation') guess();
  if (declared?.kind === 'report')
    return answerReport({ request, declared, options, view, keys: located.keys, root: world.addresses().graph }, parts);
  declared?.check?.(view);
  checkProperties({ target, located, options, places }, access, { caller, method: request.method });
  return dispatch({
    target,
    located,
    options,
    readable,
    places,
    walks: parts.walks,
    runId: parts.runId,
    root,
    address: `${world.addresses().graph}${request.path}`,
    query,
    isEventual: headerOf(request, 'consistencylevel')?.toLowerCase() === 'eventual',
    method: request.method,
    body: request.body,
    ifMatch: headerOf(request, 'if-match'),
    wantsObject: /return=representation/i.test(headerOf(request, 'prefer') ?? ''),
  });
}

/** Checks the rules of the properties that a request uses. */
function checkProperties(
  used: Used,
  access: Access,
  { caller, method }: { readonly caller: Caller; readonly method: string },
): void {
  checkListed(used);
  for (const rule of usedRules(used)) {
    if (rule.opens !== undefined) access.check(caller, method, rule.opens);
    if (rule.permissions !== undefined) access.checkProperty(caller, rule.permissions);
    rule.check?.(used.places.view);
  }
}

const methods = new Set(['GET', 'POST', 'PATCH', 'PUT', 'DELETE']);

function checkMethod(method: string): void {
  if (!methods.has(method)) throw notAllowed();
}

const isOwnPath = (path: string): boolean => /^me(?:\/|$)/i.test(path);

/** Reads the path. @throws GraphError 501 for what the permission map has and the typings do not, such as actions. */
function targetOf(
  { catalog, access }: Parts,
  { method }: CloudRequest,
  caller: Caller,
  { path, schema }: { readonly path: string; readonly schema: Schema },
): Target {
  checkMethod(method);
  try {
    return readPath(isOwnPath(path) ? path.replace(/^me/i, `users/${caller.objectId}`) : path, schema, catalog);
  } catch (error) {
    if (!(error instanceof UnknownSegment) || !access.lists(method, path)) throw error;
    access.check(caller, method, path);
    throw notSimulated(path);
  }
}

/** @throws GraphError 400 for a list whose changes Graph does not track, 501 for one whose changes it does. */
function checkTracking(
  { catalog, access }: Parts,
  caller: Caller,
  { target, options, path }: { readonly target: Target; readonly options: QueryOptions; readonly path: string },
): void {
  const isListed = access.lists('GET', path);
  if (checkDelta(target, options, { catalog, isListed }) === 'answered') return;
  if (isListed) access.check(caller, 'GET', path);
  throw notSimulated(path);
}

/** Options that would be without effect. */
function checkOptions({ format, deltaToken }: QueryOptions, { ending, steps }: Target): void {
  const isReport = steps.at(-1)?.kind === 'call';
  if (format !== undefined && !isReport && !['json', 'application/json'].includes(format.toLowerCase()))
    throw new GraphError(400, 'BadRequest', `The format '${format.slice(0, 40)}' is not supported.`);
  if (deltaToken !== undefined && ending.kind !== 'delta')
    throw new GraphError(400, 'BadRequest', "The query parameter '$deltatoken' is not supported.");
}

/** Whether the caller is a member of the partner's AdminAgents, in the partner's own tenant. */
function isAgent({ partner }: World, { customer, isApplication, clientId, objectId }: Caller): boolean {
  if (customer !== undefined) return false;
  const principal = isApplication ? partner.directory.servicePrincipalOf(clientId)?.id : objectId;
  return principal !== undefined && partner.adminAgents.members.has(principal);
}

function dispatch(request: WriteRequest): Reply {
  const { target, method } = request;
  const { ending } = target satisfies Target;
  if (ending.kind === 'operation') return operate(request, ending.name);
  if (method === 'GET') return ending.kind === 'delta' ? delta(request) : read(request);
  if (ending.kind === 'references') return writeReferences(request);
  if (ending.kind !== 'objects' || method === 'PUT')
    throw new GraphError(405, 'Request_BadRequest', 'Specified HTTP method is not allowed for the request target.');
  return write(request);
}
