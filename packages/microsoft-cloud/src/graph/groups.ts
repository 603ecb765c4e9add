import type { Group } from '../directory/records.ts';
import { groupIdsOf } from '../resource/delegated-roles.ts';
import { empty, type Reply } from '../web/http.ts';
import { checkAdmin, type GraphContext, graphRoute, listOptions } from './context.ts';
import { badRequest, notFound } from './graph-error.ts';
import { groupJson } from './json.ts';
import { directoryObjectJson, referencedObject } from './objects.ts';
import { collection, single } from './query.ts';

const read =
  'GroupMember.Read.All Group.Read.All Group.ReadWrite.All GroupMember.ReadWrite.All Directory.Read.All Directory.ReadWrite.All';
const write = 'GroupMember.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All';

function find({ directory, parameters }: GraphContext): Group {
  const id = parameters['id'] ?? '';
  const found = directory.groups.get(id);
  if (found === undefined) throw notFound(id);
  return found;
}

/** Lists users only: version 1.0 leaves out service principals ("List group members"). */
function members(context: GraphContext): Reply {
  const { users } = context.directory;
  const found = [...find(context).members]
    .filter((id) => users.has(id))
    .map((id) => directoryObjectJson(context, id))
    .filter((member) => member !== undefined);
  return collection(found, listOptions(context, 'directoryObjects'));
}

function addMember(context: GraphContext): Reply {
  checkAdmin(context);
  const group = find(context);
  const id = referencedObject(context);
  if (group.members.has(id))
    throw badRequest(
      "One or more added object references already exist for the following modified properties: 'members'.",
    );
  group.members.add(id);
  return empty(204);
}

function removeMember(context: GraphContext): Reply {
  checkAdmin(context);
  const id = context.parameters['memberId'] ?? '';
  if (!find(context).members.delete(id)) throw notFound(id);
  return empty(204);
}

/** Lists the groups of which a directory object is a direct member. */
export const groupsOf = (context: GraphContext, objectId: string): Reply =>
  listGroups(context, (group) => group.members.has(objectId));

/** Lists the groups of which a directory object is a member, directly or through another group. */
export function transitiveGroupsOf(context: GraphContext, objectId: string): Reply {
  const ids = groupIdsOf(context.directory, objectId);
  return listGroups(context, ({ id }) => ids.has(id));
}

function listGroups(context: GraphContext, isListed: (group: Group) => boolean): Reply {
  const found = [...context.directory.groups.values()].filter(isListed);
  return collection(
    found.map((group) => ({ '@odata.type': '#microsoft.graph.group', ...groupJson(group) })),
    listOptions(context, 'directoryObjects'),
  );
}

export const groupRoutes = [
  graphRoute('GET', '/v1.0/groups', read, (context) =>
    collection([...context.directory.groups.values()].map(groupJson), listOptions(context, 'groups')),
  ),
  graphRoute('GET', '/v1.0/groups/{id}', read, (context) =>
    single(groupJson(find(context)), listOptions(context, 'groups')),
  ),
  graphRoute('GET', '/v1.0/groups/{id}/members', read, members),
  graphRoute('POST', '/v1.0/groups/{id}/members/$ref', write, addMember),
  graphRoute('DELETE', '/v1.0/groups/{id}/members/{memberId}/$ref', write, removeMember),
  graphRoute('GET', '/v1.0/servicePrincipals/{id}/memberOf', read, (context) =>
    groupsOf(context, context.parameters['id'] ?? ''),
  ),
  graphRoute('GET', '/v1.0/servicePrincipals/{id}/transitiveMemberOf', read, (context) =>
    transitiveGroupsOf(context, context.parameters['id'] ?? ''),
  ),
];
