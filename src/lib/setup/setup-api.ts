import type { GraphClient } from '../graph/client.ts';
import { type JsonObject, objectOf, objectsIn, textOf } from '../graph/reply.ts';
import type { GraphWriter } from '../graph/write.ts';
import type { CallerRole } from '../model/caller.ts';
import { BrokerError } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { Clock } from '../runtime/clock.ts';
import {
  type ApiApplication,
  type ApiChanges,
  apiIdentifier,
  changesOf,
  newApiApplication,
} from './api-application.ts';
import { retryUntilReplicated } from './replication.ts';
import { asSetupError } from './setup-failure.ts';

export interface SetupApiDeps {
  /** Microsoft Graph with the token of the operator. */
  readonly graph: GraphClient;
  readonly writer: GraphWriter;
  readonly clock: Pick<Clock, 'sleep'>;
}

export interface SetupApiRequest {
  readonly tenantId: TenantId;
  /** The last part of the App ID URI, which identifies the application. */
  readonly name: string;
  readonly displayName: string;
  /** Object id of a person, group or service principal that gets the roles. Absent: nobody does. */
  readonly principal: string | undefined;
  readonly roles: readonly CallerRole[];
}

export interface SetupApiPlan {
  /** The value of BROKER_AUDIENCES: client id and App ID URI. Absent while the application does not exist. */
  readonly audiences?: readonly [clientId: string, identifier: string];
  readonly steps: readonly string[];
}

export interface SetupApiOutcome extends Required<SetupApiPlan> {
  readonly clientId: string;
}

interface State {
  readonly application: ApiApplication | undefined;
  readonly principalId: string | undefined;
  readonly requiresRole: boolean;
  /** Ids of the app roles that the principal has. */
  readonly assigned: readonly string[];
}

/** Ids that earlier steps created. */
interface Ids {
  objectId: string;
  clientId: string;
  principalId: string;
}

interface Step {
  readonly text: string;
  run(ids: Ids): Promise<void>;
}

/** Changes nothing. @throws SetupError operator_forbidden, setup_refused; BrokerError from Graph. */
export async function planSetupApi(deps: SetupApiDeps, request: SetupApiRequest): Promise<SetupApiPlan> {
  const state = await readState(deps.graph, request).catch(asSetupError);
  return planOf(request, state, stepsOf(deps, request, state));
}

/**
 * Sets up the application that callers request tokens for: app roles, the scope and clients for people, its service
 * principal, and the roles of one principal. A second run finds nothing to do. After an interruption the next run
 * continues.
 * @param confirm called with the plan before the first change. Throws to cancel. Not called for an empty plan.
 * @throws SetupError operator_forbidden, setup_refused; BrokerError from Graph; what `confirm` throws.
 */
export async function runSetupApi(
  deps: SetupApiDeps,
  request: SetupApiRequest,
  confirm: (plan: SetupApiPlan) => Promise<void> = () => Promise.resolve(),
): Promise<SetupApiOutcome> {
  const state = await readState(deps.graph, request).catch(asSetupError);
  const steps = stepsOf(deps, request, state);
  if (steps.length > 0) await confirm(planOf(request, state, steps));
  const { application, principalId = '' } = state;
  const ids = { objectId: application?.objectId ?? '', clientId: application?.clientId ?? '', principalId };
  for (const step of steps) await step.run(ids).catch(asSetupError);
  const { clientId } = ids;
  return {
    clientId,
    audiences: [clientId, apiIdentifier(request.tenantId, request.name)],
    steps: steps.map(({ text }) => text),
  };
}

const planOf = (request: SetupApiRequest, { application }: State, steps: readonly Step[]): SetupApiPlan => ({
  ...(application === undefined
    ? {}
    : { audiences: [application.clientId, apiIdentifier(request.tenantId, request.name)] }),
  steps: steps.map(({ text }) => text),
});

function stepsOf(deps: SetupApiDeps, request: SetupApiRequest, state: State): readonly Step[] {
  const { application, principalId, requiresRole, assigned } = state;
  const changes = changesOf(application ?? nothing);
  const missing = changes.roles.filter(
    (role) => request.roles.some((wanted) => wanted === role['value']) && !assigned.includes(String(role['id'])),
  );
  const roleIds = missing.map((role) => String(role['id']));
  return [
    application === undefined && createApplication(deps, request),
    application !== undefined &&
      changes.differences.length > 0 && {
        text: `Change the application: ${changes.differences.join(', ')}`,
        run: (ids: Ids) => change(deps, ids, changes),
      },
    principalId === undefined && createPrincipal(deps),
    principalId !== undefined &&
      !requiresRole && {
        text: 'Require an app role of every caller',
        run: (ids: Ids) =>
          deps.writer.patch(`/servicePrincipals/${ids.principalId}`, { appRoleAssignmentRequired: true }),
      },
    request.principal !== undefined &&
      roleIds.length > 0 && {
        text: `Assign to ${request.principal}: ${missing.map((role) => String(role['value'])).join(', ')}`,
        run: (ids: Ids) => assign(deps, ids, request.principal ?? '', roleIds),
      },
  ].filter((step) => step !== false);
}

