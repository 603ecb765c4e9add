import { randomUUID } from 'node:crypto';
import { dayMs } from '../clock.ts';
import type { Application, FederatedCredential } from '../directory/records.ts';
import { newApplication, newClientSecret, newPassword } from '../directory/tenant-directory.ts';
import { empty, json, type Reply } from '../web/http.ts';
import { applyApplicationBody, timeOf } from './application-body.ts';
import { checkAdmin, type GraphContext, graphRoute } from './context.ts';
import { badRequest, forbidden, GraphError, notFound } from './graph-error.ts';
import { applicationJson, passwordJson } from './json.ts';
import { bodyOf } from './objects.ts';

const writePermissions = 'Application.ReadWrite.All Application.ReadWrite.OwnedBy Directory.ReadWrite.All';
/** Source: "Create federatedIdentityCredential": at most 20 for each application. */
const maxFederated = 20;
/** Graph's default lifetime of a client secret: two years. */
const defaultSecretLifetimeMs = 2 * 365 * dayMs;

/** Finds an application by object id or `appId=…`. @throws GraphError 404 */
function findApplication(context: GraphContext): Application {
  const key = context.parameters['id'] ?? '';
  const appId = /^appId=(.+)$/i.exec(key)?.[1];
  const { applications } = context.directory;
  const found =
    appId === undefined ? applications.get(key) : [...applications.values()].find((each) => each.appId === appId);
  if (found === undefined) throw notFound(appId ?? key);
  return found;
}

/**
 * Finds an application that the caller may change. With an `OwnedBy` permission, the calling service principal must be an
 * owner. @throws GraphError 403 or 404
 */
export function findWritable(context: GraphContext): Application {
  checkAdmin(context);
  const application = findApplication(context);
  const { caller } = context;
  const anyApplication = ['Application.ReadWrite.All', 'Directory.ReadWrite.All'].some((each) =>
    caller.permissions.has(each),
  );
  if (caller.isApplication && !anyApplication && !application.owners.has(caller.objectId)) throw forbidden();
  return application;
}

function create(context: GraphContext): Reply {
  checkAdmin(context);
  const body = bodyOf(context);
  if (typeof body['displayName'] !== 'string')
    throw badRequest("A value is required for property 'displayName' of resource 'Application'.");
  const application = newApplication(context.caller.tenantId, '', context.world.clock.nowMs());
  applyApplicationBody(application, body);
  context.directory.applications.set(application.id, application);
  return json(201, applicationJson(application));
}

function update(context: GraphContext): Reply {
  applyApplicationBody(findWritable(context), bodyOf(context));
  return empty(204);
}

/** Deletes the service principal as well. */
function remove(context: GraphContext): Reply {
  const { directory } = context;
  const { id, appId } = findWritable(context);
  directory.applications.delete(id);
  const principal = directory.servicePrincipalOf(appId);
  if (principal !== undefined) directory.servicePrincipals.delete(principal.id);
  return empty(204);
}

function addPassword(context: GraphContext): Reply {
  const application = findWritable(context);
  const credential = bodyOf(context)['passwordCredential'];
  const fields = typeof credential === 'object' && credential !== null ? (credential as Record<string, unknown>) : {};
  const nowMs = context.world.clock.nowMs();
  const startMs = timeOf(fields['startDateTime']) ?? nowMs;
  const endMs = timeOf(fields['endDateTime']) ?? nowMs + defaultSecretLifetimeMs;
  if (endMs <= startMs)
    throw new GraphError(400, 'PasswordCredentialInvalidEndDate', 'Credential end date is invalid.');
  const secret = newClientSecret();
  const password = newPassword(
    secret,
    typeof fields['displayName'] === 'string' ? fields['displayName'] : null,
    startMs,
    endMs,
  );
  application.passwords = [...application.passwords, password];
  return json(200, { ...passwordJson(password), secretText: secret });
}

function removePassword(context: GraphContext): Reply {
  const application = findWritable(context);
  const { keyId } = bodyOf(context);
  if (!application.passwords.some((password) => password.keyId === keyId))
    throw badRequest(`No password credential found with keyId '${String(keyId)}'.`);
  application.passwords = application.passwords.filter((password) => password.keyId !== keyId);
  return empty(204);
}

const federatedFields = ['name', 'issuer', 'subject'] as const;

function addFederated(context: GraphContext): Reply {
  const application = findWritable(context);
  const body = bodyOf(context);
  for (const field of federatedFields) {
    if (typeof body[field] !== 'string' || body[field] === '') throw badRequest(`Property ${field} is required.`);
  }
  const { audiences } = body;
  if (!Array.isArray(audiences) || audiences.length !== 1)
    throw badRequest('Property audiences must have exactly one value.');
  const [name, issuer, subject] = federatedFields.map((field) => String(body[field])) as [string, string, string];
  const existing = [...application.federated.values()];
  if (existing.length >= maxFederated)
    throw badRequest('The number of federated identity credentials has reached its limit.');
  if (existing.some((each) => each.name === name)) {
    throw new GraphError(
      409,
      'Request_MultipleObjectsWithSameKeyValue',
      `FederatedIdentityCredential with name ${name} already exists.`,
    );
  }
  const created: FederatedCredential = {
    id: randomUUID(),
    name,
    issuer,
    subject,
    description: typeof body['description'] === 'string' ? body['description'] : null,
    audiences: audiences.map(String),
  };
  application.federated.set(created.id, created);
  return json(201, created);
}

function findFederated(context: GraphContext, application: Application): FederatedCredential {
  const wanted = context.parameters['federatedId'] ?? '';
  const found = [...application.federated.values()].find((each) => each.id === wanted || each.name === wanted);
  if (found === undefined) throw notFound(wanted);
  return found;
}

function changeFederated(context: GraphContext): Reply {
  const credential = findFederated(context, findWritable(context));
  const { issuer, subject, audiences, description } = bodyOf(context);
  if (typeof issuer === 'string') credential.issuer = issuer;
  if (typeof subject === 'string') credential.subject = subject;
  if (typeof description === 'string') credential.description = description;
  if (Array.isArray(audiences)) credential.audiences = audiences.map(String);
  return empty(204);
}

function removeFederated(context: GraphContext): Reply {
  const application = findWritable(context);
  application.federated.delete(findFederated(context, application).id);
  return empty(204);
}

const federated = '/v1.0/applications/{id}/federatedIdentityCredentials';

export const applicationRoutes = [
  graphRoute('POST', '/v1.0/applications', writePermissions, create),
  graphRoute('PATCH', '/v1.0/applications/{id}', writePermissions, update),
  graphRoute('DELETE', '/v1.0/applications/{id}', writePermissions, remove),
  graphRoute('POST', '/v1.0/applications/{id}/addPassword', writePermissions, addPassword),
  graphRoute('POST', '/v1.0/applications/{id}/removePassword', writePermissions, removePassword),
  graphRoute('POST', federated, writePermissions, addFederated),
  graphRoute('PATCH', `${federated}/{federatedId}`, writePermissions, changeFederated),
  graphRoute('DELETE', `${federated}/{federatedId}`, writePermissions, removeFederated),
];
