import { beforeEach, describe, expect, it } from 'vitest';
import { type McpParts, serveMcp } from '../../../../../src/lib/api/mcp/serve-mcp.ts';
import { tools } from '../../../../../src/lib/api/mcp/tools.ts';
import { callerRoles } from '../../../../../src/lib/core/caller.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

/** Calls of tools: name, arguments. */
let calls: [string, unknown][];
let parts: McpParts;
beforeEach(() => {
  calls = [];
  parts = {
    roles: callerRoles,
    log: silentLogger,
    call: async ({ name }, given) => {
      calls.push([name, given]);
      return { content: [{ type: 'text', text: 'done' }], structuredContent: { notice: 'n', data: {} } };
    },
  };
});

const modernRevision = '2026-07-28';
const meta = {
  'io.modelcontextprotocol/protocolVersion': modernRevision,
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
type Headers = Readonly<Record<string, string>>;

async function send(body: unknown, headers: Headers = {}, method = 'POST') {
  const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const answer = await serveMcp(parts, {
    method,
    url: 'https://broker.example/api/mcp',
    headers: Object.entries({ 'content-type': 'application/json', ...headers }),
    body: method === 'POST' && bytes.length > 0 ? bytes : undefined,
  });
  const text = answer.jsonBody === undefined ? String(answer.body ?? '') : JSON.stringify(answer.jsonBody);
  const isJson = text.startsWith('{');
  return {
    status: answer.status,
    headers: answer.headers ?? {},
    text,
    json: isJson ? (JSON.parse(text) as never) : {},
  };
}

/** The message and the headers of one method in a revision. */
const inRevision = (revision: string, method: string, params: object = {}): [object, Headers] =>
  revision === modernRevision
    ? [
        { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } },
        {
          'mcp-protocol-version': revision,
          'mcp-method': method,
          ...('name' in params ? { 'mcp-name': String(params.name) } : {}),
        },
      ]
    : [{ jsonrpc: '2.0', id: 1, method, params }, { 'mcp-protocol-version': revision }];

const revisions = [modernRevision, '2025-11-25', '2025-06-18'];

describe.each(revisions)('revision %s', (revision) => {
  it('lists the tools with their schemas and hints, as JSON', async () => {
    const { status, headers, json } = await send(...inRevision(revision, 'tools/list'));
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, 'application/json', 'no-store']);
    expect(json).toMatchObject({
      result: {
        tools: tools.map(({ name, onlyReads }) => ({
          name,
          inputSchema: { type: 'object', additionalProperties: false },
          outputSchema: { type: 'object', required: ['notice', 'data'] },
          annotations: { readOnlyHint: onlyReads, destructiveHint: false },
        })),
      },
    });
  });

  it('calls a tool', async () => {
    const { status, json } = await send(
      ...inRevision(revision, 'tools/call', { name: 'list_jobs', arguments: { a: 1 } }),
    );
    expect([status, calls]).toEqual([200, [['list_jobs', { a: 1 }]]]);
    expect(json).toMatchObject({ id: 1, result: { content: [{ text: 'done' }] } });
  });

  it.each(['graph_delete', 'toString', '__proto__', ''])('refuses the unknown tool %j by a code', async (name) => {
    const { json } = await send(...inRevision(revision, 'tools/call', { name, arguments: {} }));
    expect(json).toMatchObject({ error: { code: -32_602 } });
    expect(calls).toEqual([]);
  });

  it.each(['resources/list', 'prompts/get', 'sampling/createMessage', 'logging/setLevel', 'nope'])(
    'knows no %s',
    async (method) => {
      const { json } = await send(...inRevision(revision, method, { name: 'x', uri: 'y', level: 'info' }));
      expect((json as { error: { code: number } }).error.code).toBeLessThan(-32_000);
    },
  );
});

it('shows only the tools of the roles of the caller, and leaves the refusal of others to the route', async () => {
  parts = { ...parts, roles: ['Runs.Read', 'Audit.Read'] };
  const { json } = await send(...inRevision(modernRevision, 'tools/list'));
  const { result } = json as { result: { tools: { name: string }[] } };
  expect(result.tools.map(({ name }) => name)).toEqual(
    tools.filter(({ roles }) => roles.includes('Runs.Read')).map(({ name }) => name),
  );
  await send(...inRevision(modernRevision, 'tools/call', { name: 'start_job', arguments: {} }));
  expect(calls).toEqual([['start_job', {}]]);
});

describe('a client of an earlier revision', () => {
  const initialize = (protocolVersion: string) => ({
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion, capabilities: {}, clientInfo: { name: 'old', version: '1' } },
  });

  it.each([
    ['2025-11-25', '2025-11-25'],
    ['2025-06-18', '2025-06-18'],
    ['2025-03-26', '2025-11-25'],
    ['2024-11-05', '2025-11-25'],
    ['2099-01-01', '2025-11-25'],
  ])('that offers %s gets %s', async (offered, chosen) => {
    const { status, headers, json } = await send(initialize(offered));
    expect([status, headers['mcp-session-id']]).toEqual([200, undefined]);
    expect(json).toMatchObject({
      result: {
        protocolVersion: chosen,
        capabilities: { tools: { listChanged: false } },
        serverInfo: { name: 'partner-token-broker', title: 'Partner Token Broker', version: '1.0.0' },
        instructions: expect.stringContaining('tenant') as string,
      },
    });
  });

  it('gets 202 for a notification, and 400 for a revision in the header that is not served', async () => {
    const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
    expect(await send(initialized)).toMatchObject({ status: 202, text: '' });
    expect((await send(initialized, { 'mcp-protocol-version': '2024-11-05' })).status).toBe(400);
  });

  it('need not offer event streams', async () => {
    expect((await send({ jsonrpc: '2.0', id: 1, method: 'ping' }, { accept: '*/*' })).status).toBe(200);
  });
});

