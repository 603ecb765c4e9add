import type { TokenReply } from '../../src/lib/microsoft/token-reply.ts';
import type { Redeemer, Redemption } from '../../src/lib/microsoft/redeemer.ts';
import { aadstsMeanings } from '../../src/lib/microsoft/aadsts.ts';
import { Secret } from '../../src/lib/core/secrets.ts';
import type { FakeClock } from './fake-clock.ts';

/** A scripted Entra: counts requests and answers as the test says, by default with a token. */
export class FakeRedeemer implements Redeemer {
  readonly sent: Redemption[] = [];
  inFlight = 0;
  mostInFlight = 0;
  delayMs = 0;
  lifeSeconds = 3600;
  script: (redemption: Redemption, nth: number) => TokenReply | undefined = () => undefined;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async redeem(redemption: Redemption, signal?: AbortSignal): Promise<TokenReply> {
    this.sent.push(redemption);
    const nth = this.sent.length;
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      if (this.delayMs > 0) await this.#clock.sleep(this.delayMs, signal);
      return this.script(redemption, nth) ?? this.token(`token-${nth}`);
    } finally {
      this.inFlight -= 1;
    }
  }

  token(value: string): TokenReply {
    return {
      ok: true,
      token: {
        accessToken: new Secret(value),
        refreshToken: new Secret(`rolled-${value}`),
        expiresAtMs: this.#clock.nowMs() + this.lifeSeconds * 1000,
        scopes: ['User.Read.All'],
        claims: {},
      },
    };
  }
}

/** The failure that judgeTokenReply reports for an AADSTS number. */
export function aadstsFailure(aadsts: number, retryAfterSeconds?: number): TokenReply {
  const meaning = aadstsMeanings.get(aadsts);
  if (meaning === undefined) throw new Error(`no meaning for ${aadsts}`);
  return {
    ok: false,
    failure: {
      code: meaning.code,
      reach: meaning.reach,
      detail: `${meaning.meaning} (AADSTS${aadsts})`,
      retryAfterSeconds,
      logFields: { aadsts },
    },
  };
}

/** A failure without an AADSTS number. */
export const failureReply = (failure: Partial<Extract<TokenReply, { ok: false }>['failure']> = {}): TokenReply => ({
  ok: false,
  failure: {
    code: 'entra_unavailable',
    reach: 'transient',
    detail: 'Entra stumbled.',
    retryAfterSeconds: undefined,
    logFields: {},
    ...failure,
  },
});
