import { messageOf } from '../runtime/errors.ts';
import type { DurableHttpRequest } from './actions.ts';
import type { TaskOutcome } from './instance.ts';

export type HttpFetch = (url: string, init: RequestInit) => Promise<Response>;

/** The extension's default (`durableTask.httpSettings`). A response that takes longer fails the task. */
const timeoutMs = 100_000;

/** Sends a durable HTTP request. Every response is a result, whatever its status. Only a missing response is a failure. */
export async function callHttp(fetch: HttpFetch, request: DurableHttpRequest): Promise<TaskOutcome> {
  try {
    const method = request.method.toUpperCase();
    const body = method === 'GET' || method === 'HEAD' ? undefined : (request.content ?? undefined);
    const response = await fetch(request.uri, {
      method,
      redirect: 'manual',
      headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...request.headers },
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body }),
    });
    const headers = Object.fromEntries(response.headers);
    return {
      ok: true,
      result: JSON.stringify({ statusCode: response.status, headers, content: await response.text() }),
    };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    const reason = `Activity function 'BuiltIn::HttpActivity' failed: ${messageOf(error)}${cause}`;
    return { ok: false, reason, details: '' };
  }
}
