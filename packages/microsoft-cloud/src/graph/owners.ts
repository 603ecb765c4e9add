import { empty, type Reply } from '../web/http.ts';
import { findApplication, findWritable } from './applications.ts';
import { type GraphContext, graphRoute, listOptions } from './context.ts';
import { badRequest, notFound } from './graph-error.ts';
import { directoryObjectJson, referencedObject } from './objects.ts';
import { collection } from './query.ts';

const read = 'Application.Read.All Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All';
const write = 'Application.ReadWrite.All Application.ReadWrite.OwnedBy Directory.ReadWrite.All';

function owners(context: GraphContext): Reply {
  const found = [...findApplication(context).owners]
    .map((id) => directoryObjectJson(context, id))
    .filter((owner) => owner !== undefined);
  return collection(found, listOptions(context, 'directoryObjects'));
}

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

/** Source: "application: List, Add, Remove owner". */
export const ownerRoutes = [
  graphRoute('GET', '/v1.0/applications/{id}/owners', read, owners),
  graphRoute('POST', '/v1.0/applications/{id}/owners/$ref', write, addOwner),
  graphRoute('DELETE', '/v1.0/applications/{id}/owners/{ownerId}/$ref', write, removeOwner),
];
