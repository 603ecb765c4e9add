import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from '@azure/msal-node';
import type { Clock } from '../core/clock.ts';
import { type Fetch, OutboundError, type OutboundReply, parseJson, send } from '../core/outbound.ts';

/** A reply of the token endpoint has a few KiB. A token with many groups stays below this limit. */
const maxReplyBytes = 256 * 1024;

/** The request and reply of one grant. */
export interface CapturedExchange {
  readonly sentAtMs: number;
  /** The reply, or why none arrived. */
  readonly outcome: OutboundReply | OutboundError;
}

/**
 * MSAL's network client for exactly one grant. It applies a deadline and a size limit, which MSAL's own client lacks. It
 * keeps the unchanged reply, because MSAL discards the new refresh token, the status and Retry-After, and accepts a 200
 * without a token.
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
    // MSAL gets all endpoints as metadata, so it never sends a GET. If it does, the failure must be visible.
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
      // MSAL's interpretation of the reply is ignored.
      return { status: reply.status, headers: {}, body: (parseJson(reply.body) ?? {}) as T };
    } catch (error) {
      const outcome =
        error instanceof OutboundError ? error : new OutboundError('network', new URL(url).host, { cause: error });
      this.captured = { sentAtMs, outcome };
      throw outcome;
    }
  }
}
