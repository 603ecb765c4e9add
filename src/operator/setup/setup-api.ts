import { firstOf } from '../../lib/consent/directory-state.ts';
import type { GraphClient } from '../../lib/microsoft/graph.ts';
import { objectOf, objectsIn, textOf } from '../../lib/core/objects.ts';
import type { CallerRole } from '../../lib/core/caller.ts';
import {
  type ApiApplication,
  type ApiChanges,
  apiIdentifier,
  changesOf,
  newApiApplication,
} from './api-application.ts';
import {
  findByIdentifier,
  readSignIn,
  type OperatorGraph,
  type SignInIds,
  type SignInRequest,
  type SignInState,
  signInSteps,
  type Step,
} from './sign-in-application.ts';
import { addOnce, createPrincipal, requiredText, retryUntilReplicated } from './apply.ts';
import { asSetupError } from './setup.ts';

export interface SetupApiRequest extends SignInRequest {
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
  /** The value of SIGN_IN_CLIENT_ID. */
  readonly signInClientId: string;
}

interface State {
  readonly signIn: SignInState;
  readonly application: ApiApplication | undefined;
  readonly principalId: string | undefined;
  readonly requiresRole: boolean;
  /** Ids of the app roles that the principal has. */
  readonly assigned: readonly string[];
}

/** Ids that earlier steps created. */
interface Ids extends SignInIds {
  objectId: string;
  clientId: string;
  principalId: string;
}

type ApiStep = Step<Ids>;

/** Changes nothing. @throws SetupError operator_forbidden, setup_refused; BrokerError from Graph. */
export async function planSetupApi(deps: OperatorGraph, request: SetupApiRequest): Promise<SetupApiPlan> {
  const state = await readState(deps.graph, request).catch(asSetupError);
  return planOf(request, state, stepsOf(deps, request, state));
}

/**
 * Sets up the application that callers request tokens for, and the one through which people sign in: app roles, the scope
 * and clients for people, service principals, consent, and the roles of one principal. A second run finds nothing to do. After an interruption the next run
 * continues.
 * @param confirm called with the plan before the first change. Throws to cancel. Not called for an empty plan.
 * @throws SetupError operator_forbidden, setup_refused; BrokerError from Graph; what `confirm` throws.
 */
export async function runSetupApi(
  deps: OperatorGraph,
  request: SetupApiRequest,
  confirm: (plan: SetupApiPlan) => Promise<void> = () => Promise.resolve(),
): Promise<SetupApiOutcome> {
  const state = await readState(deps.graph, request).catch(asSetupError);
  const steps = stepsOf(deps, request, state);
  if (steps.length > 0) await confirm(planOf(request, state, steps));
  const ids = idsOf(state);
  for (const step of steps) await step.run(ids).catch(asSetupError);
  const { clientId, signInClientId } = ids;
  return {
    clientId,
    signInClientId,
    audiences: [clientId, apiIdentifier(request.tenantId, request.name)],
    steps: steps.map(({ text }) => text),
  };
}

const idsOf = ({ application, principalId = '', signIn }: State): Ids => ({
  objectId: application?.objectId ?? '',
  clientId: application?.clientId ?? '',
  principalId,
  signInObjectId: signIn.application?.objectId ?? '',
  signInClientId: signIn.application?.clientId ?? '',
  signInPrincipalId: signIn.principalId ?? '',
});

const planOf = (request: SetupApiRequest, { application }: State, steps: readonly ApiStep[]): SetupApiPlan => ({
  ...(application && { audiences: [application.clientId, apiIdentifier(request.tenantId, request.name)] }),
  steps: steps.map(({ text }) => text),
});

