import { beforeEach, describe, expect, it } from 'vitest';
import { relayMessages } from '../../../../src/cli/mcp/relay.ts';
import type { RelayRequest } from '../../../../src/cli/remote/broker-client.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { OutboundReply } from '../../../../src/lib/core/outbound.ts';

let sent: RelayRequest[];
let said: string[];
/** Resolves when the input has been read to its end. */
let ended: PromiseWithResolvers<void>;
beforeEach(() => {
  sent = [];
  said = [];
  ended = Promise.withResolvers();
});

interface Reply {
  readonly status?: number;
  readonly type?: string;
  readonly body?: unknown;
}
type Respond = (message: Record<string, unknown>) => Reply | Promise<Reply>;

const replyOf = ({ status = 200, type = 'application/json', body }: Reply): OutboundReply<Buffer> => ({
  status,
  headers: new Headers({ 'content-type': type }),
  body: Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)),
});

/** Runs the relay on this input. @returns the lines that it wrote, parsed. */
async function relayed(input: readonly (string | Buffer)[], respond: Respond): Promise<unknown[]> {
  let written = '';
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (const chunk of input) {
      yield Buffer.from(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    ended.resolve();
  }
  const client = {
    url: 'https://broker.example',
    relay: async (request: RelayRequest) => {
      sent.push(request);
      return replyOf(await respond(JSON.parse(Buffer.from(request.body ?? []).toString()) as Record<string, unknown>));
    },
  };
  const output = {
    write: (text: string, done: (error?: Error | null) => void) => {
      written += text;
      done();
    },
  };
  await relayMessages(client, { input: chunks(), output, say: (text) => said.push(text) });
  expect(written === '' || written.endsWith('\n')).toBe(true);
  return written
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

const line = (message: object): string => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`;
const ok: Respond = ({ id }) => ({ body: { jsonrpc: '2.0', id, result: {} } });

describe('messages', () => {
  it('go to the endpoint, and answers come back as lines', async () => {
    expect(await relayed([line({ id: 7, method: 'ping' })], ok)).toEqual([{ jsonrpc: '2.0', id: 7, result: {} }]);
    expect(sent).toMatchObject([{ method: 'POST', url: 'https://broker.example/api/mcp' }]);
  });

  it('may be split and joined anywhere, with any characters', async () => {
    const text = Buffer.from(line({ id: 'ä\u2028', method: 'ping' }) + line({ id: 2, method: 'ping' }));
    for (const at of [1, 30, 31, 32, 33, text.length - 1]) {
      const answers = await relayed([text.subarray(0, at), text.subarray(at)], ok);
      expect(answers.map((answer) => (answer as { id: unknown }).id)).toEqual(['ä\u2028', 2]);
    }
  });

  it('are under way at the same time, and all are answered after the end of the input', async () => {
    const slow: Respond = async (message) => {
      if (message['id'] === 1) {
        await ended.promise;
        // The answer to the other one is written by now.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return ok(message);
    };
    const answers = await relayed([line({ id: 1, method: 'ping' }), line({ id: 2, method: 'ping' })], slow);
    expect(answers.map((answer) => (answer as { id: unknown }).id)).toEqual([2, 1]);
  });

  it('of a client that introduced itself carry its name and the revision', async () => {
    const params = { protocolVersion: '2025-06-18', clientInfo: { name: 'vscode', version: '1.99' } };
    const respond: Respond = ({ id, method }) =>
      method === 'initialize' ? { body: { id, result: { protocolVersion: '2025-11-25' } } } : ok({ id });
    await relayed([line({ id: 0, method: 'initialize', params }), line({ id: 1, method: 'ping' })], respond);
    expect(sent.map(({ headers }) => [headers['user-agent'], headers['mcp-protocol-version']])).toEqual([
      ['ptb-mcp (vscode 1.99)', undefined],
      ['ptb-mcp (vscode 1.99)', '2025-11-25'],
    ]);
  });

  it('that are notifications get no answer', async () => {
    expect(await relayed([line({ method: 'notifications/initialized' })], () => ({ status: 202 }))).toEqual([]);
    expect(said).toEqual([]);
  });

  it('of an event stream come one by one', async () => {
    const events = [
      { jsonrpc: '2.0', method: 'notifications/x', params: {} },
      { jsonrpc: '2.0', id: 5, result: {} },
    ];
    const body = events.map((event) => `event: message\ndata: ${JSON.stringify(event)}\n\n`).join('');
    const answers = await relayed([line({ id: 5, method: 'subscriptions/listen' })], () => ({
      type: 'text/event-stream',
      body,
    }));
    expect(answers).toEqual(events);
  });

  it('that were cancelled are not answered any more', async () => {
    const respond: Respond = async (message) => {
      await ended.promise;
      return ok(message);
    };
    const cancel = line({ method: 'notifications/cancelled', params: { requestId: 1 } });
    const input = [line({ id: 1, method: 'ping' }), line({ id: 2, method: 'ping' }), cancel];
    expect(await relayed(input, respond)).toMatchObject([{ id: 2 }]);
    expect(sent).toHaveLength(2);
  });
});

describe('failures', () => {
  it('of the broker answer the request, with the next step', async () => {
    const refuse: Respond = () => {
      throw new BrokerError('caller_unauthenticated', 'The token has expired.');
    };
    expect(await relayed([line({ id: 3, method: 'ping' }), line({ method: 'notifications/x' })], refuse)).toEqual([
      {
        jsonrpc: '2.0',
        id: 3,
        error: {
          code: -32_603,
          message: expect.stringMatching(/^The token has expired\. Sign in with `ptb login`/),
          data: { code: 'caller_unauthenticated' },
        },
      },
    ]);
    expect(said).toEqual([expect.stringContaining('refused a notification')]);
  });

  it('without an id get the id of the request', async () => {
    const respond: Respond = () => ({ status: 400, body: { jsonrpc: '2.0', id: null, error: { code: -32_600 } } });
    expect(await relayed([line({ id: 4, method: 'x' })], respond)).toMatchObject([{ id: 4, error: { code: -32_600 } }]);
  });

  it.each(['not JSON', '[1'])('of an answer that is %j are an error', async (body) => {
    expect(await relayed([line({ id: 4, method: 'x' })], () => ({ body }))).toMatchObject([
      { id: 4, error: { code: -32_603 } },
    ]);
  });

  it('of a line that is no message are told, and the next one is served', async () => {
    const input = ['{"jsonrpc":"2.0","id":\n', '{"a":1}\n', line({ id: 9, method: 'ping' })];
    expect(await relayed(input, ok)).toMatchObject([{ id: 9 }]);
    expect(said.length).toBeGreaterThan(0);
  });
});
