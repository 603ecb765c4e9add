import { empty, type Reply } from '../web/http.ts';
import { findWritable } from './applications.ts';
import { type GraphContext, graphRoute } from './context.ts';
import { badRequest, notFound } from './graph-error.ts';
import { referencedObject } from './objects.ts';

const write = 'Application.ReadWrite.All Application.ReadWrite.OwnedBy Directory.ReadWrite.All';

function addOwner(context: GraphContext): Reply {
  const application = findWritable(context);
  const id = referencedObject(context);
  if (application.owners.has(id))
    throw badRequest(
      "One or more added object references already exist for the following modified properties: 'owners'.",
    );
  application.owners.add(id);
  return empty(204);
}

function removeOwner(context: GraphContext): Reply {
  const id = context.parameters['ownerId'] ?? '';
  if (!findWritable(context).owners.delete(id)) throw notFound(id);
  return empty(204);
}

/** Source: "application: Add, Remove owner". */
export const ownerRoutes = [
  graphRoute('POST', '/v1.0/applications/{id}/owners/$ref', write, addOwner),
  graphRoute('DELETE', '/v1.0/applications/{id}/owners/{ownerId}/$ref', write, removeOwner),
];
