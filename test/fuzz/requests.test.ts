import { Agent, type IncomingMessage, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isErrorCode } from '../../src/lib/core/errors.ts';
import type { Demo } from '../../src/cli/demo/start-demo.ts';
import { startDemo } from '../../src/cli/demo/start-demo.ts';
import { seededRandom } from '../fakes/fake-clock.ts';
import { routes } from '../../tools/docs/declared-routes.ts';
import { casesOf } from '../support/extent.ts';
import { LeakScan } from '../support/leak-scan.ts';
import { storeCredential } from '../support/stored-credential.ts';
import { secretsInTheVault } from '../support/vault-secrets.ts';
import { quiet } from '../support/watched-demo.ts';
import { damaged } from './mutate.ts';

// Malformed requests to every route of the running app: 0 crashes, 0 answers with status 500, 0 hangs, 0 leaks.

const runs = Number(process.env['FUZZ_REQUESTS'] ?? casesOf(10_000));
const longestAnswerMs = 60_000;
const agent = new Agent({ keepAlive: true, maxSockets: 32 });

let demo: Demo;
let authorization: string;
let scan: LeakScan;
const log: string[] = [];

beforeAll(async () => {
  demo = await startDemo({
    tenants: 5,
    ...quiet,
    obtainCredential: (_script, _environment, cloud) => storeCredential(cloud),
    onHostLine: (line) => log.push(line),
    hostSettings: async () => ({ CALLER_REQUESTS_PER_MINUTE: '1000000' }),
  });
  authorization = `Bearer ${await demo.callerToken()}`;
  const own = { name: "the caller's own token", value: authorization.slice(7) };
  const canaries = [own, ...(await secretsInTheVault(demo))];
  scan = new LeakScan(canaries, { tokens: true });
});

afterAll(async () => {
  agent.destroy();
  await demo?.stop();
});

