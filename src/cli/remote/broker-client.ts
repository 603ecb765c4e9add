import { adviceFor } from '../../lib/model/advice.ts';
import { BrokerError, isErrorCode } from '../../lib/model/errors.ts';
import { type Fetch, outboundFailure, type OutboundReply, parseJson, send } from '../../lib/runtime/outbound.ts';
import { CommandFailure } from '../command-failure.ts';

/** The broker's HTTP API. Every method throws BrokerError with the broker's own code and words. */
export interface BrokerClient {
  get(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
  /** An answer that is not JSON, as it came, piece by piece. */
  stream(path: string, query: Readonly<Record<string, string>>): Promise<AsyncIterable<Uint8Array>>;
}

const timeoutMs = 60_000;
/** An answer about a run over 20,000 tenants stays below. */
const maxBodyBytes = 64 * 1024 * 1024;

export function createBrokerClient(fetch: Fetch, baseUrl: string, callerToken: () => Promise<string>): BrokerClient {
  const addressOf = (path: string, query: Readonly<Record<string, string | undefined>>): string => {
    const url = new URL(`${baseUrl}/api${path}`);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    return url.href;
  };
  const unreachable = (error: unknown): never => {
    const { code, detail } = outboundFailure(error, 'resource_error', `The broker at ${baseUrl}`);
    throw new CommandFailure(code, detail, whereIsIt, { cause: error });
  };
  const exchange = async (method: 'GET' | 'POST', url: string, body?: unknown): Promise<unknown> => {
    const authorization = `Bearer ${await callerToken()}`;
    const reply = await send(fetch, {
      method,
      url,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs,
      maxBodyBytes,
    }).catch(unreachable);
    if (reply.status >= 200 && reply.status < 300) return parseJson(reply.body);
    throw refusal(reply, baseUrl);
  };
  return {
    get: (path, query = {}) => exchange('GET', addressOf(path, query)),
    post: (path, body) => exchange('POST', addressOf(path, {}), body),
    stream: async (path, query) => {
      const headers = { authorization: `Bearer ${await callerToken()}` };
      const response = await fetch(addressOf(path, query), { headers, redirect: 'manual' }).catch(unreachable);
      if (response.status !== 200 || response.body === null) {
        throw refusal({ status: response.status, headers: response.headers, body: await response.text() }, baseUrl);
      }
      return response.body;
    },
  };
}

/** No answer of the broker came, so no log has the request. */
const whereIsIt = 'Check BROKER_URL (or --url), and whether the broker runs.';

/** The broker's problem document as the error that it was there. */
function refusal(reply: OutboundReply, baseUrl: string): BrokerError {
  const problem = parseJson(reply.body);
  const { code, detail, retryAfterSeconds } = (
    typeof problem === 'object' && problem !== null ? problem : {}
  ) as Record<string, unknown>;
  if (isErrorCode(code)) {
    const said = typeof detail === 'string' ? detail : '';
    const later = typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {};
    // It is the app's settings that are wrong, not those of this machine.
    if (code === 'config_invalid') return new CommandFailure(code, said, adviceFor(code, 'operator'), later);
    return new BrokerError(code, said, later);
  }
  if (reply.status === 401) {
    // The platform's own refusal has no body: it comes before the broker's.
    const asked = 'The function app asks for a function key.';
    return new CommandFailure('caller_unauthenticated', asked, 'Put it into PTB_FUNCTION_KEY.');
  }
  const stranger = `What answers at ${baseUrl} is not the broker (HTTP ${reply.status}).`;
  return new CommandFailure('resource_error', stranger, whereIsIt);
}
