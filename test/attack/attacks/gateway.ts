import { type Attack, control } from '../attack.ts';
import { attacker, victim } from '../forge.ts';

/** The attacker may read the users of one tenant, the victim those of another. */
const rule = (name: string, application: string, tenant: string) => ({
  name,
  callers: { applications: [application] },
  tenants: [tenant],
  resources: ['graph'],
  scopes: ['User.Read.All'],
  via: ['gateway'],
});

/** Below the version. What each tries is in its words. */
const paths = (other: string): readonly string[] => [
  '/groups',
  '/me',
  '/devices',
  '/users/none/messages',
  '/users?$expand=memberOf',
  '/users?%24expand=memberOf',
  '/users?expand=memberOf',
  '/users?$select=signInActivity',
  '/users?$filter=memberOf/any(g:g/id%20eq%20%27a%27)',
  '/users/..%2fgroups',
  '/users/%2e%2e/groups',
  '/users/../groups',
  '/users%2f..%2fgroups',
  '//groups',
  '/users;x=/groups',
  '/users\\..\\groups',
  '/users/$crossjoin(groups)',
  '/$metadata',
  `/../../../${other}/graph/v1.0/users`,
  `/%2e%2e/%2e%2e/%2e%2e/${other}/graph/v1.0/users`,
];

export const gateway: Attack = {
  name: 'gateway',
  tries: 'requests, batches and links through the gateway that the rule of the caller does not open',
  promise: 'Default deny.',
  run: async (stage, _options, tally) => {
    const { tenants, forge } = stage;
    const [own, other] = tenants;
    control(own !== undefined && other !== undefined, 'there are no customers');
    const rules = [rule('attacker', attacker, own.tenantId), rule('victim', victim, other.tenantId)];
    const host = await stage.startHost({ policy: { version: 1, rules } });
    const ask = (application: string, tenant: string, path: string, more: object = {}) =>
      host.ask({
        path: `/api/gateway/${tenant}/graph${path}`,
        headers: { authorization: forge.bearer({ application, roles: ['Requests.Send'] }) },
        ...more,
      });
    const users = await ask(attacker, own.tenantId, '/v1.0/users?$top=1&$select=id');
    control(users.status === 200, `the attacker may not read its users: ${users.status} ${users.text.slice(0, 200)}`);

    const isRefused = ({ status, code }: { status: number; code: string | undefined }): boolean =>
      status >= 400 && status < 500 && (code !== undefined || status === 404);
    for (const path of paths(other.tenantId)) {
      for (const version of ['/v1.0', '/beta']) {
        const answered = await ask(attacker, own.tenantId, `${version}${path}`);
        tally.attempt(isRefused(answered), `GET ${version}${path}: ${answered.status} ${answered.text.slice(0, 200)}`);
      }
    }
    for (const method of ['POST', 'PATCH', 'PUT', 'DELETE']) {
      const body = method === 'DELETE' ? {} : { body: { displayName: 'x' } };
      const answered = await ask(attacker, own.tenantId, '/v1.0/users/none', { method, ...body });
      tally.attempt(isRefused(answered), `${method} /users/none: ${answered.status} ${answered.code}`);
    }
    const requests = paths(other.tenantId).map((url, index) => ({ id: `${index}`, method: 'GET', url }));
    const batch = await ask(attacker, own.tenantId, '/v1.0/$batch', { method: 'POST', body: { requests } });
    const responses = (batch.body['responses'] ?? []) as readonly { readonly id: string; readonly status: number }[];
    control(
      responses.length === requests.length,
      `the batch is not answered: ${batch.status} ${batch.text.slice(0, 200)}`,
    );
    for (const { id, status } of responses)
      tally.attempt(status >= 400 && status < 500, `part ${requests[Number(id)]?.url}: ${status}`);

    const base = `gateway/${own.tenantId}/graph`;
    const prefixed = [
      `${base}/v1.0/users?$top=1&$select=id`,
      `${base}/v1.0/groups`,
      `gateway/${other.tenantId}/graph/v1.0/users`,
      `gateway/${own.tenantId}/arm/v1.0/users`,
      `${base}/beta/users`,
      `${base}/v1.0/../groups`,
    ].map((url, index) => ({ id: `${index}`, method: 'GET', url }));
    const sdk = await ask(attacker, own.tenantId, '/v1.0/$batch', { method: 'POST', body: { requests: prefixed } });
    const parts = (sdk.body['responses'] ?? []) as readonly { readonly id: string; readonly status: number }[];
    control(parts[0]?.status === 200, `a batch of the Graph SDK for .NET is refused: ${sdk.text.slice(0, 200)}`);
    for (const { id, status } of parts.slice(1))
      tally.attempt(status >= 400 && status < 500, `part ${prefixed[Number(id)]?.url}: ${status}`);

    const link = String(users.body['@odata.nextLink'] ?? '');
    const path = link.slice(link.indexOf('/graph/') + '/graph'.length);
    control(link.includes('ptb_link='), 'the users have no second page');
    const followed = await ask(attacker, own.tenantId, path);
    control(followed.status === 200, `the attacker may not follow its link: ${followed.status}`);
    const foreign = [
      ['of the attacker, by the victim', await ask(victim, other.tenantId, path)],
      ['in the tenant of the victim', await ask(attacker, other.tenantId, path)],
      ['to groups', await ask(attacker, own.tenantId, path.replace('/users', '/groups'))],
      ['without its signature', await ask(attacker, own.tenantId, path.replace(/[?&]ptb_link=[^&]*/, ''))],
    ] as const;
    for (const [what, answered] of foreign)
      tally.attempt(isRefused(answered), `the link ${what}: ${answered.status} ${answered.text.slice(0, 200)}`);
    await host.stop();

    const one = { ...rule('attacker', attacker, own.tenantId), requests: { paths: ['/v1.0/users/*'] } };
    const narrow = await stage.startHost({ policy: { version: 1, rules: [one] } });
    const open = (path: string) =>
      narrow.ask({
        path: `/api/gateway/${own.tenantId}/graph${path}`,
        headers: { authorization: forge.bearer({ application: attacker, roles: ['Requests.Send'] }) },
      });
    const [user] = (users.body['value'] ?? []) as readonly { readonly id: string }[];
    const opened = await open(`/v1.0/users/${user?.id}`);
    control(opened.status === 200, `the attacker may not read one user: ${opened.status}`);
    for (const collection of [
      '',
      '/microsoft.graph.user',
      '/graph.user',
      '/delta',
      '/delta()',
      '/$count',
      '/graph.user/$count',
    ]) {
      const answered = await open(`/v1.0/users${collection}`);
      tally.attempt(isRefused(answered), `all users as ${collection}: ${answered.status}`);
    }
    await narrow.stop();
  },
};
