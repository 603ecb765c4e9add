import { BatchRequestContent, BatchResponseContent, Client, PageIterator } from '@microsoft/microsoft-graph-client';
import { beforeEach, expect, it } from 'vitest';
import { GatewayClient, graphFetch, graphMiddleware } from '../../../../clients/typescript/src/index.ts';

// Microsoft's client, with the gateway's middleware, against scripted answers.

const base = 'https://broker.example/api/gateway/contoso.com/graph';

let requests: { url: string; init: RequestInit }[];
let answers: Response[];
let gateway: GatewayClient;
let graph: Client;

const answer = (body: unknown, status = 200, type = 'application/json'): Response =>
  Response.json(body, { status, headers: { 'content-type': type, 'x-correlation-id': 'c1' } });

beforeEach(() => {
  requests = [];
  answers = [];
  gateway = new GatewayClient({
    brokerUrl: 'https://broker.example',
    brokerScope: 'api://broker/.default',
    callerCredential: { getToken: async () => ({ token: 'caller-secret', expiresOnTimestamp: 0 }) },
    tenant: 'contoso.com',
    fetch: async (url, init) => {
      requests.push({ url, init });
      return answers.shift() ?? answer({});
    },
  });
  graph = Client.initWithMiddleware({ baseUrl: gateway.baseUrl, middleware: graphMiddleware(gateway) });
});

const tokens = (): unknown[] => requests.map(({ init }) => new Headers(init.headers).get('authorization'));

it("sends the requests of Microsoft's client to the gateway with the caller's token", async () => {
  answers = [answer({ value: [{ id: '1' }] })];
  const { value } = (await graph.api('/users').select('id').top(1).get()) as { value: unknown };
  expect(value).toEqual([{ id: '1' }]);
  await graph.api('/users/1').version('beta').patch({ jobTitle: 'A' });
  expect(requests.map(({ url, init }) => [init.method, url, init.body])).toEqual([
    ['GET', `${base}/v1.0/users?$select=id&$top=1`, undefined],
    ['PATCH', `${base}/beta/users/1`, '{"jobTitle":"A"}'],
  ]);
  expect(tokens()).toEqual(['Bearer caller-secret', 'Bearer caller-secret']);
});

it('lets PageIterator follow the links of the gateway', async () => {
  const link = `${base}/v1.0/users?ptb_link=b&$skiptoken=a`;
  answers = [answer({ value: ['second'] })];
  const found: unknown[] = [];
  await new PageIterator(graph, { value: ['first'], '@odata.nextLink': link }, (entry) => {
    found.push(entry);
    return true;
  }).iterate();
  expect(found).toEqual(['first', 'second']);
  expect(new URL(requests[0]?.url ?? '').pathname).toBe('/api/gateway/contoso.com/graph/v1.0/users');
  expect(new URL(requests[0]?.url ?? '').searchParams.get('ptb_link')).toBe('b');
});

it('sends a batch', async () => {
  answers = [answer({ responses: [{ id: '1', status: 403, body: {} }] })];
  const batch = new BatchRequestContent([{ id: '1', request: new Request(`${base}/users`) }]);
  const sent = (await graph.api('/$batch').post(await batch.getContent())) as { responses: [] };
  expect(new BatchResponseContent(sent).getResponseById('1').status).toBe(403);
  expect(JSON.parse(String(requests[0]?.init.body))).toMatchObject({ requests: [{ id: '1', method: 'GET' }] });
});

it('shows an error of the broker as a GraphError with its code, and one of Graph as it is', async () => {
  const problem = { code: 'caller_forbidden', title: 'No rule', detail: 'Ask.', advice: 'Do it.', correlationId: 'c1' };
  answers = [
    answer(problem, 403, 'application/problem+json'),
    answer({ error: { code: 'Request_ResourceNotFound', message: 'None.' } }, 404),
  ];
  await expect(graph.api('/users').get()).rejects.toMatchObject({
    statusCode: 403,
    code: 'caller_forbidden',
    message: 'No rule. Ask. Do it.',
    requestId: 'c1',
  });
  await expect(graph.api('/users/x').get()).rejects.toMatchObject({
    statusCode: 404,
    code: 'Request_ResourceNotFound',
  });
});

it('sends the token to no other address', async () => {
  await expect(graph.api('https://evil.example/v1.0/users').get()).rejects.toMatchObject({
    message: expect.stringContaining('does not belong to the gateway') as string,
  });
  expect(requests).toEqual([]);
});

it('graphFetch takes a Request, and replaces its token', async () => {
  const request = new Request(`${base}/v1.0/users`, {
    method: 'POST',
    body: '{}',
    headers: { authorization: 'Bearer other', 'content-type': 'application/json' },
  });
  expect((await graphFetch(gateway)(request)).status).toBe(200);
  expect(tokens()).toEqual(['Bearer caller-secret']);
  expect(Buffer.from(requests[0]?.init.body as ArrayBuffer).toString()).toBe('{}');
});
