import {
  type DirectoryState,
  findApplication,
  firstOf,
  readDirectoryState,
} from '../../lib/consent/directory-state.ts';
import { type PermissionProfile, profiles } from '../../lib/consent/permissions.ts';
import { registeredProfile } from '../../lib/consent/profile-file.ts';
import { ptbCommand, SetupError, toBrokerError } from '../../lib/core/errors.ts';
import { defined } from '../../lib/core/objects.ts';
import type { GraphClient } from '../../lib/microsoft/graph.ts';
import { registeredKeys } from '../../lib/tokens/credential/client-keys.ts';
import { identityTrust, type IdentityTrustOptions } from '../../lib/tokens/credential/identity-trust.ts';
import { namesOf, unknownKeys } from '../../lib/tokens/credential/registered-keys.ts';
import { type ApplyDeps, requiredText, type ServiceAccount, type SetupOptions, StepRunner } from './apply.ts';
import { planSteps } from './plan.ts';
import { readVaultState } from './vault-state.ts';

/** Throws errors of Graph as SetupError: here they concern the operator or the policies of the partner tenant here, not a customer or a job. */
export function asSetupError(thrown: unknown): never {
  const { code, detail, logFields } = toBrokerError(thrown);
  if (code === 'access_denied') throw new SetupError('operator_forbidden', detail, { cause: thrown, logFields });
  if (code !== 'job_failed') throw thrown;
  const message = typeof logFields['resourceMessage'] === 'string' ? ` ${logFields['resourceMessage']}` : '';
  throw new SetupError('setup_refused', `${detail}${message}`, { cause: thrown, logFields });
}

/**
 * Warnings before setup takes over an existing application, which another broker with another vault may be using. Pure.
 */
function adoptionNotes({ application, stored, mark }: DirectoryState): readonly string[] {
  if (application === undefined || application.clientId === stored?.clientId) return [];
  const { displayName, clientId, secrets, keyCredentials } = application;
  const others = registeredKeys([...secrets, ...keyCredentials], mark).filter(({ ours }) => !ours);
  if (others.length === 0) return [];
  return [
    `The application "${displayName}" (client id ${clientId}) exists already and has client credentials that this vault does not hold (${others.length}). Setup does not change them. If another broker uses them, give this broker its own application with --display-name. If not, remove them in Entra.`,
  ];
}

/**
 * Names the keys that this vault does not hold, except those of {@link adoptionNotes}. After a revocation, an access token
 * from before it may have added one. Pure.
 */
export function unknownKeyNotes(
  state: DirectoryState,
  options: Pick<SetupOptions, 'application' | 'managedIdentityObjectId' | keyof IdentityTrustOptions>,
  nowMs: number,
): readonly string[] {
  const { application, stored, mark, federatedTrusts } = state;
  if (application === undefined) return [];
  const isAdoption = adoptionNotes(state).length > 0;
  const lists = {
    secrets: application.secrets,
    certificates: application.keyCredentials,
    trusts: federatedTrusts.map((trust) => ({ ...trust })),
    ofPrincipal: state.principalKeys,
  };
  const { managedIdentityObjectId } = options;
  const trust = managedIdentityObjectId === undefined ? undefined : identityTrust(options, managedIdentityObjectId);
  const unknown = unknownKeys(lists, { mark, stored, trust }, nowMs).filter(
    ({ kind, isMarked }) => !isAdoption || !isMarked || kind === 'federated credential',
  );
  if (unknown.length === 0) return [];
  const revoke = ptbCommand('revoke', options.application);
  return [
    `The application has keys in Entra that this vault does not hold: ${namesOf(unknown)}. Setup does not change them. If neither another broker nor somebody of yours added them, treat it as an incident and run ${revoke}.`,
  ];
}

/** The options of the operator. */
export interface SetupRequest extends Omit<SetupOptions, 'profile' | 'serviceAccount'> {
  /** User principal name of the service account. Absent: the account that consented. */
  readonly account?: string | undefined;
  /** Absent: an existing application keeps its registered permissions, a new one gets `gdap`. */
  readonly profile?: PermissionProfile | undefined;
}

export interface SetupDeps extends ApplyDeps {
  /** Microsoft Graph with the token of the operator. */
  readonly graph: GraphClient;
  /** Receives progress. */
  readonly report: (progress: Progress) => void;
}

type Progress = { readonly step: string; readonly state: 'started' | 'done' };

export interface SetupPlan {
  readonly application: string;
  /** Describes each step. Empty if there is nothing to do. */
  readonly steps: readonly string[];
  /** Warnings for the operator. */
  readonly notes: readonly string[];
}

