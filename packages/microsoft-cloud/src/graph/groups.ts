import type { Group } from '../directory/records.ts';
import { empty, type Reply } from '../web/http.ts';
import { checkAdmin, type GraphContext, graphRoute } from './context.ts';
import { badRequest, notFound } from './graph-error.ts';
import { referencedObject } from './objects.ts';

/**
 * Members of the groups that the partner's directory stores, on which sign-ins depend. All other groups are data of the
 * engine.
 */
const write = 'GroupMember.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All';

function find({ directory, parameters }: GraphContext): Group {
  const id = parameters['id'] ?? '';
  const found = directory.groups.get(id);
  if (found === undefined) throw notFound(id);
  return found;
}

const isStored = ({ directory, parameters }: GraphContext): boolean => directory.groups.has(parameters['id'] ?? '');

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

export const groupRoutes = [
  graphRoute('POST', '/v1.0/groups/{id}/members/$ref', write, addMember, isStored),
  graphRoute('DELETE', '/v1.0/groups/{id}/members/{memberId}/$ref', write, removeMember, isStored),
];
