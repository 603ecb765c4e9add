import type { GraphClient } from '../../lib/microsoft/client.ts';
import { adoptionNotes, unknownKeyNotes } from './adoption-notes.ts';
import { type ApplyDeps, SetupRun } from './apply.ts';
import { describeStep } from './describe-step.ts';
import { type PermissionProfile, profiles } from '../../lib/consent/permissions.ts';
import { planSetup, type SetupOptions } from './plan.ts';
import { findApplication, readDirectoryState } from '../../lib/consent/read-directory-state.ts';
import { readVaultState } from './read-vault-state.ts';
import { registeredProfile } from '../../lib/consent/registered-profile.ts';
import { asSetupError } from './setup-failure.ts';

/** The options of the operator. */
export interface SetupRequest extends Omit<SetupOptions, 'profile'> {
  /** Absent: an existing application keeps its registered permissions, a new one gets `gdap`. */
  readonly profile?: PermissionProfile | undefined;
}

export interface SetupDeps extends ApplyDeps {
  /** Microsoft Graph with the token of the operator. */
  readonly graph: GraphClient;
  /** Receives progress. */
  readonly report: (progress: SetupProgress) => void;
}

type SetupProgress = { readonly step: string; readonly state: 'started' | 'done' };

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
  const run = new SetupRun(deps, options, state);
  for (const step of steps) {
    const text = describeStep(step, options);
    deps.report({ step: text, state: 'started' });
    await run.apply(step).catch(asSetupError);
    deps.report({ step: text, state: 'done' });
  }
  const { client, refreshToken } = await deps.store.load(options.application);
  const { kind } = client.credential;
  return {
    ...plan,
    clientId: run.clientId,
    changed: steps.length > 0,
    consented: refreshToken !== undefined,
    credential: kind,
    ...(options.credential === 'federated' && kind !== 'federated' ? { proposed: 'federated' } : {}),
    ...(client.endsAtMs === undefined ? {} : { endsAtMs: client.endsAtMs }),
  };
}

async function prepare(deps: SetupDeps, request: SetupRequest) {
  // The vault first, so that an operator without access to it learns that before anything is created.
  const { remembered, ...vault } = await readVaultState(deps.store, request.application);
  const application = await findApplication(deps.graph, request, remembered.clientId).catch(asSetupError);
  const kept =
    request.profile === undefined && application !== undefined
      ? await registeredProfile(deps.graph, application).catch(asSetupError)
      : undefined;
  const options: SetupOptions = { ...request, profile: request.profile ?? kept ?? profiles.gdap };
  const state = await readDirectoryState(deps.graph, application, options.profile, vault).catch(asSetupError);
  const steps = planSetup(options, state, deps.clock.nowMs());
  const plan: SetupPlan = {
    application: options.application,
    steps: steps.map((step) => describeStep(step, options)),
    notes: [
      ...adoptionNotes(state),
      ...unknownKeyNotes(state, options, deps.clock.nowMs()),
      ...(kept === undefined || kept === profiles.gdap ? [] : [keptNote]),
    ],
  };
  return { options, state, steps, plan };
}

const keptNote = 'The application keeps its registered permissions. Use --profile to change them.';