export interface SetupOutcome extends SetupPlan {
  readonly clientId: string;
  readonly changed: boolean;
  /** Whether a service account has consented. */
  readonly consented: boolean;
  /** The kind of client credential in use. */
  readonly credential: 'secret' | 'certificate' | 'federated';
  /** The kind that the app switches to when it has proven that Entra accepts it. */
  readonly proposed?: 'federated';
  /** When the client credential expires. Absent for a federated one. */
  readonly endsAtMs?: number;
}

/**
 * Plans what {@link runSetup} would do. Changes nothing.
 * @throws SetupError operator_forbidden, setup_refused; BrokerError config_invalid, key_vault_unavailable, and what Graph answers.
 */
export async function planOnly(deps: SetupDeps, request: SetupRequest): Promise<SetupPlan> {
  return (await prepare(deps, request)).plan;
}

/**
 * Sets up the application, its permissions, its consent, its membership of AdminAgents and its client credential. A second
 * run finds nothing to do. After an interruption the next run continues.
 * @param confirm called with the plan before the first change. Throws to cancel. Not called for an empty plan.
 * @throws SetupError and BrokerError as {@link planOnly}; BrokerError client_credential_rejected; what `confirm` throws.
 */
export async function runSetup(
  deps: SetupDeps,
  request: SetupRequest,
  confirm: (plan: SetupPlan) => Promise<void> = () => Promise.resolve(),
): Promise<SetupOutcome> {
  const { plan, steps, state, options } = await prepare(deps, request);
  if (steps.length > 0) await confirm(plan);
  const run = new StepRunner(deps, options, state);
  for (const { text, apply } of steps) {
    deps.report({ step: text, state: 'started' });
    await apply(run).catch(asSetupError);
    deps.report({ step: text, state: 'done' });
  }
  const { client, refreshToken } = await deps.store.load(options.application);
  const { kind } = client.credential;
  return defined({
    ...plan,
    clientId: run.clientId,
    changed: steps.length > 0,
    consented: refreshToken !== undefined,
    credential: kind,
    proposed: options.credential === 'federated' && kind !== 'federated' ? 'federated' : undefined,
    endsAtMs: client.endsAtMs,
  });
}

async function prepare(deps: SetupDeps, request: SetupRequest) {
  // The vault first, so that an operator without access to it learns that before anything is created.
  const { remembered, ...vault } = await readVaultState(deps.store, request.application);
  const application = await findApplication(deps.graph, request, remembered.clientId).catch(asSetupError);
  const kept =
    request.profile === undefined && application !== undefined
      ? await registeredProfile(deps.graph, application).catch(asSetupError)
      : undefined;
  const { account } = request;
  const serviceAccount = account === undefined ? remembered.account : await findAccount(deps.graph, account);
  const options: SetupOptions = { ...request, serviceAccount, profile: request.profile ?? kept ?? profiles.gdap };
  const state = await readDirectoryState(deps.graph, application, options.profile, vault).catch(asSetupError);
  const steps = planSteps(options, state, deps.clock.nowMs());
  const plan: SetupPlan = {
    application: options.application,
    steps: steps.map(({ text }) => text),
    notes: [
      ...adoptionNotes(state),
      ...unknownKeyNotes(state, options, deps.clock.nowMs()),
      ...(serviceAccount === undefined && !state.requiresAssignment && signsIn(options.profile)
        ? [unassignedNote(options.application)]
        : []),
      ...(kept === undefined || kept === profiles.gdap ? [] : [keptNote]),
    ],
  };
  return { options, state, steps, plan };
}

const unassignedNote = (application: string): string =>
  `Every user of the partner tenant may sign in to the application. Name the service account with --account, or run ${ptbCommand('setup', application)} again after ${ptbCommand('consent', application)}.`;

const signsIn = ({ resources }: PermissionProfile): boolean => resources.some(({ scopes }) => scopes.length > 0);

/** @throws SetupError setup_refused if there is no such user; BrokerError from Graph. */
async function findAccount(graph: GraphClient, account: string): Promise<ServiceAccount> {
  const name = account.replaceAll("'", "''");
  const path = `/users?$filter=userPrincipalName eq '${encodeURIComponent(name)}'&$select=id`;
  const found = await firstOf(graph, path).catch(asSetupError);
  if (found === undefined) throw new SetupError('setup_refused', `The partner tenant has no user ${account}.`);
  return { objectId: requiredText(found, 'id'), name: account };
}

const keptNote = 'The application keeps its registered permissions. Use --permissions to change them.';
