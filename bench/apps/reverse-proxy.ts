/**
 * A reverse proxy with undici and nothing else: no caller, no policy, no audit, one fixed token for the resource. It is what the
 * gateway is compared with.
 */
import { app } from '@azure/functions';
import { Agent, request } from 'undici';

const { UPSTREAM_URL: upstream = '', UPSTREAM_TOKEN: token = '' } = process.env;
const dispatcher = new Agent({ connections: 256 });

app.http('proxy', {
  route: 'proxy/{*path}',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: async ({ url }) => {
    const [, path = ''] = url.split('/api/proxy', 2);
    const reply = await request(`${upstream}${path}`, {
      dispatcher,
      headers: { accept: 'application/json', authorization: `Bearer ${token}` },
    });
    const type = reply.headers['content-type'];
    return {
      status: reply.statusCode,
      headers: typeof type === 'string' ? { 'content-type': type } : {},
      body: new Uint8Array(await reply.body.arrayBuffer()),
    };
  },
});
