import type { ProbeMethod } from './probe.ts';
import openApi from '../../../docs/openapi.json' with { type: 'json' };

/** `anonymous` routes show nothing about the partner or its customers. */
interface ProbedRoute {
  readonly method: ProbeMethod;
  /** Relative to the address of the app. Parameters are replaced by a placeholder. */
  readonly path: string;
  readonly access: 'anonymous' | 'caller';
}

interface Operation {
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
}

const methods: Readonly<Record<string, ProbedRoute['method']>> = {
  get: 'GET',
  post: 'POST',
  patch: 'PATCH',
  put: 'PUT',
  delete: 'DELETE',
};

function methodOf(key: string): ProbedRoute['method'] {
  const method = methods[key];
  if (method === undefined) throw new TypeError(`docs/openapi.json: cannot probe a route with the method ${key}`);
  return method;
}

/** Every documented route of the API. @throws TypeError at import for a method that the checks do not know. */
export const apiRoutes: readonly ProbedRoute[] = Object.entries<Readonly<Record<string, Operation>>>(
  openApi.paths,
).flatMap(([path, operations]) =>
  Object.entries(operations).map(([method, { security }]) => ({
    method: methodOf(method),
    path: `/api${path.replaceAll(/\{[^{}]*\}/g, 'verify')}`,
    // An empty requirement makes a token optional (OpenAPI 3.1.0 section 4.8.30).
    access: security.some((scheme) => Object.keys(scheme).length === 0) ? 'anonymous' : 'caller',
  })),
);

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