describe('a client of the revision 2026-07-28', () => {
  it('discovers the server', async () => {
    const { json } = await send(...inRevision(modernRevision, 'server/discover'));
    expect(json).toMatchObject({ result: { supportedVersions: [modernRevision] } });
  });

  it('gets the end of a subscription at once', async () => {
    const message = inRevision(modernRevision, 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    const { status, headers, text } = await send(...message);
    expect([status, headers['content-type']]).toEqual([200, 'text/event-stream']);
    expect(text.trim().split('\n\n')).toHaveLength(2);
    expect(text).toContain('"resultType":"complete"');
  });

  const [message, headers] = inRevision(modernRevision, 'tools/call', { name: 'list_jobs', arguments: {} });
  it.each([
    ['another method in the header', { 'mcp-method': 'tools/list' }, -32_020],
    ['another tool in the header', { 'mcp-name': 'start_job' }, -32_020],
    ['another revision in the header', { 'mcp-protocol-version': '2025-11-25' }, -32_020],
  ])('is refused for %s', async (_case, change, code) => {
    const { status, json } = await send(message, { ...headers, ...change });
    expect([status, (json as { error: { code: number } }).error.code, calls]).toEqual([400, code, []]);
  });

  it('is told which revisions are served', async () => {
    const params = { _meta: { ...meta, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' } };
    const future = { jsonrpc: '2.0', id: 1, method: 'tools/list', params };
    const { status, json } = await send(future, { 'mcp-protocol-version': '2099-01-01', 'mcp-method': 'tools/list' });
    expect([status, json]).toMatchObject([400, { error: { code: -32_022, data: { supported: [modernRevision] } } }]);
  });
});

describe('bad input', () => {
  const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'list_jobs' } });
  it.each<[string, unknown, Headers, number, number]>([
    ['no body', '', {}, 400, -32_700],
    ['no JSON', '{"jsonrpc":', {}, 400, -32_700],
    ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), {}, 400, -32_700],
    ['a batch', [call(1), call(2)], {}, 400, -32_600],
    ['an empty batch', [], {}, 400, -32_600],
    ['a number', 7, {}, 400, -32_600],
    ['null', 'null', {}, 400, -32_600],
    ['no method', { jsonrpc: '2.0', id: 1 }, {}, 400, -32_600],
    ['another version of JSON-RPC', { ...call(1), jsonrpc: '1.0' }, {}, 400, -32_600],
    ['an id that is an object', { ...call(1), id: {} }, {}, 400, -32_600],
    ['a key twice', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}', {}, 400, -32_600],
    [
      'too many levels',
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'['.repeat(70)}${']'.repeat(70)}}`,
      {},
      400,
      -32_600,
    ],
    ['another media type', call(1), { 'content-type': 'text/plain' }, 415, -32_000],
    ['a form', call(1), { 'content-type': 'application/x-www-form-urlencoded' }, 415, -32_000],
  ])('%s', async (_case, body, headers, status, code) => {
    const answer = await send(body, headers);
    expect([answer.status, (answer.json as { error?: { code: number } }).error?.code]).toEqual([status, code]);
    expect(calls).toEqual([]);
  });

  it.each(['GET', 'DELETE'])('the method %s', async (method) => {
    const { status, headers, json } = await send('', { accept: 'text/event-stream' }, method);
    expect([status, headers['allow'], json]).toEqual([
      405,
      'POST',
      {
        jsonrpc: '2.0',
        error: { code: -32_000, message: 'Send a message with POST: there are no sessions.' },
        id: null,
      },
    ]);
  });

  it('with a key twice reaches no tool, although the rest is a call', async () => {
    const text = JSON.stringify(call(1)).replace('"name"', '"name":"start_job","name"');
    expect((await send(text, { 'mcp-protocol-version': '2025-11-25' })).status).toBe(400);
    expect(calls).toEqual([]);
  });

  it.each([
    [64, 200],
    [65, 400],
  ])('with %i levels gets %i', async (levels, status) => {
    // The message, its parameters, the arguments, and lists in them.
    const nested = JSON.parse(`${'['.repeat(levels - 3)}${']'.repeat(levels - 3)}`) as unknown;
    const message = { ...call(1), params: { name: 'list_jobs', arguments: { nested } } };
    const answer = await send(message, { 'mcp-protocol-version': '2025-11-25' });
    expect([answer.status, calls.length]).toEqual([status, status === 200 ? 1 : 0]);
    if (status === 400) expect(answer.text).toContain('more than 64 levels');
  });

  it.each([
    ['of an earlier revision', { ...call(1), jsonrpc: '1.0' }, {}],
    ['of the newest revision', ...inRevision(modernRevision, 'nope')],
  ])('%s leaves a line in the log with the reason of the library', async (revision, message, headers) => {
    const { log, lines } = recordingLogger();
    parts = { ...parts, log };
    await send(message, revision === 'of the newest revision' ? { ...headers, 'mcp-method': 'other' } : headers);
    expect(lines.map(({ level, line }) => [level, JSON.parse(line) as unknown])).toMatchObject([
      ['info', { event: 'mcp.message_refused', reason: expect.stringMatching(/\S/) as string }],
    ]);
  });
});
