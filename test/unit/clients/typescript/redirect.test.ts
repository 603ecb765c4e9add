import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GatewayClient, PartnerTokenCredential, runResults } from '../../../../clients/typescript/src/index.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

// With the `fetch` of Node, which follows redirects unless the request says otherwise. A fake cannot show that.

let servers: Server[];
let stolen: IncomingMessage[];
let brokerUrl: string;

async function listen(server: Server): Promise<string> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeEach(async () => {
  servers = [];
  stolen = [];
  const thief = createServer((request, response) => {
    stolen.push(request);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ accessToken: 'forged', expiresInSeconds: 3600, tenantId: 'x', tenantName: 'forged' }),
    );
  });
  const elsewhere = await listen(thief);
  // A redirect to the same host would even carry the Authorization header.
  const broker = createServer((request, response) => {
    if (request.url?.startsWith('/elsewhere')) thief.emit('request', request, response);
    else response.writeHead(302, { location: request.method === 'GET' ? '/elsewhere' : `${elsewhere}/tokens` }).end();
  });
  brokerUrl = await listen(broker);
});
afterEach(() => {
  for (const server of servers) server.close().closeAllConnections();
});

const options = () => ({
  brokerUrl,
  brokerScope: 'api://broker/.default',
  callerCredential: { getToken: async () => ({ token: 'caller-secret', expiresOnTimestamp: 0 }) },
});

it('does not follow a redirect of a token request', async () => {
  const credential = new PartnerTokenCredential({ ...options(), tenant: 'contoso.com' });
  await expect(credential.getToken('https://graph.microsoft.com/.default')).rejects.toMatchObject({ code: 'network' });
  expect(stolen).toEqual([]);
});

it('does not follow a redirect of a page of results', async () => {
  const clock = new FakeClock();
  const rows = runResults(
    { ...options(), clock: { nowMs: () => clock.nowMs(), sleep: async () => undefined } },
    'job@w',
  );
  await expect(rows.next()).rejects.toMatchObject({ code: 'network' });
  expect(stolen).toEqual([]);
});

it('does not follow a redirect of a request through the gateway', async () => {
  const gateway = new GatewayClient({ ...options(), tenant: 'contoso.com' });
  await expect(gateway.request('GET', '/v1.0/users')).rejects.toMatchObject({ code: 'unexpected', status: 302 });
  expect(stolen).toEqual([]);
});
