import {
  type CallToolResult,
  createMcpHandler,
  isLegacyRequest,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { CallerRole } from '../../core/caller.ts';
import { duplicateKey, nestingDepth } from '../../core/json.ts';
import { type Logger, scrub } from '../../core/log.ts';
import { asObject } from '../../core/objects.ts';
import { parseJson } from '../../core/outbound.ts';
import { utf8Text, visibleText } from '../../core/text.ts';
import type { Answer } from '../route.ts';
import { dataNotice, type Tool } from './tool.ts';
import { instructions, tools } from './tools.ts';

/** Clients of the revision 2026-07-28 send it with each request. */
const clientInfoKey = 'io.modelcontextprotocol/clientInfo';
const maxLength = 128;

/**
 * What the client calls itself: `clientInfo` of the message, else the header User-Agent. Clients before the revision
 * 2026-07-28 send `clientInfo` with `initialize` only, and the server keeps no session. Nobody has checked it: the verified
 * identity is the caller.
 */
export function clientNameOf(message: unknown, userAgent: string | null): string | undefined {
  const { params } = asObject(message);
  const info = asObject(asObject(asObject(params)['_meta'])[clientInfoKey] ?? asObject(params)['clientInfo']);
  const { name, version } = info;
  const own = typeof name === 'string' ? `${name}${typeof version === 'string' ? ` ${version}` : ''}` : undefined;
  const text = own ?? userAgent ?? '';
  return text === '' ? undefined : visibleText(scrub(text)).slice(0, maxLength);
}

/** An HTTP request at the MCP endpoint, of a caller that was authenticated. */
interface McpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: Uint8Array | undefined;
}

/** What answers the messages. */
export interface McpParts {
  /** Roles of the caller: it sees the tools of these. */
  readonly roles: readonly CallerRole[];
  readonly log: Logger;
  /** @param message the whole message, which may name the client. */
  readonly call: (tool: Tool, given: unknown, message: unknown) => Promise<CallToolResult>;
}

/**
 * Revisions of the protocol that are served. Those before 2025-06-18 have batches: many calls in one request, which would be
 * counted as one.
 */
const supportedProtocolVersions = ['2026-07-28', '2025-11-25', '2025-06-18'];
const maxDepth = 64;

/**
 * Serves one HTTP request of the Model Context Protocol, without a session. The answer is complete, and JSON, except for the
 * one event that ends a subscription at once: nothing here changes while a client listens.
 */
export async function serveMcp(parts: McpParts, { method, url, headers, body }: McpRequest): Promise<Answer> {
  if (method !== 'POST') return protocolError(405, -32_000, 'Send a message with POST: there are no sessions.');
  const text = body && utf8Text(body);
  const message = text === undefined ? undefined : parseJson(text);
  if (text === undefined || message === undefined)
    return protocolError(400, ProtocolErrorCode.ParseError, 'The body is not JSON in UTF-8.');
  if (Array.isArray(message))
    return protocolError(400, ProtocolErrorCode.InvalidRequest, 'Batches are not served. Send one message a request.');
  if (nestingDepth(text) > maxDepth || duplicateKey(text) !== undefined)
    return protocolError(
      400,
      ProtocolErrorCode.InvalidRequest,
      `The message has a key twice, or more than ${maxDepth} levels.`,
    );
  const sent = new Headers([...headers].map(([name, value]): [string, string] => [name, value]));
  // The library refuses clients that do not accept both. The answer is JSON in any case.
  sent.set('accept', 'application/json, text/event-stream');
  const request = new Request(url, { method, headers: sent, body: text });
  return answerOf(await respond(parts, request, message));
}

async function respond(parts: McpParts, request: Request, message: unknown): Promise<Response> {
  const onerror = (error: Error): void => parts.log.log('info', 'mcp.message_refused', { reason: error.message });
  const create = (): Server => createServer(parts, message);
  if (!(await isLegacyRequest(request, message)))
    return createMcpHandler(create, { legacy: 'reject', onerror }).fetch(request, { parsedBody: message });
  const server = create();
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  Object.assign(transport, { onerror });
  await server.connect(transport);
  const response = await transport.handleRequest(request, { parsedBody: message });
  await server.close();
  return response;
}

function createServer({ roles, call }: McpParts, message: unknown): Server {
  const server = new Server(
    { name: 'partner-token-broker', title: 'Partner Token Broker', version: '1.0.0' },
    { capabilities: { tools: { listChanged: false } }, instructions, supportedProtocolVersions },
  );
  const visible = tools.filter((tool) => tool.roles.some((role) => roles.includes(role)));
  server.setRequestHandler('tools/list', () => ({ tools: visible.map(describe) }));
  server.setRequestHandler('tools/call', ({ params: { name, arguments: given } }) => {
    // A tool of a role that the caller lacks is called all the same: its route refuses, and the refusal is on record.
    const tool = tools.find((known) => known.name === name);
    if (tool === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'There is no tool of this name.');
    return call(tool, given, message);
  });
  return server;
}

function describe({ name, title, description, input, output, onlyReads }: Tool) {
  const result = z.object({ notice: z.literal(dataNotice), data: output });
  return {
    name,
    title,
    description,
    inputSchema: z.toJSONSchema(input, { io: 'input' }) as { type: 'object' },
    // Answers may get new properties, so an old copy of the schema must not refuse them.
    outputSchema: z.toJSONSchema(result, { io: 'input' }) as { type: 'object' },
    annotations: {
      title,
      readOnlyHint: onlyReads,
      destructiveHint: false,
      idempotentHint: onlyReads,
      openWorldHint: true,
    },
  };
}

function protocolError(status: number, code: number, message: string): Answer {
  return {
    status,
    headers: { 'cache-control': 'no-store', ...(status === 405 ? { allow: 'POST' } : {}) },
    jsonBody: { jsonrpc: '2.0', error: { code, message }, id: null },
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const kept = [...response.headers].filter(([name]) => name === 'content-type' || name === 'allow');
  return {
    status: response.status,
    headers: { ...Object.fromEntries(kept), 'cache-control': 'no-store' },
    ...(text === '' ? {} : { body: text }),
  };
}
