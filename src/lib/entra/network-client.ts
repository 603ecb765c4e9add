import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from '@azure/msal-node';
import type { Clock } from '../runtime/clock.ts';
import { type Fetch, OutboundError, type OutboundReply, parseJson, send } from '../runtime/outbound.ts';

/** A reply of the token endpoint is a few KiB; a token with many groups stays below this. */
const maxReplyBytes = 256 * 1024;

/** What went over the wire for one grant. */
export interface CapturedExchange {
  readonly sentAtMs: number;
  /** The reply, or why there was none. */
  readonly outcome: OutboundReply | OutboundError;
}

/**
 * MSAL's network seam for exactly one grant. It sends with a deadline and a cap (MSAL's own client has neither), and
 * keeps the reply as it came, because MSAL drops what matters here: the rolled refresh token, the status, Retry-After,
 * and whether a 200 held a token at all.
 */
export class CapturingNetworkClient implements INetworkModule {
  captured: CapturedExchange | undefined;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;

  constructor(deps: { fetch: Fetch; clock: Clock }, timeoutMs: number, signal?: AbortSignal) {
    this.#fetch = deps.fetch;
    this.#clock = deps.clock;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
  }

  async sendGetRequestAsync<T>(url: string): Promise<NetworkResponse<T>> {
    // Endpoints are given to MSAL as metadata, so it has nothing to discover; a GET would be a surprise worth seeing.
    throw new OutboundError('network', new URL(url).host, { cause: new Error('MSAL asked for a discovery document') });
  }

  async sendPostRequestAsync<T>(url: string, options?: NetworkRequestOptions): Promise<NetworkResponse<T>> {
    const sentAtMs = this.#clock.nowMs();
    try {
      const reply = await send(this.#fetch, {
        method: 'POST',
        url,
        timeoutMs: this.#timeoutMs,
        maxBodyBytes: maxReplyBytes,
        signal: this.#signal,
        ...(options?.headers ? { headers: options.headers } : {}),
        ...(options?.body === undefined ? {} : { body: options.body }),
      });
      this.captured = { sentAtMs, outcome: reply };
      // What MSAL makes of the reply is ignored; it only has to come to an end.
      return { status: reply.status, headers: {}, body: (parseJson(reply.body) ?? {}) as T };
    } catch (error) {
      const outcome =
        error instanceof OutboundError ? error : new OutboundError('network', new URL(url).host, { cause: error });
      this.captured = { sentAtMs, outcome };
      throw outcome;
    }
  }
}