const nothing: ApiApplication = {
  objectId: '',
  clientId: '',
  signInAudience: '',
  tokenVersion: undefined,
  roles: [],
  scopes: [],
  clients: [],
};

const createApplication = (deps: SetupApiDeps, request: SetupApiRequest): Step => {
  const identifier = apiIdentifier(request.tenantId, request.name);
  return {
    text: `Create the application "${request.displayName}" with the App ID URI ${identifier} and its app roles`,
    run: async (ids) => {
      const created = await deps.writer.post('/applications', newApiApplication(request.displayName, identifier));
      ids.objectId = required(created, 'id');
      ids.clientId = required(created, 'appId');
      await change(deps, ids, changesOf(nothing));
    },
  };
};

async function change({ writer, clock }: SetupApiDeps, { objectId }: Ids, changes: ApiChanges): Promise<void> {
  const path = `/applications/${objectId}`;
  await retryUntilReplicated(clock, () => writer.patch(path, changes.body));
  await retryUntilReplicated(clock, () => writer.patch(path, changes.bodyWithClients));
}

/** Entra issues no token for the application to a principal without an assigned role. */
const createPrincipal = ({ writer, clock }: SetupApiDeps): Step => ({
  text: 'Create its service principal, which requires an app role of every caller',
  run: async (ids) => {
    const body = { appId: ids.clientId, appRoleAssignmentRequired: true };
    ids.principalId = required(await retryUntilReplicated(clock, () => writer.post('/servicePrincipals', body)), 'id');
  },
});

async function assign(
  { writer, clock }: SetupApiDeps,
  { principalId: resourceId }: Ids,
  principalId: string,
  roleIds: readonly string[],
): Promise<void> {
  const path = `/servicePrincipals/${resourceId}/appRoleAssignedTo`;
  for (const appRoleId of roleIds) {
    await retryUntilReplicated(clock, async () => {
      await writer.post(path, { principalId, resourceId, appRoleId }).catch((thrown: unknown) => {
        const message = thrown instanceof BrokerError ? String(thrown.logFields['resourceMessage']) : '';
        if (!/already exist/i.test(message)) throw thrown;
      });
    });
  }
}

async function readState(graph: GraphClient, request: SetupApiRequest): Promise<State> {
  const application = await findApiApplication(graph, apiIdentifier(request.tenantId, request.name));
  const filter = `$filter=appId eq '${application?.clientId}'&$select=id,appId,appRoleAssignmentRequired`;
  const principal = application && (await first(graph, `/servicePrincipals?${filter}`));
  const principalId = textOf(principal, 'id');
  const assigned: string[] = [];
  if (principalId !== undefined && request.principal !== undefined) {
    for await (const each of graph.list(`/servicePrincipals/${principalId}/appRoleAssignedTo`)) {
      if (textOf(each, 'principalId') === request.principal) assigned.push(textOf(each, 'appRoleId') ?? '');
    }
  }
  return { application, principalId, requiresRole: principal?.['appRoleAssignmentRequired'] === true, assigned };
}

/** Finds the application by its App ID URI, which is unique in the tenant and does not change with the display name. */
async function findApiApplication(graph: GraphClient, identifier: string): Promise<ApiApplication | undefined> {
  const filter = encodeURIComponent(`identifierUris/any(uri:uri eq '${identifier}')`);
  const found = await first(graph, `/applications?$filter=${filter}&$select=id,appId,signInAudience,appRoles,api`);
  if (found === undefined) return undefined;
  const api = objectOf(found, 'api');
  const version = api?.['requestedAccessTokenVersion'];
  return {
    objectId: required(found, 'id'),
    clientId: required(found, 'appId'),
    signInAudience: textOf(found, 'signInAudience') ?? '',
    tokenVersion: typeof version === 'number' ? version : undefined,
    roles: objectsIn(found['appRoles']),
    scopes: objectsIn(api?.['oauth2PermissionScopes']),
    clients: objectsIn(api?.['preAuthorizedApplications']),
  };
}

async function first(graph: GraphClient, path: string): Promise<JsonObject | undefined> {
  for await (const item of graph.list(path)) return item;
  return undefined;
}

function required(object: JsonObject, property: string): string {
  const value = textOf(object, property);
  if (value !== undefined && value !== '') return value;
  throw new BrokerError('resource_error', `Microsoft Graph returned an object without ${property}.`);
}
