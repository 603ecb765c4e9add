import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers of Azure Resource Manager by the path behind the resource group, and rows of queries by a word in them. */
export interface AzureScript {
  site: unknown;
  functions: unknown[];
  policies: unknown[];
  stacks: unknown;
  workspaces: unknown[];
  /** The answer to a query. A number is a status; undefined, that the table does not exist. */
  rows: (query: string) => readonly Record<string, unknown>[] | number | undefined;
  /** Answers this status in place of the path that it names. */
  refused: Map<string, number>;
}

export interface FakeAzure {
  readonly url: string;
  readonly server: Server;
  /** Requests, as `METHOD path`. */
  readonly requests: string[];
  readonly queries: string[];
}

export const subscriptionId = '11111111-1111-4111-8111-111111111111';
export const workspaceId = '22222222-2222-4222-8222-222222222222';
export const principalId = '33333333-3333-4333-8333-333333333333';
const group = `/subscriptions/${subscriptionId}/resourceGroups/rg-prod/providers`;

/** Serves the script on the loopback interface, in the shapes of Microsoft's REST reference. */
export async function serveAzure(script: AzureScript): Promise<FakeAzure> {
  const requests: string[] = [];
  const queries: string[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += String(chunk)));
    request.on('end', () => {
      const { status, body } = answer(request.url ?? '', text, request.headers.authorization);
      requests.push(`${request.method} ${request.url}`);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function answer(path: string, text: string, authorization?: string): { status: number; body: unknown } {
    if (authorization !== `Bearer token for ${url}`) return { status: 401, body: {} };
    const [name = ''] = path.split('?');
    const refused = [...script.refused].find(([end]) => name.endsWith(end));
    if (refused !== undefined) return { status: refused[1], body: { error: { code: 'Refused' } } };
    if (name === `/v1/workspaces/${workspaceId}/query`) return queryAnswer(text);
    const lists: Record<string, unknown> = {
      [`${group}/Microsoft.Web/sites/func-ptb`]: script.site,
      [`${group}/Microsoft.Web/sites/func-ptb/basicPublishingCredentialsPolicies`]: { value: script.policies },
      [`${group}/Microsoft.OperationalInsights/workspaces`]: { value: script.workspaces },
      '/providers/Microsoft.Web/locations/westeurope/functionAppStacks': script.stacks,
    };
    if (name === `${group}/Microsoft.Web/sites/func-ptb/functions`) return functionsPage(path);
    return lists[name] === undefined ? { status: 404, body: {} } : { status: 200, body: lists[name] };
  }

  /** Two pages. */
  function functionsPage(path: string): { status: number; body: unknown } {
    if (path.includes('$skiptoken=2')) return { status: 200, body: { value: script.functions.slice(10) } };
    const nextLink = `${url}${path}&$skiptoken=2`;
    return { status: 200, body: { value: script.functions.slice(0, 10), nextLink } };
  }

  function queryAnswer(text: string): { status: number; body: unknown } {
    const { query } = JSON.parse(text) as { query: string };
    queries.push(query);
    const rows = script.rows(query);
    if (typeof rows === 'number') return { status: rows, body: { error: { code: 'Refused' } } };
    if (rows === undefined) {
      const message = "'where' operator: Failed to resolve table or column expression named 'AppTraces'";
      return { status: 400, body: { error: { code: 'BadArgumentError', innererror: { code: 'SEM0100', message } } } };
    }
    const names = Object.keys(rows[0] ?? {});
    const columns = names.map((column) => ({ name: column, type: 'string' }));
    const table = { name: 'PrimaryResult', columns, rows: rows.map((row) => names.map((column) => row[column])) };
    return { status: 200, body: { tables: [table] } };
  }

  return { url, server, requests, queries };
}
