import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FunctionSummary } from '../app/function-summary.ts';
import { readBody, sendEmpty, sendJson } from './exchange.ts';

export interface AdminApiDeps {
  readonly functions: readonly FunctionSummary[];
  /** Starts a function without an HTTP trigger, with `input` as trigger value. @returns false when there is none. */
  readonly runFunction: (name: string, input: string | undefined) => boolean;
  readonly startedAtMs: number;
  readonly nowMs: () => number;
  readonly maxBodyBytes: number;
}

/**
 * The part of the host's admin API that tests and tools use. The caller must have checked the master key.
 * @param path the decoded segments below `/admin`.
 */
export async function answerAdminApi(
  deps: AdminApiDeps,
  path: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [collection, name] = path;
  const method = request.method ?? 'GET';
  if (collection === 'host' && name === 'status' && method === 'GET') {
    const uptime = Math.floor(deps.nowMs() - deps.startedAtMs);
    const status = { id: 'local', state: 'Running', version: '4.1000.0-local', processUptime: uptime, errors: [] };
    sendJson(response, 200, JSON.stringify(status));
  } else if (collection === 'functions' && name === undefined && method === 'GET')
    sendJson(response, 200, JSON.stringify(deps.functions));
  else if (collection === 'functions' && name !== undefined && method === 'GET') {
    const found = find(deps.functions, name);
    if (found) sendJson(response, 200, JSON.stringify(found));
    else sendEmpty(response, 404);
  } else if (collection === 'functions' && name !== undefined && method === 'POST')
    await run(deps, name, request, response);
  else sendEmpty(response, 404);
}

const find = (functions: readonly FunctionSummary[], name: string): FunctionSummary | undefined =>
  functions.find((item) => item.name.toLowerCase() === name.toLowerCase());

async function run(
  deps: AdminApiDeps,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = (await readBody(request, deps.maxBodyBytes)).toString('utf8');
  const input = text.trim() === '' ? undefined : inputOf(text);
  if (input === null)
    sendJson(response, 400, JSON.stringify({ message: 'The body must be a JSON object with the member "input".' }));
  else if (!deps.runFunction(name, input)) sendEmpty(response, 404);
  else sendEmpty(response, 202);
}

/** The trigger value as text: a string unchanged, any other value as JSON. Null when the body is not valid. */
function inputOf(text: string): string | undefined | null {
  try {
    const body = JSON.parse(text) as unknown;
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
    const { input } = body as { input?: unknown };
    return input === undefined || typeof input === 'string' ? input : JSON.stringify(input);
  } catch {
    return null;
  }
}
