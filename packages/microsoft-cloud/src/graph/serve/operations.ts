import { empty, json, type Reply } from '../../web/http.ts';
import type { Row } from '../declaration.ts';
import { badRequest, notFound } from '../graph-error.ts';
import type { QueryOptions } from '../odata/expression.ts';
import { shortName } from '../schema/schema.ts';
import { checkParts } from './body.ts';
import { createProjection } from './project.ts';
import { checkUnique, homeOfDeleted, isOfDeleted } from './write.ts';
import { jsonBody, notAllowed, notSimulated, type WriteRequest } from './write-request.ts';

/** Answers the operations that work on objects of the directory. @throws GraphError */
export function operate(request: WriteRequest, name: string): Reply {
  if (request.method !== 'POST') throw notAllowed();
  switch (name) {
    case 'getbyids':
      return getByIds(request);
    case 'getmembergroups':
    case 'getmemberobjects':
      return json(200, collectionOf(request, memberships(request, name)));
    case 'checkmembergroups':
    case 'checkmemberobjects': {
      const wanted = idsOf(request, name === 'checkmembergroups' ? ['groupIds'] : ['ids', 'groupIds']);
      const found = new Set(
        memberships(request, name === 'checkmembergroups' ? 'getmembergroups' : 'getmemberobjects'),
      );
      return json(
        200,
        collectionOf(
          request,
          wanted.filter((id) => found.has(id)),
        ),
      );
    }
    case 'restore':
      return restore(request);
    case 'assignlicense':
      return assignLicense(request);
    default:
      throw notSimulated(request.located.context);
  }
}

const collectionOf = ({ root }: WriteRequest, value: readonly string[]): Row => ({
  '@odata.context': `${root}/$metadata#Collection(Edm.String)`,
  value,
});

function idsOf(request: WriteRequest, names: readonly string[]): readonly string[] {
  const body = jsonBody(request.body);
  const ids = names.map((name) => body[name]).find(Array.isArray);
  if (!Array.isArray(ids)) throw badRequest(`${names[0]} is required.`);
  return ids.map(String);
}

/** At most 1,000 ids. Source: "directoryObject: getByIds". */
function getByIds(request: WriteRequest): Reply {
  const { places, root, options, target } = request;
  if (!isOnlySelect(options)) throw badRequest('Only the query option $select is supported here.');
  const ids = idsOf(request, ['ids']);
  if (ids.length > 1000) throw badRequest('Too many ids: at most 1000 are allowed.');
  const wrong = ids.find((id) => !guid.test(id));
  if (wrong !== undefined) throw badRequest(`Invalid object identifier '${wrong.slice(0, 40)}'.`);
  const types = jsonBody(request.body)['types'];
  const wanted = Array.isArray(types) ? types.map((each) => typeNamed(String(each), request)) : undefined;
  const paths = places.catalog.all.flatMap((each) =>
    each.kind === 'set' && !each.path.includes('{') && isWanted(shortName(each.type), wanted, request)
      ? [each.path]
      : [],
  );
  const project = createProjection({
    schema: places.schema,
    type: target.type,
    select: options.select,
    byDefault: undefined,
  });
  const value = ids.flatMap((id) => {
    const found = places.view.findIn(paths, id);
    if (found === undefined) return [];
    return [project(places.sight({ '@odata.type': `#${found.set.type}`, ...found.row }, target.type))];
  });
  return json(200, { '@odata.context': `${root}/$metadata#directoryObjects`, value });
}

const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const isOnlySelect = ({ filter, search, orderBy, top, skip, count, expand }: QueryOptions): boolean =>
  [filter, search, top, skip].every((each) => each === undefined) && orderBy.length + expand.length === 0 && !count;

/** @returns a name in lower case. @throws GraphError 400 for a type that no directory object has. */
function typeNamed(name: string, { places }: WriteRequest): string {
  const type = places.schema.type(name);
  if (type?.isA('directoryObject') !== true)
    throw badRequest(`The type '${name.slice(0, 60)}' is not a type of directory objects.`);
  return type.name.toLowerCase();
}

const isWanted = (name: string, wanted: readonly string[] | undefined, { places }: WriteRequest): boolean =>
  name !== 'directoryObject' &&
  places.schema.type(name)?.isA('directoryObject') === true &&
  (wanted === undefined || wanted.includes(name.toLowerCase()) || wanted.includes('directoryobject'));

