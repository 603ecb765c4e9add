import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerRequest } from '../../../../src/cli/commands/request.ts';
import { runProgram } from '../../../../src/cli/run-program.ts';
import { systemClock } from '../../../../src/lib/core/clock.ts';

const base = 'https://broker.example/api/gateway/contoso.com/graph';
const users = ['contoso.com', 'get', '/v1.0/users'];

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-request-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true });
});

/** Runs the command against a broker that gives these answers in turn. */
async function run(words: readonly string[], answers: readonly Response[], { isTerminal = false, input = '' } = {}) {
  const sent: Sent[] = [];
  const stdout = new PassThrough();
  const out = buffer(stdout);
  let err = '';
  vi.spyOn(process, 'stdout', 'get').mockReturnValue(Object.assign(stdout, { isTTY: isTerminal }) as never);
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Object.assign(new PassThrough().end(input)) as never);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  vi.stubGlobal('fetch', async (url: string, { method = '', headers, body }: RequestInit) => {
    const text = body == null ? undefined : Buffer.from(body as Uint8Array).toString();
    sent.push({ url, method, headers: Object.fromEntries(new Headers(headers)), body: text });
    return answers[Math.min(sent.length, answers.length) - 1]?.clone() ?? Response.error();
  });
  const program = new Command('ptb');
  registerRequest(program);
  const common = ['--url', 'https://broker.example', '--token', 'caller-token'];
  const exit = await runProgram(program, ['node', 'ptb', 'request', ...words, ...common]);
  stdout.end();
  return { exit, out: (await out).toString(), err, sent };
}

function answer(body: string | null, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  const all = { 'content-type': 'application/json', 'x-correlation-id': 'c', 'request-id': 'r', ...headers };
  return new Response(body, { status, headers: all });
}
const problem = (status: number, code: string, more: object = {}): Response =>
  answer(JSON.stringify({ code, detail: 'It does not.', status, ...more }), status, {
    'content-type': 'application/problem+json',
  });

describe('ptb request', () => {
  it('prints the body as it came, and the status on standard error', async () => {
    const body = '{ "big": 12345678901234567890,\n"value":[] }';
    const { exit, out, err, sent } = await run(users, [answer(body)]);
    expect([exit, out, err]).toEqual([0, body, 'HTTP 200, request-id r\n']);
    const headers = { authorization: 'Bearer caller-token' };
    expect(sent).toEqual([{ url: `${base}/v1.0/users`, method: 'GET', headers, body: undefined }]);
  });

  it('sends a reason that is not ASCII, and says when it asks for an approval again or for none', async () => {
    const reason = 'Ticket 4711 – 50 % of Müller’s mail';
    const { sent } = await run([...users, '--reason', reason, '--ask-again', '--break-glass'], [answer('{}')]);
    const { 'x-reason': header = '', ...others } = sent[0]?.headers ?? {};
    expect(decodeURIComponent(header)).toBe(reason);
    expect(others).toMatchObject({ 'x-ask-again': 'true', 'x-break-glass': 'true' });
  });

  it('indents JSON on a terminal, keeps the digits of numbers, and shows control characters as text', async () => {
    const body = '{"big":12345678901234567890,"rate":1.50,"name":"a\\u202eb\\u001b[2J"}';
    const { out } = await run(users, [answer(body)], { isTerminal: true });
    expect(out).toBe('{\n  "big": 12345678901234567890,\n  "rate": 1.50,\n  "name": "a\\u202eb\\u001b[2J"\n}\n');
    const text = await run(users, [answer('1\u001b[2J', 200, { 'content-type': 'text/plain' })], { isTerminal: true });
    expect(text.out).toBe('1\\u001b[2J\n');
  });

  it('sends a body from a file or from standard input, and headers', async () => {
    const file = join(folder, 'body.json');
    await writeFile(file, '{"a":1}');
    const fromFile = await run(['contoso.com', 'POST', '/v1.0/$batch', '--body', file], [answer('{}')]);
    const json = { authorization: 'Bearer caller-token', 'content-type': 'application/json' };
    expect(fromFile.sent).toMatchObject([{ method: 'POST', body: '{"a":1}', headers: json }]);
    const words = ['contoso.com', 'PUT', '/x', '--body', '-', '--header', 'Content-Type: text/plain'];
    const piped = await run([...words, '--header', 'If-Match: "1"'], [answer(null, 204)], { input: 'hello' });
    expect([piped.exit, piped.out]).toEqual([0, '']);
    expect(piped.sent).toMatchObject([{ body: 'hello', headers: { 'content-type': 'text/plain', 'if-match': '"1"' } }]);
  });

  it('does not let a header replace the token', async () => {
    const { sent } = await run([...users, '--header', 'Authorization: Bearer other'], [answer('{}')]);
    expect(sent[0]?.headers['authorization']).toBe('Bearer caller-token');
  });

  it.each([
    ['users?$top=1', 'graph/v1.0/users?$top=1'],
    ['/users', 'graph/v1.0/users'],
    ['/beta/users', 'graph/beta/users'],
    ['/v1.0', 'graph/v1.0'],
  ])('takes %s for a path of Microsoft Graph', async (typed, expected) => {
    const { sent } = await run(['contoso.com', 'GET', typed], [answer('{}')]);
    expect(sent[0]?.url).toBe(`https://broker.example/api/gateway/contoso.com/${expected}`);
  });

  it('escapes the resource', async () => {
    const { sent } = await run(['contoso.com', 'GET', '/x', '--resource', 'c d'], [answer('{}')]);
    expect(sent[0]?.url).toBe('https://broker.example/api/gateway/contoso.com/c%20d/x');
  });

  it.each([
    ['caller_forbidden', problem(403, 'caller_forbidden'), 1],
    ['request_invalid', problem(400, 'request_invalid'), 2],
    ['consent_required', problem(403, 'consent_required'), 4],
    ['resource_error', problem(502, 'resource_error'), 5],
  ])('ends for %s of the broker with its exit code', async (code, refused, exit) => {
    const { out, err, ...ended } = await run(users, [refused]);
    expect([ended.exit, out]).toEqual([exit, '']);
    expect(err).toContain(`It does not.`);
    expect(err).toContain(`(${code})`);
  });

  it.each([
    [400, 1],
    [404, 1],
    [403, 1],
    [429, 5],
    [500, 5],
    [503, 5],
  ])('prints the body for HTTP %d of the resource and ends with %d', async (status, exit) => {
    const { out, err, ...ended } = await run(users, [answer('{"error":{}}', status)]);
    expect([ended.exit, out, err]).toEqual([exit, '{"error":{}}', `HTTP ${status}, request-id r\n`]);
    expect(ended.sent).toHaveLength(1);
  });

  it('names the target of a redirect', async () => {
    const { exit, err } = await run(users, [answer(null, 302, { location: `${base}/v1.0/x` })]);
    expect([exit, err]).toEqual([0, `HTTP 302, request-id r, Location ${base}/v1.0/x\n`]);
  });

  it('fails if the server is no broker', async () => {
    const { exit, err } = await run(users, [Response.json({ value: [] })]);
    expect([exit, err]).toEqual([5, expect.stringContaining('does not answer like the broker')]);
  });

  it.each([
    [['contoso.com', 'GET', '/../fabrikam.com/graph/v1.0/users']],
    [['contoso.com', 'POST', '/%2e%2e/%2e%2e/%2e%2e/tokens']],
    [['contoso.com', 'GET', 'https://evil.example/v1.0/users']],
    [['contoso.com', 'GET', 'https://broker.example/api/tokens']],
    [['contoso.com', 'HEAD', '/v1.0/users']],
    [['contoso.com', 'POST', '/v1.0/users', '--all-pages']],
    [['contoso.com', 'POST', '/v1.0/users', '--body', '/no/such/file']],
    [['contoso.com', 'GET', '/v1.0/users', '--header', 'no colon']],
    [['contoso.com', 'GET', '/v1.0/users', '--header', 'A: b\r\nC: d']],
    [['contoso.com', 'GET']],
  ])('refuses %j and sends nothing', async (words) => {
    const { exit, sent } = await run(words, []);
    expect([exit, sent]).toEqual([2, []]);
  });
});

