import { BrokerError } from '../model/errors.ts';
import { outboundFailure, type OutboundReply, send } from '../runtime/outbound.ts';
import { type EntraFailure, errorOf, judgeTokenReply, type RedeemedToken } from './judge-token-reply.ts';
import type { SignInClientDeps } from './sign-in-client.ts';

const timeoutMs = 30_000;
const maxReplyBytes = 256 * 1024;

/** One exchange with the token endpoint: oauth4webapi sends through it, and the reply is kept as it came. */
export class SignInExchange {
  readonly #deps: Pick<SignInClientDeps, 'fetch' | 'clock'>;
  readonly #signal: AbortSignal | undefined;
  #reply: OutboundReply | undefined;
  #sentAtMs = 0;

  constructor(deps: Pick<SignInClientDeps, 'fetch' | 'clock'>, signal: AbortSignal | undefined) {
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

  /** What a refusal means; undefined for a token, and where nothing came back. */
  get failure(): EntraFailure | undefined {
    if (this.#reply === undefined) return undefined;
    const judged = judgeTokenReply(this.#reply, this.#sentAtMs);
    return judged.ok ? undefined : judged.failure;
  }

  /** The token in the reply. @throws BrokerError when there is none. */
  token(): RedeemedToken {
    if (this.#reply === undefined) throw new BrokerError('entra_unavailable', 'Entra was not asked.');
    const judged = judgeTokenReply(this.#reply, this.#sentAtMs);
    if (judged.ok) return judged.token;
    throw errorOf(judged.failure);
  }
}
