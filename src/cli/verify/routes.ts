import { routes } from '../../lib/api/routes/index.ts';

/** `anonymous` routes show nothing about the partner or its customers. */
interface ProbedRoute {
  readonly method: 'GET' | 'POST';
  /** Relative to the address of the app. Parameters are replaced by a placeholder. */
  readonly path: string;
  readonly access: 'anonymous' | 'caller';
}

/** Every documented route of the API. */
export const apiRoutes: readonly ProbedRoute[] = routes.map(({ method, path, access }) => ({
  method,
  path: `/api${path.replaceAll(/\{[^}]*\}/g, 'verify')}`,
  access: access === 'anonymous' || access === 'optional' ? 'anonymous' : 'caller',
}));

/** Addresses of the Functions host. Each would give access to runs, functions or keys. */
export const platformRoutes: readonly Omit<ProbedRoute, 'access'>[] = [
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