interface Ask {
  readonly route: number;
  readonly seed: number;
  readonly count: number;
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

const oddTexts = [
  '',
  ' ',
  '%00',
  '%ZZ',
  '..',
  '%2e%2e%2f',
  '*',
  '-1',
  '9'.repeat(400),
  'a'.repeat(3_000),
  '%F0%9F%98%80',
  '%C3%28',
  '__proto__',
  'constructor',
  'null',
  "'%20or%20'1'%20eq%20'1",
  '%3Cscript%3E',
  'licence-report',
  'licence-report@none',
  '2026-11-24T00:00:00Z',
  '00000000-0000-4000-8000-000000000000',
  '1e400',
  '%22',
  '%0d%0aset-cookie:%20a=b',
];
const oddHeaders = [
  '',
  ' ',
  'Bearer',
  'Bearer ',
  'Bearer x',
  'Bearer a.b.c',
  'Basic YTpi',
  'bearer null',
  'A'.repeat(9_000),
  'A'.repeat(20_000),
  'A'.repeat(40_000),
  'application/xml',
  '*/*',
  'gzip',
  '0',
  '-1',
  'chunked, gzip',
];
const headerNames = [
  'authorization',
  'content-type',
  'accept',
  'x-correlation-id',
  'x-ms-client-principal',
  'x-forwarded-for',
  'if-none-match',
  'range',
  'content-encoding',
  'cookie',
  'expect',
  'x-http-method-override',
];

function requestOf({ route, seed, count }: Ask): Sent {
  const random = seededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const { method, path } = routes[route] ?? { method: 'GET', path: '/health' };
  const parts = path.replaceAll(/\{\*?\w+\}/g, () => pick(oddTexts));
  const query = Array.from(
    { length: Math.floor(random() * 3) },
    () =>
      `${pick(['from', 'to', 'limit', 'caller', 'tenant', 'continuation', 'format', 'status', 'job', 'x'])}=${pick(oddTexts)}`,
  );
  const headers: Record<string, string> = random() < 0.9 ? { authorization, 'content-type': 'application/json' } : {};
  for (let number = Math.floor(random() * 3); number > 0; number -= 1) headers[pick(headerNames)] = pick(oddHeaders);
  delete headers['expect'];
  const chosen = random() < 0.9 ? method : pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']);
  const body = chosen === 'GET' || chosen === 'HEAD' ? undefined : bodyOf(path, seed, count);
  return { method: chosen, path: `/api${parts}${query.length > 0 ? `?${query.join('&')}` : ''}`, headers, body };
}

function bodyOf(path: string, seed: number, count: number): Buffer {
  const tenant = demo.cloud.tenants[0]?.tenantId ?? '';
  const genuine = path.endsWith('/tokens')
    ? { tenant, resource: 'graph', scopes: ['User.Read.All'], grant: 'delegated', minimumLifetimeSeconds: 300 }
    : { tenants: [tenant], parameters: { resources: ['exchange'] }, window: `w${seed}` };
  const text = damaged({ status: 200, body: genuine }, seed, count).body;
  // Some bytes are not valid UTF-8.
  return seed % 11 === 0 ? Buffer.from(text, 'latin1') : Buffer.from(text);
}

async function ask({
  method,
  path,
  headers,
  body,
}: Sent): Promise<{ status: number; headers: IncomingMessage['headers']; text: string }> {
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = send(
      `${demo.url}${path}`,
      {
        agent,
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-length': body.byteLength }) },
        timeout: longestAnswerMs,
      },
      resolve,
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer within ${longestAnswerMs / 1000} s`)));
    outgoing.once('error', reject).end(body);
  });
  return { status: reply.statusCode ?? 0, headers: reply.headers, text: (await buffer(reply)).toString('utf8') };
}

function judge(sent: Sent, { status, headers, text }: Awaited<ReturnType<typeof ask>>): void {
  scan.scan({ where: `${sent.method} ${sent.path}`, content: text });
  if (headers['set-cookie'] !== undefined) throw new Error('a header was injected');
  // The host's own errors have no body: unknown route or method, malformed URL, too long a URL, too large headers.
  if (text === '' && [400, 404, 405, 414, 431].includes(status)) return;
  if (sent.method === 'HEAD' || status < 400) return;
  const problem = JSON.parse(text) as { code?: unknown; jsonrpc?: unknown };
  // Messages that cannot be read get an error of JSON-RPC, as the Model Context Protocol demands.
  if (sent.path.startsWith('/api/mcp') && [400, 405, 406, 415].includes(status) && problem.jsonrpc === '2.0') return;
  if (headers['content-type'] !== 'application/problem+json' || !isErrorCode(problem.code))
    throw new Error(`${status} is no problem of ours: ${text.slice(0, 200)}`);
  if (status === 500 || problem.code === 'internal') throw new Error(`${status}: ${text.slice(0, 300)}`);
  if (headers['x-correlation-id'] === undefined) throw new Error('no correlation id');
}

test('no request to any route crashes, hangs, leaks or answers 500', { timeout: 900_000 }, async () => {
  const byStatus: Record<string, number> = {};
  const batch = fc.array(
    fc.record({ route: fc.nat(routes.length - 1), seed: fc.nat(), count: fc.integer({ min: 0, max: 4 }) }),
    { minLength: 25, maxLength: 25 },
  );
  await fc.assert(
    fc.asyncProperty(batch, async (asks) => {
      await Promise.all(
        asks.map(async (one) => {
          const sent = requestOf(one);
          const answer = await ask(sent);
          byStatus[answer.status] = (byStatus[answer.status] ?? 0) + 1;
          try {
            judge(sent, answer);
          } catch (cause) {
            const what = `${sent.method} ${sent.path.slice(0, 120)} ${JSON.stringify(sent.headers).slice(0, 300)}`;
            throw new Error(
              `${what} ${sent.body?.toString('utf8').slice(0, 300)}: ${answer.status} ${answer.text.slice(0, 300)}`,
              { cause },
            );
          }
        }),
      );
    }),
    { numRuns: Math.round(runs / 25), seed: Number(process.env['FUZZ_SEED'] ?? '1'), endOnFailure: true },
  );
  scan.scan({ where: "the app's log", content: log.join('\n') });
  console.log(
    `fuzz: requests to ${routes.length} routes: ${runs}, answers ${JSON.stringify(byStatus)}; ${scan.summary('answers and log')}`,
  );
  expect(scan.leaks).toEqual([]);
  expect(log.filter((line) => line.includes('Uncaught'))).toEqual([]);
  expect((await demo.api.health()).status).not.toBe('down');
});
