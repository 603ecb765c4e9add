import { BrokerError, toBrokerError } from '../../lib/core/errors.ts';
import { proveState, proveVault } from './proof.ts';
import { accountsIn, readState } from './read-state.ts';
import type { State, RevokeDeps, RevokeOptions, RevokeResult, Step } from './state.ts';
import { callerSteps, planSteps } from './steps.ts';
import { type Proof, unread } from './refusals.ts';
import { Values } from './tries.ts';

/** Pauses before the state is read again and what is left is planned again. */
const roundPausesMs = [0, 1_000, 2_000, 4_000] as const;

/** How often everything is proven again because something was added during the proof. */
const maxProofs = 3;

const lastLook = 'Changes during the proof';

export interface Outcome {
  /** One result for each step that was started. */
  readonly results: readonly RevokeResult[];
  /** Empty if the revocation was interrupted. */
  readonly proof: readonly Proof[];
  /** Whether every step was done and everything is proven. */
  readonly proven: boolean;
}

export interface Progress {
  readonly report?: (result: RevokeResult) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Plans the revocation of a leaked credential. Changes nothing.
 * @throws BrokerError as {@link readState}.
 */
export async function planRevocation(deps: RevokeDeps, options: RevokeOptions): Promise<readonly Step[]> {
  return stepsFor(deps, options, await readState(deps, options));
}

const stepsFor = (deps: RevokeDeps, options: RevokeOptions, state: State): readonly Step[] => [
  ...planSteps(deps, options, state),
  ...callerSteps(deps, options.callersApplicationId),
];

/**
 * Revokes a leaked credential. Reads what is there, removes it and reads again until nothing is left, because a renewal
 * or a consent may add something meanwhile. Then proves that nothing redeems any more.
 * @throws BrokerError as {@link readState}, before the first change.
 */
export async function revoke(
  deps: RevokeDeps,
  options: RevokeOptions,
  { report = () => undefined, signal }: Progress = {},
): Promise<Outcome> {
  const run = new Run(deps, options, { report, signal }, await readState(deps, options));
  try {
    await run.untilNothingIsLeft();
    return await run.prove();
  } catch (thrown) {
    if (signal?.aborted !== true) throw thrown;
    return { results: run.results, proof: [], proven: false };
  }
}

class Run {
  readonly #deps: RevokeDeps;
  readonly #options: RevokeOptions;
  readonly #report: (result: RevokeResult) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #values: Values;
  readonly #results = new Map<string, RevokeResult>();
  #state: State;

  constructor(deps: RevokeDeps, options: RevokeOptions, { report, signal }: Required<Progress>, state: State) {
    this.#deps = deps;
    this.#options = options;
    this.#report = report;
    this.#signal = signal;
    this.#values = new Values(deps, signal);
    this.#state = state;
  }

  get results(): readonly RevokeResult[] {
    return [...this.#results.values()];
  }

  async untilNothingIsLeft(): Promise<void> {
    for (const pauseMs of roundPausesMs) {
      this.#signal?.throwIfAborted();
      if (pauseMs > 0) await this.#deps.clock.sleep(pauseMs, this.#signal);
      const { vault } = this.#state;
      if (!(vault instanceof BrokerError)) await this.#values.read(this.#options, vault);
      if (this.#pending().length === 0) break;
      await this.#round();
      this.#state = await this.#readAgain();
    }
    this.#settle();
  }

  #readAgain(): Promise<State> {
    return readState(this.#deps, this.#options, this.#values.tried, this.#state.certain);
  }

  async #round(): Promise<void> {
    await this.#applyAll(this.#pending(), 'first');
    await this.#values.tryRefreshTokens();
    // A token that still works shows its account, which no tag may name.
    this.#state = { ...this.#state, ...accountsIn(this.#state.vault, this.#options, this.#values.tried) };
    const found = this.#pending().filter(({ phase, text }) => phase === 'first' && !this.#results.has(text));
    await this.#applyAll(found, 'first');
    if (found.length > 0) await this.#values.tryRefreshTokens();
    await this.#applyAll(this.#pending(), 'second');
  }

  async #applyAll(steps: readonly Step[], wanted: Step['phase']): Promise<void> {
    for (const step of steps.filter(({ phase }) => phase === wanted)) await this.#apply(step);
  }

