import type { MicrosoftSignIn, Tokens } from './microsoft.ts';
import { SignInProblem, signInProblem } from './sign-in-problem.ts';

/** Where requests get the token of the signed-in person. */
export interface TokenSource {
  /** A token that is valid. Renews it first if it is about to expire. @throws SignInProblem if that fails. */
  readonly token: () => Promise<string>;
  /** Renews now, for example to see a role that was just given. @throws SignInProblem. */
  readonly renew: () => Promise<void>;
  /** Ends the renewals. */
  readonly stop: () => void;
}

interface TokenSourceDeps {
  readonly renew: MicrosoftSignIn['renew'];
  readonly nowMs: () => number;
  /** Called with each new token. */
  readonly onTokens: (tokens: Tokens) => void;
  /** Called when a renewal fails because Microsoft does not answer. It is tried again. */
  readonly onDelay: (problem: SignInProblem) => void;
  /** Called once, when the person has to sign in again. */
  readonly onEnd: (problem: SignInProblem) => void;
}

/** A token is renewed this long before it expires, or after four fifths of a short life. */
const renewBeforeMs = 5 * 60_000;
/** Pause before the next renewal at least, however short the life of a token. */
const leastPauseMs = 3_000;
/** Pause between attempts to renew while Microsoft does not answer. */
const retryMs = 15_000;
/** A token that expires sooner than this is not sent. */
const leastLifeMs = 2_000;

const renewAtMs = ({ receivedAtMs, expiresAtMs }: Tokens): number =>
  expiresAtMs - Math.min(renewBeforeMs, (expiresAtMs - receivedAtMs) / 5);

/** Keeps a token alive with the refresh token, without a page. Call `stop` when it is no longer needed. */
class RenewedToken implements TokenSource {
  #tokens: Tokens;
  #isStopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewal: Promise<void> | undefined;
  readonly #deps: TokenSourceDeps;

  constructor(first: Tokens, deps: TokenSourceDeps) {
    this.#deps = deps;
    this.#tokens = first;
    this.#schedule(renewAtMs(first) - deps.nowMs());
  }

  readonly token = async (): Promise<string> => {
    // Timers stand still while the machine sleeps.
    if (this.#tokens.expiresAtMs - this.#deps.nowMs() < leastLifeMs) await this.renew();
    return this.#tokens.accessToken;
  };

  readonly renew = (): Promise<void> => {
    this.#renewal ??= this.#renewOnce().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  };

  readonly stop = (): void => {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  };

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    // `#renewOnce` reports its failures.
    if (!this.#isStopped)
      this.#timer = setTimeout(() => void this.renew().catch(() => undefined), Math.max(leastPauseMs, inMs));
  }

  async #renewOnce(): Promise<void> {
    try {
      const { refreshToken } = this.#tokens;
      if (refreshToken === undefined) throw new SignInProblem('ended', 'The sign-in has expired.', 'Sign in again.');
      const renewed = await this.#deps.renew(refreshToken);
      if (this.#isStopped) return;
      this.#tokens = renewed;
      this.#schedule(renewAtMs(renewed) - this.#deps.nowMs());
      this.#deps.onTokens(renewed);
    } catch (thrown) {
      const problem = signInProblem(thrown);
      if (!this.#isStopped) this.#report(problem);
      throw problem;
    }
  }

  #report(problem: SignInProblem): void {
    if (problem.kind === 'unavailable') {
      this.#schedule(retryMs);
      this.#deps.onDelay(problem);
    } else {
      this.stop();
      this.#deps.onEnd(problem);
    }
  }
}

export const createTokenSource = (first: Tokens, deps: TokenSourceDeps): TokenSource => new RenewedToken(first, deps);

/** A token that the person pasted. It cannot be renewed. */
export const pastedToken = (token: string): TokenSource => ({
  token: async () => token,
  renew: async () => undefined,
  stop: () => undefined,
});