describe('ptb request --all-pages', () => {
  const link = `${base}/v1.0/users?$skiptoken=a&ptb_link=b`;
  const page = (value: string, next?: string): Response =>
    answer(`{"value":[${value}]${next === undefined ? '' : `,"@odata.nextLink":${JSON.stringify(next)}`}}`);

  it('prints the entries of all pages as one page', async () => {
    const { exit, out, sent } = await run([...users, '--all-pages'], [page('1,12345678901234567890', link), page('3')]);
    expect([exit, out]).toEqual([0, '{"value":[1,12345678901234567890,3]}\n']);
    expect(sent.map(({ url }) => url)).toEqual([`${base}/v1.0/users`, link]);
  });

  it('prints an answer that is no collection, or an error, alone', async () => {
    expect((await run([...users, '--all-pages'], [answer('{"id":"1"}')])).out).toBe('{"id":"1"}');
    const failed = await run([...users, '--all-pages'], [page('1', link), answer('{"error":{}}', 404)]);
    expect([failed.exit, failed.out]).toEqual([1, '{"error":{}}']);
  });

  it.each(['https://evil.example/v1.0/users', `${base}/v1.0/users`, 'https://broker.example/api/tokens'])(
    'does not go on to %s',
    async (next) => {
      const { exit, out, sent } = await run([...users, '--all-pages'], [page('1', next), page('2')]);
      expect([exit, out, sent.length]).toEqual([5, '', 1]);
    },
  );
});

describe('--wait', () => {
  const waits = (id: string) => answer(JSON.stringify({ approvalId: id }), 202, { 'x-approval-id': id });
  const approved = () => answer(JSON.stringify({ status: 'approved' }));

  it('goes on waiting if the repeated request needs another approval', async () => {
    const sleep = vi.spyOn(systemClock, 'sleep').mockResolvedValue();
    const answers = [waits('one'), approved(), waits('two'), approved(), answer('{"value":[]}')];
    const { exit, out, err, sent } = await run([...users, '--wait'], answers);
    expect([exit, JSON.parse(out)]).toEqual([0, { value: [] }]);
    expect(err).toContain('other people: two');
    expect(sent.map(({ url }) => url.includes('/gateway/'))).toEqual([true, false, true, false, true]);
    expect(sleep).toHaveBeenCalledTimes(2);
  });
});