/** Ids of the groups, and of roles and units, of which an object is a member, directly or through another group. */
function memberships(request: WriteRequest, name: 'getmembergroups' | 'getmemberobjects'): readonly string[] {
  const { located, places, body } = request;
  if (located.row === undefined) throw notFound(located.context);
  const declared = places.catalog.at(`${located.pattern}/transitiveMemberOf`);
  if (declared === undefined) throw notSimulated(located.context);
  const onlySecurity = jsonBody(body)['securityEnabledOnly'] === true;
  return places.view
    .related(declared, located.keys)
    .filter((row) => {
      const isGroup = row['@odata.type'] === '#microsoft.graph.group';
      if (name === 'getmembergroups' && !isGroup) return false;
      return !onlySecurity || (isGroup && row['securityEnabled'] === true);
    })
    .map(({ id }) => String(id));
}

/** `directory/deletedItems/ID/restore`, and the same of Conditional Access */
function restore(request: WriteRequest): Reply {
  const { located, places, root } = request;
  const { row, set: deleted } = located;
  if (row === undefined || deleted === undefined || !isOfDeleted(deleted)) throw notFound(located.context);
  const set = homeOfDeleted(places.catalog, deleted, row);
  if (set === undefined) return empty(404);
  const { '@odata.type': type, deletedDateTime: _deleted, ...content } = row;
  // Objects of Conditional Access have a time of deletion only in beta. Those of their list may have types of their own.
  const ownType = type === `#${set.type}` ? {} : { '@odata.type': type };
  const deletedDateTime = deleted.path === 'directory/deletedItems' ? { deletedDateTime: null } : {};
  const restored: Row = { ...ownType, ...content, ...deletedDateTime };
  checkUnique(request, set, restored);
  places.view.changes.putRow(set.path, {
    key: String(row['id']).toLowerCase(),
    row: restored,
    original: undefined,
    visibleMs: places.view.world.clock.nowMs(),
  });
  return json(200, { '@odata.context': `${root}/$metadata#directoryObjects/$entity`, ...row, deletedDateTime: null });
}

/** `users/ID/assignLicense`. A licence needs a free unit and a usage location ("user: assignLicense"). */
function assignLicense(request: WriteRequest): Reply {
  const { located, places, body, root } = request;
  const { row, set } = located;
  if (row === undefined || set?.path !== 'users') throw notSimulated(located.context);
  const { addLicenses, removeLicenses } = jsonBody(body);
  if (!Array.isArray(addLicenses) || !Array.isArray(removeLicenses))
    throw badRequest('addLicenses and removeLicenses are required.');
  // A user whom a client has created has none.
  const assigned = (row['assignedLicenses'] ?? []) as readonly Row[];
  const known = new Map(assigned.map((each) => [String(each['skuId']), each]));
  for (const id of removeLicenses.map(String))
    if (!known.delete(id)) throw badRequest('User does not have a corresponding license.');
  const type = places.schema.type('assignedLicense');
  for (const licence of addLicenses as readonly Row[]) {
    if (type !== undefined) checkParts(type, licence, places.schema);
    const id = String(licence['skuId']);
    checkLicence(request, row, licence, known.has(id));
    known.set(id, { disabledPlans: [], ...licence });
  }
  const changed = { ...row, assignedLicenses: [...known.values()] };
  places.view.changes.putRow(set.path, {
    key: String(row['id']).toLowerCase(),
    row: changed,
    original: row,
    visibleMs: places.view.world.clock.nowMs(),
  });
  return json(200, { '@odata.context': `${root}/$metadata#users/$entity`, ...changed });
}

function checkLicence({ places }: WriteRequest, row: Row, licence: Row, isAssigned: boolean): void {
  const skuId = String(licence['skuId']);
  const sku = places.view.rows('subscribedSkus').find((each) => each['skuId'] === skuId);
  if (sku === undefined) throw badRequest(`License ${skuId} does not correspond to a valid company License.`);
  if (row['usageLocation'] === null || row['usageLocation'] === undefined)
    throw badRequest('License assignment cannot be done for user with invalid usage location.');
  const plans = new Set(((sku['servicePlans'] ?? []) as readonly Row[]).map((plan) => plan['servicePlanId']));
  const unknown = ((licence['disabledPlans'] ?? []) as readonly string[]).find((plan) => !plans.has(plan));
  if (unknown !== undefined) throw badRequest(`The license ${skuId} has no service plan ${unknown}.`);
  const { enabled = 0 } = (sku['prepaidUnits'] ?? {}) as { readonly enabled?: number };
  if (!isAssigned && Number(sku['consumedUnits']) >= enabled)
    throw badRequest(`Subscription with SKU ${skuId} does not have any available licenses.`);
}
