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
import { type Caller, type CallerRole, identityOf } from '../../core/caller.ts';
import {
  adviceForError,
  BrokerError,
  type ErrorCode,
  errorTable,
  type Lack,
  toBrokerError,
} from '../../core/errors.ts';
import { duplicateKey, nestingDepth } from '../../core/json.ts';
import { errorFields, type Logger, scrub } from '../../core/log.ts';
import { asObject, defined } from '../../core/objects.ts';
import { parseJson } from '../../core/outbound.ts';
import { utf8Text, visibleText } from '../../core/text.ts';
import type { JobRegistry } from '../../runs/job/job.ts';
import { parseRunId } from '../../runs/store/run.ts';
import { check } from '../call.ts';
import { recordRefusals, type RefusalDeps } from '../pipeline.ts';
import type { Answer, RouteContract } from '../route.ts';
import {
  type Ask,
  dataNotice,
  framedText,
  maxDataBytes,
  type Named,
  plainValue,
  sizeOf,
  type Tool,
  type ToolResult,
} from './tool.ts';
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

export interface CallDeps extends RefusalDeps {
  readonly jobs: JobRegistry;
}

/** Who calls a tool, and how. */
export interface ToolCaller {
  readonly caller: Caller;
  /** What the client calls itself. */
  readonly client: string | undefined;
  readonly correlationId: string;
  readonly log: Logger;
  /** The route that serves the protocol. */
  readonly route: RouteContract;
  readonly ask: Ask;
}

/**
 * Calls a tool. It runs only after the call is on record. A failure is a result, so that the model reads the reason.
 * @param given the arguments as the client sent them.
 */
export async function callTool(
  deps: CallDeps,
  tool: Tool,
  given: unknown,
  { ask, client, ...who }: ToolCaller,
): Promise<CallToolResult> {
  const { clock, jobs } = deps;
  try {
    const refused = { ...who, method: who.route.method };
    const input = await recordRefusals(deps, refused, ['request_invalid'], async () =>
      check(wellFormed(given ?? {}), tool.input, 'arguments'),
    );
    await record(deps, tool, tool.about?.(input) ?? {}, { ...who, client });
    return resultOf(bounded(await tool.run(input, { ask, clock, jobs, client })), deps.newId());
  } catch (thrown) {
    const error = toBrokerError(thrown);
    const { code } = error;
    const fields = { tool: tool.name, ...errorFields(thrown) };
    who.log.log(code === 'internal' ? 'error' : 'warn', 'mcp.tool_failed', fields);
    return failureOf(error, who.correlationId, deps.newId());
  }
}

/** @throws BrokerError audit_unavailable */
async function record(
  { audit, clock, newId }: CallDeps,
  { name }: Tool,
  { tenantAsked, path, run }: Named,
  { caller, client, correlationId }: Pick<ToolCaller, 'caller' | 'client' | 'correlationId'>,
): Promise<void> {
  const named = {
    tenantAsked: tenantAsked && scrub(tenantAsked),
    path: path && scrub(path),
    // Any other text may be a secret that was pasted by mistake.
    run: run === undefined || parseRunId(run) === undefined ? undefined : run,
  };
  await audit.record({
    kind: 'tool',
    outcome: 'called',
    tool: name,
    ...defined({ client, ...named }),
    atMs: clock.nowMs(),
    correlationId,
    tokenId: newId(),
    caller: identityOf(caller),
    scopes: [],
  });
}

/**
 * Halves of characters cannot be part of an address or a header.
 * @throws BrokerError request_invalid
 */
function wellFormed(given: unknown): unknown {
  if (isWellFormed(given)) return given;
  throw new BrokerError('request_invalid', 'arguments: a text has half of a character (an unpaired surrogate).');
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, item]) => name.isWellFormed() && isWellFormed(item));
}

/** Beyond the data there are counts, continuations and links. */
const maxResultBytes = maxDataBytes * 1.5;

/** Tools keep to the limit themselves. This holds even if one does not. */
function bounded(result: ToolResult): ToolResult {
  const bytes = sizeOf(result.data);
  if (bytes <= maxResultBytes) return result;
  const notes = ['The answer was too large and is left out. Ask for less.'];
  return { isError: true, notes, data: { bytes } };
}

/** Both forms of the result: some clients show the structured one to the model, others the text. */
function resultOf({ notes = [], data, isError = false }: ToolResult, mark: string): CallToolResult {
  // Undefined members have no place in JSON.
  const plain = JSON.parse(JSON.stringify(plainValue(data))) as Record<string, unknown>;
  const text = [...notes, framedText(plain, mark)].join('\n');
  return {
    content: [{ type: 'text', text }],
    ...(isError ? { isError } : { structuredContent: { notice: dataNotice, data: plain } }),
  };
}

/** Advice in place of that which would send an agent to what it has not. */
const agentAdvice: Partial<Readonly<Record<ErrorCode, string>>> = {
  caller_throttled: 'Wait as long as retryAfterSeconds says.',
  approval_ended:
    'Tell the user. No tool asks a second time. Whoever has the same sign-in can, with `ptb request --ask-again`.',
  reason_required: 'Tell the user. Only a person may declare an emergency: no tool does.',
  too_many_approvals: 'Tell the user. Some requests must be decided or expire first.',
  request_invalid: 'Correct the arguments as the detail says.',
  not_found: 'Correct the arguments.',
  throttled: 'Wait as long as retryAfterSeconds says.',
  busy: 'Wait as long as retryAfterSeconds or the detail says.',
  apply_held: 'Look at what happened so far with show_plan. Only a person lets the apply go on, or ends it.',
  run_not_found: 'list_runs lists the runs.',
  job_unknown: 'list_jobs lists the jobs.',
};

/** What an agent should do about an error of a tool. */
export const adviceForAgent = (code: ErrorCode, lacks?: Lack): string =>
  agentAdvice[code] ?? adviceForError({ code, lacks }, 'caller');

/** The detail may quote names and answers from outside. */
function failureOf({ code, detail, lacks, retryAfterSeconds }: BrokerError, correlationId: string, mark: string) {
  const data = defined({ code, detail, correlationId, retryAfterSeconds });
  const text = [
    `${errorTable[code].title} (${code}). ${adviceForAgent(code, lacks)}`,
    framedText(plainValue(data), mark),
  ].join('\n');
  return { content: [{ type: 'text' as const, text }], isError: true };
}
