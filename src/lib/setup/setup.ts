import { SetupError, toBrokerError } from '../model/errors.ts';
import type { GraphClient } from '../graph/client.ts';
import { adoptionNotes } from './adoption-notes.ts';
import { type ApplyDeps, SetupRun } from './apply.ts';
import { describeStep } from './describe-step.ts';
import { type PermissionProfile, profiles } from './permissions.ts';
import { planSetup, type SetupOptions } from './plan.ts';
import { findApplication, readDirectoryState } from './read-directory-state.ts';
import { readVaultState } from './read-vault-state.ts';
import { registeredProfile } from './registered-profile.ts';

/** What an operator asks for. */
export interface SetupRequest extends Omit<SetupOptions, 'profile'> {
  /** Absent: an application that is there keeps the permissions that are registered with it, a new one gets `gdap`. */
  readonly profile?: PermissionProfile | undefined;
}

export interface SetupDeps extends ApplyDeps {
  /** Microsoft Graph with the token of the operator, who may administer applications. */
  readonly graph: GraphClient;
  /** Progress, for whoever watches. */
  readonly report: (progress: SetupProgress) => void;
}

type SetupProgress = { readonly step: string; readonly state: 'started' | 'done' };

export interface SetupPlan {
  readonly application: string;
  /** What will be done, as sentences; empty when nothing is left to do. */
  readonly steps: readonly string[];
  /** What to know before, as sentences. */
  readonly notes: readonly string[];
}

export interface SetupOutcome extends SetupPlan {
  readonly clientId: string;
  readonly changed: boolean;
  /** Whether a service account has consented already. */
  readonly consented: boolean;
  /** What is in use. */
  readonly credential: 'secret' | 'certificate' | 'federated';
  /** What the app goes over to by itself, once it has shown that Entra takes it. */
  readonly proposed?: 'federated';
  /** When the client credential ends; absent for a federated one. */
  readonly endsAtMs?: number;
}

/**
 * What {@link runSetup} would do. Changes nothing.
 * @throws SetupError operator_forbidden, setup_refused; BrokerError config_invalid, key_vault_unavailable, and what Graph answers.
 */
export async function planOnly(deps: SetupDeps, request: SetupRequest): Promise<SetupPlan> {
  return (await prepare(deps, request)).plan;
}

/**
 * Makes the application, its permissions, its consent, its membership of AdminAgents and its client credential what
 * the request asks for. Run again it finds nothing to do; killed anywhere, the next run goes on from there.
 * @param agree asked with the plan before the first change, not when there is none; who does not agree throws.
 * @throws BrokerError as {@link planOnly}; client_credential_rejected; what `agree` throws.
 */
export async function runSetup(
  deps: SetupDeps,
  request: SetupRequest,
  agree: (plan: SetupPlan) => Promise<void> = () => Promise.resolve(),
): Promise<SetupOutcome> {
  const { plan, steps, state, options } = await prepare(deps, request);
  if (steps.length > 0) await agree(plan);
  const run = new SetupRun(deps, options, state);
  for (const step of steps) {
    const text = describeStep(step, options);
    deps.report({ step: text, state: 'started' });
    await run.apply(step).catch(asOperator);
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
  // The vault first: an operator who may not write there should learn it before anything is made.
  const { remembered, ...vault } = await readVaultState(deps.store, request.application);
  const application = await findApplication(deps.graph, request, remembered.clientId).catch(asOperator);
  const kept =
    request.profile === undefined && application !== undefined
      ? await registeredProfile(deps.graph, application).catch(asOperator)
      : undefined;
  const options: SetupOptions = { ...request, profile: request.profile ?? kept ?? profiles.gdap };
  const state = await readDirectoryState(deps.graph, application, options.profile, vault).catch(asOperator);
  const steps = planSetup(options, state, deps.clock.nowMs());
  const plan: SetupPlan = {
    application: options.application,
    steps: steps.map((step) => describeStep(step, options)),
    notes: [...adoptionNotes(state), ...(kept === undefined || kept === profiles.gdap ? [] : [keptNote])],
  };
  return { options, state, steps, plan };
}

const keptNote = 'The application keeps the permissions that are registered with it; --profile gives it others.';

/** What Graph refuses is about the person who runs setup or the partner's own policies, not about a customer or a job. */
function asOperator(thrown: unknown): never {
  const { code, detail, logFields } = toBrokerError(thrown);
  if (code === 'access_denied') throw new SetupError('operator_forbidden', detail, { cause: thrown, logFields });
  if (code !== 'job_failed') throw thrown;
  const said = typeof logFields['resourceMessage'] === 'string' ? ` ${logFields['resourceMessage']}` : '';
  throw new SetupError('setup_refused', `${detail}${said}`, { cause: thrown, logFields });
}
