import { asObject } from '../../lib/core/objects.ts';

/** A request or a notification of JSON-RPC 2.0. */
export interface Message {
  readonly method: string;
  readonly params?: unknown;
}

/** What a client of a revision before 2026-07-28 said when it connected. */
export interface Introduction {
  /** The revision that the server chose. Undefined before it has. */
  readonly revision?: string | undefined;
  /** Name and version of the client. */
  readonly client?: string | undefined;
}

const versionKey = 'io.modelcontextprotocol/protocolVersion';
const maxClientLength = 100;

/**
 * The headers that a message has over HTTP ("Request Metadata" of the streamable HTTP transport, revision 2026-07-28). A
 * client of an earlier revision names itself once, so its name goes with each message as User-Agent.
 */
export function messageHeaders(
  { method, params }: Message,
  { revision, client }: Introduction,
): Readonly<Record<string, string>> {
  const { _meta: meta, name, uri } = asObject(params);
  const own = asObject(meta)[versionKey];
  const target = typeof name === 'string' ? name : uri;
  return {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'user-agent': client === undefined ? 'ptb-mcp' : `ptb-mcp (${client})`,
    ...(typeof own === 'string'
      ? {
          'mcp-protocol-version': asciiOf(own),
          'mcp-method': asciiOf(method),
          ...(typeof target === 'string' && named.has(method) ? { 'mcp-name': headerValue(target) } : {}),
        }
      : revision === undefined
        ? {}
        : { 'mcp-protocol-version': asciiOf(revision) }),
  };
}

const named: ReadonlySet<string> = new Set(['tools/call', 'resources/read', 'prompts/get']);

/** What a client calls itself in `initialize`. */
export function clientOf({ params }: Message): string | undefined {
  const { name, version } = asObject(asObject(params)['clientInfo']);
  if (typeof name !== 'string') return undefined;
  const text = typeof version === 'string' ? `${name} ${version}` : name;
  return asciiOf(text).replaceAll(/[()]/g, ' ').slice(0, maxClientLength);
}

/** A header holds printable ASCII only. */
const asciiOf = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').trim();

/** "Value Encoding" of the same specification. */
const headerValue = (text: string): string =>
  asciiOf(text) === text && !text.startsWith('=?base64?') ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