function stepsOf(deps: OperatorGraph, request: SetupApiRequest, state: State): readonly ApiStep[] {
  const { application, principalId, requiresRole, assigned, signIn } = state;
  const changes = changesOf(application ?? nothing, signIn.application?.clientId);
  const missing = changes.roles.filter(
    (role) => request.roles.some((wanted) => wanted === role['value']) && !assigned.includes(String(role['id'])),
  );
  const roleIds = missing.map((role) => String(role['id']));
  return [
    ...signInSteps(deps, request, signIn),
    application === undefined && createApplication(deps, request),
    application !== undefined &&
      changes.differences.length > 0 && {
        text: `Change the application: ${changes.differences.join(', ')}`,
        run: (ids: Ids) => change(deps, ids, changesOf(application, ids.signInClientId)),
      },
    principalId === undefined && {
      text: 'Create its service principal, which requires an app role of every caller',
      run: async (ids: Ids) => {
        // Entra then issues no token for the application to a principal without an assigned role.
        const body = { appId: ids.clientId, appRoleAssignmentRequired: true };
        ids.principalId = await createPrincipal(deps, body);
      },
    },
    principalId !== undefined &&
      !requiresRole && {
        text: 'Require an app role of every caller',
        run: (ids: Ids) =>
          deps.writer.patch(`/servicePrincipals/${ids.principalId}`, { appRoleAssignmentRequired: true }),
      },
    request.principal !== undefined &&
      roleIds.length > 0 && {
        text: `Assign to ${request.principal}: ${missing.map((role) => String(role['value'])).join(', ')}`,
        run: async ({ principalId: resourceId }: Ids) => {
          const path = `/servicePrincipals/${resourceId}/appRoleAssignedTo`;
          const principal = { principalId: request.principal, resourceId };
          for (const appRoleId of roleIds) await addOnce(deps, path, { ...principal, appRoleId });
        },
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
  optionalClaims: {},
};

const createApplication = (deps: OperatorGraph, request: SetupApiRequest): ApiStep => {
  const identifier = apiIdentifier(request.tenantId, request.name);
  return {
    text: `Create the application "${request.displayName}" with the App ID URI ${identifier} and its app roles`,
    run: async (ids) => {
      const created = await deps.writer.post('/applications', newApiApplication(request.displayName, identifier));
      ids.objectId = requiredText(created, 'id');
      ids.clientId = requiredText(created, 'appId');
      await change(deps, ids, changesOf(nothing, ids.signInClientId));
    },
  };
};

async function change({ writer, clock }: OperatorGraph, { objectId }: Ids, changes: ApiChanges): Promise<void> {
  const path = `/applications/${objectId}`;
  await retryUntilReplicated(clock, () => writer.patch(path, changes.body));
  await retryUntilReplicated(clock, () => writer.patch(path, changes.bodyWithClients));
}

async function readState(graph: GraphClient, request: SetupApiRequest): Promise<State> {
  const application = await findApiApplication(graph, apiIdentifier(request.tenantId, request.name));
  const filter = `$filter=appId eq '${application?.clientId}'&$select=id,appId,appRoleAssignmentRequired`;
  const principal = application && (await firstOf(graph, `/servicePrincipals?${filter}`));
  const principalId = textOf(principal, 'id');
  const assigned: string[] = [];
  if (principalId !== undefined && request.principal !== undefined) {
    for await (const each of graph.list(`/servicePrincipals/${principalId}/appRoleAssignedTo`))
      if (textOf(each, 'principalId') === request.principal) assigned.push(textOf(each, 'appRoleId') ?? '');
  }
  const requiresRole = principal?.['appRoleAssignmentRequired'] === true;
  return { application, principalId, requiresRole, assigned, signIn: await readSignIn(graph, request) };
}

async function findApiApplication(graph: GraphClient, identifier: string): Promise<ApiApplication | undefined> {
  const found = await findByIdentifier(graph, identifier, 'id,appId,signInAudience,appRoles,api,optionalClaims');
  if (found === undefined) return undefined;
  const api = objectOf(found, 'api');
  const version = api?.['requestedAccessTokenVersion'];
  return {
    objectId: requiredText(found, 'id'),
    clientId: requiredText(found, 'appId'),
    signInAudience: textOf(found, 'signInAudience') ?? '',
    tokenVersion: typeof version === 'number' ? version : undefined,
    roles: objectsIn(found['appRoles']),
    scopes: objectsIn(api?.['oauth2PermissionScopes']),
    clients: objectsIn(api?.['preAuthorizedApplications']),
    optionalClaims: objectOf(found, 'optionalClaims') ?? {},
  };
}
