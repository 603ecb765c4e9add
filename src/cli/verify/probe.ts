import { asObject } from '../../lib/core/objects.ts';
import { type Fetch, OutboundError, parseJson, send } from '../../lib/core/outbound.ts';

/** One answer of the app. All answers are kept, to search them for secrets at the end. */
export interface ProbeAnswer {
  readonly method: string;
  readonly path: string;
  /** 0: there was no answer. `failure` names the reason. */
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
  readonly failure?: string;
}

interface ProbeRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export type ProbeMethod = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

export interface Probe {
  readonly url: string;
  ask(method: ProbeMethod, path: string, request?: ProbeRequest): Promise<ProbeAnswer>;
  /** All answers so far. */
  readonly answers: readonly ProbeAnswer[];
}

/** Long enough for a cold start. */
const timeoutMs = 45_000;
const maxBodyBytes = 4 * 1024 * 1024;

/** @param url Address of the app without a trailing slash. */
export function createProbe(fetch: Fetch, url: string): Probe {
  const answers: ProbeAnswer[] = [];
  return {
    url,
    answers,
    ask: async (method, path, request = {}) => {
      const answer = await exchange(fetch, url, { method, path, ...request });
      answers.push(answer);
      return answer;
    },
  };
}

async function exchange(
  fetch: Fetch,
  url: string,
  { method, path, headers = {}, body }: ProbeRequest & { readonly method: ProbeMethod; readonly path: string },
): Promise<ProbeAnswer> {
  const absolute = path.startsWith('http') ? path : `${url}${path}`;
  const content = method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {};
  const sent = method === 'POST' ? { 'content-type': 'application/json', ...headers } : headers;
  try {
    const reply = await send(fetch, { method, url: absolute, headers: sent, timeoutMs, maxBodyBytes, ...content });
    return { ...reply, method, path, json: asObject(parseJson(reply.body)) };
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return { method, path, status: 0, headers: new Headers(), body: '', json: {}, failure: error.failure };
  }
}

/** Whether the app has answered any request. */
export const isReached = (probe: Probe): boolean => probe.answers.some(({ status }) => status !== 0);
