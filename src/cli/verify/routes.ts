/** How a route may be used: `anonymous` ones show nothing of the partner or its customers. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  /** Below the address of the app, with made-up values in place of parameters. */
  readonly path: string;
  readonly access: 'anonymous' | 'caller';
}

const route = (access: ApiRoute['access'], method: ApiRoute['method'], path: string): ApiRoute => ({
  method,
  path,
  access,
});

/** Every route of the app. A test compares them with what the app registers. */
export const apiRoutes: readonly ApiRoute[] = [
  route('anonymous', 'GET', '/api/health'),
  route('caller', 'POST', '/api/tokens'),
  route('caller', 'GET', '/api/tenants'),
  route('caller', 'GET', '/api/jobs'),
  route('caller', 'POST', '/api/jobs/verify/runs'),
  route('caller', 'GET', '/api/runs'),
  route('caller', 'GET', '/api/runs/verify'),
  route('caller', 'GET', '/api/runs/verify/results'),
  route('caller', 'GET', '/api/runs/verify/tenants'),
  route('caller', 'POST', '/api/runs/verify/cancel'),
  route('caller', 'GET', '/api/audit'),
];

/** What the platform itself serves beside the app: each opens runs, functions or keys to whoever gets in. */
export const platformRoutes: readonly Omit<ApiRoute, 'access'>[] = [
  { method: 'GET', path: '/runtime/webhooks/durabletask/instances' },
  { method: 'GET', path: '/runtime/webhooks/durabletask/instances/verify' },
  { method: 'POST', path: '/runtime/webhooks/durabletask/orchestrators/verify' },
  { method: 'GET', path: '/runtime/webhooks/durabletask/entities/verify' },
  { method: 'GET', path: '/admin/host/status' },
  { method: 'GET', path: '/admin/host/keys' },
  { method: 'GET', path: '/admin/host/systemkeys/_master' },
  { method: 'GET', path: '/admin/functions' },
  { method: 'POST', path: '/admin/functions/verify' },
  { method: 'GET', path: '/admin/vfs/site/wwwroot/' },
];
