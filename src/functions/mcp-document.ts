import * as z from 'zod';
import { exampleTenantId } from '../lib/api/examples.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';

/** One message of JSON-RPC 2.0. */
const messageSchema = z.looseObject({ jsonrpc: z.literal('2.0') }).meta({ id: 'McpMessage' });

const metadataSchema = z
  .object({
    resource: z.string(),
    resource_name: z.string(),
    authorization_servers: z.array(z.string()),
    scopes_supported: z.array(z.string()),
    bearer_methods_supported: z.array(z.string()),
  })
  .meta({ id: 'ProtectedResource' });
export type ProtectedResource = z.output<typeof metadataSchema>;

/** Documents `POST /mcp`. */
export async function documentMcp(): Promise<RouteDocument> {
  const error = { jsonrpc: '2.0', error: { code: -32_700, message: 'The body is not JSON in UTF-8.' }, id: null };
  const refusals = [
    [400, 'A message that cannot be read or that does not fit its revision of the protocol, or a batch.'],
    [404, 'An unknown method of the revision 2026-07-28.'],
    [405, 'Any method but POST: there are no sessions.'],
    [415, 'A body that is not `application/json`.'],
  ] as const;
  return {
    group: 'Agents',
    summary: 'Model Context Protocol for agents',
    description:
      'Tools for AI agents, as one message of the Model Context Protocol (streamable HTTP, revisions 2026-07-28, 2025-11-25 and 2025-06-18) per request, without a session. Each tool stands for a route of this API and needs its role; a caller sees the tools that its roles open. No tool changes data of a customer. Each call of a tool is on record, with what the client calls itself, before the tool does anything. Results are at most about 40 kB, and mark what comes from customers. A failure of a tool is a result with `isError`. Requests with the header `Origin` are refused.',
    bodyExample: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    answers: [
      {
        status: 200,
        description: 'The answer to the message.',
        contents: [
          jsonContent(messageSchema, { jsonrpc: '2.0', id: 1, result: { tools: [] } }),
          { mediaType: 'text/event-stream' },
        ],
      },
      { status: 202, description: 'The message was a notification.', contents: [] },
      ...refusals.map(([status, description]) => ({
        status,
        description,
        contents: [jsonContent(messageSchema, error)],
      })),
    ],
  };
}

/** Documents the metadata of that address. */
export async function documentMetadata(): Promise<RouteDocument> {
  const example = {
    resource: 'https://NAME.azurewebsites.net/api/mcp',
    resource_name: 'Partner Token Broker',
    authorization_servers: [`https://login.microsoftonline.com/${exampleTenantId}/v2.0`],
    scopes_supported: [`api://${exampleTenantId}/partner-token-broker-prod/access_as_user`],
    bearer_methods_supported: ['header'],
  };
  return {
    group: 'Pages',
    summary: 'How MCP clients sign in',
    description:
      'The metadata of the MCP endpoint as a protected resource (RFC 9728): the authority and the scope of a token. The challenge of a 401 at `/api/mcp` names this address.',
    answers: [{ status: 200, description: 'The metadata.', contents: [jsonContent(metadataSchema, example)] }],
  };
}
