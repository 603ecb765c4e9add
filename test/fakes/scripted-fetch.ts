import type { Fetch } from '../../src/lib/core/outbound.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string | undefined;
}

/** A reply: a Response, or a value that is sent as JSON with status 200. */
export type Scripted = Response | object;

/** A fetch that answers from a function and records the requests. A throw simulates a broken connection. */
export function scriptedFetch(answer: (request: SeenRequest, count: number) => Scripted | Promise<Scripted>): {
  readonly fetch: Fetch;
  readonly seen: SeenRequest[];
} {
  const seen: SeenRequest[] = [];
  const fetch: Fetch = async (url, init) => {
    init.signal?.throwIfAborted();
    const request = {
      method: init.method ?? 'GET',
      url: new URL(url),
      headers: new Headers(init.headers),
      body: typeof init.body === 'string' ? init.body : undefined,
    };
    seen.push(request);
    const reply = await answer(request, seen.length);
    return reply instanceof Response ? reply : Response.json(reply);
  };
  return { fetch, seen };
}

/** Returns the replies in order and repeats the last one. */
export const inTurn =
  (...replies: (() => Scripted)[]) =>
  (_request: SeenRequest, count: number): Scripted => {
    const reply = replies[Math.min(count, replies.length) - 1];
    if (reply === undefined) throw new Error('nothing is scripted');
    return reply();
  };

export const problem = (status: number, code: string, message = '', headers: Record<string, string> = {}): Response =>
  Response.json({ error: { code, message } }, { status, headers });
