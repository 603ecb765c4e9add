import { minuteMs } from '../model/durations.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import { isoTime } from '../runtime/clock.ts';
import { proveState, proveVault } from './revoke-proof.ts';
import { readRevocationState } from './read-revocation-state.ts';
import type { RevocationState, RevokeDeps, RevokeOptions } from './revoke-state.ts';
import { callerSteps, planSteps, type RevokeResult, type RevokeStep } from './revoke-steps.ts';
import { type Proof, RevokedValues } from './revoke-tries.ts';

/** Access tokens are valid for 60 to 90 minutes and cannot be revoked ("Access tokens", token lifetime). */
export const longestAccessTokenMs = 90 * minuteMs;

/** Pauses before the state is read again and what is left is planned again. */
const roundPausesMs = [0, 1_000, 2_000, 4_000] as const;

export interface RevokeOutcome {
  /** One result for each step that was started. */
  readonly results: readonly RevokeResult[];
  /** Empty if the revocation was interrupted. */
  readonly proof: readonly Proof[];
  /** Whether every step was done and everything is proven. */
  readonly proven: boolean;
}

export interface RevokeProgress {
  readonly report?: (result: RevokeResult) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Plans the revocation of a leaked credential. Changes nothing.
 * @throws BrokerError as {@link readRevocationState}.
 */
export async function planRevocation(deps: RevokeDeps, options: RevokeOptions): Promise<readonly RevokeStep[]> {
  return stepsFor(deps, options, await readRevocationState(deps, options));
}

const stepsFor = (deps: RevokeDeps, options: RevokeOptions, state: RevocationState): readonly RevokeStep[] => [
  ...planSteps(deps, options, state),
  ...callerSteps(deps, options.callersApplicationId),
];

/**
 * Revokes a leaked credential. Reads what is there, removes it and reads again until nothing is left, because a renewal
 * or a consent may add something meanwhile. Then proves that nothing redeems any more.
 * @throws BrokerError as {@link readRevocationState}, before the first change.
 */
export async function revoke(
  deps: RevokeDeps,
  options: RevokeOptions,
  { report = () => undefined, signal }: RevokeProgress = {},
): Promise<RevokeOutcome> {
  const run = new RevocationRun(deps, options, { report, signal });
  await run.start();
  try {
    await run.untilNothingIsLeft();
    return await run.prove();
  } catch (thrown) {
    if (signal?.aborted !== true) throw thrown;
    return { results: run.results, proof: [], proven: false };
  }
}

class RevocationRun {
  readonly #deps: RevokeDeps;
  readonly #options: RevokeOptions;
  readonly #report: (result: RevokeResult) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #values: RevokedValues;
  readonly #results = new Map<string, RevokeResult>();
  #state: RevocationState = { vault: { client: [], refreshToken: [] }, accounts: [], registrations: [] };

  constructor(deps: RevokeDeps, options: RevokeOptions, { report, signal }: Required<RevokeProgress>) {
    this.#deps = deps;
    this.#options = options;
    this.#report = report;
    this.#signal = signal;
    this.#values = new RevokedValues(deps, signal);
  }

  get results(): readonly RevokeResult[] {
    return [...this.#results.values()];
  }

  async start(): Promise<void> {
    this.#state = await readRevocationState(this.#deps, this.#options);
  }

  async untilNothingIsLeft(): Promise<void> {
    for (const pauseMs of roundPausesMs) {
      this.#signal?.throwIfAborted();
      if (pauseMs > 0) await this.#deps.clock.sleep(pauseMs, this.#signal);
      const steps = this.#pending();
      if (steps.length === 0) break;
      await this.#round(steps);
      this.#state = await readRevocationState(this.#deps, this.#options);
    }
    this.#settle();
  }

  async #round(steps: readonly RevokeStep[]): Promise<void> {
    const { vault } = this.#state;
    if (!(vault instanceof BrokerError)) await this.#values.read(this.#options.application, vault);
    for (const step of steps.filter(({ phase }) => phase === 'first')) await this.#apply(step);
    await this.#values.tryRefreshTokens();
    for (const step of steps.filter(({ phase }) => phase === 'second')) await this.#apply(step);
  }