  /** The steps that are left. A step that leaves no trace to read is repeated only if a new refresh token appeared. */
  #pending(): readonly Step[] {
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

  async #apply(step: Step): Promise<void> {
    this.#signal?.throwIfAborted();
    const result = await step.run().then(
      (): RevokeResult => ({ step: step.text, done: true }),
      (thrown: unknown): RevokeResult => this.#failed(step, thrown),
    );
    this.#record(result);
  }

  #record(result: RevokeResult): void {
    const earlier = this.#results.get(result.step);
    this.#results.set(result.step, result);
    if (earlier?.done !== result.done || earlier.detail !== result.detail) this.#report(result);
  }

  #failed({ text, needs }: Step, thrown: unknown): RevokeResult {
    const { code, detail } = toBrokerError(thrown);
    if (this.#signal?.aborted === true && thrown === this.#signal.reason)
      return { step: text, done: false, code, detail: 'Interrupted. Run the command again.' };
    const advice = code === 'access_denied' && needs !== undefined ? ` ${needs} Then run the command again.` : '';
    return { step: text, done: false, code, detail: `${detail}${advice}` };
  }

  /**
   * A failed step that is no longer planned was done after all, by a later round or by somebody else. A part that could not
   * be read is not planned either, and shows nothing.
   */
  #settle(): void {
    const { vault, registrations } = this.#state;
    const parts = registrations.flatMap(({ keys, federated, ownReference }) => [keys, federated, ownReference]);
    if ([vault, ...parts].some((part) => part instanceof BrokerError)) return;
    const planned = new Set(stepsFor(this.#deps, this.#options, this.#state).map(({ text }) => text));
    for (const [text, { done }] of this.#results)
      if (!done && !planned.has(text)) this.#record({ step: text, done: true });
  }

  /**
   * Proves everything. The attempts at Entra may wait for 98 seconds and something may be added meanwhile, so everything is
   * read again after them, and what is there is revoked, too.
   */
  async prove(): Promise<Outcome> {
    for (let nth = 1; nth <= maxProofs; nth += 1) {
      const read = await this.#proveRead();
      const isDone = this.#isDone(read);
      const values = await this.#values.prove({ certain: this.#state.certain, isCovered: isDone, waits: isDone });
      if (!isDone || !values.every(({ proven }) => proven)) return this.#outcome([...read, ...values], false);
      const state = await this.#readAgain().catch(toBrokerError);
      if (state instanceof BrokerError) return this.#outcome([...read, ...values, unread(lastLook, state)], false);
      this.#state = state;
      const last = await this.#proveRead();
      if (this.#isDone(last) && this.#pending().length === 0) return this.#recorded([...last, ...values]);
      await this.untilNothingIsLeft();
    }
    const detail = `Something was added during each of ${maxProofs} proofs. Stop what adds it and run the command again.`;
    return this.#outcome([...(await this.#proveRead()), { item: lastLook, proven: false, detail }], false);
  }

  async #proveRead(): Promise<readonly Proof[]> {
    return [...(await proveState(this.#deps, this.#state)), proveVault(this.#state.vault)];
  }

  #isDone(read: readonly Proof[]): boolean {
    return this.results.every(({ done }) => done) && read.every(({ proven }) => proven);
  }

  /** The second pass needs to know when the revocation ended. */
  async #recorded(proof: readonly Proof[]): Promise<Outcome> {
    try {
      await this.#deps.inventory.recordRevocation(this.#options.application);
    } catch (thrown) {
      const failed = unread('Record of the revocation in Key Vault', toBrokerError(thrown));
      return this.#outcome([...proof, failed], false);
    }
    return this.#outcome(proof, true);
  }

  #outcome(proof: readonly Proof[], proven: boolean): Outcome {
    return { results: this.results, proof, proven };
  }
}
