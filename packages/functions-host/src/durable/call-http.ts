import type { DurableHttpRequest } from './actions.ts';
import type { TaskOutcome } from './instance.ts';

export type HttpFetch = (url: string, init: RequestInit) => Promise<Response>;

/** The extension's default (`durableTask.httpSettings`); a reply that takes longer fails the task. */
const timeoutMs = 100_000;

/** One durable HTTP call. Any status is a result; only a call without a reply fails. */
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
    const said = error instanceof Error ? `${error.message}${cause}` : String(error);
    return { ok: false, reason: `Activity function 'BuiltIn::HttpActivity' failed: ${said}`, details: '' };
  }
}
