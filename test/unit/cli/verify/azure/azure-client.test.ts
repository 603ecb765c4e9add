import { describe, expect, it } from 'vitest';
import { AzureClient } from '../../../../../src/cli/verify/azure/azure-client.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../../fakes/scripted-fetch.ts';

const armUrl = 'https://arm.example';
const logsUrl = 'https://logs.example';
const noTable = { error: { message: "Failed to resolve table or column expression named 'AppTraces'" } };

function open(answer: (request: SeenRequest, count: number) => Scripted) {
  const { fetch, seen } = scriptedFetch(answer);
  const token = async (resource: string): Promise<string> => `token for ${resource}`;
  return { azure: new AzureClient({ fetch, token, armUrl, logsUrl }), seen };
}

describe('a query', () => {
  it('asks with a token for the logs, and returns the rows of the first table by column', async () => {
    const rows = [['a', 1], ['b', 2], 'no row'];
    const { azure, seen } = open(() => ({
      tables: [
        { columns: [{ name: 'Name' }, { name: 'Count' }], rows },
        { columns: [{ name: 'x' }], rows: [[1]] },
      ],
    }));
    expect(await azure.query('workspace', 'AppTraces | take 2')).toEqual([
      { Name: 'a', Count: 1 },
      { Name: 'b', Count: 2 },
      { Name: undefined, Count: undefined },
    ]);
    const [request] = seen;
    expect([request?.method, request?.url.href, request?.body]).toEqual([
      'POST',
      'https://logs.example/v1/workspaces/workspace/query',
      '{"query":"AppTraces | take 2"}',
    ]);
    expect(request?.headers.get('authorization')).toBe('Bearer token for https://logs.example');
    expect(request?.headers.get('content-type')).toBe('application/json');
  });

  it('has no rows if its table does not exist yet, or the answer has none', async () => {
    for (const answer of [Response.json(noTable, { status: 400 }), { tables: [] }, { tables: [{ columns: [] }] }, {}]) {
      expect(await open(() => answer).azure.query('workspace', 'AppTraces')).toEqual([]);
    }
  });

  it.each([
    ['another mistake', 400, { error: { message: 'A recognition error occurred.' } }, /Log Analytics answers 400/],
    ['an outage that names a table', 500, noTable, /Log Analytics answers 500; try again/],
    ['no right', 403, {}, /Log Analytics answers 403: you need the role Log Analytics Reader/],
    ['no token', 401, {}, /Log Analytics answers 401: you need the role Log Analytics Reader/],
    ['no workspace', 404, {}, /check AZURE_SUBSCRIPTION_ID/],
    ['an answer that is no object', 200, [], /Log Analytics answers 200/],
  ])('does not say that there are no rows after %s', async (_, status, body, message) => {
    const { azure } = open(() => Response.json(body, { status }));
    await expect(azure.query('workspace', 'AppTraces')).rejects.toThrow(message);
  });
});

describe('a read', () => {
  it('asks with a token for Azure Resource Manager', async () => {
    const { azure, seen } = open(() => ({ name: 'app' }));
    expect(await azure.get('/path?api-version=1')).toEqual({ name: 'app' });
    const [request] = seen;
    expect([request?.method, request?.url.href]).toEqual(['GET', 'https://arm.example/path?api-version=1']);
    expect(request?.headers.get('authorization')).toBe('Bearer token for https://arm.example');
    expect(request?.headers.has('content-type')).toBe(false);
  });

  it('says which role is missing, and which host does not answer', async () => {
    const refused = open(() => new Response('', { status: 403 })).azure;
    await expect(refused.get('/x')).rejects.toThrow(/Azure Resource Manager answers 403: you need the role Reader/);
    const away = open(() => {
      throw new TypeError('fetch failed');
    }).azure;
    await expect(away.get('/x')).rejects.toThrow(/^arm\.example did not answer/);
  });
});

describe('a list', () => {
  it.each(['https://elsewhere.example/next', 'https://arm.example.elsewhere/next', 7, undefined])(
    'ends at the next link %s',
    async (nextLink) => {
      const { azure, seen } = open(() => ({ value: [{ n: 1 }, 'no object'], nextLink }));
      expect(await azure.list('/first')).toEqual([{ n: 1 }]);
      expect(seen).toHaveLength(1);
    },
  );

  it('has the items of all pages, up to 50', async () => {
    const { azure, seen } = open((_, count) => ({ value: [{ count }], nextLink: `${armUrl}/page${count}` }));
    expect(await azure.list('/first')).toHaveLength(50);
    expect(seen.slice(0, 2).map(({ url }) => url.pathname)).toEqual(['/first', '/page1']);
  });
});