  /** The steps that are left. A step that leaves no trace to read is repeated only if a new refresh token appeared. */
  #pending(): readonly RevokeStep[] {
    const { vault } = this.#state;
    const hasNewToken = !(vault instanceof BrokerError) && vault.refreshToken.some(({ enabled }) => enabled);
    return stepsFor(this.#deps, this.#options, this.#state).filter(({ text, isUnread }) => {
      const earlier = this.#results.get(text);
      if (earlier === undefined) return true;
      if (earlier.done) return isUnread !== true || hasNewToken;
      // Nobody gets more rights or gives an option while the command runs.
      return earlier.code !== 'access_denied' && earlier.code !== 'request_invalid';
    });
  }

  async #apply(step: RevokeStep): Promise<void> {
    this.#signal?.throwIfAborted();
    const result = await step.run().then(
      (): RevokeResult => ({ step: step.text, done: true }),
      (thrown: unknown): RevokeResult => this.#failed(step, thrown),
    );
    const earlier = this.#results.get(step.text);
    this.#results.set(step.text, result);
    if (earlier?.done !== result.done || earlier.detail !== result.detail) this.#report(result);
  }

  #failed({ text, needs }: RevokeStep, thrown: unknown): RevokeResult {
    const { code, detail } = toBrokerError(thrown);
    if (this.#signal?.aborted === true && thrown === this.#signal.reason) {
      return { step: text, done: false, code, detail: 'Interrupted. Run the command again.' };
    }
    const advice = code === 'access_denied' && needs !== undefined ? ` ${needs} Then run the command again.` : '';
    return { step: text, done: false, code, detail: `${detail}${advice}` };
  }

  /** A failed step that is no longer planned was done after all, by a later round or by somebody else. */
  #settle(): void {
    const planned = new Set(stepsFor(this.#deps, this.#options, this.#state).map(({ text }) => text));
    for (const [text, { done }] of this.#results) {
      if (!done && !planned.has(text)) this.#results.set(text, { step: text, done: true });
    }
  }

  async prove(): Promise<RevokeOutcome> {
    const read = [...(await proveState(this.#deps, this.#state)), proveVault(this.#state.vault)];
    const isDone = this.results.every(({ done }) => done) && read.every(({ proven }) => proven);
    const proof = [...read, ...(await this.#values.prove(isDone))];
    return { results: this.results, proof, proven: isDone && proof.every(({ proven }) => proven) };
  }
}

/** Names the other applications in the vault, which the revocation does not change. */
export async function otherApplications(
  { store }: Pick<RevokeDeps, 'store'>,
  application: string,
): Promise<readonly string[]> {
  try {
    return (await store.listApplications())
      .filter((name) => name !== application)
      .map(
        (name) =>
          `The application ${name} keeps its client credential and its versions in Key Vault. To revoke them: ptb revoke --application ${name}`,
      );
  } catch (thrown) {
    return [`The other applications in the vault could not be listed: ${toBrokerError(thrown).detail}`];
  }
}

/** Lists what remains usable after a revocation, and until when, because it cannot be revoked. */
export function stillUsable(nowMs: number, rereadSeconds: number): readonly string[] {
  const until = isoTime(nowMs + longestAccessTokenMs);
  return [
    `Access tokens that were issued earlier work until they expire, at the latest at ${until}. Entra cannot revoke them.`,
    `Running instances hold the old credential in memory for up to ${Math.ceil(rereadSeconds / 60)} minutes, but Entra rejects it.`,
    `Tokens of callers for the broker work until ${until}. Remove the rules from the access policy to stop the callers within 30 seconds.`,
    'Backups of the vault keep the old values, which are useless once the sessions and client credentials are revoked.',
  ];
}
