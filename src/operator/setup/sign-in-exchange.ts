import { BrokerError } from '../../lib/core/errors.ts';
import type { Clock } from '../../lib/core/clock.ts';
import { type Fetch, outboundFailure, type OutboundReply, send } from '../../lib/core/outbound.ts';
import { type EntraFailure, errorOf, judgeTokenReply, type RedeemedToken } from '../../lib/microsoft/token-reply.ts';

const timeoutMs = 30_000;
const maxReplyBytes = 256 * 1024;

export interface SignInExchangeDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
}

/** One exchange with Entra. oauth4webapi sends its request through `fetch`. The exchange keeps the unchanged reply. */
export class SignInExchange {
  readonly #deps: SignInExchangeDeps;
  readonly #signal: AbortSignal | undefined;
  #reply: OutboundReply | undefined;
  #sentAtMs = 0;

  constructor(deps: SignInExchangeDeps, signal: AbortSignal | undefined) {
    this.#deps = deps;
    this.#signal = signal;
  }

  readonly fetch = async (
    url: string,
    init: { readonly headers: Record<string, string>; readonly body: URLSearchParams },
  ): Promise<Response> => {
    this.#sentAtMs = this.#deps.clock.nowMs();
    const reply = await send(this.#deps.fetch, {
      method: 'POST',
      url,
      headers: { ...init.headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: init.body.toString(),
      timeoutMs,
      maxBodyBytes: maxReplyBytes,
      signal: this.#signal,
    }).catch((error: unknown): never => {
      throw outboundFailure(error, 'entra_unavailable', 'Entra');
    });
    this.#reply = reply;
    return new Response(reply.body, { status: reply.status, headers: reply.headers });
  };

  /** Why Entra issued no token. Undefined if it issued one or if no reply arrived. */
  get failure(): EntraFailure | undefined {
    if (this.#reply === undefined) return undefined;
    const judged = judgeTokenReply(this.#reply, this.#sentAtMs);
    return judged.ok ? undefined : judged.failure;
  }

  /** The token in the reply. @throws BrokerError if there is none. */
  token(): RedeemedToken {
    if (this.#reply === undefined) throw new BrokerError('entra_unavailable', 'No request was sent to Entra.');
    const judged = judgeTokenReply(this.#reply, this.#sentAtMs);
    if (judged.ok) return judged.token;
    throw errorOf(judged.failure);
  }
}
