import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Attack, control } from '../attack.ts';
import { forgedKinds } from './jwt-kinds.ts';

/** Ways to send a token that the app does not read. */
const elsewhere = (token: string): readonly Readonly<Record<string, string>>[] => [
  { 'x-authorization': `Bearer ${token}` },
  { 'x-ms-token-aad-access-token': token },
  { 'x-ms-client-principal': Buffer.from('{"claims":[{"typ":"roles","val":"Tokens.Request"}]}').toString('base64') },
  { 'x-ms-client-principal-id': '00000000-0000-4000-8000-0000000a77ac', 'x-ms-client-principal-name': 'admin' },
  { cookie: `access_token=${token}; AppServiceAuthSession=${token}` },
  { 'proxy-authorization': `Bearer ${token}` },
  { 'x-functions-key': token },
];

export const jwt: Attack = {
  name: 'jwt',
  tries: 'forged, foreign, expired and malformed caller tokens, most of them signed with a key that Entra publishes',
  promise: 'Default deny.',
  run: async ({ cloud, forge, app, tenants }, { full, random }, tally) => {
    let trapped = 0;
    const trap = createServer((_, response) => {
      trapped += 1;
      response.end(JSON.stringify({ keys: [forge.key.jwk] }));
    }).listen(0, '127.0.0.1');
    await once(trap, 'listening');
    const { document, world } = cloud;
    const kinds = forgedKinds({
      forge,
      partnerTenantId: document.partnerTenantId,
      customer: tenants[0]?.tenantId ?? '',
      entra: document.entra,
      audience: document.brokerApplication.clientId,
      trap: `http://127.0.0.1:${(trap.address() as AddressInfo).port}`,
      genuineKeyId: world.keys.published()[0]?.kid ?? '',
    });
    const routes = [
      { method: 'GET', path: '/api/tenants' },
      { method: 'POST', path: '/api/tokens', body: { tenant: tenants[0]?.tenantId, resource: 'graph' } },
    ];
    const genuine = await app.ask({ path: '/api/tenants', headers: { authorization: forge.bearer() } });
    control(genuine.status === 200, `a valid token is answered with ${genuine.status} ${genuine.text}`);
    for (const [name, authorization] of kinds) {
      const chosen = full
        ? routes
        : [routes[Math.floor(random() * routes.length)]].filter((route) => route !== undefined);
      for (const route of chosen) {
        const headers = authorization === undefined ? {} : { authorization };
        const { status, code, text } = await app.ask({ ...route, headers });
        // The host itself refuses headers that are too long.
        const held = (status === 401 && code === 'caller_unauthenticated') || status === 431;
        tally.attempt(held, `${route.method} ${route.path}, ${name}: ${status} ${text.slice(0, 120)}`);
      }
    }
    const token = forge.bearer().slice('Bearer '.length);
    for (const headers of elsewhere(token)) {
      const { status } = await app.ask({ path: `/api/tenants?access_token=${full ? token : ''}`, headers });
      tally.attempt(status === 401, `a token in ${Object.keys(headers).join()}: ${status}`);
    }
    tally.attempt(trapped === 0, `the app fetched an address from a token ${trapped} times`);
    trap.close();
    tally.note(`${kinds.length} kinds of tokens`);
  },
};
