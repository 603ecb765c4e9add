import type { CredentialStore } from '../credential/credential-store.ts';
import type { StoredClientCredential } from '../credential/credential.ts';
import { redeemAsItself } from '../credential/prove-client-credential.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import { BrokerError, toBrokerError } from '../errors.ts';
import type { GraphClient } from '../graph/client.ts';
import { type ApplyDeps, SetupRun } from './apply.ts';
import { readDirectoryState } from './read-directory-state.ts';
import { describeStep } from './describe-step.ts';
import { planSetup, type SetupOptions, type SetupStep } from './plan.ts';

export type { SetupOptions, SetupStep } from './plan.ts';

export interface SetupDeps extends ApplyDeps {
  /** Microsoft Graph with the token of the operator, who may administer applications. */
  readonly graph: GraphClient;
  /** Proves a new client credential by using it. */
  readonly redeemer: Redeemer;
  /** Progress, for whoever watches. */
  readonly report: (progress: SetupProgress) => void;
}

export type SetupProgress = { readonly step: string; readonly state: 'started' | 'done' };

export interface SetupPlan {
  readonly application: string;
  /** What will be done, as sentences; empty when nothing is left to do. */
  readonly steps: readonly string[];
}

export interface SetupOutcome extends SetupPlan {
  readonly clientId: string;
  readonly changed: boolean;
  /** Whether a service account has consented already. */
  readonly consented: boolean;
  readonly credential: 'secret' | 'certificate' | 'federated';
  /** When the client credential ends; absent for a federated one. */
  readonly endsAtMs?: number;
}

/**
 * What {@link runSetup} would do. Changes nothing.
 * @throws BrokerError operator_forbidden, config_invalid, key_vault_unavailable, and what Graph answers.
 */
export async function planOnly(deps: SetupDeps, options: SetupOptions): Promise<SetupPlan> {
  const { steps } = await prepare(deps, options);
  return { application: options.application, steps: steps.map((step) => describeStep(step, options)) };
}

/**
 * Makes the application, its permissions, its consent, its membership of AdminAgents and its client credential what
 * the options ask for. Run again it finds nothing to do; killed anywhere, the next run goes on from there.
 * @param agree asked with the plan before the first change; not asked when there is none.
 * @throws BrokerError as {@link planOnly}.
 */
export async function runSetup(
  deps: SetupDeps,
  options: SetupOptions,
  agree: (plan: SetupPlan) => Promise<boolean> = () => Promise.resolve(true),
): Promise<SetupOutcome> {
  const { steps, state } = await prepare(deps, options);
  const plan = { application: options.application, steps: steps.map((step) => describeStep(step, options)) };
  if (steps.length > 0 && !(await agree(plan))) {
    throw new BrokerError('request_invalid', 'Nothing was changed, because the plan was not agreed to.');
  }
  const run = new SetupRun(deps, options, state);
  for (const step of steps) {
    const text = describeStep(step, options);
    deps.report({ step: text, state: 'started' });
    await run.apply(step).catch(asOperator);
    deps.report({ step: text, state: 'done' });
  }
  const { client, refreshToken } = await deps.store.load(options.application);
  if (steps.some(({ kind }) => kind === 'add_secret' || kind === 'add_certificate')) await prove(deps, client);
  return {
    ...plan,
    clientId: run.clientId,
    changed: steps.length > 0,
    consented: refreshToken !== undefined,
    credential: client.credential.kind,
    ...(client.endsAtMs === undefined ? {} : { endsAtMs: client.endsAtMs }),
  };
}

async function prepare(deps: SetupDeps, options: SetupOptions) {
  // The vault first: an operator who may not write there should learn it before anything is made.
  const stored = await storedClient(deps.store, options.application);
  const state = await readDirectoryState(deps.graph, options, stored).catch(asOperator);
  const steps: readonly SetupStep[] = planSetup(options, state, deps.clock.nowMs());
  return { state, steps };
}

async function storedClient(store: CredentialStore, application: string): Promise<StoredClientCredential | undefined> {
  try {
    return (await store.load(application)).client;
  } catch (thrown) {
    if (toBrokerError(thrown).code === 'credential_missing') return undefined;
    throw thrown;
  }
}

/** A refusal of Graph is about the person who runs setup, not about a customer's delegation. */
function asOperator(thrown: unknown): never {
  const error = toBrokerError(thrown);
  if (error.code !== 'access_denied') throw thrown;
  throw new BrokerError('operator_forbidden', error.detail, { cause: thrown, logFields: error.logFields });
}

/** Entra's servers learn of a new secret or key one after the other; about a minute in all. */
const spreadingMs = [2_000, 4_000, 8_000, 15_000, 30_000, 30_000] as const;

async function prove(deps: SetupDeps, client: StoredClientCredential): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const reply = await redeemAsItself(deps, client);
    if (reply.ok) return;
    const waitMs = spreadingMs[attempt];
    const { code, detail, logFields } = reply.failure;
    if (waitMs === undefined) {
      throw new BrokerError(code, `The client credential is stored, but Entra does not accept it yet: ${detail}`, {
        logFields,
      });
    }
    await deps.clock.sleep(waitMs);
  }
}
