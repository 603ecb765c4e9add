import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Answers a request instead of the secure app. Returns undefined for other requests. */
export type Override = (request: IncomingMessage, body: Readonly<Record<string, unknown>>) => Reply | undefined;

export const callerToken = 'the-token-of-a-caller';
export const knownTenant = 'contoso.example';
export const runId = 'access-check@manual-1';
const jobs = [{ name: 'access-check', schedule: '0 30 4 * * *' }, { name: 'by-hand' }];
const problem = (status: number, code: string): Reply => ({ status, body: { code, detail: `${code}.` } });

/** What the secure app says is deployed. */
export const release = { version: '0.1.0', commit: 'c0ffee', sha256: 'd1ge57' };

/** The answers of a secure broker, as `ptb verify` should see them. */
function secureAnswer(request: IncomingMessage, body: Readonly<Record<string, unknown>>): Reply {
  const { pathname } = new URL(request.url ?? '/', 'http://app');
  if (pathname.startsWith('/admin')) return { status: 404 };
  if (pathname.startsWith('/runtime')) return { status: 401 };
  const isCaller = request.headers.authorization === `Bearer ${callerToken}`;
  if (pathname === '/api/health')
    return { status: 200, body: { status: 'ok', ...(isCaller ? { settings: { status: 'ok' }, release } : {}) } };
  if (!isCaller) return problem(401, 'caller_unauthenticated');
  if (pathname === '/api/jobs/access-check/runs') return { status: 202, body: { runId, status: 'pending' } };
  if (pathname === `/api/runs/${encodeURIComponent(runId)}`)
    return {
      status: 200,
      body: { runId, status: 'completed', tenants: { total: 1, succeeded: 1 }, durationMs: 1_240 },
    };
  if (pathname === '/api/jobs') return { status: 200, body: { jobs } };
  if (pathname !== '/api/tokens') return { status: 200, body: [] };
  if (body['resource'] !== 'graph') return problem(400, 'resource_not_allowed');
  if (body['tenant'] !== knownTenant) return problem(403, 'caller_forbidden');
  const accessToken = `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`;
  return {
    status: 200,
    headers: { 'cache-control': 'no-store' },
    body: { accessToken, expiresAt: '2030-01-01T00:00:00.000Z', scopes: ['User.Read.All', 'Group.Read.All'] },
  };
}

/** Serves a secure app with these overrides on a free port of the loopback interface. */
export async function serveApp(...overrides: readonly Override[]): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    void answer(overrides, request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function answer(
  overrides: readonly Override[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  const reply =
    overrides.map((override) => override(request, body)).find((found) => found !== undefined) ??
    secureAnswer(request, body);
  response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
  response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
}
